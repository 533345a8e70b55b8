"""A killed run goes on where its last epoch ended, and ends where the uninterrupted one ends."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from affekt.data.manifest import SCHEMA, write_manifest
from affekt.errors import ConfigError, ModelError
from affekt.models.card import CARD_FILE, WEIGHTS_FILE
from affekt.networks.network import Network
from affekt.networks.weights import load_backbone
from affekt.training import one_training
from affekt.training.generations import CHECKPOINT_FILE
from affekt.training.recipe import Augmentation

LONG = {
    "epochs": 10,
    "optimiser": "adamw",
    "weight_decay": 0.02,
    "schedule": "cosine",
    "ema_decay": 0.9,
    "early_stopping_patience": 0,
    "augmentation": Augmentation(flip=True, shift=0.1),
}
COMMAND = [
    *("mobilenetv2", "--architecture", "test_efficientnet", "--hidden-units", "16", "--weights", "none", "--no-frozen"),
    *("--input-size", "32", "--learning-rate", "3e-3", "--batch-size", "16", "--epochs", "10", "--optimiser", "adamw"),
    *("--weight-decay", "0.02", "--schedule", "cosine", "--ema-decay", "0.9", "--early-stopping-patience", "0"),
    *("--augmentation.flip", "--augmentation.shift", "0.1"),
]


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def epochs(folder):
    return [json.loads(line)["epoch"] for line in (folder / "log.jsonl").read_text().splitlines()]


def killed_at(monkeypatch, trained, name, number, *, before, **changes):
    """Train until the given call of one of the run's functions, as if killed just before or after it."""
    original, calls = getattr(one_training, name), []

    def deadly(*arguments, **options):
        calls.append(1)
        if len(calls) == number and before:
            raise Killed
        original(*arguments, **options)
        if len(calls) == number:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(one_training, name, deadly)
        with pytest.raises(Killed):
            trained("killed", **changes)


def test_kill_minus_nine_loses_no_more_than_an_epoch(trained, manifest, tmp_path):
    uninterrupted = trained("uninterrupted", **LONG)
    data, out = tmp_path / "faces.parquet", tmp_path / "killed"
    write_manifest(manifest, data)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "affekt", "train", *COMMAND, "--data", data, "--out", out, "--device", "cpu"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (out / CHECKPOINT_FILE).exists():
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(random.uniform(0, 0.3))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / WEIGHTS_FILE).exists()
    assert trained("killed", resume=True, **LONG) == out
    assert (out / WEIGHTS_FILE).read_bytes() == (uninterrupted / WEIGHTS_FILE).read_bytes()
    assert epochs(out) == list(range(1, 11))
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("name", "number", "before"),
    [
        ("write_log", 1, True),
        ("write_log", 3, False),
        ("write_tensorboard", 2, False),
        ("save_checkpoint", 2, False),
        ("save_checkpoint", 3, True),
        ("save_checkpoint", 3, False),
        ("save_model", 1, True),
    ],
)
def test_wherever_a_run_is_killed_it_ends_the_same(trained, tmp_path, monkeypatch, name, number, before):
    changes = LONG | {"epochs": 3}
    uninterrupted = trained("uninterrupted", **changes)
    killed_at(monkeypatch, trained, name, number, before=before, **changes)
    resumed = trained("killed", resume=True, **changes)
    assert (resumed / WEIGHTS_FILE).read_bytes() == (uninterrupted / WEIGHTS_FILE).read_bytes()
    assert epochs(resumed) == [1, 2, 3]


def test_a_run_killed_between_its_card_and_its_weights_is_finished(trained, monkeypatch):
    changes = {"epochs": 1, "frozen": True}
    with monkeypatch.context() as patch:
        patch.setattr("affekt.networks.weights.write_tensors", lambda *_arguments: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            trained("killed", **changes)
    resumed = trained("killed", resume=True, **changes)
    assert (resumed / CARD_FILE).is_file()
    assert (resumed / WEIGHTS_FILE).read_bytes() == (trained("whole", **changes) / WEIGHTS_FILE).read_bytes()


def test_early_stopping_and_plateau_go_on_too(trained, monkeypatch):
    monkeypatch.setattr("affekt.training.optimisation.PLATEAU_PATIENCE", 1)
    changes = {"epochs": 6, "frozen": True, "early_stopping_patience": 2, "learning_rate": 0.3}
    uninterrupted = trained("uninterrupted", **changes)
    killed_at(monkeypatch, trained, "save_checkpoint", 2, before=False, **changes)
    resumed = trained("killed", resume=True, **changes)
    plain = [
        [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in log.splitlines()]
        for log in ((folder / "log.jsonl").read_text() for folder in (uninterrupted, resumed))
    ]
    assert plain[0] == plain[1]
    assert len({line["learning_rate"] for line in plain[0]}) > 1
    assert (resumed / WEIGHTS_FILE).read_bytes() == (uninterrupted / WEIGHTS_FILE).read_bytes()


@pytest.fixture
def unfinished(trained, tmp_path, monkeypatch):
    killed_at(monkeypatch, trained, "save_checkpoint", 1, before=False, epochs=2)
    return tmp_path / "killed"


def test_an_unfinished_run_is_not_overwritten(unfinished, trained):
    with pytest.raises(ConfigError, match=r"expected a new folder, got .*an unfinished run; continue it with resume"):
        trained("killed", epochs=2)


@pytest.mark.parametrize(("changes", "named"), [({"seed": 1}, "seed"), ({"hidden_units": 8}, "recipe")])
def test_another_run_is_not_resumed(unfinished, trained, changes, named):
    with pytest.raises((ModelError, ConfigError), match=f"expected the {named} that .* was started with, got another"):
        trained("killed", resume=True, **({"epochs": 2} | changes))
    assert (unfinished / CHECKPOINT_FILE).exists()


def test_other_data_is_not_resumed(unfinished, trained, manifest):
    with pytest.raises(ModelError, match="expected the data that"):
        trained("killed", manifest.slice(1), resume=True, epochs=2)


@pytest.mark.parametrize("changed", ["pixel_sha256", "box_xyxy"])
def test_the_same_labels_of_other_pictures_or_boxes_are_not_resumed(unfinished, trained, manifest, changed):
    value = {"pixel_sha256": pl.lit("another"), "box_xyxy": pl.lit([1.0, 1.0, 20.0, 20.0], dtype=SCHEMA["box_xyxy"])}
    with pytest.raises(ModelError, match="expected the data that"):
        trained("killed", manifest.with_columns(value[changed].alias(changed)), resume=True, epochs=2)


def test_a_damaged_checkpoint_says_so(unfinished, trained):
    path = unfinished / CHECKPOINT_FILE
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"expected a checkpoint in .* delete it and start anew"):
        trained("killed", resume=True, epochs=2)


def test_the_best_epoch_of_an_unfinished_run_can_start_another(unfinished):
    network = Network("test_efficientnet", 4, ("expression",))
    before = network.backbone.state_dict()["conv_stem.weight"].clone()
    load_backbone(network, str(unfinished / CHECKPOINT_FILE))
    best = load_file(unfinished / CHECKPOINT_FILE)
    after = network.backbone.state_dict()
    assert not torch.equal(after["conv_stem.weight"], before)
    assert all(torch.equal(tensor, best[f"best.backbone.{name}"]) for name, tensor in after.items())
