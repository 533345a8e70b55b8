"""Scores as a whole: figures agree with their own references, intervals are repeatable, oddities become sentences."""

import json
import re

import numpy as np
import polars as pl
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import binomtest, entropy, pearsonr
from sklearn import metrics as sk

from affekt.errors import ConfigError, DataError
from affekt.evaluation.evaluate import floor_predictions
from affekt.evaluation.figures import DEFINITIONS, Figure
from affekt.evaluation.predictions import match
from affekt.evaluation.report import scores_to_json
from affekt.evaluation.score import Resampling, compare, notes_on, score
from affekt.labels import LABELS, PROBABILITY_COLUMNS


def scored(predictions, manifest, name="model", **options):
    return score(match(predictions, manifest, "test"), name, Resampling(**({"resamples": 100} | options)))


def lin(truth, predicted):
    """Lin's concordance from Pearson's correlation, as the literature writes it."""
    rho = pearsonr(truth, predicted)[0]
    apart = (truth.mean() - predicted.mean()) ** 2
    return 2 * rho * truth.std() * predicted.std() / (truth.var() + predicted.var() + apart)


def gap(confidence, right, bins=15):
    """Expected calibration error, bin by bin."""
    inside = [(confidence > low / bins) & (confidence <= (low + 1) / bins) for low in range(bins)]
    return sum(abs(right[rows].mean() - confidence[rows].mean()) * rows.mean() for rows in inside if rows.any())


def test_every_figure_agrees_with_an_independent_one_end_to_end(manifest, predictions):
    scores = scored(predictions, manifest)
    rows = manifest.filter(pl.col("split") == "test")
    truth = np.array([LABELS.index(label) for label in rows["emotion"]])
    probabilities = predictions.select(PROBABILITY_COLUMNS).to_numpy()
    chosen, one_hot = probabilities.argmax(axis=1), np.eye(8)[truth]
    votes = rows["votes"].to_numpy().astype(float)
    values = np.concatenate([truth, chosen])
    two = np.nonzero(~np.eye(len(values), dtype=bool))  # any two values, for Krippendorff's alpha by definition
    expected = {
        "accuracy": sk.accuracy_score(truth, chosen),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, chosen),
        "macro_f1": sk.f1_score(truth, chosen, average="macro"),
        "weighted_f1": sk.f1_score(truth, chosen, average="weighted"),
        "roc_auc": sk.roc_auc_score(truth, probabilities, multi_class="ovr"),
        "pr_auc": sk.average_precision_score(one_hot, probabilities),
        "kappa": sk.cohen_kappa_score(truth, chosen),
        "alpha": 1 - np.mean(truth != chosen) / np.mean(values[two[0]] != values[two[1]]),
        "log_loss": sk.log_loss(truth, probabilities),
        "brier": ((probabilities - one_hot) ** 2).sum(axis=1).mean(),
        "ece": gap(probabilities.max(axis=1), chosen == truth),
        "votes_kl": entropy(votes, probabilities, axis=1).mean(),
        "votes_js": (jensenshannon(votes, probabilities, axis=1, base=2) ** 2).mean(),
    }
    for name in ("valence", "arousal"):
        true, predicted = rows[name].cast(pl.Float64).to_numpy(), predictions[name].to_numpy()
        expected |= {
            f"{name}_rmse": sk.root_mean_squared_error(true, predicted),
            f"{name}_mae": sk.mean_absolute_error(true, predicted),
            f"{name}_corr": pearsonr(true, predicted)[0],
            f"{name}_sagr": sk.accuracy_score(np.sign(true), np.sign(predicted)),
            f"{name}_ccc": lin(true, predicted),
        }
    assert scores.figures.keys() == expected.keys() == DEFINITIONS.keys()
    for key, value in expected.items():
        assert scores.figures[key].value == pytest.approx(value, abs=1e-7), key
    assert scores.confusion is not None
    np.testing.assert_array_equal(scores.confusion, sk.confusion_matrix(truth, chosen))

    precision, recall, f1, _ = sk.precision_recall_fscore_support(truth, chosen)
    roc = sk.roc_auc_score(one_hot, probabilities, average=None)
    pr = sk.average_precision_score(one_hot, probabilities, average=None)
    for index, label in enumerate(LABELS):
        found = {key: figure.value for key, figure in scores.classes[label].items()}
        columns = {"precision": precision, "recall": recall, "f1": f1, "roc_auc": roc, "pr_auc": pr}
        assert found == pytest.approx({key: values[index] for key, values in columns.items()}), label


