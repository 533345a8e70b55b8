"""Who is left out by hand is in nothing that a summary writes; and what a table that was filtered instead lacks."""

import json
import re

import polars as pl
import pytest
from tests.people.conftest import make_rows

import affekt

NAMES = "input,track,person\na.mp4,0,Ada\na.mp4,1,interviewer\nb.mp4,0,interviewer\n"
ALL = ("csv", "parquet", "xlsx", "vtt", "elan", "page", "png")


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "tracks.csv"
    path.write_text(NAMES)
    return path


@pytest.mark.parametrize("leave_out", ["1", " 1 ,"])
def test_a_number_leaves_a_person_out_of_one_video_as_if_the_table_lacked_them(table, leave_out, caplog):
    caplog.set_level("INFO")
    one = table.filter(input="a.mp4")
    found = affekt.summarize(one, leave_out=leave_out)
    wanted = affekt.summarize(one.filter(track=0))
    for name in ("people", "episodes", "bins"):
        left, lacking = (getattr(each, name) for each in (found, wanted))
        if name == "people":  # the recording ends when its last face was seen, whoever that was
            left, lacking = left.drop("end_s"), lacking.drop("end_s")
        assert left.equals(lacking), name
    assert "1 person left out by hand" in caplog.text


def test_who_is_left_out_is_in_no_file(table, names, tmp_path):
    out = tmp_path / "study"
    summary = affekt.summarize(table, out=out, join=names, leave_out="interviewer", formats=ALL)
    assert summary.people.select("input", "person").rows() == [("a.mp4", "Ada")]
    files = [path for path in out.rglob("*") if path.is_file()]
    assert {path.name for path in files if "Ada" in path.name or "b.mp4" in path.name} == {"a.mp4_person-Ada.png"}
    for path in files:
        assert b"interviewer" not in path.read_bytes(), path
    assert "1 person in 1 video" in (out / "study.html").read_text()


def test_several_are_left_out_by_commas_and_one_whose_name_has_a_comma(table, tmp_path):
    names = tmp_path / "tracks.csv"
    names.write_text('input,track,person\na.mp4,0,"Bell, Ada"\na.mp4,1,Ben\nb.mp4,0,Cy\n')
    assert affekt.summarize(table, join=names, leave_out="Bell, Ada").people["person"].to_list() == ["Ben", "Cy"]
    assert affekt.summarize(table, join=names, leave_out="Ben, Cy").people["person"].to_list() == ["Bell, Ada"]


def test_recordings_end_where_they_did_and_markers_may_name_those_of_whom_everybody_is_left_out(tmp_path):
    long, short = make_rows(frames=600), make_rows(track=1, frames=300)
    rows = pl.concat([long, short, make_rows("b.mp4", frames=300)])
    names = tmp_path / "tracks.csv"
    names.write_text("input,track,person,role\na.mp4,0,Ada,host\na.mp4,1,Ben,guest\nb.mp4,0,Ada,host\n")
    everybody, without = (affekt.summarize(rows, join=names, leave_out=who).people for who in (None, "Ada"))
    [end_s] = everybody.filter(input="a.mp4", person="Ben")["end_s"]
    assert without["end_s"].to_list() == [end_s]
    assert without["role"].to_list() == ["guest"]
    markers = tmp_path / "markers.csv"
    markers.write_text("input,start,end,name\na.mp4,0,5,rest\nb.mp4,0,5,rest\n")
    people = affekt.summarize(rows, join=names, leave_out="Ada", markers=markers).people
    assert people.select("input", "person", "marker").rows() == [("a.mp4", "Ben", "rest")]


def test_joined_tracks_leave_together():
    tracks = [make_rows(track=track, seed=track, frames=100, start_s=20 * track) for track in (0, 1, 2)]
    assert affekt.summarize(pl.concat(tracks), join="0=2", leave_out="0").people["tracks"].to_list() == ["1"]


