"""Two processes of this machine under torchrun train what one process trains."""

import json
import os
import subprocess
import sys
from dataclasses import asdict

import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from tests.training.conftest import write_shards

from affekt.data.importers.engine import ImportOptions, import_dataset
from affekt.data.importers.packed import WebDataset
from affekt.data.manifest import write_manifest
from affekt.models.card import WEIGHTS_FILE, read_card
from affekt.training.distributed import World, joined_world

RUNS = {
    "plain": {"architecture": "test_convnext", "epochs": 2, "batch_size": 16, "learning_rate": 1e-3},
    "repeated": {
        "architecture": "test_convnext",
        "epochs": 2,
        "batch_size": 16,
        "learning_rate": 1e-3,
        "class_balance": "repeating",
    },
    "frozen": {"architecture": "test_efficientnet", "frozen": True, "heads": ("expression", "valence_arousal")},
    "batch_norm": {"architecture": "test_efficientnet", "epochs": 6, "learning_rate": 5e-3, "ema_decay": 0.9},
}

SCRIPT = """
import json, sys
from pathlib import Path
import torch
from affekt.data import shards
from affekt.data.manifest import read_manifest
from affekt.errors import ConfigError
from affekt.training import batches
from affekt.training.distributed import joined_world
from affekt.training.recipe import Recipe
from affekt.training.run import train

torch.set_num_threads(1)
folder = Path(sys.argv[1])
with joined_world() as world:
    gathered = [world.gather(world.share(torch.arange(count * 3.0).view(count, 3))) for count in (1, 5, 16, 0)]
    same = all(torch.equal(rows, torch.arange(rows.numel() * 1.0).view(-1, 3)) for rows in gathered)
    world.wait()
    (folder / f"rank {world.rank}").write_text(json.dumps([world.size, same, [len(rows) for rows in gathered]]))
    manifest = read_manifest(folder / "faces.parquet")
    for name, fields in json.loads((folder / "recipes.json").read_text()).items():
        recipe = Recipe.of(**{option: tuple(v) if isinstance(v, list) else v for option, v in fields.items()})
        train(recipe, manifest, folder / "two" / name, device="cpu")
    try:
        train(recipe.with_options(batch_size=1), manifest, folder / "two" / "starved", device="cpu")
    except ConfigError as error:
        (folder / "sentence").write_text(str(error))
    opened, names = shards.opened, []
    shards.opened = lambda name: names.append(name) or opened(name)
    batches.MEMORY_LIMIT_BYTES = 20 * 32 * 32 * 3  # for the validation rows, and 10 of the others
    train(recipe, read_manifest(folder / "in-tars.parquet"), folder / "two" / "streamed", device="cpu")
    (folder / f"opened by {world.rank}").write_text(json.dumps([name for name in names if "/train-" in name]))
"""

LOSES_A_PROCESS = """
import json, os, signal, sys
from pathlib import Path
import torch
from affekt.training.loop import Trainer
from affekt.training.recipe import Recipe
from affekt.training.run import train

torch.set_num_threads(1)
folder, train_epoch = Path(sys.argv[1]), Trainer.train_epoch

def or_killed(trainer, module, state):
    with (folder / f"epochs of rank {trainer.world.rank}").open("a") as file:
        print(len(state.history), file=file)
    if os.environ["TORCHELASTIC_RESTART_COUNT"] == "0" and trainer.world.rank == 1 and state.history:
        os.kill(os.getpid(), signal.SIGKILL)
    return train_epoch(trainer, module, state)

Trainer.train_epoch = or_killed
fields = json.loads((folder / "recipes.json").read_text())["plain"]
recipe = Recipe.of(**{option: tuple(v) if isinstance(v, list) else v for option, v in fields.items()})
train(recipe, folder / "faces.parquet", folder / "elastic", device="cpu")
"""


def launch(folder, script, *options):
    (folder / "script.py").write_text(script)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    done = subprocess.run(
        [*command, folder / "script.py", folder], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-9000:]


@pytest.fixture(scope="module")
def odd_manifest(manifest):
    """Rows that two processes cannot share evenly: 61 to train on, 15 to validate on."""
    return manifest.filter(~pl.col("source_id").is_in(["picture 0", "picture 1", "picture 2", "picture 70"]))


