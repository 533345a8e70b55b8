"""A run of `affekt.predict`: the same table in every format, what is told of it, and the bar."""

import hashlib
import io
import json
import signal
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from affekt.analysis.prediction_run import _until_interrupted, with_progress
from affekt.analysis.rows import SCHEMA, Answer, empty_row
from affekt.analysis.table import ROWS_PER_PIECE, check_table, pieces_of, scan_table, write_table
from affekt.errors import ConfigError, DataError

METADATA = {"affekt_version": "0", "model": "by-light"}
ROWS = [
    empty_row("a.jpg", "no_face"),
    empty_row("v.mp4", "ok"),
    *[{**empty_row("v.mp4", "ok"), "time_s": 0.1, "face": 3, "emotion": "fear", "x": 1 / 3}] * 2,
    empty_row("b, c.jpg", "ok"),
]
READERS = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson}


def frames(rows=ROWS):
    return pieces_of(iter(rows), SCHEMA)


@pytest.mark.parametrize("ending", READERS)
def test_all_formats_hold_the_same_rows(tmp_path, ending):
    out = tmp_path / "deep" / f"faces{ending}"
    write_table(frames, out, SCHEMA, METADATA)
    table = READERS[ending](out)
    assert table.columns == list(SCHEMA)
    assert table["input"].to_list() == ["a.jpg", "v.mp4", "v.mp4", "v.mp4", "b, c.jpg"]
    assert table["status"].to_list() == ["no_face", "ok", "ok", "ok", "ok"]
    assert table["x"].to_list() == [None, None, 1 / 3, 1 / 3, None]
    assert scan_table(out, SCHEMA).collect().equals(pl.DataFrame(ROWS, schema=SCHEMA))
    if ending == ".parquet":
        assert pl.read_parquet_metadata(out)["model"] == "by-light"
        assert sorted(path.name for path in out.parent.iterdir()) == ["faces.parquet"]
    else:
        said = json.loads((out.parent / f"{out.name}-metadata.json").read_text())
        assert said == {**METADATA, "table_sha256": hashlib.sha256(out.read_bytes()).hexdigest()}


def test_a_table_of_many_pieces_keeps_its_order(tmp_path):
    out, numbers = tmp_path / "faces.parquet", range(2 * ROWS_PER_PIECE + 1)
    rows = [{**empty_row("a", "ok"), "face": number} for number in numbers]
    write_table(partial(frames, rows), out, SCHEMA, METADATA)
    assert pl.read_parquet(out)["face"].to_list() == list(numbers)


@pytest.mark.parametrize("ending", READERS)
def test_a_table_that_cannot_be_written_is_one_sentence_and_leaves_nothing(tmp_path, ending):
    out = tmp_path / f"faces{ending}"
    out.mkdir()
    with pytest.raises(DataError, match=r"expected to write .*faces"):
        write_table(frames, out, SCHEMA, METADATA)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"faces{ending}"]


def test_an_unknown_ending_says_what_to_type(tmp_path):
    with pytest.raises(ConfigError, match=r"ending in .csv, .parquet, .jsonl, got faces.xlsx; call it faces.csv$"):
        check_table(tmp_path.relative_to(tmp_path) / "faces.xlsx")


def test_a_table_inside_a_file_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    for out in ("notes.txt/faces.csv", "notes.txt/deep/faces.csv"):
        with pytest.raises(ConfigError, match=r"folder to write faces\.csv into, got a file, .*notes\.txt; choose"):
            check_table(tmp_path / out)
    check_table(tmp_path / "new" / "deep" / "faces.csv")


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr("affekt.analysis.table.os.access", lambda path, mode: path != tmp_path)
    with pytest.raises(ConfigError, match=r"can be written for faces\.csv, got .*; choose another folder"):
        check_table(tmp_path / "faces.csv")


