"""Who is who: tables that are read, tracks that are joined, and what each person is counted by."""

import json
import re

import polars as pl
import pytest
from tests.people.conftest import make_rows, one_expression

import affekt
from affekt.files import sha256_of
from affekt.people.codebook import GROUP


def test_tracks_are_joined_by_hand():
    rows = pl.concat([make_rows(frames=100), make_rows(track=3, seed=1, frames=100, start_s=20), make_rows(track=1)])
    people = affekt.summarize(rows, join="0=3").people
    assert people.select("person", "tracks", "rows").rows() == [("0", "0 3", 200), ("1", "1", 1000)]


def test_joining_as_the_error_advises():
    tracks = [one_expression([0.2] * 9, track=track).with_columns(pl.col("time_s") + track) for track in (1, 2, 3, 4)]
    with pytest.raises(affekt.ConfigError) as error:
        affekt.summarize(pl.concat(tracks), join="1-3")
    people = affekt.summarize(pl.concat(tracks), join=str(error.value).partition('--join "')[2].rstrip('"')).people
    assert people.select("person", "tracks").rows() == [("1", "1 3"), ("2", "2 4")]


def test_a_csv_gives_people_names(table, tmp_path):
    names = tmp_path / "names.csv"
    names.write_text("input;track;person\na.mp4;0;Ada\nb.mp4;0;Ada\n")
    people = affekt.summarize(table, join=names).people
    assert people.select("input", "person").rows() == [("a.mp4", "Ada"), ("a.mp4", "1"), ("b/b.mp4", "Ada")]


@pytest.mark.parametrize(
    ("join", "said"),
    [
        ("0=1", "several faces of person 0 at"),
        ("0=9", "expected join to name tracks of the table, got track 9 of a.mp4"),
        ("0-1", "expected join as pairs of tracks"),
        ("0=1,1=2", "each track once"),
    ],
)
def test_what_cannot_be_joined_is_said(join, said):
    rows = pl.concat([one_expression([0.2] * 20), one_expression([0.2] * 20).with_columns(track=pl.lit(1))])
    with pytest.raises(affekt.ConfigError, match=said):
        affekt.summarize(rows, join=join)


def test_pairs_of_tracks_are_of_one_video(table, tmp_path):
    said = (
        "a csv as join for a table of 2 videos.* got '0=1'; write one with the columns input, track, person, and type"
    )
    with pytest.raises(affekt.ConfigError, match=said):
        affekt.summarize(table, join="0=1")
    pictures = table.head(3).with_columns(time_s=None, track=None)
    with pytest.raises(affekt.ConfigError, match="got one of pictures alone; leave out join"):
        affekt.summarize(pictures, join="0=1")


def test_further_columns_of_a_csv_of_tracks_are_groups_of_people(table, tmp_path):
    tracks, later = tmp_path / "tracks.csv", make_rows(track=3, seed=4, start_s=90.0)
    rows = ["a.mp4,0,Ada,patient,f,,5", "a.mp4,3,Ada,,f,,4", "a.mp4,1,Bo,therapist,,,3", "b.mp4,0,Ada,alone,f,,2"]
    tracks.write_text("\n".join(["input,track,person,role,sex,,faces", *rows]))  # faces is of identified.csv
    markers = pl.DataFrame({"start": [0, 10], "end": [10, 20], "name": ["rest", "film"], "condition": ["x", "x"]})
    study = affekt.summarize(pl.concat([table, later]), join=tracks, markers=markers, out=tmp_path / "study")
    told = {
        ("a.mp4", "Ada"): ("patient", "f"),
        ("a.mp4", "Bo"): ("therapist", None),
        ("b/b.mp4", "Ada"): ("alone", "f"),
    }
    for each in (study.people, study.episodes, study.bins):
        found = each.select("input", "person", "role", "sex").unique().rows()
        assert {row[:2]: row[2:] for row in found} == told
    names = study.people.columns
    assert names[names.index("end_s") + 1 : names.index("tracks")] == ["condition", "role", "sex"]
    assert set(study.codebook.filter(meaning=GROUP)["column"]) == {"condition", "role", "sex"}
    page = (tmp_path / "study" / "study.html").read_text()
    assert re.search(r"<option[^>]*>therapist", page)
    assert re.search(r"<td[^>]*>therapist</td>", page)


