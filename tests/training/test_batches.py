"""Feeds: the one normalisation on the device, and features that are what the backbone gives."""

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from affekt.data.manifest import encode_png, read_row_rgb
from affekt.errors import ConfigError, DataError
from affekt.faces.preprocessing import Preprocessing, crop_face, normalise
from affekt.networks.network import Network
from affekt.training import batches as batches_module
from affekt.training.augmentation import augment
from affekt.training.batches import CropBatches, CropStream, extract_features, in_batches, size_and_augmentation
from affekt.training.recipe import Augmentation
from affekt.training.recipes import AFFEKT_FERPLUS

CPU = torch.device("cpu")


@pytest.fixture
def stream(manifest):
    return CropStream(manifest.head(12), Preprocessing(input_size=32), name="x")


@pytest.mark.parametrize("mean_std", [((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), ((0.5,) * 3, (0.5,) * 3)])
def test_the_feed_normalises_as_every_runtime_does(stream, mean_std):
    preprocessing = Preprocessing(input_size=32, mean=mean_std[0], std=mean_std[1])
    [images] = CropBatches(stream, preprocessing, CPU).batches([torch.arange(12)])
    expected = normalise(stream.memory.numpy(), preprocessing)
    np.testing.assert_allclose(images.numpy(), expected, atol=1e-6, rtol=0)
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_only_a_generator_turns_augmentation_on(stream):
    strengths = Augmentation(flip=True, brightness=0.3)
    feed = CropBatches(stream, Preprocessing(input_size=32), CPU, augmentation=strengths)
    plain = CropBatches(stream, Preprocessing(input_size=32), CPU)
    rows = in_batches(12, 5)
    for changed, unchanged in zip(feed.batches(rows), plain.batches(rows), strict=True):
        assert torch.equal(changed, unchanged)
    found = torch.cat(list(feed.batches(rows, torch.Generator().manual_seed(3))))
    generator = torch.Generator().manual_seed(3)
    pixels = stream.memory.permute(0, 3, 1, 2).float() / 255
    expected = torch.cat([augment(pixels[index], strengths, generator) for index in rows])
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(found, (expected - mean) / std)


def test_extracted_features_are_the_backbones_in_evaluation(stream):
    network = Network("test_efficientnet", 4, ("expression",))
    feed = CropBatches(stream, Preprocessing(input_size=32), CPU)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    [features] = extract_features(network, [feed], precision="fp32", batch_size=5)
    [images] = feed.batches([torch.arange(12)])
    with torch.inference_mode():
        expected = network.eval().forward_features(images)
    torch.testing.assert_close(features.features, expected, atol=1e-5, rtol=1e-5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    [batch] = features.batches([torch.tensor([7, 2])])
    torch.testing.assert_close(batch, expected[[7, 2]], atol=1e-5, rtol=1e-5)


def test_features_of_crops_that_do_not_fit_into_memory_are_the_same(stream, streamed, manifest):
    network = Network("test_efficientnet", 4, ("expression",))
    decoded_anew = CropStream(manifest.head(12), Preprocessing(input_size=32), name="x")
    assert decoded_anew.memory is None
    feeds = [CropBatches(each, Preprocessing(input_size=32), CPU) for each in (stream, decoded_anew)]
    ours, theirs = extract_features(network, feeds, precision="fp32", batch_size=5)
    assert torch.equal(ours.features, theirs.features)


def test_features_at_half_precision_are_kept_in_float32(stream):
    network = Network("test_convnext", 4, ("expression",))
    feed = CropBatches(stream, Preprocessing(input_size=32), CPU)
    full, half = (extract_features(network, [feed], precision=name)[0].features for name in ("fp32", "bf16"))
    assert half.dtype == torch.float32
    assert not torch.equal(full, half)
    torch.testing.assert_close(full, half, atol=0.1, rtol=0.1)


def test_a_growing_recipe_is_fed_small_pictures_first(stream):
    recipe = AFFEKT_FERPLUS.with_options(input_size=32, start_size=16, resizing_epochs=2)
    feed = CropBatches(stream, Preprocessing(input_size=32), CPU)
    sizes = []
    for epoch in range(3):
        generator = torch.Generator().manual_seed(0)
        [images] = feed.in_epoch(recipe, epoch).batches([torch.arange(4)], generator)
        sizes.append(images.shape)
    assert sizes == [(4, 3, 16, 16), (4, 3, 24, 24), (4, 3, 32, 32)]


PREPROCESSING = Preprocessing(input_size=24)


@pytest.fixture
def rows(manifest):
    return manifest.head(20)


@pytest.fixture
def streamed(monkeypatch):
    monkeypatch.setattr(batches_module, "MEMORY_LIMIT_BYTES", 0)
    monkeypatch.setattr(batches_module, "core_count", lambda: 1)


def test_crops_are_those_of_the_one_preprocessing(rows):
    [batch] = CropStream(rows, PREPROCESSING, name="x").batches([torch.tensor([5, 0])])
    expected = [crop_face(read_row_rgb(rows.row(index, named=True)), PREPROCESSING) for index in (5, 0)]
    np.testing.assert_array_equal(batch.numpy(), np.stack(expected))


def test_the_box_is_cut_out(rows):
    boxed = rows.with_columns(box_xyxy=pl.lit([4.0, 4.0, 20.0, 20.0], dtype=pl.Array(pl.Float32, 4)))
    [batch] = CropStream(boxed, PREPROCESSING, name="x").batches([torch.tensor([3])])
    image = read_row_rgb(rows.row(3, named=True))
    expected = crop_face(image, PREPROCESSING, np.array([4, 4, 20, 20]))
    np.testing.assert_array_equal(batch[0].numpy(), expected)


def test_streaming_gives_the_same_batches_as_memory(rows, streamed):
    stream = CropStream(rows, PREPROCESSING, name="x")
    assert stream.memory is None
    batches = [torch.tensor([3, 1, 4]), torch.tensor([19]), torch.tensor([], dtype=torch.int64), torch.tensor([7, 7])]
    found = list(stream.batches(batches))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches_module, "MEMORY_LIMIT_BYTES", 10**9)
        expected = list(CropStream(rows, PREPROCESSING, name="x").batches(batches))
    assert len(stream) == 20
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))


