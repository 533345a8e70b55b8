"""`affekt predict`: what is said of the table, beside it and at the end of a run."""

import io
import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt.cli.main import main
from affekt.faces import kinds
from affekt.models.card import ONNX_FILE, read_card


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder of one picture, which is a face."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faces").mkdir()
    Image.fromarray(np.full((64, 64, 3), 200, np.uint8)).save("faces/light.png")
    return tmp_path


@pytest.fixture
def projected_model(small_model, tmp_path):
    """Copy the small model, with a card that says where its valence and arousal come from."""
    folder = tmp_path / "projected"
    replace(read_card(small_model), valence_arousal_origin="projected").write(folder)
    (folder / ONNX_FILE).write_bytes((small_model / ONNX_FILE).read_bytes())
    return folder


def run(*arguments):
    main(["predict", *map(str, arguments), "--faces", "whole"])


def test_the_table_says_that_valence_and_arousal_are_projected(projected_model, capsys):
    for name in ("faces.csv", "faces.parquet"):
        run("faces", "--model", projected_model, "--out", name)
        assert "\nvalence and arousal are projected, not rated" in capsys.readouterr().err
    metadata = json.loads(Path("faces.csv-metadata.json").read_text(encoding="utf-8"))
    assert metadata["valence_arousal_origin"] == "projected"
    assert pl.read_parquet_metadata("faces.parquet")["valence_arousal_origin"] == "projected"
    run("faces", "--model", projected_model)
    assert "\nvalence and arousal are projected, not rated" in capsys.readouterr().err


def test_nothing_is_said_of_valence_and_arousal_where_the_card_says_nothing(small_model, capsys):
    run("faces", "--model", small_model, "--out", "faces.parquet")
    assert "valence" not in capsys.readouterr().err
    assert "valence_arousal_origin" not in pl.read_parquet_metadata("faces.parquet")


def test_photographs_that_cannot_be_read_are_counted_by_their_ending(folder, small_model, capsys, monkeypatch):
    monkeypatch.setattr(kinds, "find_spec", lambda _: None)
    for name in ("a.heic", "b.HEIC", "c.CR2", "notes.md"):
        (folder / "faces" / name).touch()
    run("faces", "--model", small_model, "--out", "faces.csv")
    told = capsys.readouterr().err
    assert "passed over 2 .heic, 1 .cr2: convert them to JPEG first, or for HEIC type: pip install " in told
    assert "passed over 1 file not named like pictures or videos\n" in told


def test_all_faces_may_be_unsure(small_model, capsys):
    run("faces", "--model", small_model, "--min-confidence", 1)
    assert "  unsure  1\n" in capsys.readouterr().err


def test_a_timeline_without_a_video_is_one_sentence(small_model, folder, capsys):
    with pytest.raises(SystemExit, match="2"):
        run("faces", "--model", small_model, "--out", "faces.csv", "--timeline", "overview")
    said = "affekt: expected a video to draw a timeline of, got none; leave out timeline (--timeline)\n"
    assert capsys.readouterr().err == said
    assert not (folder / "overview").exists()
    assert not (folder / "faces.csv").exists()


def test_a_video_that_cannot_be_read_has_no_timeline_for_that_reason(small_model, folder, write_video, capsys):
    (folder / "bad.mp4").write_text("no video")
    write_video([np.full((64, 64, 3), 200, np.uint8)] * 5, "short.mp4")
    with pytest.raises(SystemExit):
        run("bad.mp4", "short.mp4", "--model", small_model, "--out", "faces.csv", "--timeline", "overview")
    told = capsys.readouterr().err
    assert "no timeline of bad.mp4: not one frame of it was read\n" in told
    assert "no timeline of short.mp4: nobody is followed for 0.5 s\n" in told


def test_a_timeline_says_that_valence_and_arousal_are_projected(projected_model, folder, write_video):
    write_video([np.full((64, 64, 3), 200, np.uint8)] * 25)
    run("video.mp4", "--model", projected_model, "--out", "faces.csv", "--timeline", "overview")
    for ending in (".svg", ".html"):
        drawn = (folder / "overview" / f"video.mp4{ending}").read_text()
        assert ">Valence and arousal: projected, not rated.<" in drawn


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self):
        return True


def test_a_terminal_is_told_in_words_and_what_is_asked_for_is_csv(small_model, monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    run("faces", "--model", small_model)
    assert terminal.getvalue().startswith("faces/light.png: one face, happiness 0.94, valence +0.81")
    rest = capsys.readouterr().err.splitlines()[-1]
    assert rest == "all columns: add --out faces.csv, or --out - to print them; annotated copies: add --draw marked"
    terminal.truncate(0)
    for advice in re.findall(r"--\w+ [\w.-]+", rest):
        run("faces", "--model", small_model, *advice.split())
    assert terminal.getvalue().lstrip("\0").startswith("input,time_s,")
    assert pl.read_csv("faces.csv").height == 1
    assert [path.name for path in Path("marked").rglob("*.*")] == ["light.png.jpg"]


@pytest.mark.skipif(sys.platform == "win32", reason="no file has such a name there")
def test_no_name_of_a_file_makes_a_line_of_its_own_on_a_terminal(small_model, monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    Path("faces/light.png").rename("faces/a\nb.png: no face\t\x1b[1A.png")
    written_out = r"faces/a\nb.png: no face\t\x1b[1A.png"
    run("faces", "--model", small_model)
    run("faces", "--model", small_model, "--out", "-")
    told, header, row = terminal.getvalue().splitlines()
    assert told.startswith(f"{written_out}: one face, ")
    assert header.startswith("input,time_s,")
    assert row.startswith(f"{written_out},")
    with pytest.raises(SystemExit, match="2"):
        main(["predict", "faces", "--out", "a\nb.txt"])
    assert capsys.readouterr().err.splitlines()[-1].endswith(r"got a\nb.txt; call it 'a\nb.csv'")


def test_numbers_have_at_most_six_digits_and_times_are_to_the_microsecond(small_model, write_video, capsys):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    write_video([noise] * 3, times_s=(0, 0.1, 9000.001))
    run("video.mp4", "--model", small_model)
    header, *lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    cells = [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]
    assert [row.pop("time_s") for row in cells] == ["0.0", "0.1", "9000.001"]
    for number in (value for row in cells for value in row.values() if re.match(r"-?[\d.]+(e-?\d+)?$", value)):
        assert len(number.partition("e")[0].lstrip("-0.").replace(".", "").rstrip("0")) <= 6, number


def test_a_table_that_may_not_be_read_is_no_other_file(small_model, capsys, monkeypatch):
    run("faces", "--model", small_model, "--out", "faces.csv")
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, how: Path(path).name != "faces.csv" and allowed(path, how))
    with pytest.raises(SystemExit) as stop:
        run("faces", "--model", small_model, "--out", "faces.csv")
    assert stop.value.code == 2
    assert "expected a table that you may read and write, got faces.csv; check who may" in capsys.readouterr().err


def test_a_table_of_results_is_no_picture(small_model, capsys):
    run("faces", "--model", small_model, "--out", "faces.csv")
    with pytest.raises(SystemExit) as stop:
        run("faces.csv", "--model", small_model)
    assert stop.value.code == 1
    assert "a table of affekt predict, which affekt summarize and affekt evaluate read" in capsys.readouterr().out
