"""`affekt evaluate` from end to end: a model, a table of somebody else's, and what goes wrong."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest

from affekt.cli.main import main
from affekt.data.manifest import encode_png, write_manifest
from affekt.labels import LABELS, PROBABILITY_COLUMNS
from affekt.networks.predictions import RowPredictor


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "image": [encode_png(picture) for picture in rng.integers(0, 256, (80, 20, 20, 3), dtype=np.uint8)],
            "split": ["train"] * 40 + ["test"] * 40,
            "source": "random",
            "source_id": [str(number) for number in range(80)],
            "emotion": [LABELS[number % 8] for number in range(80)],
        }
    )
    write_manifest(frame, tmp_path / "faces.parquet")
    return tmp_path / "faces.parquet"


@pytest.fixture
def predictions(tmp_path):
    chances = np.random.default_rng(1).dirichlet(np.ones(8), 40)
    table = pl.DataFrame({"source_id": [str(number) for number in range(40, 80)]}).hstack(
        pl.DataFrame(chances, schema=list(PROBABILITY_COLUMNS))
    )
    table.write_csv(tmp_path / "theirs.csv")
    return tmp_path / "theirs.csv"


def evaluate(*arguments):
    main(["evaluate", *map(str, arguments), "--resamples", "20"])


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        evaluate(*arguments)
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_anybodys_table_is_scored(capsys, data, predictions, tmp_path):
    evaluate("--predictions", predictions, "--data", data, "--out", tmp_path / "report")
    printed = capsys.readouterr().out
    assert "theirs" in printed
    assert "floor" in printed
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert metrics["rows"] == 40
    assert 0 <= metrics["models"]["theirs"]["figures"]["accuracy"]["value"] <= 1
    assert "theirs" in (tmp_path / "report" / "table.md").read_text()
    assert "<html" in (tmp_path / "report" / "report.html").read_text()


def test_a_model_is_run_and_its_predictions_are_kept(capsys, data, predictions, tmp_path, monkeypatch):
    run = tmp_path / "small"
    tiny = ["--architecture", "test_efficientnet", "--hidden-units", "8", "--weights", "none", "--input-size", "32"]
    options = ["--data", data, "--out", run, "--batch-size", "8", "--epochs", "1", "--device", "cpu"]
    main(["train", "mobilenetv2", *tiny, *map(str, options), "--validation", "0.25"])
    monkeypatch.chdir(run)
    evaluate(
        ".", "--predictions", predictions, "--data", data, "--out", tmp_path / "report", "--corruptions", "--record"
    )
    assert "<h3>Training</h3>" in (tmp_path / "report" / "report.html").read_text()
    kept = pl.read_parquet(tmp_path / "report" / "predictions" / "small.parquet")
    assert kept.height == 40
    np.testing.assert_allclose(kept.select(PROBABILITY_COLUMNS).to_numpy().sum(axis=1), 1, atol=1e-9)
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert set(metrics["models"]) == {"small", "theirs"}
    assert [(pair["first"], pair["second"]) for pair in metrics["differences"]] == [("small", "theirs")]
    card = json.loads((run / "card.json").read_text())
    assert card["metrics"]["random test"]["figures"] == metrics["models"]["small"]["figures"]
    [found] = json.loads((tmp_path / "report" / "corruptions.json").read_text())
    assert found["model"] == "small"
    assert found["corruptions"]["clean"]["accuracy"] == metrics["models"]["small"]["figures"]["accuracy"]
    assert "| mouth covered |" in (tmp_path / "report" / "corruptions.md").read_text()


def test_without_anything_to_score(capsys, data):
    assert "expected models or predictions" in refused(capsys, "--data", data)


@pytest.mark.parametrize("option", ["--corruptions", "--record"])
def test_tables_alone_cannot_be_corrupted_nor_be_written_into_a_card(capsys, data, predictions, option):
    said = refused(capsys, "--predictions", predictions, "--data", data, option)
    assert f"expected a model with {option.removeprefix('--')}, got only tables" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seed", "-1"], "expected a seed from 0"),
        (["--mistakes", "-1"], "got 1000 and -1"),
        (["--names", "their", "Peer"], "expected names of theirs, got 'their'"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_read(capsys, predictions, tmp_path, options, said):
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", "--predictions", str(predictions), "--data", str(tmp_path / "none.parquet"), *options])
    assert stop.value.code == 2
    assert said in " ".join(capsys.readouterr().err.replace("│", " ").split())


@pytest.mark.parametrize("below", ["", "report"])
def test_an_out_that_is_a_file_is_refused_before_anything_is_read(capsys, predictions, tmp_path, below):
    options = ["--data", tmp_path / "none.parquet", "--out", predictions / below]
    said = refused(capsys, "--predictions", predictions, *options)
    assert f"expected a folder as out, {predictions / below}, got the file {predictions}" in said
    assert f"type: --out {predictions}-folder" in said


def test_a_split_that_is_not_there_lists_those_that_are(capsys, data, predictions):
    printed = refused(capsys, "--predictions", predictions, "--data", data, "--split", "val")
    assert "train (40)" in printed


def test_a_folder_without_a_model(capsys, data, tmp_path):
    assert "expected a model folder with card.json" in refused(capsys, tmp_path, "--data", data)


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
def test_what_cannot_be_used_is_refused_before_the_first_model_predicts(
    capsys, data, small_model, tmp_path, monkeypatch, runtime
):
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "card.json").write_text((small_model / "card.json").read_text())
    (tmp_path / "table.csv").write_text("source_id,points\n1,2\n")
    predicted = []
    monkeypatch.setattr(RowPredictor, "predict_rows", lambda model, _: predicted.append(model.card.name))
    options = ["--data", data, "--runtime", runtime, "--out", tmp_path / "report"]
    first = "affekt-fast" if runtime == "torch" else small_model
    weights = "model.safetensors beside the card" if runtime == "torch" else "model.onnx"
    assert weights in refused(capsys, first, unfinished, *options)
    assert "table.csv" in refused(capsys, first, "--predictions", tmp_path / "table.csv", *options)
    assert predicted == []


def test_what_an_int8_model_scores_before_rounding_is_not_recorded(capsys, data, small_model):
    card = json.loads((small_model / "card.json").read_text())
    (small_model / "card.json").write_text(json.dumps(card | {"precision": "int8"}))
    assert "choose it (--runtime onnxruntime)" in refused(capsys, small_model, "--data", data, "--record")


def test_two_tables_of_one_name(capsys, data, predictions):
    assert "different names" in refused(capsys, "--predictions", predictions, predictions, "--data", data)


def test_a_runtime_scores_the_onnx_file_without_torch(data, small_model, tmp_path):
    # The folder holds no weights that torch could read.
    evaluate(small_model, "--runtime", "onnxruntime", "--data", data, "--split", "test", "--out", tmp_path / "report")
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text())
    table = pl.read_parquet(tmp_path / "report" / "predictions" / "by-light.parquet")
    assert table["source_id"].to_list() == [str(number) for number in range(40, 80)]
    said = table.select(PROBABILITY_COLUMNS).to_numpy().argmax(axis=1)
    right = float((said == np.arange(40, 80) % 8).mean())
    assert metrics["models"]["by-light"]["figures"]["accuracy"]["value"] == pytest.approx(right)


def test_groups_come_from_a_csv_beside_the_manifest(capsys, data, predictions, tmp_path):
    people = tmp_path / "people.csv"
    people.write_text(
        "source_id,side\n" + "".join(f"{number},{'left' if number < 76 else 'right'}\n" for number in range(40, 80))
    )
    options = ["--predictions", predictions, "--data", data, "--out", tmp_path / "report"]
    evaluate(*options, "--attributes", people, "--groups", "side")
    assert "theirs by side" in capsys.readouterr().out
    found = json.loads((tmp_path / "report" / "metrics.json").read_text())["models"]["theirs"]["groups"]["side"]
    assert found["groups"]["left"]["rows"] == 36
    assert "right (4)" in found["notes"][0]
    assert "--attributes people.csv" in refused(capsys, *options, "--groups", "side")
    assert "expected groups with attributes" in refused(capsys, *options, "--attributes", people)


ABORTING = """
import contextlib, io, os, signal, time
from pathlib import Path
from affekt.__main__ import main
from affekt.evaluation.run import EvaluateOptions
from affekt.files import written_whole

def run(options):
    with written_whole(options.out / "metrics.json") as path, contextlib.redirect_stderr(io.StringIO()):
        try:
            path.write_text("{")
            Path("begun").touch()
            while True:  # not one long sleep: a signal just before it would be seen only after it
                time.sleep(0.01)
        except KeyboardInterrupt:
            os.abort()  # as a library in C++ does that takes no exception

EvaluateOptions.run = run
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in front of a terminal, wherever the test runs
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_ctrl_c_ends_it_at_once_and_leaves_no_part_of_a_file(data, predictions, tmp_path):
    words = ["evaluate", "--predictions", predictions, "--data", data, "--out", tmp_path / "report"]
    command = [sys.executable, "-c", ABORTING, *map(str, words)]
    running = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        while running.poll() is None and not (tmp_path / "begun").exists():
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[1]
    finally:
        running.kill()
        running.wait()
    assert (running.returncode, said) == (130, "\naffekt: stopped\n")
    assert not list((tmp_path / "report").iterdir())