def broken(rows, tmp_path, kind):
    if kind == "missing":
        return rows.with_columns(image=pl.lit(None, dtype=pl.Binary), path=pl.lit(str(tmp_path / "gone.png")))
    whole = encode_png(np.zeros((40, 40, 3), dtype=np.uint8))
    return rows.with_columns(image=pl.lit({"truncated": whole[:50], "not a picture": b"text"}[kind]))


@pytest.mark.parametrize("kind", ["missing", "truncated", "not a picture"])
def test_a_bad_picture_is_named(rows, tmp_path, kind):
    with pytest.raises(DataError, match=r"picture of picture 0: .*; list all such pictures with: affekt data check"):
        CropStream(broken(rows, tmp_path, kind), PREPROCESSING, name="x")


def test_a_bad_picture_in_a_worker_process_is_one_sentence_too(rows, tmp_path, streamed):
    stream = CropStream(broken(rows, tmp_path, "missing"), PREPROCESSING, name="x")
    with pytest.raises(DataError) as caught:
        list(stream.batches([torch.tensor([2])]))
    assert str(caught.value).startswith("picture of picture 2: ")
    assert "\n" not in str(caught.value)


def test_an_empty_box_is_named(rows):
    boxed = rows.with_columns(box_xyxy=pl.lit([4.0, 4.0, 4.0, 20.0], dtype=pl.Array(pl.Float32, 4)))
    with pytest.raises(DataError, match="picture of picture 0: expected a box with right > left"):
        CropStream(boxed, PREPROCESSING, name="x")


def test_batches_in_order():
    assert [batch.tolist() for batch in in_batches(5, 2)] == [[0, 1], [2, 3], [4]]


def test_a_recipe_that_does_not_grow_is_whole_from_the_first_epoch():
    recipe = AFFEKT_FERPLUS.with_options(start_size=0, resizing_epochs=0)
    assert size_and_augmentation(recipe, 0) == (recipe.pictures.input_size, recipe.augmentation)


def test_the_first_epoch_has_small_pictures_and_flips_alone():
    size, augmentation = size_and_augmentation(AFFEKT_FERPLUS, 0)
    assert size == AFFEKT_FERPLUS.data.start_size
    assert augmentation == Augmentation(flip=True)


def test_half_way_the_changes_are_half_as_strong():
    recipe = AFFEKT_FERPLUS
    size, augmentation = size_and_augmentation(recipe, recipe.data.resizing_epochs // 2)
    assert recipe.data.start_size < size < recipe.pictures.input_size
    assert augmentation.rotation_degrees == recipe.augmentation.rotation_degrees / 2
    assert augmentation.jpeg == recipe.augmentation.jpeg / 2


@given(st.integers(8, 224), st.integers(0, 216), st.integers(0, 30), st.integers(0, 40))
def test_sides_never_shrink_and_end_at_the_input_size(start_size, more, resizing_epochs, epoch):
    recipe = AFFEKT_FERPLUS.with_options(
        input_size=start_size + more, start_size=start_size, resizing_epochs=resizing_epochs
    )
    now, next_epoch = size_and_augmentation(recipe, epoch)[0], size_and_augmentation(recipe, epoch + 1)[0]
    assert start_size <= now <= next_epoch <= recipe.pictures.input_size
    assert size_and_augmentation(recipe, resizing_epochs) == (recipe.pictures.input_size, recipe.augmentation)


def test_a_start_above_the_input_size_is_refused():
    with pytest.raises(ConfigError, match="expected a start_size from 8 to the input_size 48, got 64"):
        AFFEKT_FERPLUS.with_options(start_size=64)
