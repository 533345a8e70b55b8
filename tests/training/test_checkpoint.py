"""Checkpoints: a training is put back to the bit, and a checkpoint of another run is refused; the log."""

import errno
import json
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from affekt.errors import DataError, ModelError
from affekt.networks import weights
from affekt.training.checkpoint import (
    LOG_FILE,
    TrainingState,
    epoch_sentence,
    load_checkpoint,
    save_checkpoint,
    write_log,
    write_tensorboard,
)
from affekt.training.generations import CHECKPOINT_FILE

FINGERPRINT = {"recipe": {"epochs": 3, "heads": ("expression",)}, "seed": 0, "data": "abc"}


def state_of(recipe, seed):
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    module.to(memory_format=torch.channels_last)
    return TrainingState.before_training(module, recipe, 2)


def step(state, seed):
    torch.manual_seed(seed)
    state.module(torch.randn(5, 3, 3, 3)).square().sum().backward()
    state.step(clip_norm=0.0)
    state.schedule.after_epoch(1.0)


def tensors_of(state):
    evaluated = state.evaluated.state_dict()
    return {**state.module.state_dict(), **{f"average.{name}": tensor for name, tensor in evaluated.items()}}


@pytest.fixture
def saved(tiny, tmp_path):
    recipe = tiny(optimiser="adamw", weight_decay=0.1, schedule="cosine", ema_decay=0.9)
    state = state_of(recipe, 0)
    for number in range(3):
        step(state, number)
    state.best = {name: tensor.clone() for name, tensor in state.evaluated.state_dict().items()}
    state.history = [{"epoch": epoch, "val_loss": loss} for epoch, loss in enumerate((0.7, 0.5, 0.5), start=1)]
    save_checkpoint(state, tmp_path, FINGERPRINT)
    return recipe, state


@pytest.mark.parametrize(
    "changes",
    [
        {"optimiser": "adamw", "weight_decay": 0.1, "schedule": "cosine", "ema_decay": 0.9},
        {"schedule": "plateau"},
    ],
)
def test_a_training_goes_on_to_the_bit(tiny, tmp_path, changes):
    recipe = tiny(**changes)
    state = state_of(recipe, 0)
    for number in range(3):
        step(state, number)
    save_checkpoint(state, tmp_path, FINGERPRINT)
    resumed = state_of(recipe, 1)
    load_checkpoint(resumed, tmp_path, FINGERPRINT)
    for number in range(3, 6):
        step(state, number)
        step(resumed, number)
    assert resumed.optimiser.param_groups[0]["lr"] == state.optimiser.param_groups[0]["lr"]
    assert all(torch.equal(tensor, tensors_of(state)[name]) for name, tensor in tensors_of(resumed).items())


def test_history_and_best_weights_come_back(saved, tmp_path):
    recipe, state = saved
    resumed = state_of(recipe, 1)
    load_checkpoint(resumed, tmp_path, FINGERPRINT)
    assert resumed.history == state.history
    assert (resumed.best_epoch, resumed.best_loss) == (2, 0.5)
    assert all(torch.equal(tensor, state.best[name]) for name, tensor in resumed.best.items())
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT_FILE]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, "seed"),
        ({"data": "abd"}, "data"),
        ({"recipe": {"epochs": 4}}, "recipe"),
        ({"seed": 1, "data": ""}, "seed and data"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(saved, tmp_path, change, named):
    resumed = state_of(saved[0], 1)
    before = {name: tensor.clone() for name, tensor in tensors_of(resumed).items()}
    with pytest.raises(
        ModelError, match=f"expected the {named} that .* was started with, got another; repeat the first"
    ):
        load_checkpoint(resumed, tmp_path, FINGERPRINT | change)
    assert all(torch.equal(tensor, before[name]) for name, tensor in tensors_of(resumed).items())


@pytest.mark.parametrize("damage", ["truncated", "empty", "a text", "another safetensors file"])
def test_a_damaged_checkpoint_says_so(saved, tmp_path, damage):
    path = tmp_path / CHECKPOINT_FILE
    whole = path.read_bytes()
    if damage == "another safetensors file":
        weights.write_tensors({"a": torch.ones(1)}, path)
    else:
        path.write_bytes({"truncated": whole[:-100], "empty": b"", "a text": b"text"}[damage])
    with pytest.raises(ModelError, match=r"expected a checkpoint in .*checkpoint.safetensors, got .*delete it"):
        load_checkpoint(state_of(saved[0], 1), tmp_path, FINGERPRINT)


def test_a_full_disk_keeps_the_last_checkpoint(saved, tmp_path, monkeypatch):
    before = (tmp_path / CHECKPOINT_FILE).read_bytes()

    def half(path, content):
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(DataError, match=r"checkpoint.safetensors, got No space left on device; free some space"):
        save_checkpoint(saved[1], tmp_path, FINGERPRINT)
    assert (tmp_path / CHECKPOINT_FILE).read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


LINE = {"epoch": 1, "train_loss": 2.0, "val_loss": 1.5, "val_accuracy": 0.5, "learning_rate": 1e-3, "seconds": 3.2}


def test_the_log_is_one_object_an_epoch_and_never_repeats(tmp_path):
    for count in (1, 2, 2):
        write_log([LINE | {"epoch": epoch} for epoch in range(1, count + 1)], tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / LOG_FILE).read_text().splitlines()]
    assert lines == [LINE, LINE | {"epoch": 2}]
    assert len(list((tmp_path / "run").iterdir())) == 1


def test_tensorboard_shows_every_figure(tmp_path):
    write_tensorboard(LINE, tmp_path)
    write_tensorboard(LINE | {"epoch": 2, "val_loss": 1.0}, tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) == set(LINE) - {"epoch"}
    assert [(event.step, event.value) for event in events.Scalars("val_loss")] == [(1, 1.5), (2, 1.0)]


def test_tensorboard_shows_short_epochs_in_their_order_and_a_repeated_one_once(tmp_path):
    numbers = list(range(1, 13))
    for number in [1, 2, 3, 3, *numbers[3:]]:
        write_tensorboard(LINE | {"epoch": number}, tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("val_loss")] == numbers


def test_an_epoch_is_a_sentence():
    assert epoch_sentence(LINE, 15) == (
        "epoch   1/15  train loss 2.0000  val loss 1.5000  val accuracy 0.5000  learning rate 0.001  3 s"
    )


@pytest.mark.parametrize("write", [write_tensorboard, lambda line, folder: write_log([line], folder)])
def test_a_folder_that_cannot_be_made_says_so(tmp_path, write):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"expected to write .*file.*choose another folder"):
        write(LINE, tmp_path / "file")
