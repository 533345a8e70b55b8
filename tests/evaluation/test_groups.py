"""Groups: figures of each, differences from the others on the same resamples, and what is left out."""

import json

import numpy as np
import polars as pl
import pytest

from affekt.data.manifest import to_manifest
from affekt.errors import ConfigError
from affekt.evaluation.evaluate import evaluate_tables
from affekt.evaluation.groups import SHOWN, score_groups
from affekt.evaluation.predictions import match
from affekt.evaluation.report import write_report
from affekt.evaluation.score import LEAST_OF_EXPRESSION, LEAST_PEOPLE, LEAST_ROWS, Resampling, score
from affekt.labels import LABELS, PROBABILITY_COLUMNS


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
    whole = score(matched, how=Resampling(30))
    grouping = score_groups(matched, "age", whole.resampling)
    assert list(grouping.groups) == ["old", "young"]
    for value, group in grouping.groups.items():
        rows = grouped.filter((pl.col("split") == "test") & (pl.col("age") == value))
        alone = score(match(predictions_of(grouped).filter(pl.col("source_id").is_in(rows["source_id"])), rows, "test"))
        assert group.rows == len(rows)
        assert list(group.figures) == list(SHOWN)
        expected = {key: figure.value for key, figure in alone.figures.items()}
        often = [label for label in LABELS if (rows["emotion"] == label).sum() >= LEAST_OF_EXPRESSION]
        assert 1 < len(often) < len(LABELS)
        expected["balanced_accuracy"] = np.mean([alone.classes[label]["recall"].value for label in often])
        for key, figure in group.figures.items():
            assert figure.value == pytest.approx(expected[key], abs=1e-12)
            assert figure.low <= figure.value <= figure.high


def test_differences_are_from_the_others_whose_group_is_known_small_groups_included(grouped, predictions_of):
    matched = match(predictions_of(grouped), grouped, "test")
    grouping = score_groups(matched, "age", Resampling(30))
    right = matched.probabilities.argmax(axis=1) == matched.label
    ages = matched.rows["age"].to_numpy()
    others = right[(ages == "young") | (ages == "child")].mean()
    expected = right[ages == "old"].mean() - others
    assert grouping.groups["old"].minus_others["accuracy"].value == pytest.approx(expected, abs=1e-12)


def test_a_model_that_is_wrong_for_one_group_is_found_out(manifest_of, predictions_of):
    manifest = manifest_of(n=400, side=["left" if index % 4 < 2 else "right" for index in range(400)])
    good, bad = predictions_of(manifest, skill=5.0), predictions_of(manifest, skill=0.0)
    is_left = good["source_id"].is_in(manifest.filter(pl.col("side") == "left")["source_id"].implode())
    mixed = pl.concat([good.filter(is_left), bad.filter(~is_left)])
    matched = match(mixed, manifest, "test")
    groups = score_groups(matched, "side", Resampling(100)).groups
    assert groups["left"].minus_others["accuracy"].low > 0.5
    assert groups["right"].minus_others["accuracy"].high < -0.5
    assert groups["left"].minus_others["accuracy"].value == pytest.approx(
        -groups["right"].minus_others["accuracy"].value
    )


def test_a_fair_model_is_not_accused(manifest_of, predictions_of):
    manifest = manifest_of(n=400, side=["left" if index % 4 < 2 else "right" for index in range(400)])
    matched = match(predictions_of(manifest), manifest, "test")
    difference = score_groups(matched, "side", Resampling(100)).groups["left"].minus_others
    assert difference["accuracy"].low < 0 < difference["accuracy"].high


def answers(random, manifest, recalls, accuracy_of=None):
    """Return predictions that name an expression right with its recall, else the next one."""
    truth = np.array([LABELS.index(label) for label in manifest["emotion"]])
    chance = np.array(recalls)[truth] if accuracy_of is None else accuracy_of
    chosen = np.where(random.random(len(truth)) < chance, truth, (truth + 1) % len(LABELS))
    probabilities = np.full((len(truth), len(LABELS)), 0.02)
    probabilities[np.arange(len(truth)), chosen] = 0.86
    columns = dict(zip(PROBABILITY_COLUMNS, probabilities.T, strict=True))
    return pl.DataFrame({"source_id": manifest["source_id"], **columns})


def faces(truth, **columns):
    """Return a manifest without pictures, all in the split test."""
    n = len(truth)
    named = {"source_id": [f"{index}" for index in range(n)], "emotion": [LABELS[index] for index in truth]}
    return to_manifest(
        pl.DataFrame({"path": ["a.png"] * n, "split": ["test"] * n, "source": ["made"] * n, **named, **columns})
    )


def share_accused(draws, key, **how):
    """Return the share of differences that leave 0 out."""
    found = [score_groups(matched, "side", Resampling(**how)).groups["few"].minus_others[key] for matched in draws]
    return np.mean([figure.low > 0 or figure.high < 0 for figure in found])


