"""`affekt summarize`: the files, what it prints, and advice that works."""

import shlex

import numpy as np
import polars as pl
import pytest
from tests.people.conftest import make_rows

from affekt.cli.main import main


def test_a_table_becomes_a_study(tmp_path, capsys):
    make_rows().write_csv(tmp_path / "faces.csv")
    markers = tmp_path / "markers.csv"
    markers.write_text("start,end,name\n0,10,rest\n10,20,film\n")
    options = ["--markers", str(markers), "--baseline", "rest", "--bin-s", "5", "--formats", "csv", "vtt", "page"]
    main(["summarize", str(tmp_path / "faces.csv"), "--out", str(tmp_path / "study"), *options])
    said = capsys.readouterr().out
    assert said.splitlines()[0].split() == ["input", "person", "marker", "seen_s", "episodes", "valence", "arousal"]
    assert f"wrote 8 files into {tmp_path / 'study'}" in said
    names = {path.name for path in (tmp_path / "study").rglob("*") if path.is_file()}
    tables = ("people", "episodes", "bins", "baseline", "codebook")
    assert names == {*(f"{name}.csv" for name in tables), "methods.md", "a.mp4.vtt", "study.html", ".affekt-made"}


def test_an_option_that_does_not_fit_ends_with_one_sentence(tmp_path, capsys):
    make_rows().write_csv(tmp_path / "faces.csv")
    with pytest.raises(SystemExit) as stop:
        main(["summarize", str(tmp_path / "faces.csv"), "--out", str(tmp_path / "study"), "--join", "0-3"])
    assert stop.value.code == 2
    assert 'type: --join "1=3,2=4"' in capsys.readouterr().err


@pytest.mark.parametrize(
    "typed", [["--formats", "parquet,csv"], ["--formats=parquet,csv"], ["--formats", "parquet,", "csv"]]
)
def test_formats_may_have_commas_between(tmp_path, typed):
    make_rows().write_csv(tmp_path / "faces.csv")
    main(["summarize", str(tmp_path / "faces.csv"), "--out", str(tmp_path / "study"), *typed])
    assert {path.suffix for path in (tmp_path / "study").glob("people.*")} == {".csv", ".parquet"}


@pytest.mark.parametrize("typed", [["--decimal", ","], ["--decimal=,"]])
def test_a_decimal_comma_is_no_comma_between_formats(tmp_path, typed):
    make_rows().write_csv(tmp_path / "faces.csv")
    main(["summarize", str(tmp_path / "faces.csv"), "--out", str(tmp_path / "study"), *typed])
    assert (tmp_path / "study" / "people.csv").read_text().startswith("input;person;")


def test_a_folder_of_videos_is_answered_with_what_makes_the_table(
    tmp_path, capsys, small_model, write_video, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my films").mkdir()
    write_video([np.full((64, 64, 3), 200, np.uint8)] * 25, "my films/a.mp4")
    with pytest.raises(SystemExit, match="2"):
        main(["summarize", "my films", "--out", "study"])
    said, _, advice = capsys.readouterr().err.partition("; type: affekt ")
    assert said == "affekt: expected a table of `affekt predict`, got the folder my films"
    main([*shlex.split(advice), "--model", str(small_model), "--faces", "whole"])
    assert (tmp_path / "study" / "people.csv").is_file()


def test_a_folder_is_answered_with_the_table_in_it_or_how_a_table_is_made(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my notes").mkdir()
    (tmp_path / "my notes" / "codes.csv").write_text("person,code\n")
    with pytest.raises(SystemExit, match="2"):
        main(["summarize", "my notes", "--out", "study"])
    assert capsys.readouterr().err.endswith("folder my notes; type: affekt predict VIDEO --out faces.parquet\n")
    make_rows().with_columns(face=1, confidence=0.5).write_csv(tmp_path / "my notes" / "faces.csv")
    with pytest.raises(SystemExit, match="2"):
        main(["summarize", "my notes", "--out", "study"])
    main(shlex.split(capsys.readouterr().err.partition("; type: affekt ")[2]))
    assert (tmp_path / "study" / "people.csv").is_file()


def test_the_end_of_predict_says_how_a_table_of_a_video_becomes_a_study(
    tmp_path, capsys, small_model, write_video, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_video([np.full((64, 64, 3), 200, np.uint8)] * 25, "a.mp4")
    main(["predict", "a.mp4", "--out", "my faces.csv", "--model", str(small_model), "--faces", "whole"])
    advice = capsys.readouterr().err.splitlines()[-1].partition("a page to look at: affekt ")[2]
    main(shlex.split(advice))
    assert (tmp_path / "study" / "study.html").is_file()


def test_a_table_of_pictures_alone_becomes_a_gallery(tmp_path, capsys):
    rows = make_rows(frames=3).with_columns(time_s=pl.lit(None, pl.Float64), track=pl.lit(None, pl.Int64))
    rows.write_csv(tmp_path / "faces.csv")
    main(["summarize", str(tmp_path / "faces.csv"), "--out", str(tmp_path / "study"), "--no-faces"])
    said = capsys.readouterr().out.splitlines()
    assert said == ["3 faces in pictures", f"wrote 4 files into {tmp_path / 'study'}"]
    assert "The page was asked to show no faces." in (tmp_path / "study" / "study.html").read_text()
