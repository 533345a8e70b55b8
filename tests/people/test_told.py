"""What a summary tells of markers, recordings and resting faces that are hardly meant so."""

import polars as pl
import pytest
from tests.people.conftest import make_rows, one_expression

import affekt


def test_markers_beyond_their_recordings_are_told(told):
    first = one_expression([0.2] * 100)  # 10 s, of which nobody is seen in the last 5
    first = first.with_columns(status=pl.when(pl.col("time_s") < 5).then("status").otherwise(pl.lit("no_face")))
    rows = pl.concat([first, one_expression([0.2] * 600, input="b.mp4")])

    def markers(*cuts):
        rows = [(float(start), float(end), f"m{place}") for place, (start, end) in enumerate(cuts)]
        return pl.DataFrame(rows, schema=["start", "end", "name"], orient="row")

    assert told(rows, markers=markers((0, 10), (0, 5), (4, 10.9))) == []
    assert told(rows, markers=markers((0, 10), (5, 11.5))) == [
        "the frame of markers goes beyond the recording in 1 of 4 intervals; the first is 'm1' of a.mp4, from 5 to "
        "11.5 s, where the recording ends at 10.0 s"
    ]
    said = "in 3 of 6 intervals; the first is 'm2' of a.mp4, from 9 to 61 s, where the recording ends at 10.0 s"
    [line] = told(rows, markers=markers((0, 10), (100, 120), (9, 61)))
    assert line.endswith(said)
    [line] = told(rows, markers=markers((-5, 0), (0, 5)))
    assert "in 2 of 4 intervals; the first is 'm0' of a.mp4, from -5 to 0 s" in line
    [line] = told(rows, markers=markers((-5, 20), (0, 5)))
    assert "in 2 of 4 intervals; the first is 'm0' of a.mp4, from -5 to 20 s" in line


def test_recordings_that_markers_leave_out_are_told_and_in_no_table(table, tmp_path, told):
    markers = tmp_path / "markers.csv"
    rows = pl.concat([table, make_rows("c.mp4", seed=3)])
    markers.write_text("input,start,end,name,condition,age\nb.mp4,0,10,rest,sad,3\n")
    said = [f"{markers} has no row for 2 recordings, left out here; the first is a.mp4"]
    for baseline in ("rest", "centre"):
        assert told(rows, markers=markers, baseline=baseline) == said
        study = affekt.summarize(rows, markers=markers, baseline=baseline)
        for each in (study.people, study.episodes, study.bins, study.baseline):
            assert set(each["input"]) == {"b/b.mp4"}
    markers.write_text("input,start,end,name,condition,age\nb.mp4,,,,sad,3\na.mp4,,,,,4\n,0,10,rest,,\n")
    assert told(rows, markers=markers) == [
        f"{markers} gives no condition to 2 recordings; the first is a.mp4",
        f"{markers} gives no age to 1 recording; the first is c.mp4",
    ]


def test_a_resting_face_of_nobody_or_of_a_moment_is_told(told):
    long, short = one_expression([0.2] * 200, reliable=True), one_expression([0.2] * 200, track=1)
    short = short.with_columns(reliable=pl.col("time_s") > 9.65)
    late, alone = long.with_columns(pl.col("time_s") + 12, track=2), long.with_columns(input=pl.lit("b.mp4"))
    rows = pl.concat([long, short, late, alone], how="vertical_relaxed")
    markers = pl.DataFrame({"input": ["a.mp4"] * 2, "start": [0, 10], "end": [10, 30], "name": ["rest", "film"]})
    left, *of_baseline = told(rows, markers=markers, baseline="rest")
    assert left == "the frame of markers has no row for 1 recording, left out here; the first is b.mp4"
    assert of_baseline == [
        "1 of 3 people, counted per recording, had no frame that counts in rest, and so no baseline; the first is "
        "person 2 of a.mp4",
        "1 of 3 people, counted per recording, had a baseline of less than 5 s in rest; the first is person 1 of "
        "a.mp4, with 3 frames, 0.3 s",
    ]
    baseline = affekt.summarize(rows, markers=markers, baseline="rest").baseline
    assert baseline["baseline_s"].to_list() == pytest.approx([10, 0.3])
    assert told(rows, baseline="centre") == []