def test_every_figure_lies_in_its_interval(manifest, predictions):
    scores = scored(predictions, manifest, resamples=300)
    biased = {"ece"}
    for key, figure in scores.figures.items():
        assert figure.low < figure.high
        assert key in biased or figure.low <= figure.value <= figure.high


def test_the_seed_repeats_and_resamples_are_shared(manifest, predictions, predictions_of):
    first, again = scored(predictions, manifest), scored(predictions, manifest)
    assert first.figures == again.figures
    assert set(compare(first, again).values()) == {type(first.figures["accuracy"])(0, 0, 0)}
    other = scored(predictions_of(manifest, skill=1.0, seed=5), manifest)
    difference = compare(first, other)["accuracy"]
    assert difference.value == pytest.approx(first.figures["accuracy"].value - other.figures["accuracy"].value)
    draws = first.draws["accuracy"] - other.draws["accuracy"]
    assert (difference.low, difference.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])))


def test_a_paired_interval_is_narrower_than_two_apart(manifest, predictions):
    nearly = predictions.with_columns(
        pl.when(pl.int_range(pl.len()) > 2).then(pl.col(PROBABILITY_COLUMNS)).otherwise(1 / 8)
    )
    one, two = scored(predictions, manifest), scored(nearly, manifest)
    difference = compare(one, two)["accuracy"]
    figure = one.figures["accuracy"]
    assert difference.high - difference.low < (figure.high - figure.low) / 2


def test_scores_of_other_resamples_are_not_compared(manifest, predictions):
    with pytest.raises(ConfigError, match="same resamples"):
        compare(scored(predictions, manifest), scored(predictions, manifest, seed=1))


def test_subjects_are_resampled_whole(manifest_of, predictions_of):
    people = manifest_of(subject=[f"person {index % 6}" for index in range(160)])
    predictions = predictions_of(people)
    by_row, by_subject = scored(predictions, people), scored(predictions, people, by="subject")
    assert by_subject.resampling.by == "subject"
    assert by_row.figures["accuracy"].value == by_subject.figures["accuracy"].value
    assert by_row.figures["accuracy"].low != by_subject.figures["accuracy"].low
    assert any("resample by subject" in note for note in by_row.notes)
    assert not any("resample by subject" in note for note in by_subject.notes)


def test_subjects_that_are_not_there_cannot_be_resampled(manifest, predictions):
    with pytest.raises(ConfigError, match="got none in 84 of 84 rows"):
        scored(predictions, manifest, by="subject")


def test_constant_predictions_are_nan_and_a_sentence(manifest, predictions):
    constant = predictions.with_columns(
        *(pl.lit(float(index == 0)).alias(name) for index, name in enumerate(PROBABILITY_COLUMNS)),
        valence=pl.lit(1.5),
        arousal=pl.lit(0.1),
    )
    scores = scored(constant, manifest)
    assert np.isnan(scores.figures["valence_corr"].value)
    assert np.isnan(scores.figures["valence_corr"].low)
    assert scores.figures["valence_ccc"].value == 0
    assert scores.figures["kappa"].value == 0
    assert scores.figures["roc_auc"].value == 0.5
    said = " ".join(scores.notes)
    assert "Every row is predicted neutral." in said
    assert "The predicted valence is 1.500 throughout: CORR is not defined" in said
    assert "84 of 84 predictions of valence lie outside [-1, 1]." in said


