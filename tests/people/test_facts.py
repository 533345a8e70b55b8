"""What methods.md says of the people of this summary, and only where it applies."""

import polars as pl
import pytest
from tests.people.conftest import make_rows, one_expression

import affekt
from affekt.people.facts import MOST_MARKERS


@pytest.fixture
def study():
    """Ada is seen for 40 s; Ben, in a shorter video, only after 12 s."""
    seconds = [one_expression([0.4, 0.41] * 200), one_expression([0.4, 0.41] * 100, input="b.mp4")]
    late = seconds[1].with_columns(pl.col("time_s") + 12)
    reliable = [pl.Series([True] * 300 + [False] * 100), pl.Series([True] * 200)]
    return pl.concat(
        [part.with_columns(reliable=good) for part, good in zip([seconds[0], late], reliable, strict=True)]
    )


def test_a_plain_summary_says_nothing_that_does_not_apply(table):
    text = affekt.summarize(table).methods
    for words in ("left out by hand", "became", "marked intervals", "were reliable", "resting face", "Without"):
        assert words not in text, words


def test_markers_baselines_reliable_rows_and_missing_intervals_are_counted(study):
    markers = pl.DataFrame({"start": [0, 10], "end": [10, None], "name": ["rest", "film"]})
    summary = affekt.summarize(study, markers=markers, baseline="rest")
    assert summary.people.select("input", "marker").rows() == [("a.mp4", "rest"), ("a.mp4", "film"), ("b.mp4", "film")]
    text = summary.methods
    for sentence in (
        "The marked intervals are rest (2 recordings, 10 s long on average), film (2 recordings, 26 s long on average)",
        "Of 600 rows with a face, 500 (83 %) were reliable.",
        "The resting face of 1 of 2 people, the median of their frames in the interval rest, was subtracted",
        "1 person had too few such frames that count.",
        "people.csv has 3 rows, each a person in a recording or interval. Without 95 % intervals: 3, because fewer",
    ):
        assert sentence in text, sentence
    assert "Each person's resting face" not in text
    assert (
        "Each person's resting face, the median of all their frames,"
        in affekt.summarize(study, baseline="centre").methods
    )
    # The sentence on blocks says what is cut, what is drawn, and when there is no interval.
    assert "frames in a recording or interval were cut into blocks of 5 s, and as many blocks were drawn" in text


def test_reliable_rows_are_those_within_the_markers(study):
    markers = pl.DataFrame({"input": ["a.mp4"] * 2, "start": [0, 5], "end": [10, 35], "name": ["rest", "film"]})
    summary = affekt.summarize(study, markers=markers)
    assert summary.people["rows"].to_list() == [100, 300]
    assert "Of 350 rows with a face, 300 (86 %) were reliable." in summary.methods


def test_a_row_without_a_frame_that_counts_has_no_means(study):
    nobody = study.with_columns(pl.col("reliable") & (pl.col("input") == "a.mp4"))
    text = affekt.summarize(nobody).methods
    assert "Without means: 1, because no frame counted." in text
    assert "Without 95 % intervals" not in text, "30 s are enough for Ada"


def test_who_was_joined_and_who_was_left_out_is_counted(tmp_path):
    tracks = [make_rows(track=track, seed=track, frames=100, start_s=20 * track) for track in range(4)]
    names = tmp_path / "names.csv"
    names.write_text("input,track,person\na.mp4,0,Ada\na.mp4,2,Ada\na.mp4,1,Ben\na.mp4,3,interviewer\n")
    text = affekt.summarize(pl.concat(tracks), join=names, leave_out="interviewer").methods
    assert "A list said which tracks are one person: 3 tracks became 2 people. 1 person was left out by hand." in text


def test_of_very_many_markers_some_are_named(table):
    trials = range(MOST_MARKERS + 3)
    markers = pl.DataFrame(
        {"start": [*trials], "end": [each + 1 for each in trials], "name": [f"t{n}" for n in trials]}
    )
    text = affekt.summarize(table.filter(track=0), markers=markers).methods
    assert f"t{MOST_MARKERS - 1} (2 recordings, 1 s long on average), and 3 more." in text