@pytest.fixture(scope="module")
def two(tmp_path_factory, manifest, odd_manifest, tiny):
    """Train all runs once in two processes, and return the folder they lie in."""
    folder = tmp_path_factory.mktemp("torchrun")
    in_tars = WebDataset(root=write_shards(manifest, folder / "shards", 8), in_place=True)
    import_dataset(in_tars, ImportOptions(out=folder / "in-tars.parquet", jobs=1))
    write_manifest(odd_manifest, folder / "faces.parquet")
    recipes = {}
    for name, changes in RUNS.items():
        groups = asdict(tiny(**changes))
        del groups["augmentation"]
        recipes[name] = {option: value for group in groups.values() for option, value in group.items()}
    (folder / "recipes.json").write_text(json.dumps(recipes))
    launch(folder, SCRIPT)
    return folder


def figures(folder):
    return read_card(folder).metrics["validation"]


@pytest.mark.parametrize("name", ["plain", "frozen"])
def test_without_batch_norm_two_processes_train_the_same_weights(two, trained, odd_manifest, name):
    one = trained(name, odd_manifest, **RUNS[name])
    theirs = load_file(two / "two" / name / WEIGHTS_FILE)
    for parameter, tensor in load_file(one / WEIGHTS_FILE).items():
        torch.testing.assert_close(tensor, theirs[parameter], atol=1e-3, rtol=0)
    assert figures(two / "two" / name) == pytest.approx(figures(one), abs=1e-3)


def test_repeated_rows_in_two_processes_agree_within_noise(two, trained, odd_manifest):
    one = trained("repeated", odd_manifest, **RUNS["repeated"])
    assert figures(two / "two" / "repeated")["val_loss"] == pytest.approx(figures(one)["val_loss"], rel=0.05)


def test_with_batch_norm_two_processes_reach_the_same_result_within_noise(two, trained, odd_manifest):
    one = trained("batch_norm", odd_manifest, **RUNS["batch_norm"])
    assert figures(two / "two" / "batch_norm")["val_loss"] == pytest.approx(figures(one)["val_loss"], abs=0.25)
    assert figures(one)["val_loss"] < 1.6


def test_of_shards_that_do_not_fit_into_memory_each_process_reads_its_own(two):
    by_rank = [json.loads((two / f"opened by {rank}").read_text()) for rank in range(2)]
    epochs = [json.loads(line) for line in (two / "two" / "streamed" / "log.jsonl").read_text().splitlines()]
    assert len(epochs) == RUNS["batch_norm"]["epochs"]
    # Of eight files, each epoch gives four to each process.
    assert [len(names) for names in by_rank] == [4 * len(epochs)] * 2
    for epoch in range(len(epochs)):
        of_both = [set(names[4 * epoch : 4 * epoch + 4]) for names in by_rank]
        assert len(of_both[0] | of_both[1]) == 8
    assert epochs[-1]["val_loss"] < epochs[0]["val_loss"]


def test_the_first_process_alone_writes(two):
    for name in RUNS:
        folder = two / "two" / name
        assert [json.loads(line)["epoch"] for line in (folder / "log.jsonl").read_text().splitlines()] == list(
            range(1, RUNS[name].get("epochs", 2) + 1)
        )
        assert len(list((folder / "tensorboard").iterdir())) == RUNS[name].get("epochs", 2)
        assert read_card(folder).training["processes"] == 2


def test_a_training_that_lost_a_process_goes_on_by_itself_and_ends_with_the_same_weights(two):
    launch(two, LOSES_A_PROCESS, "--max-restarts", "1")
    assert (two / "epochs of rank 1").read_text().split() == ["0", "1", "1"]
    unbroken = load_file(two / "two" / "plain" / WEIGHTS_FILE)
    for parameter, tensor in load_file(two / "elastic" / WEIGHTS_FILE).items():
        assert torch.equal(tensor, unbroken[parameter])
    assert figures(two / "elastic") == figures(two / "two" / "plain")


def test_uneven_parts_are_gathered_in_order(two):
    for rank in (0, 1):
        assert json.loads((two / f"rank {rank}").read_text()) == [2, True, [1, 5, 16, 0]]


def test_a_step_smaller_than_the_processes_is_refused(two):
    assert (two / "sentence").read_text().startswith("expected at least 2 pictures per step, one for each process")
    assert not (two / "two" / "starved").exists()


def test_one_process_is_a_world_of_its_own():
    with joined_world() as world:
        assert world == World()
        rows = torch.arange(5)
        assert torch.equal(world.gather(world.share(rows)), rows)
        assert world.is_main


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_parts_are_equal_but_for_the_last_rows(size):
    rows = torch.arange(16)
    parts = [World(rank, size).share(rows) for rank in range(size)]
    assert torch.equal(torch.cat(parts), rows)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
