"""A model's folder: written whole, read back, and refused with a sentence."""

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
from affekt.networks.network import Network
from affekt.networks.weights import load_model, save_model, write_tensors

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
        for ours, theirs in zip(network.eval()(images), loaded(images), strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


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
