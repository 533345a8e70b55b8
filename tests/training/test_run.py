"""Whole runs: repeatable to the bit, the same with cached features, and bad input refused with nothing left behind."""

import json
import os
import shutil
from pathlib import Path

import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from affekt.data.manifest import write_manifest
from affekt.errors import ConfigError, DataError, ModelError
from affekt.models.card import CARD_FILE, LEARNT_FILE, ONNX_FILE, WEIGHTS_FILE, read_card
from affekt.networks.predictions import PREDICTIONS
from affekt.networks.weights import load_model
from affekt.training import batches, run
from affekt.training.generations import CHECKPOINT_FILE, Chain, Run
from affekt.training.recipe import Augmentation
from affekt.training.recipes import find_recipe
from affekt.training.run import train, train_chain

BOTH = ("expression", "valence_arousal")
FINISHED = [CARD_FILE, LEARNT_FILE, "log.jsonl", WEIGHTS_FILE, PREDICTIONS, "tensorboard"]


def weights(folder):
    return (folder / WEIGHTS_FILE).read_bytes()


def log(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_run_leaves_a_model_its_card_and_its_log(trained, tiny):
    folder = trained(heads=BOTH, epochs=2)
    assert sorted(path.name for path in folder.iterdir()) == FINISHED
    _, card = load_model(folder)
    assert (card.name, card.heads, card.valence_arousal_origin) == ("run", BOTH, "synthetic")
    assert card.training["rows"] == 64
    assert card.training["recipe"]["network"]["architecture"] == tiny().network.architecture
    lines = log(folder)
    assert [line["epoch"] for line in lines] == [1, 2]
    best = min(lines, key=lambda line: line["val_loss"])
    assert card.training["best_epoch"] == best["epoch"]
    assert card.metrics["validation"] == {name: value for name, value in best.items() if name.startswith("val_")}
    assert set(card.metrics["validation"]) == {"val_loss", "val_accuracy", "val_valence_ccc", "val_arousal_ccc"}
    assert 0.05 <= card.temperature <= 20
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("val_accuracy")] == [1, 2]


def test_what_torchrun_may_begin_again_goes_on(monkeypatch, tmp_path, tiny, manifest):
    resumed = []
    for restarts, out in (("0", tmp_path), ("3", tmp_path), ("3", tmp_path / "new")):
        monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", restarts)
        resumed.append(run.read_data(tiny(), manifest, Run(data=Path("frame"), out=out))[1].resume)
    assert resumed == [False, True, False]
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    with pytest.raises(
        ConfigError, match=r"where torchrun restarts .* type: export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"
    ):
        run.read_data(tiny(), manifest, Run(data=Path("frame"), out=tmp_path))


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_is_none_is_refused(run_in, seed):
    with pytest.raises(ConfigError, match="expected a seed from 0"):
        run_in(seed=seed)


def test_a_single_picture_a_pass_is_refused_where_batches_are_normalised(trained):
    with pytest.raises(ConfigError, match="two pictures per process for batch normalisation, got 1; raise batch_size"):
        trained(batch_size=1)


def test_a_network_learns(trained):
    folder = trained(epochs=8, learning_rate=1e-2, expression_target="votes")
    assert max(line["val_accuracy"] for line in log(folder)) > 0.8


@pytest.mark.parametrize(
    "changes",
    [
        {
            "augmentation": Augmentation(flip=True, rotation_degrees=5, erase=0.2),
            "ema_decay": 0.9,
            "schedule": "cosine",
        },
        {"frozen": True, "class_balance": "repeating"},
    ],
)
def test_a_seed_repeats_to_the_bit(trained, changes):
    first, again = (trained(name, seed=4, **changes) for name in ("first", "again"))
    other = trained("other", seed=5, **changes)
    assert weights(first) == weights(again)
    assert weights(first) != weights(other)


def test_cached_features_give_the_heads_of_training_through_the_frozen_backbone(trained):
    cached = trained("cached", frozen=True, heads=BOTH, epochs=3, seed=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Augmentation, "is_off", property(lambda self: False))
        patch.setattr("affekt.training.batches.augment", lambda images, *_others: images)
        through = trained("through", frozen=True, heads=BOTH, epochs=3, seed=2)
    ours, theirs = (load_file(folder / WEIGHTS_FILE) for folder in (cached, through))
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], atol=1e-5, rtol=0)
    for one, other in zip(log(cached), log(through), strict=True):
        assert one["val_loss"] == pytest.approx(other["val_loss"], abs=1e-5)