def test_expressions_that_one_side_lacks_make_no_difference(manifest_of):
    random = np.random.default_rng(0)
    recalls = [0.9, 0.9, 0.8, 0.9, 0.7, 0.3, 0.8, 0.3]
    truth = np.concatenate([random.integers(0, 5, 400), random.integers(0, 8, 1600)])
    manifest = faces(truth, side=["few"] * 400 + ["many"] * 1600)
    matched = match(answers(random, manifest, recalls), manifest, "test")
    grouping = score_groups(matched, "side", Resampling(100))
    difference = grouping.groups["few"].minus_others["balanced_accuracy"]
    assert difference.low < 0 < difference.high
    own = [grouping.groups[name].figures["balanced_accuracy"].value for name in ("few", "many")]
    assert own[0] - own[1] > 0.1
    assert grouping.notes == (
        "side few and many: the difference in balanced accuracy is not over disgust, anger, contempt, of which one "
        "side has fewer than 5.",
    )


@pytest.mark.parametrize("accuracy", [0.9, 0.98])
def test_a_group_of_thirty_is_rarely_accused_for_nothing(accuracy):
    random = np.random.default_rng(1)

    def draws():
        for _ in range(150):
            manifest = faces(random.integers(0, 2, 600), side=["few"] * 30 + ["many"] * 570)
            yield match(answers(random, manifest, [accuracy] * 8), manifest, "test")

    assert share_accused(draws(), "accuracy", resamples=4, by="row") <= 0.08


def test_rare_expressions_of_a_small_group_rarely_accuse_it_for_nothing():
    random = np.random.default_rng(2)
    shares = np.array([0.39, 0.28, 0.11, 0.1, 0.02, 0.01, 0.08, 0.01])

    def draws():
        for _ in range(100):
            truth = random.choice(8, 900, p=shares)
            manifest = faces(truth, side=["few"] * 90 + ["many"] * 810)
            yield match(answers(random, manifest, [0.9, 0.96, 0.7, 0.9, 0.6, 0.3, 0.8, 0.4]), manifest, "test")

    assert share_accused(draws(), "balanced_accuracy", resamples=4, by="row") <= 0.1


def test_people_who_differ_rarely_accuse_their_group_for_nothing():
    random = np.random.default_rng(3)
    people = np.repeat(np.arange(100), 8)

    def draws():
        for _ in range(60):
            manifest = faces(
                random.integers(0, 2, 800),
                side=["few" if person < LEAST_PEOPLE else "many" for person in people],
                subject=[f"person {person}" for person in people],
            )
            of_person = random.beta(9, 1, 100)[people]
            yield match(answers(random, manifest, None, of_person), manifest, "test")

    assert share_accused(draws(), "accuracy", resamples=40, by="subject") <= 0.1


def test_too_few_people_have_no_figures(manifest_of, predictions_of):
    manifest = manifest_of(
        n=240,
        side=["left" if index % 4 < 2 else "right" for index in range(240)],
        subject=[f"person {index % 4 < 2} {index // 20}" for index in range(240)],
    )
    matched = match(predictions_of(manifest), manifest, "test")
    grouping = score_groups(matched, "side", Resampling(10, by="subject"))
    assert grouping.groups == {}
    assert grouping.notes == ("Fewer than 20 people of side, so no figures: left (12), right (12).",)


def test_what_is_left_out_is_said(grouped, predictions_of):
    matched = match(predictions_of(grouped), grouped, "test")
    notes = score_groups(matched, "age", Resampling(10)).notes
    assert notes[:2] == (
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
    groups = score_groups(matched, "side", Resampling(10)).groups
    assert "valence_ccc" in groups["left"].figures
    assert "valence_ccc" not in groups["right"].figures
    assert "valence_ccc" not in groups["left"].minus_others


def test_people_are_resampled_whole_where_the_split_was(manifest_of, predictions_of):
    manifest = manifest_of(
        n=240,
        side=["left" if index % 4 < 2 else "right" for index in range(240)],
        subject=[f"person {index // 4}" for index in range(240)],
    )
    matched = match(predictions_of(manifest), manifest, "test")
    by_row, by_subject = (score_groups(matched, "side", Resampling(50, by=by)) for by in ("row", "subject"))
    assert by_row.groups["left"].figures["accuracy"].value == by_subject.groups["left"].figures["accuracy"].value
    assert by_row.groups["left"].figures["accuracy"] != by_subject.groups["left"].figures["accuracy"]


@pytest.mark.parametrize(
    ("attribute", "message"), [("size", "among age, source, got 'size'"), ("age", "up to 24 groups")]
)
def test_what_cannot_group_is_refused(manifest_of, predictions_of, attribute, message):
    manifest = manifest_of(n=160, age=np.arange(160))
    matched = match(predictions_of(manifest), manifest, "test")
    with pytest.raises(ConfigError, match=message):
        score_groups(matched, attribute, Resampling(5))


def test_the_report_shows_groups(tmp_path, grouped, predictions_of):
    evaluation = evaluate_tables(
        {"one": predictions_of(grouped)}, grouped, "test", Resampling(20), groups=("age", "source")
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
    for told in (table, page):
        assert "a group over those of which it has 5 rows or people: do not compare a group with all" in told
    assert "<h3>Groups</h3>" in page
    assert "so no figures: child (10)" in page


def test_no_groups_no_section(tmp_path, manifest, predictions):
    evaluation = evaluate_tables({"one": predictions}, manifest, "test", Resampling(5))
    write_report(evaluation, tmp_path, pictures=0)
    assert "Groups" not in (tmp_path / "report.html").read_text()
    assert json.loads((tmp_path / "metrics.json").read_text())["models"]["one"]["groups"] == {}
