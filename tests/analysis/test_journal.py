"""The table of results: whole at the end, continued after a kill at any byte, the same in every format."""

import json

import polars as pl
import pytest

from affekt.analysis.analyzer import Answer
from affekt.analysis.journal import Journal, check_ending
from affekt.analysis.rows import SCHEMA, empty_row
from affekt.errors import ConfigError, DataError

HEADER = {"model": "by-light"}
PARTS = [
    Answer("a.jpg", [empty_row("a.jpg", "no_face")], ends=True),
    Answer("v.mp4", [empty_row("v.mp4", "ok")], ends=False),
    Answer("v.mp4", [empty_row("v.mp4", "ok"), empty_row("v.mp4", "ok")], ends=False),
    Answer("v.mp4", [], ends=True),
    Answer("b, c.jpg", [empty_row("b, c.jpg", "ok")], ends=True),
]
STARTS = (0, 1, 4)
"""Where in PARTS each input begins."""
READERS = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson}


@pytest.mark.parametrize("ending", READERS)
def test_all_formats_hold_the_same_rows(tmp_path, ending):
    out = tmp_path / "deep" / f"faces{ending}"
    journal = Journal(out, HEADER)
    with journal.opened():
        for part in PARTS:
            journal.add(part)
    journal.finish(out, SCHEMA, HEADER)
    assert Journal(out, HEADER).done == 3
    journal.remove()
    table = READERS[ending](out)
    assert table.columns == list(SCHEMA)
    assert table["input"].to_list() == ["a.jpg", "v.mp4", "v.mp4", "v.mp4", "b, c.jpg"]
    assert table["status"].to_list() == ["no_face", "ok", "ok", "ok", "ok"]
    if ending == ".parquet":
        assert pl.read_parquet_metadata(out)["model"] == "by-light"
        assert sorted(path.name for path in out.parent.iterdir()) == ["faces.parquet"]
    else:
        assert json.loads((out.parent / f"{out.name}-metadata.json").read_text()) == HEADER


def test_a_journal_cut_at_any_byte_goes_on_to_the_same_table(tmp_path):
    out = tmp_path / "faces.csv"
    whole = Journal(out, HEADER)
    with whole.opened():
        for part in PARTS:
            whole.add(part)
    content = whole.path.read_bytes()
    whole.finish(out, SCHEMA, HEADER)
    expected = out.read_bytes()
    for length in range(0, len(content) + 1, 17):
        out.unlink()
        whole.path.write_bytes(content[:length])
        journal = Journal(out, HEADER)
        with journal.opened():
            for part in PARTS[STARTS[journal.done] if journal.done < 3 else len(PARTS) :]:
                journal.add(part)
        journal.finish(out, SCHEMA, HEADER)
        assert out.read_bytes() == expected


def test_two_runs_at_once_cannot_spoil_each_others_table(tmp_path):
    out = tmp_path / "faces.csv"
    first = Journal(out, HEADER)
    with first.opened():
        first.add(PARTS[0])
        for header in (HEADER, {"model": "another"}):
            with (
                pytest.raises(DataError, match="expected to be the only run that writes"),
                Journal(out, header).opened(),
            ):
                raise AssertionError
        first.add(PARTS[-1])
    first.finish(out, SCHEMA, HEADER)
    assert pl.read_csv(out)["input"].to_list() == ["a.jpg", "b, c.jpg"]


def test_the_journal_of_another_command_is_dropped(tmp_path):
    out = tmp_path / "faces.csv"
    with Journal(out, {"model": "another"}).opened() as journal:
        journal.add(PARTS[0])
    assert Journal(out, {"model": "another"}).done == 1
    fresh = Journal(out, HEADER)
    assert fresh.done == 0
    with fresh.opened():
        fresh.add(PARTS[4])
    assert list(fresh.answers()) == [PARTS[4]]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match=r"expected to write .*journal, got (Not a directory|File exists)"),
        Journal(tmp_path / "file" / "faces.csv", HEADER).opened(),
    ):
        pass


def test_an_unknown_ending_says_what_to_type(tmp_path):
    with pytest.raises(ConfigError, match=r"expected a table ending in .csv, .parquet, .jsonl, got faces.xlsx; type"):
        check_ending(tmp_path.relative_to(tmp_path) / "faces.xlsx")