def test_a_constant_that_is_the_truth_has_no_ccc_and_the_sentence_says_so(manifest, predictions):
    flat = manifest.with_columns(valence=pl.lit(0.25, pl.Float32))
    scores = scored(predictions.with_columns(valence=pl.lit(0.25)), flat)
    assert np.isnan(scores.figures["valence_ccc"].value)
    assert "The predicted valence is 0.250 throughout: CORR and CCC are not defined." in scores.notes
    apart = scored(predictions.with_columns(valence=pl.lit(0.5)), flat)
    assert apart.figures["valence_ccc"].value == 0
    assert "The predicted valence is 0.500 throughout: CORR is not defined and CCC is 0." in apart.notes


def test_a_figure_outside_its_interval_is_named_with_its_dimension_and_its_reason(manifest, predictions):
    figures = {"ece": Figure(0.1, 0.2, 0.3), "valence_ccc": Figure(0.9, 0.1, 0.8), "accuracy": Figure(0.5, 0.4, 0.6)}
    notes = notes_on(match(predictions, manifest, "test"), figures, "row")
    assert any(note.startswith("ECE lies outside") and "cannot fall below 0" in note for note in notes)
    assert any(note.startswith("CCC of valence lies outside") and "to one side of it" in note for note in notes)
    assert not any(note.startswith("Accuracy") for note in notes)


def test_few_rows_or_people_are_said(manifest_of, predictions_of):
    crowd = manifest_of(subject=[f"person {index // 10}" for index in range(160)])
    by_row, by_subject = (scored(predictions_of(crowd), crowd, by=by).notes for by in ("row", "subject"))
    assert not any("too narrow." in note for note in by_row)
    assert "The intervals come from 16 subjects: from fewer than 20 they are too narrow." in by_subject
    few = crowd.with_columns(split=pl.when(pl.int_range(pl.len()) < 40).then("split").otherwise(pl.lit("train")))
    notes = scored(predictions_of(few), few).notes
    assert "The intervals come from 24 rows: from fewer than 30 they are too narrow." in notes


def test_copies_within_the_split_are_said(manifest_of, predictions_of):
    hashes = [None if index < 40 else f"picture {index // 4}" for index in range(160)]
    copied = manifest_of(pixel_sha256=hashes)
    rows = copied.filter(pl.col("split") == "test")
    copies = rows["pixel_sha256"].count() - rows["pixel_sha256"].drop_nulls().n_unique()
    assert copies > 10
    said = f"{copies} of {len(rows)} rows are exact copies of others, and count as if they were other pictures."
    assert said in scored(predictions_of(copied), copied).notes
    different = manifest_of(pixel_sha256=[f"picture {index}" for index in range(160)])
    assert not any("copies" in note for note in scored(predictions_of(different), different).notes)


def test_one_unknown_subject_does_not_hide_that_others_have_several_pictures(manifest_of, predictions_of):
    people = manifest_of(subject=[None, *(f"person {index // 10}" for index in range(1, 160))])
    notes = scored(predictions_of(people), people).notes
    assert any("rows whose subject is known show 16 subjects" in note for note in notes)


