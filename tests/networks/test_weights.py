"""A model's weights on disk, and what a backbone starts from: a file, a model folder, the average of several."""

import errno
import resource
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from affekt.errors import DataError, ModelError
from affekt.faces.preprocessing import Preprocessing
from affekt.models.card import CARD_FILE, WEIGHTS_FILE, Card
from affekt.networks.first_weights import imagenet_file
from affekt.networks.network import Network
from affekt.networks.weights import (
    backbone_weights,
    load_backbone,
    load_model,
    save_model,
    write_tensors,
)

TINY = "test_efficientnet"


def same(network, tensors):
    own = network.backbone.state_dict()
    return all(torch.equal(own[name], tensor) for name, tensor in tensors.items() if name in own)


def backbone_tensors(seed=7, architecture=TINY):
    torch.manual_seed(seed)
    return {
        name: tensor.clone() for name, tensor in Network(architecture, 4, ("expression",)).backbone.state_dict().items()
    }


def test_the_file_of_imagenet_is_used_from_the_named_place(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    _, place = imagenet_file(TINY)
    place.parent.mkdir(parents=True)
    tensors = backbone_tensors()
    save_file(tensors | {"classifier.weight": torch.zeros(1000, 4)}, place)
    network = Network(TINY, 4, ("expression",))
    assert not same(network, tensors)
    load_backbone(network, "imagenet")
    assert same(network, tensors)


def test_a_safetensors_file_by_its_path(tmp_path):
    tensors = backbone_tensors()
    save_file(tensors, tmp_path / "mine.safetensors")
    network = Network(TINY, 4, ("expression",))
    load_backbone(network, str(tmp_path / "mine.safetensors"))
    assert same(network, tensors)


def test_the_backbone_of_one_of_our_models(tmp_path):
    torch.manual_seed(3)
    trained = Network(TINY, 4, ("expression",))
    card = Card(
        name="x",
        architecture=TINY,
        hidden_units=4,
        heads=("expression",),
        preprocessing=Preprocessing(input_size=32),
    )
    save_model(trained, card, tmp_path / "x")
    network = Network(TINY, 16, ("valence_arousal",))
    load_backbone(network, str(tmp_path / "x"))
    assert same(network, trained.backbone.state_dict())


def test_several_are_averaged(tmp_path):
    one, other = backbone_tensors(seed=1), backbone_tensors(seed=2)
    for name, tensors in {"one": one, "other": {key: value.double() for key, value in other.items()}}.items():
        save_file(tensors, tmp_path / f"{name}.safetensors")
    network = Network(TINY, 4, ("expression",))
    load_backbone(network, *(str(tmp_path / f"{name}.safetensors") for name in ("one", "other")))
    floating = [name for name, tensor in one.items() if tensor.is_floating_point()]
    assert same(network, {name: (one[name] + other[name]) / 2 for name in floating})


def test_weights_of_another_architecture_are_refused(tmp_path):
    save_file(backbone_tensors(architecture="test_resnet"), tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=r"expected weights of test_efficientnet, got .*other.safetensors without"):
        load_backbone(Network(TINY, 4, ("expression",)), str(tmp_path / "other.safetensors"))


def test_weights_of_another_width_are_refused(tmp_path):
    tensors = backbone_tensors()
    name = next(iter(tensors))
    save_file(tensors | {name: torch.zeros(2, 2)}, tmp_path / "wide.safetensors")
    with pytest.raises(ModelError, match=f"without a fitting {name}"):
        load_backbone(Network(TINY, 4, ("expression",)), str(tmp_path / "wide.safetensors"))


def test_a_file_that_is_not_safetensors_is_refused(tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"\x80\x04 a pickle")
    with pytest.raises(ModelError, match=r"expected safetensors weights in .*bad.safetensors"):
        backbone_weights(TINY, str(tmp_path / "bad.safetensors"))


HEADS = ("expression", "valence_arousal")


@pytest.fixture
def model():
    torch.manual_seed(0)
    card = Card(
        name="tiny",
        architecture="test_efficientnet",
        hidden_units=8,
        heads=HEADS,
        preprocessing=Preprocessing(input_size=32),
    )
    return Network("test_efficientnet", 8, HEADS), card


@pytest.fixture
def small_disk():
    """Files of more than 20 kB cannot be written, as on a disk that is nearly full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_saved_model_gives_the_same_outputs_in_evaluation_mode(model, tmp_path):
    network, card = model
    network.to(memory_format=torch.channels_last)
    save_model(network, card, tmp_path / "runs" / "tiny")
    loaded, loaded_card = load_model(tmp_path / "runs" / "tiny")
    images = torch.randn(3, 3, 32, 32)
    assert loaded_card == card
    assert not loaded.training
    with torch.inference_mode():
        ours, theirs = network.eval()(images), loaded(images)
    assert ours.keys() == theirs.keys() == set(HEADS)
    for head in HEADS:
        torch.testing.assert_close(ours[head], theirs[head], atol=1e-5, rtol=1e-5)


def test_two_saves_are_the_same_bytes(model, tmp_path):
    for name in "ab":
        save_model(*model, tmp_path / name)
    assert (tmp_path / "a" / WEIGHTS_FILE).read_bytes() == (tmp_path / "b" / WEIGHTS_FILE).read_bytes()


def test_a_full_disk_leaves_no_half_written_weights(model, tmp_path, small_disk):
    with pytest.raises(DataError, match=r"expected to write .*model.safetensors, got .*free some space"):
        save_model(*model, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [CARD_FILE]


def test_a_full_disk_keeps_the_weights_that_were_there(tmp_path, small_disk):
    write_tensors({"a": torch.ones(3)}, tmp_path / "x.safetensors")
    with pytest.raises(DataError):
        write_tensors({"a": torch.ones(100_000)}, tmp_path / "x.safetensors")
    assert load_file(tmp_path / "x.safetensors")["a"].tolist() == [1, 1, 1]
    assert len(list(tmp_path.iterdir())) == 1


def test_no_space_says_so(tmp_path, monkeypatch):
    def no_space(*_arguments, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", no_space)
    with pytest.raises(DataError, match="No space left on device; free some space"):
        write_tensors({"a": torch.ones(3)}, tmp_path / "x.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_says_so(model, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match=r"expected to write .*card\.json"):
        save_model(*model, tmp_path / "file" / "run")
    assert (tmp_path / "file").read_text() == "not a folder"


def test_a_card_without_weights_says_how_to_go_on(model, tmp_path):
    model[1].write(tmp_path)
    with pytest.raises(ModelError, match=r"expected .*model.safetensors beside the card, .*--resume"):
        load_model(tmp_path)


def test_weights_without_a_card_are_refused(model, tmp_path):
    save_file(dict(model[0].state_dict()), tmp_path / WEIGHTS_FILE)
    with pytest.raises(ModelError, match=r"expected a model folder with card.json"):
        load_model(tmp_path)


@pytest.mark.parametrize("change", [{"architecture": "test_resnet"}, {"hidden_units": 9}, {"heads": ("expression",)}])
def test_weights_that_do_not_fit_the_card_are_refused(model, tmp_path, change):
    network, card = model
    save_model(network, replace(card, **change), tmp_path)
    with pytest.raises(ModelError, match=r"expected weights of .* train again"):
        load_model(tmp_path)


def test_truncated_weights_are_refused(model, tmp_path):
    save_model(*model, tmp_path)
    whole = (tmp_path / WEIGHTS_FILE).read_bytes()
    (tmp_path / WEIGHTS_FILE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"expected weights of test_efficientnet in .*model.safetensors"):
        load_model(tmp_path)
