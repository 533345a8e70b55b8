"""Groups: figures of each, differences from the others on the same resamples, and what is left out."""

import json

import numpy as np
import polars as pl
import pytest

from affekt.errors import ConfigError
from affekt.evaluation.evaluate import evaluate_tables
from affekt.evaluation.groups import LEAST_ROWS, SHOWN, score_groups
from affekt.evaluation.predictions import match
from affekt.evaluation.report import write_report
from affekt.evaluation.score import score


def halves(n):
    """Return a group for each row of a manifest of `n`: two large ones, a small one, and some not known."""
    values = ["old" if index % 4 == 1 else "young" for index in range(n)]
    values[1:20:2] = ["child"] * 10
    values[21:29:2] = [None] * 4
    return values


@pytest.fixture
def grouped(manifest_of):
    return manifest_of(n=240, age=halves(240))


def test_each_group_is_scored_like_a_table_of_its_rows_alone(grouped, predictions_of):
    matched = match(predictions_of(grouped), grouped, "test")
    whole = score(matched, resamples=30)
    grouping = score_groups(matched, "age", whole.resampling)
    assert list(grouping.groups) == ["old", "young"]
    for value, group in grouping.groups.items():
        rows = grouped.filter((pl.col("split") == "test") & (pl.col("age") == value))
        alone = score(match(predictions_of(grouped).filter(pl.col("source_id").is_in(rows["source_id"])), rows, "test"))
        assert group.rows == len(rows)
        assert list(group.figures) == list(SHOWN)
        for key, figure in group.figures.items():
            assert figure.value == pytest.approx(alone.figures[key].value, abs=1e-12)
            assert figure.low <= figure.value <= figure.high


def test_differences_are_from_the_others_whose_group_is_known_small_groups_included(grouped, predictions_of):
    matched = match(predictions_of(grouped), grouped, "test")
    grouping = score_groups(matched, "age", score(matched, resamples=30).resampling)
    right = matched.probabilities.argmax(axis=1) == matched.label
    ages = matched.rows["age"].to_numpy()
    others = right[(ages == "young") | (ages == "child")].mean()
    expected = right[ages == "old"].mean() - others
    assert grouping.groups["old"].differences["accuracy"].value == pytest.approx(expected, abs=1e-12)


def test_a_model_that_is_wrong_for_one_group_is_found_out(manifest_of, predictions_of):
    manifest = manifest_of(n=400, side=["left" if index % 4 < 2 else "right" for index in range(400)])
    good, bad = predictions_of(manifest, skill=5.0), predictions_of(manifest, skill=0.0)
    is_left = good["source_id"].is_in(manifest.filter(pl.col("side") == "left")["source_id"].implode())
    mixed = pl.concat([good.filter(is_left), bad.filter(~is_left)])
    matched = match(mixed, manifest, "test")
    groups = score_groups(matched, "side", score(matched, resamples=100).resampling).groups
    assert groups["left"].differences["accuracy"].low > 0.5
    assert groups["right"].differences["accuracy"].high < -0.5
    assert groups["left"].differences["accuracy"].value == pytest.approx(-groups["right"].differences["accuracy"].value)


def test_a_fair_model_is_not_accused(manifest_of, predictions_of):
    manifest = manifest_of(n=400, side=["left" if index % 4 < 2 else "right" for index in range(400)])
    matched = match(predictions_of(manifest), manifest, "test")
    difference = score_groups(matched, "side", score(matched, resamples=100).resampling).groups["left"].differences
    assert difference["accuracy"].low < 0 < difference["accuracy"].high


def test_what_is_left_out_is_said(grouped, predictions_of):
    matched = match(predictions_of(grouped), grouped, "test")
    notes = score_groups(matched, "age", score(matched, resamples=10).resampling).notes
    assert notes == (
        "age is not known for 4 of 124 rows.",
        f"Fewer than {LEAST_ROWS} rows of age, so no figures: child (10).",
    )


def test_a_group_without_rated_points_has_no_concordance(manifest_of, predictions_of):
    side = ["left" if index % 4 < 2 else "right" for index in range(240)]
    manifest = manifest_of(n=240, side=side).with_columns(
        pl.when(pl.col("side") == "left").then(pl.col("valence", "arousal"))
    )
    predictions = predictions_of(manifest_of(n=240))
    matched = match(predictions, manifest, "test")
    groups = score_groups(matched, "side", score(matched, resamples=10).resampling).groups
    assert "valence_ccc" in groups["left"].figures
    assert "valence_ccc" not in groups["right"].figures
    assert "valence_ccc" not in groups["left"].differences


def test_people_are_resampled_whole_where_the_split_was(manifest_of, predictions_of):
    manifest = manifest_of(
        n=240,
        side=["left" if index % 4 < 2 else "right" for index in range(240)],
        subject=[f"person {index // 20}" for index in range(240)],
    )
    matched = match(predictions_of(manifest), manifest, "test")
    by_row, by_subject = (
        score_groups(matched, "side", score(matched, resamples=50, by=by).resampling) for by in ("row", "subject")
    )
    assert by_row.groups["left"].figures["accuracy"].value == by_subject.groups["left"].figures["accuracy"].value
    assert by_row.groups["left"].figures["accuracy"] != by_subject.groups["left"].figures["accuracy"]


@pytest.mark.parametrize(
    ("attribute", "message"), [("size", "among age, source, got 'size'"), ("age", "up to 24 groups")]
)
def test_what_cannot_group_is_refused(manifest_of, predictions_of, attribute, message):
    manifest = manifest_of(n=160, age=np.arange(160))
    matched = match(predictions_of(manifest), manifest, "test")
    with pytest.raises(ConfigError, match=message):
        score_groups(matched, attribute, score(matched, resamples=5).resampling)


def test_the_report_shows_groups(tmp_path, grouped, predictions_of):
    evaluation = evaluate_tables(
        {"one": predictions_of(grouped)}, grouped, "test", resamples=20, progress=False, groups=("age", "source")
    )
    write_report(evaluation, tmp_path, pictures=0)
    found = json.loads((tmp_path / "metrics.json").read_text())["models"]["one"]["groups"]
    assert found["age"]["groups"]["old"]["rows"] == 53
    assert set(found["age"]["groups"]["old"]["minus_others"]) == set(SHOWN)
    assert found["source"]["groups"]["made"]["minus_others"] == {}
    table = (tmp_path / "table.md").read_text()
    assert "**one by age**" in table
    assert "**one by age: each group minus the others**" in table
    assert "one by source: each" not in table
    page = (tmp_path / "report.html").read_text()
    assert "<h3>Groups</h3>" in page
    assert "so no figures: child (10)" in page


def test_no_groups_no_section(tmp_path, manifest, predictions):
    evaluation = evaluate_tables({"one": predictions}, manifest, "test", resamples=5, progress=False)
    write_report(evaluation, tmp_path, pictures=0)
    assert "Groups" not in (tmp_path / "report.html").read_text()
    assert json.loads((tmp_path / "metrics.json").read_text())["models"]["one"]["groups"] == {}