def test_streamed_crops_train_the_same_network(trained):
    memory = trained("memory", epochs=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "MEMORY_LIMIT_BYTES", 0)
        patch.setattr(batches, "core_count", lambda: 1)
        streamed = trained("streamed", epochs=1)
    assert weights(memory) == weights(streamed)


def test_half_precision_and_one_head(trained):
    folder = trained(precision="bf16", epochs=1, heads=("valence_arousal",), valence_arousal_loss="mse+ccc")
    card = read_card(folder)
    assert card.temperature == 1
    assert set(card.metrics["validation"]) == {"val_loss", "val_valence_ccc", "val_arousal_ccc"}
    assert all(tensor.dtype != torch.bfloat16 for tensor in load_file(folder / WEIGHTS_FILE).values())


def test_a_tenth_is_carved_where_there_is_no_validation_split(trained, manifest):
    rows = manifest.filter(pl.col("split") == "train")
    assert read_card(trained(rows=rows, epochs=1, validation="0.25")).training["rows"] == 48


without_emotions = pl.lit(None, dtype=pl.String).alias("emotion")
without_points = pl.lit(None, dtype=pl.Float32).alias("valence")
without_votes = pl.lit(None, dtype=pl.Array(pl.Float32, 8)).alias("votes")
in_train = pl.col("split") == "train"


@pytest.mark.parametrize(
    ("change", "recipe", "options", "error", "sentence"),
    [
        ([without_emotions, without_votes], {}, {}, DataError, "at least two expressions in the training rows, got 0"),
        ([pl.lit("fear").alias("emotion")], {}, {}, DataError, "at least two expressions in the training rows, got 1"),
        (
            [without_emotions],
            {"class_balance": "repeating", "expression_target": "votes"},
            {},
            DataError,
            "labels in the training rows to balance classes by repeating, got none among 64 rows",
        ),
        ([without_points], {"heads": BOTH}, {}, DataError, "valence and arousal in the training rows, got none"),
        ([pl.lit("test").alias("split")], {}, {}, DataError, r"rows of the split 'train', got none among test \(96\)"),
        (
            [pl.when(in_train).then(pl.col("emotion")).alias("emotion")],
            {},
            {},
            DataError,
            "at least two expressions in the validation rows, got 0",
        ),
        ([], {}, {"validation": "valid"}, ConfigError, "a fraction or one of the splits test, train, val, got 'valid'"),
        ([], {}, {"validation": "train"}, ConfigError, "a validation split apart from train"),
        ([], {}, {"validation": "1.5"}, ConfigError, "a validation fraction between 0 and 1"),
        ([], {}, {"device": "gpu"}, ConfigError, "a device auto, cpu, cuda or mps, got 'gpu'"),
        ([], {"architecture": "mobilenet_v2"}, {}, ModelError, "name of a timm model, got 'mobilenet_v2'"),
        ([], {"weights": ("no/such",)}, {}, ModelError, "got 'no/such' and no such file"),
        ([], {"input_size": 8}, {}, ConfigError, "input size of at least 16 pixels, got 8"),
        ([pl.lit(b"text").alias("image")], {}, {}, DataError, "picture of picture 0: .*not a picture"),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing(manifest, tiny, run_in, change, recipe, options, error, sentence):
    asked = run_in(**options)
    with pytest.raises(error, match=f"{sentence}.*;") as caught:
        train_chain(tiny(**recipe), Chain(), manifest.with_columns(change), asked)
    assert "\n" not in str(caught.value)
    assert not asked.out.exists()


def test_first_weights_may_come_from_the_hub_and_the_card_says_from_where(trained, tmp_path, monkeypatch):
    place = tmp_path / "models" / "me" / "mine"
    shutil.copytree(trained("first", epochs=1), place)
    (place / ONNX_FILE).write_bytes(b"")
    monkeypatch.setenv("AFFEKT_MIRROR", str(tmp_path / "models"))
    again = trained("again", epochs=1, frozen=True, weights=("hf://me/mine",))
    assert read_card(again).training["recipe"]["network"]["weights"] == [str(place)]
    learnt, taught = (load_file(folder / WEIGHTS_FILE) for folder in (place, again))
    assert all(torch.equal(taught[name], learnt[name]) for name in learnt if name.startswith("backbone."))


def test_a_missing_picture_is_named(manifest, tiny, run_in, tmp_path):
    gone = manifest.with_columns(path=pl.lit(str(tmp_path / "gone.png")), image=pl.lit(None, dtype=pl.Binary))
    with pytest.raises(DataError, match=r"picture of picture 0: .*gone.png: no such file"):
        train_chain(tiny(), Chain(), gone, run_in())
    assert not run_in().out.exists()


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_read(tiny, run_in, tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "deep" / "run"):
        with pytest.raises(ConfigError, match=f"as out, {out}, got the file {tmp_path / 'file'}; type: --out"):
            train_chain(tiny(), Chain(), None, run_in(out=out))


def test_a_folder_without_the_right_to_write_is_refused(tiny, run_in, monkeypatch):
    monkeypatch.setattr("affekt.files.os.access", lambda _folder, mode: mode != os.W_OK)
    with pytest.raises(ConfigError, match="expected a folder that can be written"):
        train_chain(tiny(), Chain(), None, run_in())


def test_a_disk_that_fills_up_is_an_error_and_leaves_nothing_half_written(trained, tmp_path, monkeypatch):
    def half(path, content):
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(DataError, match="No space left on device; free some space"):
        trained()
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["log.jsonl", "tensorboard"]


def test_a_finished_run_is_not_overwritten_and_resuming_it_changes_nothing(trained, caplog):
    caplog.set_level("INFO", "affekt")
    folder = trained(epochs=1)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match=r"without a finished model, got .*run; choose another out"):
        trained(epochs=1)
    assert "is finished" not in caplog.text
    assert trained(epochs=1, resume=True) == folder
    assert f"{folder} is finished: nothing is left to train" in caplog.text
    with pytest.raises(ConfigError, match="to be of this recipe, seed and data, got another epochs"):
        trained(epochs=2, resume=True)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["card.json", "log.jsonl", "predictions.parquet"])
