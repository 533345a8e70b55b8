"""`affekt.predict` from Python: rows in memory, or a table that a stopped call goes on with."""

import logging
import threading

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt.analysis.analyzer import Analyzer
from affekt.analysis.options import AnalyzerOptions
from affekt.cluster.predict import predict
from affekt.errors import ConfigError
from affekt.ledger import Ledger


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder of four pictures, which are faces."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faces").mkdir()
    for number in range(4):
        Image.fromarray(np.full((64, 64, 3), 60 * number, np.uint8)).save(f"faces/{number}.png")
    return tmp_path


@pytest.mark.parametrize("given", [b"abc", np.zeros((8, 8, 3), np.uint8), None, ["faces/0.png", 3]])
def test_what_is_no_path_is_refused_in_one_sentence(given):
    with pytest.raises(ConfigError, match="expected paths of pictures and videos, got"):
        predict(given)


@pytest.fixture(autouse=True)
def told(caplog):
    """Record what is told."""
    caplog.set_level(logging.INFO, "affekt")
    return caplog


def test_without_a_table_the_rows_come_as_a_frame(small_model, folder):
    rows = predict("faces", model=small_model, faces="whole")
    assert isinstance(rows, pl.DataFrame)
    assert rows.equals(Analyzer(small_model).analyze([f"faces/{number}.png" for number in range(4)], faces="whole"))
    assert predict([folder / "faces" / "1.png", "faces/0.png"], model=small_model, faces="whole")[
        "input"
    ].to_list() == [
        str(folder / "faces" / "1.png"),
        "faces/0.png",
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["faces"]


@pytest.mark.parametrize("out", ["deep/faces.csv", "faces.parquet", "faces.jsonl"])
def test_a_table_comes_back_as_a_lazy_frame(small_model, folder, out):
    table = predict("faces", out=out, draw="marked", model=small_model, faces="whole")
    assert isinstance(table, pl.LazyFrame)
    assert table.collect().equals(predict("faces", model=small_model, faces="whole"))
    assert sorted(path.name for path in (folder / "marked" / "faces").iterdir()) == [f"{n}.png.jpg" for n in range(4)]


def test_options_are_those_of_the_analyzer(small_model, write_video):
    write_video([np.full((64, 64, 3), 200, np.uint8)] * 25)
    options = AnalyzerOptions(every_s=0.2, smooth_s=0, min_confidence=1)
    rows = predict("video.mp4", model=small_model, faces="whole", options=options)
    assert rows["frame"].to_list() == [0, 5, 10, 15, 20]
    assert rows["emotion"].is_null().all()
    assert "raw_valence" not in rows.columns
    named = predict("video.mp4", model=small_model, faces="whole", every_s=0.2, smooth_s=0, min_confidence=1)
    assert named.equals(rows)
    assert predict("video.mp4", model=small_model, faces="whole", options=options, every_s=0.4).height < rows.height
    with pytest.raises(ConfigError, match="expected a min_confidence from 0 to 1, got 60"):
        predict("video.mp4", model=small_model, min_confidence=60)


def interrupted_after(monkeypatch, inputs):
    add = Ledger.add

    def adding(ledger, record, **named):
        if ledger.units == inputs:
            raise KeyboardInterrupt
        add(ledger, record, **named)

    monkeypatch.setattr(Ledger, "add", adding)


def test_a_call_that_was_stopped_goes_on_where_it_was(small_model, folder, monkeypatch, told):
    whole = predict("faces", out="whole.csv", model=small_model, faces="whole").collect()
    with monkeypatch.context() as patched:
        interrupted_after(patched, 3)
        with pytest.raises(KeyboardInterrupt):
            predict("faces", out="faces.csv", model=small_model, faces="whole")
    assert not (folder / "faces.csv").exists()
    told.clear()
    assert predict("faces", out="faces.csv", model=small_model, faces="whole").collect().equals(whole)
    assert "going on after 3 of 4 inputs" in told.messages
    assert "4 pictures: 4 faces" in told.messages
    assert (folder / "faces.csv").read_bytes() == (folder / "whole.csv").read_bytes()


@pytest.mark.parametrize("changes", [{"paths": "faces/[0-2].png"}, {"draw": "marked"}])
def test_a_call_with_other_inputs_or_outputs_goes_on_too(small_model, monkeypatch, told, changes):
    given = {"paths": "faces", "out": "faces.csv", "model": small_model, "faces": "whole"}
    with monkeypatch.context() as patched:
        interrupted_after(patched, 2)
        with pytest.raises(KeyboardInterrupt, match="stopped; 2 of 4 inputs are kept, and the same call goes on"):
            predict(**given)
    told.clear()
    expected = predict(**{**given, **changes, "out": "other.csv"}).collect()
    assert predict(**{**given, **changes}).collect().equals(expected)
    assert f"going on after 2 of {expected.height} inputs" in told.messages


def test_a_finished_table_of_other_inputs_stays(small_model, folder):
    given = {"out": "faces.csv", "model": small_model, "faces": "whole"}
    predict("faces", **given)
    before = (folder / "faces.csv").read_bytes()
    with pytest.raises(ConfigError, match=r"with 3 more, such as faces/1\.png, in faces\.csv; .* type: --force"):
        predict("faces/0.png", **given)
    assert (folder / "faces.csv").read_bytes() == before
    assert predict("faces/0.png", **given, force=True).collect().height == 1
    assert predict("faces", **given).collect().height == 4


def test_another_runtime_goes_on(small_model, monkeypatch, told):
    with monkeypatch.context() as patched:
        interrupted_after(patched, 2)
        with pytest.raises(KeyboardInterrupt):
            predict("faces", out="faces.csv", model=small_model, faces="whole")
    options = AnalyzerOptions(runtime="onnxruntime")
    predict("faces", out="faces.csv", model=small_model, faces="whole", options=options)
    assert "going on after 2 of 4 inputs" in told.messages


def test_it_runs_in_any_thread(small_model):
    found = []
    thread = threading.Thread(target=lambda: found.append(predict("faces", model=small_model, faces="whole").height))
    thread.start()
    thread.join()
    assert found == [4]


def test_what_needs_a_table_is_refused_without_one(small_model):
    with pytest.raises(ConfigError, match=r"expected a table beside timelines .*, or out='faces.parquet' in Python$"):
        predict("faces", timeline="overview", model=small_model, faces="whole")


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_a_table_may_be_called_like_a_pattern(small_model, tmp_path, ending):
    Image.new("RGB", (64, 64)).save(tmp_path / "face.png")
    table = predict(tmp_path / "face.png", out=tmp_path / "x[" / f"*[a].{ending}", faces="whole", model=small_model)
    assert table.collect().height == 1


def test_names_like_formulas_are_marked_where_that_is_asked_for(small_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["=1+1.png", "+1.png", "-1.png", "@1.png", "a=1.png"]
    for name in names:
        Image.new("RGB", (64, 64)).save(name)
    paths = [f"{name}" for name in names]

    def found(out, **options):
        return predict(paths, out=out, faces="whole", model=small_model, **options).collect()["input"].to_list()

    assert found("plain.csv") == names
    assert found("safe.csv", csv_safe=True) == ["'=1+1.png", "'+1.png", "'-1.png", "'@1.png", "a=1.png"]
    # No formula is in the others.
    assert found("safe.parquet", csv_safe=True) == names


@pytest.mark.parametrize(
    ("name", "meant"), {"modle": "model", "outt": "out", "face": "faces", "min_conf": "min_confidence"}.items()
)
def test_a_mistyped_option_or_parameter_is_named(name, meant):
    with pytest.raises(ConfigError, match=rf"option of affekt\.predict, got '{name}'; did you mean {meant}\?"):
        predict("a.png", **{name: 1})


def test_an_option_like_no_other_is_refused_without_a_guess():
    with pytest.raises(ConfigError, match=r"option of affekt\.predict, got 'zzz'; type: help\(affekt\.predict\)$"):
        predict("a.png", zzz=1)
