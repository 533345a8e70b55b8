"""Who is who, what markers cut, and what a resting face takes away."""

import json
import re

import numpy as np
import polars as pl
import pytest
from tests.people.conftest import make_rows, one_expression

import affekt
from affekt.files import sha256_of
from affekt.labels import LABELS
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


def test_markers_cut_the_summary_and_groups_travel(table, tmp_path):
    markers = tmp_path / "markers.csv"
    # As a German Excel writes it.
    markers.write_text(
        "\ufeffinput;start;end;name;condition\nb.mp4;1,5;10;film;sad\na.mp4;0;8;film;gay\na.mp4;8;;end;gay\n"
    )
    summary = affekt.summarize(table, markers=markers)
    places = summary.people.select("input", "person", "marker", "condition").rows()
    assert places[:2] == [("a.mp4", "0", "film", "gay"), ("a.mp4", "0", "end", "gay")]
    assert places[-1] == ("b/b.mp4", "0", "film", "sad")
    for row in summary.people.to_dicts():
        inside = table.filter(
            pl.col("time_s").is_between(row["start_s"], row["end_s"], closed="left"),
            input=row["input"],
            track=int(row["person"]),
        )
        assert row["rows"] == len(inside)
    assert dict(summary.bins.select("input", "condition").unique().rows()) == {"a.mp4": "gay", "b/b.mp4": "sad"}
    for row in summary.episodes.drop_nulls("markers").to_dicts():
        [own] = summary.people.filter(input=row["input"], person=row["person"], marker=row["markers"]).to_dicts()
        assert own["start_s"] <= row["start_s"] < own["end_s"]


def test_inputs_may_share_markers(table):
    markers = pl.DataFrame({"start": [0, 10], "end": [10, 20], "name": ["first", "second"]})
    assert len(affekt.summarize(table, markers=markers).people) == 6


def test_an_empty_text_in_a_frame_of_markers_means_what_it_means_in_a_csv(table, tmp_path):
    rows = {"input": ["", "", "a.mp4"], "start": ["", "10", ""], "end": ["10", " ", ""], "name": ["rest", "film", ""]}
    markers = pl.DataFrame({**rows, "condition": ["", "", "sad"]})
    markers.write_csv(tmp_path / "markers.csv")
    people = affekt.summarize(table, markers=markers).people
    assert people.equals(affekt.summarize(table, markers=tmp_path / "markers.csv").people)
    assert people.select("input", "marker", "condition").unique(maintain_order=True).rows() == [
        *(("a.mp4", name, "sad") for name in ("rest", "film")),
        *(("b/b.mp4", name, None) for name in ("rest", "film")),
    ]


@pytest.mark.parametrize(
    ("typed", "time_s"),
    [
        ("0:30", 30),
        ("0:00:30.5", 30.5),
        ("0:00:30,5", 30.5),
        ("30s", 30),
        ("30,5 s", 30.5),
        ("0.5min", 30),
        ("500ms", 0.5),
        ("30", 30),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "frame"])
def test_times_of_markers_are_as_on_the_command_line(table, tmp_path, typed, time_s, kind):
    markers = pl.DataFrame({"start": ["0", typed], "end": [typed, "1:00"], "name": ["rest", "film"]})
    markers.write_csv(tmp_path / "markers.csv", separator="\t")
    people = affekt.summarize(table, markers=markers if kind == "frame" else tmp_path / "markers.csv").people
    assert people.select("marker", "start_s", "end_s").unique(maintain_order=True).rows() == [
        ("rest", 0, time_s),
        ("film", time_s, 60),
    ]


def test_a_csv_of_groups_alone_cuts_nothing(table):
    groups = pl.DataFrame({"input": ["a.mp4", "b/b.mp4"], "participant": ["P1", "P2"]})
    people = affekt.summarize(table, markers=groups).people
    assert people.select("person", "participant", "marker").rows()[-1] == ("0", "P2", "all")
    assert people["valence"].to_list() == affekt.summarize(table).people["valence"].to_list()


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"input": ["c.mp4"]}, "such as a.mp4, got c.mp4, which is none of them; write it as the table does"),
        (
            {"input": ["a.mp4"], "start": ["soon"]},
            "seconds as start in .*, got 'soon'; write a number such as 12.5, or 1",
        ),
        ({"input": ["a.mp4"], "end": ["1:x"]}, "seconds as end in the frame of markers, got '1:x'"),
        ({"input": ["a.mp4"], "end": ["inf"]}, "seconds as end in the frame of markers, got 'inf'"),
        ({"input": ["a.mp4"], "start": ["4"], "end": ["3"]}, "to end after its start"),
        ({"input": ["a.mp4"], "valence": ["1"]}, "got valence, a name that another column has; rename it"),
        ({"input": ["a.mp4"], "Person": ["1"]}, "got Person, a name that another column has; rename it"),
        ({"input": ["a.mp4"], "Group": ["1"], "group": ["1"]}, "got Group, a name that another column has"),
        ({"input": ["a.mp4"], "start": ["900"], "end": ["901"]}, "got nobody"),
        ({"video": ["a.mp4"]}, "the columns input, start, end and name"),
        ({"input": ["a.mp4", "a.mp4"], "end": ["2", "2.0"]}, "marker once .*'all' of a.mp4 from 0 to 2 s twice; keep"),
        ({"input": ["a.mp4", None], "name": ["x", "x"]}, "each marker once in the frame of markers, got 'x' of a.mp4"),
    ],
)
def test_markers_that_do_not_fit_are_said(table, columns, said):
    with pytest.raises(affekt.ConfigError, match=said):
        affekt.summarize(table, markers=pl.DataFrame(columns))


