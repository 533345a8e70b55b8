"""Checkpoints: a trainee is put back to the bit, and a checkpoint of another run is refused."""

import errno
from pathlib import Path

import pytest
import torch
from torch import nn

from affekt.errors import DataError, ModelError
from affekt.networks import saving
from affekt.training.checkpoint import CHECKPOINT_FILE, Progress, Trainee, load_checkpoint, save_checkpoint
from affekt.training.optimiser import Schedule, build_optimiser, moving_average

IDENTITY = {"recipe": {"epochs": 3, "heads": ("expression",)}, "seed": 0, "data": "abc"}


def trainee_of(recipe, seed):
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    module.to(memory_format=torch.channels_last)
    optimiser = build_optimiser(module, recipe)
    average = moving_average(module, recipe.ema_decay)
    return Trainee(module, optimiser, Schedule(optimiser, recipe, 2), average, {}, Progress())


def step(trainee, seed):
    torch.manual_seed(seed)
    trainee.module(torch.randn(5, 3, 3, 3)).square().sum().backward()
    trainee.optimiser.step()
    trainee.optimiser.zero_grad()
    trainee.schedule.after_step()
    if trainee.average is not None:
        trainee.average.update_parameters(trainee.module)
    trainee.schedule.after_epoch(1.0)


def state(trainee):
    evaluated = trainee.evaluated.state_dict()
    return {**trainee.module.state_dict(), **{f"average.{name}": tensor for name, tensor in evaluated.items()}}


@pytest.fixture
def saved(tiny, tmp_path):
    recipe = tiny(optimiser="adamw", weight_decay=0.1, schedule="cosine", ema_decay=0.9)
    trainee = trainee_of(recipe, 0)
    for number in range(3):
        step(trainee, number)
    trainee.best = {name: tensor.clone() for name, tensor in trainee.evaluated.state_dict().items()}
    trainee.progress = Progress(3, 2, 0.5, [{"epoch": 1, "val_loss": 0.7}, {"epoch": 2, "val_loss": 0.5}])
    save_checkpoint(trainee, tmp_path, IDENTITY)
    return recipe, trainee


@pytest.mark.parametrize(
    "changes",
    [
        {"optimiser": "adamw", "weight_decay": 0.1, "schedule": "cosine", "ema_decay": 0.9},
        {"schedule": "plateau", "plateau_patience": 1},
        {"schedule": "constant"},
    ],
)
def test_a_trainee_goes_on_to_the_bit(tiny, tmp_path, changes):
    recipe = tiny(**changes)
    trainee = trainee_of(recipe, 0)
    for number in range(3):
        step(trainee, number)
    save_checkpoint(trainee, tmp_path, IDENTITY)
    resumed = trainee_of(recipe, 1)
    load_checkpoint(resumed, tmp_path, IDENTITY)
    for number in range(3, 6):
        step(trainee, number)
        step(resumed, number)
    assert resumed.optimiser.param_groups[0]["lr"] == trainee.optimiser.param_groups[0]["lr"]
    assert all(torch.equal(tensor, state(trainee)[name]) for name, tensor in state(resumed).items())


def test_progress_and_best_weights_come_back(saved, tmp_path):
    recipe, trainee = saved
    resumed = trainee_of(recipe, 1)
    load_checkpoint(resumed, tmp_path, IDENTITY)
    assert resumed.progress == trainee.progress
    assert all(torch.equal(tensor, trainee.best[name]) for name, tensor in resumed.best.items())
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
    resumed = trainee_of(saved[0], 1)
    before = {name: tensor.clone() for name, tensor in state(resumed).items()}
    with pytest.raises(
        ModelError, match=f"expected the {named} that .* was started with, got another; repeat the first"
    ):
        load_checkpoint(resumed, tmp_path, IDENTITY | change)
    assert all(torch.equal(tensor, before[name]) for name, tensor in state(resumed).items())


@pytest.mark.parametrize("damage", ["truncated", "empty", "a text", "another safetensors file"])
def test_a_damaged_checkpoint_says_so(saved, tmp_path, damage):
    path = tmp_path / CHECKPOINT_FILE
    whole = path.read_bytes()
    if damage == "another safetensors file":
        saving.write_tensors({"a": torch.ones(1)}, path)
    else:
        path.write_bytes({"truncated": whole[:-100], "empty": b"", "a text": b"text"}[damage])
    with pytest.raises(ModelError, match=r"expected a checkpoint in .*checkpoint.safetensors, got .*delete it"):
        load_checkpoint(trainee_of(saved[0], 1), tmp_path, IDENTITY)


def test_a_full_disk_keeps_the_last_checkpoint(saved, tmp_path, monkeypatch):
    before = (tmp_path / CHECKPOINT_FILE).read_bytes()

    def half(path, content):
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(DataError, match=r"checkpoint.safetensors, got No space left on device; free some space"):
        save_checkpoint(saved[1], tmp_path, IDENTITY)
    assert (tmp_path / CHECKPOINT_FILE).read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
