"""Feeds: the one normalisation on the device, and features that are what the backbone gives."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from affekt.faces.preprocessing import Preprocessing, normalise
from affekt.networks.network import Network
from affekt.training.augmentation import augment
from affekt.training.augmentation_settings import Augmentation
from affekt.training.batches import CropFeed, extract_features
from affekt.training.inputs import CropStream, in_batches
from affekt.training.recipes import affekt

CPU = torch.device("cpu")


@pytest.fixture
def stream(manifest):
    return CropStream(manifest.head(12), Preprocessing(input_size=32), name="x")


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("mean_std", [((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), ((0.5,) * 3, (0.5,) * 3)])
def test_the_feed_normalises_as_every_runtime_does(stream, channels_last, mean_std):
    preprocessing = Preprocessing(input_size=32, mean=mean_std[0], std=mean_std[1])
    [images] = CropFeed(stream, preprocessing, CPU, channels_last).batches([torch.arange(12)])
    expected = normalise(stream.memory.numpy(), preprocessing)
    np.testing.assert_allclose(images.numpy(), expected, atol=1e-6, rtol=0)
    assert images.is_contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


def test_only_a_generator_turns_augmentation_on(stream):
    strengths = Augmentation(flip=True, brightness=0.3)
    feed = CropFeed(stream, Preprocessing(input_size=32), CPU, augmentation=strengths)
    plain = CropFeed(stream, Preprocessing(input_size=32), CPU)
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
    feed = CropFeed(stream, Preprocessing(input_size=32), CPU)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    [features] = extract_features(network, [feed], precision="fp32", batch_size=5)
    [images] = feed.batches([torch.arange(12)])
    with torch.inference_mode():
        expected = network.eval().forward_features(images)
    torch.testing.assert_close(features.features, expected, atol=1e-5, rtol=1e-5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    [batch] = features.batches([torch.tensor([7, 2])])
    torch.testing.assert_close(batch, expected[[7, 2]], atol=1e-5, rtol=1e-5)


def test_features_at_half_precision_are_kept_in_float32(stream):
    network = Network("test_convnext", 4, ("expression",))
    feed = CropFeed(stream, Preprocessing(input_size=32), CPU)
    full, half = (extract_features(network, [feed], precision=name)[0].features for name in ("fp32", "bf16"))
    assert half.dtype == torch.float32
    assert not torch.equal(full, half)
    torch.testing.assert_close(full, half, atol=0.1, rtol=0.1)


def test_a_growing_recipe_is_fed_small_pictures_first(stream):
    recipe = replace(affekt(), input_size=32, start_size=16, growth_epochs=2)
    feed = CropFeed(stream, Preprocessing(input_size=32), CPU)
    sizes = []
    for epoch in range(3):
        generator = torch.Generator().manual_seed(0)
        [images] = feed.in_epoch(recipe, epoch).batches([torch.arange(4)], generator)
        sizes.append(images.shape)
    assert sizes == [(4, 3, 16, 16), (4, 3, 24, 24), (4, 3, 32, 32)]