def test_a_group_of_people_may_be_called_name(table, tmp_path):
    path = tmp_path / "tracks.csv"
    path.write_text("input,track,person,name\na.mp4,0,P01,Ada\na.mp4,1,P02,Ben\n")
    people = affekt.summarize(table.filter(input="a.mp4"), join=path).people
    assert people.select("person", "name").rows() == [("P01", "Ada"), ("P02", "Ben")]


@pytest.mark.parametrize(
    ("columns", "rows", "said"),
    [
        ("role", ["a.mp4,0,Ada,patient", "a.mp4,1,Ada,x"], "one role of person Ada of a.mp4 in .*, got patient and x;"),
        ("valence", ["a.mp4,0,Ada,1"], "got valence, a name that another column has; rename it"),
        ("Marker", ["a.mp4,0,Ada,1"], "got Marker, a name that another column has; rename it"),
        ("Condition", ["a.mp4,0,Ada,1"], "got Condition, a name that another column has; rename it"),
    ],
)
def test_groups_of_people_that_do_not_fit_are_said(table, tmp_path, columns, rows, said):
    tracks = tmp_path / "tracks.csv"
    tracks.write_text("\n".join([f"input,track,person,{columns}", *rows]))
    table = table.filter((pl.col("track") == 0) | (pl.col("time_s") > 64))
    apart = table.with_columns(time_s=pl.col("time_s") + 100 * pl.col("track"))
    markers = pl.DataFrame({"input": ["a.mp4"], "condition": ["sad"]})
    with pytest.raises(affekt.ConfigError, match=said):
        affekt.summarize(apart, join=tracks, markers=markers)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("B/dyad.mp4", None),
        ("x/B/dyad.mp4", None),
        ("solo.mp4", None),
        ("yad.mp4", "which is none of them; write it as the table does"),
        ("dyad.mp4", r"which is several of them; did you mean A/dyad\.mp4\?"),
        ("dyad", r"which is none of them; did you mean A/dyad\.mp4\?"),
        ("B/dyad", r"which is none of them; did you mean B/dyad\.mp4\?"),
        ("Solo", r"which is none of them; did you mean solo\.mp4\?"),
        ("A/solo.mp4", "which is none of them; write it as the table does"),
    ],
)
def test_the_end_of_a_path_is_enough_where_no_other_input_ends_so(name, said):
    inputs = ["x/A/dyad.mp4", "x/B/dyad.mp4", "x/B/solo.mp4"]
    rows = pl.concat([one_expression([0.2] * 20, input=each) for each in inputs])
    markers = pl.DataFrame({"input": [name], "name": ["film"]})
    if said is None:
        assert affekt.summarize(rows, markers=markers).people["input"].item().endswith(name)
        return
    with pytest.raises(affekt.ConfigError, match=f"such as x/A/dyad.mp4, got {name}, {said}") as error:
        affekt.summarize(rows, markers=markers)
    if "mean" in said:
        meant = str(error.value).partition("mean ")[2].rstrip("?")
        assert len(affekt.summarize(rows, markers=markers.with_columns(input=pl.lit(meant))).people) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"start_probability": 0}, "start_probability above 0"),
        ({"end_probability": 0.6}, "an end_probability above 0, up to 0.5, got 0.6"),
        ({"bin_s": 0}, "bin_s above 0 seconds, got 0; 1 is usual"),
        (
            {"formats": ("doc",)},
            r"formats as a tuple of csv, parquet, xlsx, vtt, elan, page, png or pdf, got \('doc',\)",
        ),
    ],
)
def test_options_out_of_range_are_said(table, change, said):
    with pytest.raises(affekt.ConfigError, match=said):
        affekt.summarize(table, **change)


