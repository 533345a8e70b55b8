"""Selective prediction: coverage and selective accuracy, by hand and in the tables."""

import numpy as np
import pytest

from affekt.evaluation.metrics import LEAST_CONFIDENCES, selective_prediction
from affekt.evaluation.predictions import match
from affekt.evaluation.report import scores_to_json
from affekt.evaluation.score import Resampling, score
from affekt.evaluation.tables import selective_table, to_markdown

CONFIDENCE = np.array([0.3, 0.5, 0.7, 0.9])
CORRECT = np.array([False, True, False, True])


@pytest.mark.parametrize(
    ("least", "share", "accuracy"), [(0.0, 1, 0.5), (0.5, 0.75, 2 / 3), (0.6, 0.5, 0.5), (0.9, 0.25, 1)]
)
def test_by_hand(least, share, accuracy):
    assert selective_prediction(CONFIDENCE, CORRECT, least) == pytest.approx((share, accuracy))


def test_nothing_answered_has_no_accuracy():
    share, accuracy = selective_prediction(CONFIDENCE, CORRECT, 0.95)
    assert share == 0
    assert np.isnan(accuracy)


def test_weights_are_counts():
    weights = np.array([[1, 1, 1, 1], [0, 2, 1, 1]])
    share, accuracy = selective_prediction(CONFIDENCE, CORRECT, 0.5, weights)
    repeated = selective_prediction(CONFIDENCE[[1, 1, 2, 3]], CORRECT[[1, 1, 2, 3]], 0.5)
    np.testing.assert_allclose(share, [0.75, 1])
    np.testing.assert_allclose(accuracy, [2 / 3, repeated[1]])


def test_every_model_has_the_table(manifest, predictions):
    scores = score(match(predictions, manifest, "test"), "one", how=Resampling(20))
    assert tuple(scores.answered) == LEAST_CONFIDENCES
    assert scores.answered[0.0]["share"].value == 1
    assert scores.answered[0.0]["accuracy"] == scores.figures["accuracy"]
    shares = [figures["share"].value for figures in scores.answered.values()]
    assert shares == sorted(shares, reverse=True)
    assert "| at least 0.9 |" in to_markdown(selective_table(scores))
    assert scores_to_json(scores)["answered"][1]["least_confidence"] == 0.5


def test_points_alone_are_always_answered(manifest, predictions):
    scores = score(match(predictions.select("source_id", "valence", "arousal"), manifest, "test"), how=Resampling(5))
    assert scores.answered == {}
