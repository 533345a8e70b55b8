"""Markers: what is cut, what groups travel along, and what cannot be meant."""

import re

import polars as pl
import pytest

import affekt


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


@pytest.mark.parametrize("typed", ["1:30 min", "1:30s", "0:01:30h"])
def test_a_time_with_colons_has_no_unit(table, typed):
    markers = pl.DataFrame({"start": [0], "end": [typed], "name": ["film"]}, strict=False)
    with pytest.raises(affekt.ConfigError, match=f"expected seconds as end .*, got '{typed}'"):
        affekt.summarize(table, markers=markers)


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