def test_people_of_two_data_sets_with_one_name_are_two_subjects(manifest_of, predictions_of):
    people = manifest_of(source=["one", "two"] * 80, subject=[str(index // 8) for index in range(160)])
    note = next(note for note in scored(predictions_of(people), people).notes if "subjects" in note)
    rows = people.filter(pl.col("split") == "test")
    assert f"show {rows.select('source', 'subject').n_unique()} subjects" in note
    assert rows.select("source", "subject").n_unique() != rows["subject"].n_unique()


def test_one_class_in_the_truth_is_a_sentence_and_not_a_crash(manifest, predictions):
    happy = manifest.with_columns(emotion=pl.lit("happiness"))
    scores = scored(predictions, happy)
    assert np.isnan(scores.figures["roc_auc"].value)
    assert "The truth is happiness throughout" in scores.notes[0]
    assert 0 < scores.figures["accuracy"].value < 1


def test_absent_classes_are_counted(manifest, predictions):
    few = manifest.filter(~pl.col("emotion").is_in(["fear", "contempt"]))
    kept = predictions.filter(pl.col("source_id").is_in(few["source_id"].implode()))
    scores = scored(kept, few)
    assert "No row is fear or contempt: recall, AUC and PR-AUC are means over the other 6 of 8 classes." in scores.notes
    assert np.isnan(scores.classes["fear"]["roc_auc"].value)
    assert not np.isnan(scores.figures["roc_auc"].value)


@pytest.mark.parametrize(("rows", "is_told"), [(0, True), (4, True), (5, False)])
def test_expressions_with_next_to_no_rows_that_lower_the_macro_f1_are_named(manifest, predictions, rows, is_told):
    tested = manifest.filter(split="test")
    of_disgust = (pl.col("emotion") == "disgust") & ((pl.col("emotion") == "disgust").cum_sum() > rows)
    few = tested.filter(~of_disgust).with_columns(
        emotion=pl.when(pl.col("emotion") == "fear").then(pl.lit("neutral")).otherwise("emotion")
    )
    asked = predictions.filter(pl.col("source_id").is_in(few["source_id"].implode()))
    wrong = asked.with_columns(  # all of disgust is missed, and a neutral face is called so
        p_disgust=pl.when(pl.int_range(pl.len()) == few["emotion"].index_of("neutral")).then(1.0).otherwise(0.0),
    )
    shares = wrong.select(PROBABILITY_COLUMNS)
    wrong = wrong.with_columns(pl.col(name) / shares.sum_horizontal() for name in PROBABILITY_COLUMNS)
    told = [note for note in scored(wrong, few).notes if f"disgust ({rows} of " in note]
    assert all(" rows, F1 0.000)" in note for note in told)
    assert bool(told) == is_told
    if told:
        assert "Macro F1 is over 8 classes" in told[0]
        assert re.search(r"type: --without (fear )?disgust$", told[0])


def test_votes_of_some_rows_are_scored_on_those(manifest, predictions):
    partly = manifest.with_columns(votes=pl.when(pl.int_range(pl.len()) % 2 == 0).then("votes"))
    scores = scored(predictions, partly)
    assert scores.figures["votes_js"].value > 0
    assert any(note.startswith("Votes are known for") for note in scores.notes)
    assert (
        "votes_kl"
        not in scored(predictions, manifest.with_columns(votes=pl.lit(None, manifest["votes"].dtype))).figures
    )


def test_truths_of_exactly_zero_are_counted(manifest, predictions):
    zero = manifest.with_columns(valence=pl.when(pl.int_range(pl.len()) % 2 == 0).then("valence").otherwise(0))
    scores = scored(predictions, zero)
    zeros = (zero.filter(pl.col("split") == "test")["valence"] == 0).sum()
    assert scores.notes[1].startswith(f"The true valence is exactly 0 in {zeros} of 84 rows")
    assert scores.figures["valence_sagr"].value <= 1 - zeros / 84


def perfect(predictions_of, rows):
    """Predictions with no mistake."""
    return predictions_of(rows, skill=100.0)


def test_a_share_of_few_rows_that_are_all_right_is_not_certain(manifest, predictions_of):
    scores = scored(perfect(predictions_of, manifest), manifest)
    for index, label in enumerate(LABELS):
        rows = int(scores.confusion[index].sum())
        expected = binomtest(rows, rows).proportion_ci(method="wilson")
        for key in ("recall", "precision"):
            found = scores.classes[label][key]
            assert (found.low, found.high) == pytest.approx((expected.low, 1), abs=1e-9), label
    assert scores.figures["accuracy"].low == pytest.approx(84 / (84 + 1.959964**2), abs=1e-6)
    assert scores.answered[0.0]["accuracy"] == scores.figures["accuracy"]


def test_people_and_not_pictures_are_few_where_people_are_drawn(manifest_of, predictions_of):
    people = manifest_of(subject=[f"person {index % 20}" for index in range(160)])
    by_row = scored(perfect(predictions_of, people), people)
    by_subject = scored(perfect(predictions_of, people), people, by="subject")
    shown = people.filter(pl.col("split") == "test")["subject"].n_unique()
    assert by_subject.figures["accuracy"].low == pytest.approx(shown / (shown + 1.959964**2), abs=1e-6)
    assert by_row.figures["accuracy"].low > by_subject.figures["accuracy"].low


def test_a_share_of_many_rows_keeps_the_bootstraps_interval(manifest, predictions):
    scores = scored(predictions, manifest)
    right = scores.figures["accuracy"].value * scores.matched.rows.height
    assert 10 <= right <= scores.matched.rows.height - 10
    found = scores.figures["accuracy"]
    assert (found.low, found.high) == tuple(np.quantile(scores.draws["accuracy"], [0.025, 0.975]))


def test_a_class_that_is_never_predicted_has_no_precision_and_no_interval(manifest, predictions):
    never = predictions.with_columns(pl.lit(0.0).alias(PROBABILITY_COLUMNS[LABELS.index("contempt")]))
    never = never.with_columns(pl.col(PROBABILITY_COLUMNS) / pl.sum_horizontal(PROBABILITY_COLUMNS))
    found = scored(never, manifest).classes["contempt"]
    assert np.isnan([found["precision"].value, found["precision"].low, found["precision"].high]).all()
    assert found["recall"].value == found["recall"].low == 0 < found["recall"].high < 1


def test_no_resamples_leave_the_intervals_open(manifest, predictions):
    scores = scored(predictions, manifest, resamples=0)
    for figure in (scores.figures["accuracy"], scores.classes["happiness"]["recall"]):
        assert figure.value > 0
        assert np.isnan([figure.low, figure.high]).all()


def test_json_holds_no_nan(manifest, predictions):
    constant = predictions.with_columns(valence=pl.lit(0.0))
    plain = scores_to_json(scored(constant, manifest))
    json.dumps(plain, allow_nan=False)
    assert plain["figures"]["valence_corr"] == {"value": None, "low": None, "high": None}
    assert plain["classes"]["happiness"]["recall"]["value"] > 0


def test_the_floor_knows_the_train_split_only(manifest):
    table, sentence = floor_predictions(manifest, "test")
    train = manifest.filter(pl.col("split") == "train")
    assert table["p_happiness"].unique().to_list() == pytest.approx([(train["emotion"] == "happiness").mean()])
    assert table["valence"].unique().to_list() == pytest.approx([train["valence"].mean()])
    assert "'train'" in sentence
    scores = scored(table, manifest)
    majority = max(LABELS, key=train["emotion"].to_list().count)
    test = manifest.filter(pl.col("split") == "test")
    assert scores.figures["accuracy"].value == pytest.approx((test["emotion"] == majority).mean())


def test_without_a_train_split_the_floor_says_so(manifest):
    test = manifest.filter(pl.col("split") == "test")
    _, sentence = floor_predictions(test, "test")
    assert "there being no train split" in sentence
    with pytest.raises(DataError, match="expected labels"):
        floor_predictions(test.with_columns(emotion=pl.lit(None, pl.String), valence=None, arousal=None), "test")


def without(manifest, split, *columns):
    return manifest.with_columns(pl.when(pl.col("split") != split).then(pl.col(name)).alias(name) for name in columns)


def test_what_train_does_not_know_the_floor_takes_from_the_split_and_says_so(manifest):
    no_points = without(manifest, "train", "valence", "arousal")
    table, sentence = floor_predictions(no_points, "test")
    test = manifest.filter(pl.col("split") == "test")
    assert table["valence"].unique().to_list() == pytest.approx([test["valence"].mean()])
    assert "the class frequencies of the split 'train'" in sentence
    assert "the mean valence and arousal of the split 'test', where train has none" in sentence
    table, sentence = floor_predictions(without(manifest, "train", "emotion"), "test")
    assert table["p_anger"].unique().to_list() == pytest.approx([(test["emotion"] == "anger").mean()])
    assert "class frequencies of the split 'test', where train has none" in sentence


def test_the_floor_predicts_only_what_the_split_knows(manifest):
    table, sentence = floor_predictions(without(manifest, "test", "valence", "arousal"), "test")
    assert "valence" not in table.columns
    assert "valence" not in sentence
    valence_only = manifest.with_columns(arousal=pl.lit(None, pl.Float32))
    table, _ = floor_predictions(valence_only, "test")
    assert set(scored(table, valence_only).figures) >= {"valence_ccc", "valence_rmse"}
    assert "arousal_ccc" not in scored(table, valence_only).figures