@pytest.mark.parametrize("given", [[(0, 1)], {"input": ["a.mp4"]}, 3])
def test_markers_of_another_kind_are_said(table, given):
    with pytest.raises(
        affekt.ConfigError, match=f"markers as a csv's path or a polars frame, got {type(given).__name__}"
    ):
        affekt.summarize(table, markers=given)


def log_odds(p):
    p = np.clip(p, 1e-3, 1 - 1e-3)
    return np.log(p / (1 - p))


@pytest.mark.parametrize("baseline", ["centre", "rest"])
def test_a_resting_face_is_subtracted_in_log_odds(table, baseline):
    markers = pl.DataFrame({"input": ["", ""], "start": [6, 10], "end": [10, 30], "name": ["rest", "film"]})
    markers = markers.with_columns(input=pl.lit(None, pl.String))
    summary = affekt.summarize(table, markers=markers, baseline=baseline)
    for row in summary.people.to_dicts():
        own = table.filter(input=row["input"], track=int(row["person"]))
        time_s = own["time_s"].to_numpy()
        weights = np.minimum(np.append(np.diff(time_s), np.median(np.diff(time_s))), row["end_s"] - time_s)
        resting = np.ones(len(own), bool) if baseline == "centre" else (time_s >= 6) & (time_s < 10)
        inside = (time_s >= row["start_s"]) & (time_s < row["end_s"])
        [rest] = summary.baseline.filter(input=row["input"], person=row["person"]).to_dicts()
        assert rest["baseline_rows"] == resting.sum()
        for label in LABELS:
            odds = log_odds(own[f"p_{label}"].to_numpy())
            assert log_odds(rest[f"p_{label}"]) == pytest.approx(np.median(odds[resting]))
            wanted = np.average(odds[inside] - np.median(odds[resting]), weights=weights[inside])
            assert row[f"log_odds_{label}_over_baseline"] == pytest.approx(wanted)
        valence = own["valence"].to_numpy()
        wanted = np.average(valence[inside] - np.median(valence[resting]), weights=weights[inside])
        assert row["valence_over_baseline"] == pytest.approx(wanted)


@pytest.mark.parametrize("typed", ["1:30 min", "1:30s", "0:01:30h"])
def test_a_time_with_colons_has_no_unit(table, typed):
    markers = pl.DataFrame({"start": [0], "end": [typed], "name": ["film"]}, strict=False)
    with pytest.raises(affekt.ConfigError, match=f"expected seconds as end .*, got '{typed}'"):
        affekt.summarize(table, markers=markers)


def test_a_named_person_rests_in_another_video(tmp_path):
    rest, film = one_expression([0.05] * 50), one_expression([0.5] * 50).with_columns(input=pl.lit("film.mp4"))
    names, markers = tmp_path / "names.csv", pl.DataFrame({"input": ["a.mp4", "film.mp4"], "name": ["rest", "film"]})
    names.write_text("input,track,person\na.mp4,0,Ada\nfilm.mp4,0,Ada\n")
    people = affekt.summarize(pl.concat([rest, film]), join=names, markers=markers, baseline="rest").people
    changed = people.filter(marker="film")["log_odds_happiness_over_baseline"].item()
    assert changed == pytest.approx(log_odds(0.5) - log_odds(0.05))
    unnamed = affekt.summarize(pl.concat([rest, film]), markers=markers, baseline="rest").people
    assert unnamed.filter(marker="film")["log_odds_happiness_over_baseline"].item() is None


def test_a_baseline_that_is_no_marker_is_said(table):
    with pytest.raises(affekt.ConfigError, match="expected a baseline among the markers all, or centre, got 'rest'"):
        affekt.summarize(table, baseline="rest")
    with pytest.raises(affekt.ConfigError, match=r"got 'center'; did you mean centre\?"):
        affekt.summarize(table, baseline="center")


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