def test_what_is_no_table_of_videos_is_said(tmp_path, table):
    for columns, said in ((table.drop("track"), "one without track"), (table.head(0), "got none in the table")):
        with pytest.raises(affekt.DataError, match=said):
            affekt.summarize(columns)
    (tmp_path / "faces.parquet").write_bytes(b"no table")
    for name, said in (("faces.parquet", "got "), ("none.csv", "no such file"), ("faces.xls", "another ending")):
        with pytest.raises(affekt.DataError, match=rf"{said}.*affekt predict VIDEO --out faces.parquet"):
            affekt.summarize(tmp_path / name)


@pytest.mark.parametrize(("shots", "options", "is_told"), [(2, {}, True), (1, {}, False), (2, {"join": "0=1"}, False)])
def test_that_a_cut_makes_another_person_is_told_with_what_joins_them(shots, options, is_told, caplog):
    caplog.set_level("INFO", logger="affekt")
    first, second = make_rows(), make_rows(track=1, start_s=100.0)
    rows = pl.concat([first.with_columns(shot=1), second.with_columns(shot=shots)])
    affekt.summarize(rows, **options)
    said = "after a cut each person counts as another: this may be so for 1 of 2 people, the first in a.mp4"
    assert (f"{said}; the options join and identify of affekt summarize join them" in caplog.messages) == is_told


def test_who_appears_after_a_cut_is_counted(told):
    shots = [("a.mp4", 0, 3), ("a.mp4", 1, 3), ("b.mp4", 0, 1), ("b.mp4", 1, 2), ("b.mp4", 2, 4), ("c.mp4", 0, 2)]
    tracks = [make_rows(name, track, start_s=100.0 * track).with_columns(shot=shot) for name, track, shot in shots]
    [line] = told(pl.concat(tracks))
    assert "this may be so for 2 of 6 people, the first in b.mp4;" in line


def test_inputs_that_are_left_out_are_counted(table, caplog):
    caplog.set_level("INFO", logger="affekt")
    portrait = table.head(1).with_columns(input=pl.lit("a.jpg"), time_s=None, track=None)
    empty = portrait.with_columns(input=pl.lit("b.jpg"), status=pl.lit("no_face"))
    summary = affekt.summarize(pl.concat([table, portrait, empty]))
    assert "a.jpg" not in summary.people["input"]
    assert summary.pictures["input"].to_list() == ["a.jpg"]
    assert caplog.messages == ["1 input without a face left out"]


def test_who_was_there_in_one_frame_alone_is_a_person_too():
    long, once = one_expression([0.2] * 20), one_expression([0.9], track=9).with_columns(time_s=pl.lit(40.0))
    people = affekt.summarize(pl.concat([long, once])).people
    assert people.select("person", "rows").rows() == [("0", 20), ("9", 1)]
    assert people["seen_s"].to_list() == pytest.approx([2.0, 0.1])
    alone = affekt.summarize(once).people
    assert alone.select("person", "rows", "used_s", "p_happiness").row(0) == ("9", 1, 0.0, 0.9)


def test_people_come_in_the_order_of_their_tracks():
    rows = pl.concat([one_expression([0.9] * 9, track=track) for track in (10, 2, 1)])
    summary = affekt.summarize(rows)
    assert [summary.people["person"].to_list(), summary.episodes["person"].to_list()] == [["1", "2", "10"]] * 2


@pytest.mark.parametrize("reliable", [[1, 0] * 10, [True, False] * 10])
def test_reliable_rows_alone_count_however_that_is_written(reliable):
    rows = one_expression([0.8, 0.2] * 10, reliable=reliable)
    assert affekt.summarize(rows).people.select("reliable_rows", "p_happiness").row(0) == (10, pytest.approx(0.8))
    with pytest.raises(affekt.DataError, match="a column of another kind"):
        affekt.summarize(rows.with_columns(reliable=pl.lit("often")))