def test_a_file_that_affekt_did_not_write_is_written_over_by_force_alone(tmp_path):
    results = pl.DataFrame({name: [] for name in SCHEMA})
    strangers = pl.DataFrame({"input": [1], "mark": [2]})
    for out, write in {"a.csv": "write_csv", "a.parquet": "write_parquet", "a.jsonl": "write_ndjson"}.items():
        getattr(strangers, write)(tmp_path / out)
        with pytest.raises(ConfigError, match=rf"another file, .*{out}; name another, .*type: --force"):
            check_table(tmp_path / out)
        check_table(tmp_path / out, force=True)
    (tmp_path / "notes.csv").write_bytes(b"\xff\x00, nothing of a table\n1,2,3")
    with pytest.raises(ConfigError, match="--force"):
        check_table(tmp_path / "notes.csv")
    (tmp_path / "empty.csv").touch()
    check_table(tmp_path / "empty.csv")
    results.write_csv(tmp_path / "a.csv")
    with pytest.raises(ConfigError, match=r"a\.csv as affekt wrote it, got one without its .*type: --force"):
        check_table(tmp_path / "a.csv")
    for name in ("b.csv", "like*a[1].csv"):
        write_table(lambda: iter([results.cast(SCHEMA)]), tmp_path / name, SCHEMA, METADATA)
        check_table(tmp_path / name)


@pytest.mark.parametrize("ending", READERS)
def test_a_table_of_other_inputs_is_written_over_by_force_alone(tmp_path, monkeypatch, ending):
    monkeypatch.chdir(tmp_path)
    deleted, kept = Path("007"), Path("=b.png")
    deleted.touch()
    kept.touch()
    out = tmp_path / f"faces{ending}"
    names = ["007", "a.png", "faces.zip/in/b.png", "https://host/a.jpg", "'=b.png"]
    write_table(
        lambda: iter([pl.DataFrame([empty_row(name, "ok") for name in names], schema=SCHEMA)]), out, SCHEMA, METADATA
    )
    same = ["007", "a.png", "faces.zip", "https://me:word@host/a.jpg", "=b.png"]
    check_table(out, names=same)
    check_table(out, names=[*same, "more.png"])
    check_table(out)
    with pytest.raises(
        ConfigError,
        match=rf"with 2 more, such as '=b.png, in .*; name another, such as .*faces-new{ending}, .*--force",
    ):
        check_table(out, names=[*same[1:4], "more.png"])
    check_table(out, names=["more.png"], force=True)
    deleted.unlink()
    with pytest.raises(ConfigError, match=r"with 1 more, such as '=b\.png"):
        check_table(out, names=[*same[1:4], "more.png"])
    kept.unlink()
    check_table(out, names=[*same[1:4], "more.png"])


@pytest.fixture
def usual():
    """Python's own answer to Ctrl-C, which a shell may have taken away from what it runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_a_camera_before_its_first_answer_and_nothing_else(usual):
    ended = []
    analyzer = SimpleNamespace(stop=lambda: ended.append(True))

    def answers():
        yield Answer("a.png", [empty_row("a.png", "no_face")], ends=True)
        signal.raise_signal(signal.SIGINT)
        yield Answer("camera:0", [empty_row("camera:0", "no_face")], ends=True)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        list(_until_interrupted(answers(), ["a.png", "camera:0", "b.png"], analyzer))
    assert ended == [True]
    assert signal.getsignal(signal.SIGINT) is usual


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self):
        return True


def test_the_bar_moves_on_within_a_video(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    def answers():
        for share in (0.0, 0.25, 0.5):
            time.sleep(0.15)  # longer than the bar waits before it is drawn again
            yield Answer("v.mp4", [], ends=False, share=share)
        yield Answer("v.mp4", [], ends=True)

    assert len(list(with_progress(answers(), total=2, done=1))) == 4
    shown = terminal.getvalue()
    assert " 62%|" in shown
    assert " 75%|" in shown
    assert "1 of 2 inputs" in shown
    assert " left" in shown
