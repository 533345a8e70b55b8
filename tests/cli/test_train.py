"""`affekt train`: help without torch, every field an option, one sentence for a mistake, and a run from end to end."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields

import numpy as np
import polars as pl
import pytest

from affekt.cli import train
from affekt.cli.main import main
from affekt.data.manifest import encode_png, read_manifest, write_manifest
from affekt.labels import LABELS
from affekt.models.card import read_card
from affekt.training import one_training
from affekt.training.checkpoint import save_checkpoint
from affekt.training.generations import Chain
from affekt.training.recipe import GROUPS, Augmentation
from affekt.training.recipes import RECIPES

TINY = [
    *("--architecture", "test_efficientnet", "--hidden-units", "8", "--weights", "none", "--input-size", "32"),
    *("--batch-size", "8", "--epochs", "1", "--device", "cpu"),
]


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (32, 20, 20, 3), dtype=np.uint8)
    frame = pl.DataFrame(
        {
            "image": [encode_png(picture) for picture in pictures],
            "split": ["train"] * 24 + ["val"] * 8,
            "source": "random",
            "source_id": [str(number) for number in range(32)],
            "emotion": [LABELS[number % 8] for number in range(32)],
        }
    )
    write_manifest(frame, tmp_path / "faces.parquet")
    return tmp_path / "faces.parquet"


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        main(["train", *map(str, arguments)])
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err + printed.out
    return " ".join((printed.err + printed.out).replace("│", " ").split())


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_every_recipe_with_its_summary(arguments, capsys):
    main(["train", *arguments])
    printed = capsys.readouterr().out
    for name, named in RECIPES.items():
        assert f"\n  {name} " in printed
        assert named.summary in printed


@pytest.mark.parametrize("recipe", ["mobilenetv2", "vgg16-va"])
def test_every_field_of_the_recipe_is_an_option(recipe, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train", recipe, "--help"])
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    options = {field.name for field in fields(train.TrainCommand)} - {"recipe", "chain"}
    options |= {field.name for kind in (*GROUPS.values(), Chain) for field in fields(kind)}
    options |= {f"augmentation.{field.name}" for field in fields(Augmentation)}
    absent = {name for name in options if f"--{name.replace('_', '-')}" not in printed}
    assert not absent
    for title in (*GROUPS, "augmentation", "chain"):
        assert f" {title} options " in printed


@pytest.mark.parametrize("arguments", ["train --help", "train mobilenetv2 --help"])
def test_help_does_not_import_torch(arguments):
    code = (
        "import sys, atexit; from affekt.cli.main import main; "
        "atexit.register(lambda: print('loaded:', 'torch' in sys.modules, 'timm' in sys.modules)); "
        f"main({arguments.split()!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("loaded: False False\n")


def test_a_wrong_recipe_suggests_the_near_one(capsys):
    assert "got 'mobilnetv2'; type: affekt train mobilenetv2" in refused(capsys, "mobilnetv2")
    assert "got 'zzz'; type: affekt train --help" in refused(capsys, "zzz")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--learning-rate", "0"], "expected learning_rate above 0, got 0"),
        (["--learning-rate", "fast"], "fast"),
        (["--schedule", "linear"], "linear"),
        (["--optimiser", "adam", "--weight-decay", "0.1"], "expected the optimiser adamw with a weight_decay"),
        (["--augmentation.shift", "2"], "expected augmentation.shift between 0 and 1, got 2"),
        (["--heads", "age"], "age"),
        (["--learning-rat", "0.1"], "--learning-rat"),
        (["--device", "gpu", "--weights", "none"], "expected a device auto, cpu, cuda or mps, got 'gpu'"),
        (["--validation", "valid", "--weights", "none"], "got 'valid'; 0.1 carves a tenth of train (--validation 0.1)"),
        (["--weights", "no/such"], "got 'no/such' and no such file"),
        (["--heads", "valence_arousal", "--weights", "none"], "expected valence and arousal in the training rows"),
    ],
)
def test_a_bad_value_is_a_sentence(arguments, sentence, capsys, data, tmp_path):
    assert sentence in refused(capsys, "mobilenetv2", "--data", data, "--out", tmp_path / "run", *arguments)
    assert not (tmp_path / "run").exists()


def test_wrong_turns_are_told_before_torch_is_imported(data, tmp_path):
    """Its import takes seconds; a wrong turn is to be told in the first."""
    rows, folder = read_manifest(data), tmp_path / "faces" / "fear"
    folder.mkdir(parents=True)
    for number, picture in enumerate(rows["image"]):
        (folder / f"{number}.png").write_bytes(picture)
    people = rows.with_columns(subject=pl.col("emotion").eq("fear").cast(pl.String), split=pl.lit("train"))
    changed = {
        "shared": rows.with_columns(subject=pl.lit("anna")),
        "untaught": rows.with_columns(split=pl.lit("val")),
        "two": people.filter(pl.col("emotion").is_in(["fear", "anger"])),
        "bored": rows.with_columns(pl.col("emotion").replace("fear", "bored")),
    }
    for name, frame in changed.items():
        write_manifest(frame, tmp_path / f"{name}.parquet")
    head = "affekt train affekt-head --out run --data"
    turns = {
        f"{head} nothing.parquet": "got no such file; make one with: affekt data import",
        f"{head} faces": "expected at least two expressions in the training rows, got 1",
        f"{head} faces.parquet --folds many": "expected a number of folds from 2",
        f"{head} faces.parquet --folds subject": "expected the person of each row",
        f"{head} two.parquet --folds subject": "expected at least two expressions to learn from in each fold",
        f"{head} shared.parquet": "expected each person in one split",
        f"{head} untaught.parquet": "expected rows of the split 'train'",
        f"{head} faces.parquet --curve 10,20": "expected rows of the split 'test'",
        f"{head} faces.parquet --weights runs/none": "got 'runs/none' and no such file",
        f"{head} faces.parquet --weights hf://me/mine": "expected me/mine in the mirror",
        "affekt train mobilenetv2 --out run --data faces.parquet": "put https://huggingface.co/timm/mobilenetv2",
        "affekt evaluate affekt --split val --data faces": "make one with: affekt data import folder faces",
        "affekt evaluate affekt --data faces.parquet": "expected rows of the split 'test'",
        "affekt evaluate affekt --split val --data bored.parquet": "expected affekt to know the labels",
    }
    code = (
        "import sys, shlex\nfrom affekt.cli.main import main\n"
        "for line in sys.stdin.read().splitlines():\n"
        "    try:\n        main(shlex.split(line)[1:])\n    except SystemExit as stop:\n"
        "        print(stop.code, 'torch', 'torch' in sys.modules, file=sys.stderr)"
    )
    (tmp_path / "models").mkdir()
    places = {"AFFEKT_HOME": str(tmp_path / "home"), "AFFEKT_MIRROR": "models", "HF_HUB_OFFLINE": "1"}
    typed = {"input": "\n".join(turns), "cwd": tmp_path, "env": os.environ | places}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, **typed)
    said = re.split("^affekt: ", done.stderr, flags=re.M)[1:]
    assert len(said) == len(turns), done.stderr
    for line, (turn, sentence) in zip(said, turns.items(), strict=True):
        assert sentence in line, turn
        assert "\n2 torch False" in line, turn


def test_what_is_required_is_named(capsys):
    assert "--data" in refused(capsys, "mobilenetv2")


def test_a_missing_manifest_says_how_to_make_one(capsys, tmp_path):
    said = refused(capsys, "mobilenetv2", "--data", tmp_path / "no.parquet", "--out", tmp_path / "run")
    assert "no such file; make one with: affekt data import --help" in said


def test_a_run_chosen_on_the_split_that_is_named_next_says_so(data, tmp_path, capsys):
    tested = tmp_path / "tested.parquet"
    rows = read_manifest(data)
    write_manifest(rows.with_columns(pl.col("split").replace("val", "test")), tested)
    main(["train", "mobilenetv2", "--data", str(tested), "--out", str(tmp_path / "run"), "--validation", "test", *TINY])
    printed = capsys.readouterr().out
    assert "--split test --out" in printed
    assert "the epoch was chosen on test" in printed


def test_without_a_split_to_evaluate_on_it_says_so_and_advises_an_export(data, tmp_path, capsys):
    alone, out = tmp_path / "only train.parquet", tmp_path / "my run"
    write_manifest(read_manifest(data).with_columns(split=pl.lit("train")), alone)
    main(["train", "mobilenetv2", "--data", str(alone), "--out", str(out), "--validation", "0.25", *TINY])
    printed = capsys.readouterr().out
    assert f"next: affekt export '{out}' --out 'models/my run'\n" in printed
    assert f"{alone} has no split test or val, so there is nothing to evaluate it on" in printed
    assert printed.endswith("--folds 5\n")


def test_labels_alone_are_learnt_as_the_error_advises(data, tmp_path, capsys):
    typed = ["affekt", "--data", data, "--out", tmp_path / "run", *TINY]
    assert "or learn the expressions alone (--heads expression)" in refused(capsys, *typed)
    main(["train", *map(str, typed), "--heads", "expression"])
    assert read_card(tmp_path / "run").heads == ("expression",)


def test_a_run_from_end_to_end(data, tmp_path, capsys):
    out = tmp_path / "runs" / "mine"
    arguments = ["mobilenetv2", "--data", str(data), "--out", str(out), "--seed", "7", "--precision", "bf16", *TINY]
    main(["train", *arguments])
    printed = capsys.readouterr()
    assert f"next: affekt evaluate {out} --data {data} --split val --out" in printed.out, "there is no test"
    assert "the epoch was chosen on val" in printed.out
    assert "epoch   1/1" in printed.err
    assert "kept epoch 1: loss " in printed.err
    card = read_card(out)
    assert card.name == "mine"
    assert card.training["recipe_name"] == "mobilenetv2"
    assert card.training["seed"] == 7
    assert card.training["recipe"]["step"]["precision"] == "bf16"
    assert card.training["command"].startswith("affekt train mobilenetv2 --data")
    assert list((out / "tensorboard").glob("events*"))
    main(["train", *arguments, "--resume"])
    again = capsys.readouterr()
    assert f"{out} is finished: nothing is left to train" in again.err
    assert "epoch   1/1" not in again.err
    assert again.out == printed.out


def test_the_other_processes_of_torchrun_leave_the_last_word_to_the_first(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    main(["train", "mobilenetv2", "--data", str(data), "--out", str(tmp_path / "run"), *TINY])
    assert "next:" not in capsys.readouterr().out


def test_a_stopped_training_says_what_goes_on(data, tmp_path, capsys, monkeypatch):
    def stopped_after(epochs):
        def save(state, *rest):
            save_checkpoint(state, *rest)
            if len(state.history) == epochs:
                raise KeyboardInterrupt

        monkeypatch.setattr(one_training, "save_checkpoint", save)

    monkeypatch.chdir(tmp_path)
    words = ["mobilenetv2", "--data", "faces.parquet", "--out", "my run", *TINY, "--epochs", "3"]
    stopped_after(2)
    for typed in (words, [*words, "--resume"]):
        with pytest.raises(SystemExit) as stop:
            main(["train", *typed])
        assert stop.value.code == 130
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith("affekt: stopped; the epochs that are done are kept in my run; to go on, type: affekt ")
        assert said.count("--resume") == 1
        stopped_after(3)
    monkeypatch.setattr(one_training, "save_checkpoint", save_checkpoint)
    main(shlex.split(said.partition("type: affekt ")[2]))
    assert read_card(tmp_path / "my run").training["epochs"] == 3


def test_a_training_stopped_at_once_begins_again(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(one_training, "first_network", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(SystemExit):
        main(["train", "mobilenetv2", "--data", str(data), "--out", str(tmp_path / "run"), *TINY])
    assert "stopped before the first epoch was done; the same command begins again" in capsys.readouterr().err


def test_a_network_that_learnt_nothing_is_told(data, tmp_path, capsys):
    rates = ("--learning-rate", "1e9", "--learning-rate-floor", "0")
    main(["train", "mobilenetv2", "--data", str(data), "--out", str(tmp_path / "run"), *TINY, *rates])
    assert "The network is no better on validation rows than one answer to all of them" in capsys.readouterr().err


def test_a_misspelt_folder_is_mapped_by_the_import_that_is_advised(data, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, row in zip(["hapiness", "fear"] * 8, read_manifest(data).iter_rows(named=True), strict=False):
        (tmp_path / "my faces" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "my faces" / name / f"{row['source_id']}.png").write_bytes(row["image"])
    said = refused(capsys, "affekt-head", "--data", "my faces", "--out", "run", "--folds", "2")
    command = said.partition("in an import before: affekt ")[2].partition(";")[0]
    main([*shlex.split(command), "--out", "mapped.parquet"])
    assert set(read_manifest("mapped.parquet")["emotion"]) == {"happiness", "fear"}