def test_a_run_writes_over_no_file_of_somebody_else(trained, run_in, name):
    out = run_in().out
    out.mkdir()
    (out / name).write_text("mine", encoding="utf-8")
    with pytest.raises(
        ConfigError, match=rf"expected a new folder, got .*run with another file {name}; choose another"
    ):
        trained()
    assert (out / name).read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("picture", ["a.jpg", "happiness/a.PNG", "train/happiness/a.jpg", "a.mp4"])
def test_a_folder_of_pictures_becomes_no_run(trained, run_in, tmp_path, picture):
    out = run_in().out
    (out / picture).parent.mkdir(parents=True)
    (out / picture).write_bytes(b"mine")
    with pytest.raises(ConfigError, match="expected a folder for results alone as out, got ") as refusal:
        trained(epochs=1)
    assert [path for path in out.rglob("*") if path.is_file()] == [out / picture]
    assert str(refusal.value).endswith(f"where {out / picture} is; type: --out {out}-new")
    assert (trained("run-new", epochs=1) / "card.json").is_file()


def test_the_name_of_the_folder_one_stands_in_is_the_models(manifest, tiny, run_in, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    card = train_chain(tiny(epochs=1), Chain(), manifest, run_in(out=type(tmp_path)(".")))
    assert card.name == "mine"
    assert not (tmp_path / "mine" / CHECKPOINT_FILE).exists()


def test_a_python_user_trains_from_a_frame_or_a_file_as_the_command_does(tiny, manifest, trained, tmp_path):
    write_manifest(manifest, tmp_path / "faces.parquet")
    same = weights(trained("command", epochs=1, seed=3))
    for name, data in {"frame": manifest, "file": str(tmp_path / "faces.parquet")}.items():
        card = train(tiny(epochs=1), data, tmp_path / name, seed=3, device="cpu")
        assert card == read_card(tmp_path / name)
        assert weights(tmp_path / name) == same
    assert card.training["data"] == "faces.parquet"


def test_a_recipe_is_found_by_its_name_with_its_chain(manifest, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(run, "train_chain", lambda *given: asked.append(given))
    train("affekt", manifest, tmp_path / "mine", seed=5)
    train("affekt", manifest, tmp_path / "mine", chain=Chain(generations=2))
    named = find_recipe("affekt")
    assert [given[:2] for given in asked] == [(named.recipe, named.chain), (named.recipe, Chain(generations=2))]
    assert (asked[0][3].recipe_name, asked[0][3].seed) == ("affekt", 5)
    with pytest.raises(ConfigError, match="got 'afekt'; type: affekt train affekt"):
        train("afekt", manifest, tmp_path / "mine")


def test_the_recipe_for_a_gpu_trains_a_small_network_of_timm_on_both_heads(manifest, run_in):
    recipe = find_recipe("convnext-224").recipe.with_options(
        architecture="convnext_atto", weights=("none",), input_size=32, batch_size=32, epochs=1, precision="fp32"
    )
    card = train_chain(recipe, Chain(), manifest, run_in())
    assert (card.architecture, card.heads) == ("convnext_atto", BOTH)
    assert card.training["epochs"] == 1
    assert set(card.metrics["validation"]) == {"val_loss", "val_accuracy", "val_valence_ccc", "val_arousal_ccc"}