def test_inputs_share_markers_and_have_groups_of_their_own(table, tmp_path):
    markers = tmp_path / "markers.csv"
    shared = ",0,5,rest,,\n,5,20,film,,\na.mp4,20,30,talk,alone,\n"
    markers.write_text(f"input,start,end,name,condition,participant\na.mp4,,,,sad,P1\nb.mp4,,,,funny,P2\n{shared}")
    study = affekt.summarize(table, markers=markers)
    found = study.people.select("input", "marker", "condition", "participant").unique().rows()
    both = [(f"{name}.mp4", marker) for name in ("a", "b/b") for marker in ("rest", "film")]
    told = {"a.mp4": ("sad", "P1"), "b/b.mp4": ("funny", "P2")}
    assert set(found) == {*((*each, *told[each[0]]) for each in both), ("a.mp4", "talk", "alone", "P1")}
    for rows in (study.episodes, study.bins):
        assert set(rows.select("input", "participant").rows()) == {("a.mp4", "P1"), ("b/b.mp4", "P2")}
        assert "condition" not in rows.columns, "it is not the same in all rows of a.mp4"


@pytest.mark.parametrize(
    ("rows", "markers"),
    [
        (["a.mp4,,,,P1", "b.mp4,,,,P2"], {"a.mp4": ["all"], "b/b.mp4": ["all"]}),
        (["a.mp4,,,,P1", "b.mp4,,,,P2", "b.mp4,0,5,rest,"], {"a.mp4": ["all"], "b/b.mp4": ["rest"]}),
        (["a.mp4,,,,P1", "b.mp4,,,,P2", ",0,5,rest,"], {"a.mp4": ["rest"], "b/b.mp4": ["rest"]}),
        (["a.mp4,,,,P1", ",,,,P2", ",0,5,rest,"], {"a.mp4": ["rest"], "b/b.mp4": ["rest"]}),
        (["a.mp4,,,,P1", ",,,,P2"], {"a.mp4": ["all"], "b/b.mp4": ["all"]}),
        (
            ["a.mp4,,,,P1", "b.mp4,,,,P2", ",,,all,", ",0,5,rest,"],
            {"a.mp4": ["all", "rest"], "b/b.mp4": ["all", "rest"]},
        ),
    ],
)
def test_a_row_of_groups_alone_counts_no_time_twice(table, tmp_path, rows, markers):
    given = tmp_path / "markers.csv"
    given.write_text("\n".join(["input,start,end,name,participant", *rows]))
    people = affekt.summarize(table, markers=given).people.filter(person="0")
    found = people.group_by("input", maintain_order=True).agg("marker", "participant")
    assert {name: sorted(each) for name, each, _ in found.rows()} == markers
    assert {name: set(each) for name, _, each in found.rows()} == {"a.mp4": {"P1"}, "b/b.mp4": {"P2"}}


@pytest.mark.parametrize("name", ["a.mp4", ""])
def test_an_input_has_one_row_of_groups_alone(table, tmp_path, name):
    given = tmp_path / "markers.csv"
    given.write_text(f"input,start,end,name,participant\n{name},,,,P1\n{name},,,,P2\n")
    said = f"expected one row without start, end and name for {name or 'all inputs'} in .*, got 2; make them one row"
    with pytest.raises(affekt.ConfigError, match=said):
        affekt.summarize(table, markers=given)


def test_markers_without_times_are_told(table, tmp_path, caplog):
    markers = tmp_path / "markers.csv"
    markers.write_text("input,condition,label,file_age\na.mp4,rest,3,4\n")
    with caplog.at_level("INFO", "affekt"):
        affekt.summarize(table, markers=markers)
    assert "each row means a whole video; its group columns are condition, label, file_age" in caplog.text
    markers.write_text("input,start,end,name,\na.mp4,0,5,rest,\n")
    with pytest.raises(affekt.ConfigError, match="expected a name over each column"):
        affekt.summarize(table, markers=markers)


@pytest.mark.parametrize(
    ("columns", "near", "proper"),
    [
        ("input,begin,end,name", "begin", "start"),
        ("input,Start,end,name", "Start", "start"),
        ("input,start_s,end,name", "start_s", "start"),
        ("input,onset,offset,name", "onset", "start"),
        ("input,beginTime,end,name", "beginTime", "start"),
        ("input,start,stop,name", "stop", "end"),
        ("input,start,to,name", "to", "end"),
        ("input,start,duration (s),name", "duration (s)", "end"),
        ("input,start,End,name", "End", "end"),
        ("file,start,end,name", "file", "input"),
        ("Video name,start,end,name", "Video name", "input"),
        ("input,start,end,label", "label", "name"),
        ("input,start,end,Name", "Name", "name"),
    ],
)
def test_a_column_near_an_absent_one_is_no_group(table, tmp_path, columns, near, proper):
    markers = tmp_path / "markers.csv"
    markers.write_text(f"{columns}\na.mp4,0,5,rest\n")
    with pytest.raises(affekt.ConfigError, match=re.escape(f"got {near!r} and no {proper}; ")):
        affekt.summarize(table, markers=markers)


def test_the_centre_is_no_marker(table):
    markers = pl.DataFrame({"input": ["a.mp4"], "start": [0], "end": [5], "name": ["centre"]})
    with pytest.raises(affekt.ConfigError, match="rename the marker"):
        affekt.summarize(table, markers=markers, baseline="centre")


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
