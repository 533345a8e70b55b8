"""Expressions left out: their rows and their probabilities, for every model and every figure alike."""

import json

import numpy as np
import polars as pl
import pytest

from affekt.errors import ConfigError
from affekt.evaluation.evaluate import evaluate_tables
from affekt.evaluation.predictions import match
from affekt.evaluation.report import write_report
from affekt.evaluation.robustness import measure_robustness
from affekt.evaluation.run import evaluate
from affekt.evaluation.score import Resampling, score
from affekt.labels import LABELS, PROBABILITY_COLUMNS

WITHOUT = ("disgust", "contempt")
LEFT_OUT = [LABELS.index(label) for label in WITHOUT]
KEPT = [index for index in range(8) if index not in LEFT_OUT]


def test_rows_go_and_probabilities_are_shared_among_the_others(manifest, predictions):
    whole, left = (match(predictions, manifest, "test", without=without) for without in ((), WITHOUT))
    kept = ~np.isin(whole.label, LEFT_OUT)
    assert left.rows["source_id"].to_list() == whole.rows.filter(kept)["source_id"].to_list()
    for before, after in ((whole.probabilities, left.probabilities), (whole.votes, left.votes)):
        expected = before[kept][:, KEPT]
        np.testing.assert_allclose(after[:, KEPT], expected / expected.sum(axis=1, keepdims=True))
        assert (after[:, LEFT_OUT] == 0).all()


def test_a_model_sure_of_what_is_left_out_says_nothing_of_the_others(manifest, predictions):
    sure = predictions.with_columns(
        *(pl.lit(float(column == "p_contempt")).alias(column) for column in PROBABILITY_COLUMNS)
    )
    matched = match(sure, manifest, "test", without=("contempt",))
    np.testing.assert_allclose(matched.probabilities[:, :7], 1 / 7)


def test_figures_are_those_of_a_manifest_and_a_model_that_never_had_them(manifest, predictions):
    scores = score(match(predictions, manifest, "test", without=WITHOUT), how=Resampling(20))
    fewer = manifest.filter(~pl.col("emotion").is_in(WITHOUT)).with_columns(votes=pl.lit(None))
    total = pl.sum_horizontal(PROBABILITY_COLUMNS[index] for index in KEPT)
    shared = predictions.filter(pl.col("source_id").is_in(fewer["source_id"].implode())).with_columns(
        *(
            (pl.col(column) / total if index in KEPT else pl.lit(0.0)).alias(column)
            for index, column in enumerate(PROBABILITY_COLUMNS)
        )
    )
    expected = score(match(shared, fewer.cast({"votes": pl.Array(pl.Float32, 8)}), "test"), how=Resampling(20))
    assert list(scores.figures) == [*list(expected.figures)[:11], "votes_kl", "votes_js", *list(expected.figures)[11:]]
    for key, figure in expected.figures.items():
        assert vars(scores.figures[key]) == pytest.approx(vars(figure), nan_ok=True)
    assert scores.matched.without == WITHOUT


def test_no_note_misses_what_was_left_out(manifest, predictions):
    fewer = manifest.filter(pl.col("emotion") != "fear")
    given = predictions.filter(pl.col("source_id").is_in(fewer["source_id"].implode()))
    notes = score(match(given, fewer, "test", without=WITHOUT), how=Resampling(5)).notes
    assert "No row is fear: recall, AUC and PR-AUC are means over the other 5 of 6 classes." in notes


def test_every_page_says_what_was_left_out(tmp_path, manifest, predictions):
    evaluation = evaluate_tables({"one": predictions}, manifest, "test", Resampling(10), without=("contempt",))
    write_report(evaluation, tmp_path, pictures=3)
    assert "Expressions: made without contempt, split test" in (tmp_path / "table.md").read_text()
    assert "made without contempt" in (tmp_path / "report.html").read_text()
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["data"] == "made without contempt"
    assert metrics["rows"] == len(manifest.filter((pl.col("split") == "test") & (pl.col("emotion") != "contempt")))
    assert metrics["floor"]["rows"] == metrics["rows"]


def test_corrupted_pictures_leave_out_the_same(manifest, predictions):
    clean = score(match(predictions, manifest, "test", without=WITHOUT), how=Resampling(5))
    found = measure_robustness(clean, manifest, manifest.filter(split="test"), lambda *_: predictions)
    assert {len(scores.matched.rows) for scores in found.scores.values()} == {len(clean.matched.rows)}


@pytest.mark.parametrize("without", [("rage",), LABELS[1:]])
def test_what_cannot_be_left_out_is_refused(manifest, predictions, without):
    with pytest.raises(ConfigError, match=r"expected without to name some of neutral, .*, and to leave two"):
        evaluate(data=manifest, predictions={"one": predictions}, without=without)
