"""`affekt predict`: what is said of the table, beside it and at the end of a run."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt.cli.main import main
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
        assert "  valence and arousal are projected, not rated" in capsys.readouterr().err
    metadata = json.loads(Path("faces.csv-metadata.json").read_text(encoding="utf-8"))
    assert metadata["valence_arousal_origin"] == "projected"
    assert pl.read_parquet_metadata("faces.parquet")["valence_arousal_origin"] == "projected"
    run("faces", "--model", projected_model)
    assert "  valence and arousal are projected, not rated" in capsys.readouterr().err


def test_nothing_is_said_of_valence_and_arousal_where_the_card_says_nothing(small_model, capsys):
    run("faces", "--model", small_model, "--out", "faces.parquet")
    assert "valence" not in capsys.readouterr().err
    assert "valence_arousal_origin" not in pl.read_parquet_metadata("faces.parquet")


def test_photographs_that_cannot_be_read_are_counted_by_their_ending(folder, small_model, capsys):
    for name in ("a.heic", "b.HEIC", "c.CR2", "notes.md"):
        (folder / "faces" / name).touch()
    run("faces", "--model", small_model, "--out", "faces.csv")
    told = capsys.readouterr().err
    assert "  passed over 2 .heic, 1 .cr2: convert them to JPEG first\n" in told
    assert "  passed over 1 file not named like pictures or videos\n" in told


def test_all_faces_may_be_unsure(small_model, capsys):
    run("faces", "--model", small_model, "--min-confidence", 1)
    assert "  unsure  1\n" in capsys.readouterr().err


def test_a_timeline_without_a_video_is_one_sentence(small_model, folder, capsys):
    run("faces", "--model", small_model, "--out", "faces.csv", "--timeline", "overview")
    assert "a timeline is of videos, and none is among the inputs\n" in capsys.readouterr().err
    assert not (folder / "overview").exists()


def test_a_video_that_cannot_be_read_has_no_timeline_for_that_reason(small_model, folder, write_video, capsys):
    (folder / "bad.mp4").write_text("no video")
    write_video([np.full((64, 64, 3), 200, np.uint8)] * 5, "short.mp4")
    with pytest.raises(SystemExit):
        run("bad.mp4", "short.mp4", "--model", small_model, "--out", "faces.csv", "--timeline", "overview")
    told = capsys.readouterr().err
    assert "no timeline of bad.mp4: not one frame of it was read\n" in told
    assert "no timeline of short.mp4: nobody stays in it\n" in told


def test_a_timeline_says_that_valence_and_arousal_are_projected(projected_model, folder, write_video):
    write_video([np.full((64, 64, 3), 200, np.uint8)] * 25)
    run("video.mp4", "--model", projected_model, "--out", "faces.csv", "--timeline", "overview")
    for ending in (".svg", ".html"):
        drawn = (folder / "overview" / f"video.mp4{ending}").read_text()
        assert ">person 0, 0.0 to 1.0 s; valence and arousal projected, not rated<" in drawn