def test_rows_that_stand_twice_are_not_blamed_on_joining():
    rows = one_expression([0.2] * 20)
    with pytest.raises(affekt.ConfigError, match="the table has that row twice: keep one"):
        affekt.summarize(pl.concat([rows, rows]))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a.mp4,0,Eve", "got track 0 of a.mp4 twice; keep one row"),
        ("a.mp4,1,", "input, track and person in each row of .*, got no person in row 2; fill it, or take the row out"),
        (",1,Eve", "got no input in row 2; fill it, or take the row out"),
        ("a.mp4,,Eve", "got no track in row 2; fill it, or take the row out"),
    ],
)
def test_a_row_of_a_csv_that_names_a_track_twice_or_nobody_is_refused(table, tmp_path, row, said):
    names = tmp_path / "names.csv"
    names.write_text(f"input,track,person\na.mp4,0,Ada\n{row}\n")
    with pytest.raises(affekt.ConfigError, match=said):
        affekt.summarize(table, join=names)


def test_an_end_probability_above_the_start_is_told_what_fits(table):
    with pytest.raises(affekt.ConfigError) as error:
        affekt.summarize(table, start_probability=0.2)
    affekt.summarize(table, start_probability=0.2, end_probability=float(str(error.value).rpartition("try ")[2]))


def test_a_table_that_breaks_off_is_not_summarized(table, tmp_path):
    path = tmp_path / "faces.csv"
    table.write_csv(path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:8]) + lines[8][: len(lines[8]) // 2])
    with pytest.raises(affekt.DataError, match=rf"a status in each row of {path}, got none in row 8: it breaks off;"):
        affekt.summarize(path)


@pytest.mark.parametrize("name", ["input", "time_s", "track", "status"])
@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_a_table_without_a_column_that_is_needed_is_refused(table, tmp_path, name, ending):
    path, rows = tmp_path / f"faces.{ending}", table.drop(name)
    {"csv": rows.write_csv, "parquet": rows.write_parquet, "jsonl": rows.write_ndjson}[ending](path)
    for given, what in ((path, path), (rows, "one")):
        with pytest.raises(affekt.DataError, match=f"predict`, got {what} without {name}; type: affekt predict VIDEO"):
            affekt.summarize(given)


def test_a_table_of_a_summary_is_told_from_one_of_predict(table, tmp_path):
    affekt.summarize(table, out=tmp_path / "study", baseline="centre", formats=("csv", "parquet"))
    tables = [*(tmp_path / "study").glob("*.csv"), *(tmp_path / "study").glob("*.parquet")]
    assert len(tables) == 10
    for path in tables:
        said = rf"a table of `affekt predict`, got {path} of `affekt summarize` without .*status; type: affekt predict"
        with pytest.raises(affekt.DataError, match=said):
            affekt.summarize(path)


def test_two_tables_in_one_file_and_one_in_utf_16_are_not_summarized(table, tmp_path):
    path = tmp_path / "faces.csv"
    table.write_csv(path)
    text = path.read_text()
    path.write_text(text + text)
    with pytest.raises(affekt.DataError, match=rf"one table in {path}, got its header again in row {len(table) + 1};"):
        affekt.summarize(path)
    path.write_text(text, encoding="utf-16")
    with pytest.raises(affekt.DataError, match=rf"in UTF-8, got {path} in UTF-16; in Excel, save it as: CSV UTF-8"):
        affekt.summarize(path)


def test_a_table_that_was_changed_is_summarized_and_told(table, tmp_path, caplog):
    path = tmp_path / "faces.csv"
    table.write_csv(path)
    said = {"affekt_version": "0.2.0", "table_sha256": sha256_of(path)}
    (tmp_path / "faces.csv-metadata.json").write_text(json.dumps(said))
    affekt.summarize(path)
    assert "was changed since" not in caplog.text
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:40]))
    affekt.summarize(path)
    assert f"{path} is one that was changed since; it is summarized as it is" in caplog.text