def test_a_csv_says_who_is_left_out_of_which_video(table, tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("input;person\na.mp4;0\nb.mp4;0\n")
    people = affekt.summarize(table, leave_out=path).people
    assert people.select("input", "person").rows() == [("a.mp4", "1")]


def test_an_input_whose_people_are_left_out_is_not_one_without_a_face(table, names, caplog):
    caplog.set_level("INFO")
    affekt.summarize(table, join=names, leave_out="interviewer")
    assert "without a face" not in caplog.text


@pytest.mark.parametrize(
    ("leave_out", "said"),
    [
        ("intervewer", "among the people Ada, interviewer of the table, got 'intervewer'; did you mean interviewer?"),
        ("9", "among the people Ada, interviewer of the table, got '9'; name one of these"),
        ("Ada,interviewer", "expected leave_out to leave somebody, got everybody in Ada,interviewer; name fewer"),
        (",", "expected leave_out to name people, got ','; type: --leave-out Ada"),
    ],
)
def test_who_cannot_be_left_out_is_said(table, names, leave_out, said):
    with pytest.raises(affekt.ConfigError) as error:
        affekt.summarize(table, join=names, leave_out=leave_out)
    assert said in str(error.value)


def test_a_number_is_nobody_in_particular_in_several_videos(table):
    with pytest.raises(affekt.ConfigError, match=r"got 1, which is another .*; .*a csv of input and person"):
        affekt.summarize(table, leave_out="1")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a.mp4,2", r"among the people 0, 1 of a\.mp4, got '2'"),
        ("c.mp4,1", r"got c\.mp4, which is none of them"),
        (",1", r"got no input in row 1; fill it, or take the row out"),
    ],
)
def test_a_csv_that_names_nobody_is_refused(table, tmp_path, row, said):
    path = tmp_path / "out.csv"
    path.write_text(f"input,person\n{row}\n")
    with pytest.raises(affekt.ConfigError, match=said):
        affekt.summarize(table, leave_out=path)


def test_faces_of_pictures_are_no_people_to_leave_out(table):
    pictures = table.with_columns(time_s=pl.lit(None, pl.Float64), track=pl.lit(None, pl.Int64))
    with pytest.raises(affekt.ConfigError, match="got faces of pictures alone; type it without leave_out"):
        affekt.summarize(pictures, leave_out="1")


TOLD = {"affekt_version": affekt.__version__, "model": "affekt", "valence_arousal_origin": "80 % projected"}


def test_a_filtered_csv_is_told_what_it_lacks_and_the_advice_mends_it(table, tmp_path, caplog):
    table.write_csv(tmp_path / "faces.csv")
    (tmp_path / "faces.csv-metadata.json").write_text(json.dumps(TOLD))
    copy = tmp_path / "copy.csv"
    pl.read_csv(tmp_path / "faces.csv").filter(track=0).write_csv(copy)
    lost = affekt.summarize(copy, out=tmp_path / "study")
    [line] = caplog.messages
    assert line.startswith(f"{copy} has no copy.csv-metadata.json beside it: methods.md cannot say which model read")
    assert "not known what the model learnt from" in lost.methods
    page = (tmp_path / "study" / "study.html").read_text()
    assert "The table does not say which model read the faces: the methods below" in page
    caplog.clear()
    [beside] = re.findall(r"copy the -metadata.json of affekt's own table to (\S+),", line)
    (tmp_path / beside).write_text((tmp_path / "faces.csv-metadata.json").read_text())
    found = affekt.summarize(copy, out=tmp_path / "study")
    assert not caplog.messages
    assert "its model affekt" in found.methods
    page = (tmp_path / "study" / "study.html").read_text()
    assert "80 % projected, not rated: the methods below" in page
    assert "does not say which model" not in page


def test_a_parquet_of_another_program_is_told_what_it_lacks_in_one_line(table, tmp_path, caplog):
    table.write_parquet(tmp_path / "faces.parquet")
    affekt.summarize(tmp_path / "faces.parquet")
    [line] = caplog.messages
    assert f"{tmp_path / 'faces.parquet'} was not written by affekt: methods.md cannot say" in line
    assert "type affekt predict VIDEO --out faces.parquet --summary study, or give" in line
    caplog.clear()
    affekt.summarize(table)  # a frame has no metadata to lose
    assert not caplog.messages
