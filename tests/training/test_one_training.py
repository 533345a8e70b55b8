"""Temperature scaling against a known temperature and against trying them all."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from affekt.errors import DataError
from affekt.training.one_training import fit_temperature


def drawn(temperature, count=20_000, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (count, 8))
    chances = softmax(logits / temperature, axis=1)
    target = (rng.random((count, 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(max=7)
    return logits, target, chances


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found(temperature):
    logits, target, chances = drawn(temperature)
    assert fit_temperature(logits, target) == pytest.approx(temperature, rel=0.03)
    assert fit_temperature(logits, chances) == pytest.approx(temperature, rel=1e-3)


def test_no_other_temperature_is_better():
    logits, target, _ = drawn(1.7, count=300, seed=3)
    tried = np.geomspace(0.05, 20, 4001)
    losses = [-log_softmax(logits / t, axis=1)[np.arange(300), target].mean() for t in tried]
    assert fit_temperature(logits, target) == pytest.approx(tried[int(np.argmin(losses))], rel=2e-3)


def test_votes_are_soft_labels():
    logits, target, _ = drawn(1.3, count=500)
    assert fit_temperature(logits, np.eye(8)[target]) == fit_temperature(logits, target)


def test_the_temperature_stays_in_its_range():
    hesitant = np.eye(8) * 0.1
    assert 0.05 <= fit_temperature(hesitant, np.arange(8)) < 0.06
    assert 15 < fit_temperature(hesitant, (np.arange(8) + 1) % 8) <= 20


def test_temperature_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    inputs, truth = rng.normal(size=(600, 4)), rng.integers(0, 3, 600)
    inputs[:, 0] += truth
    model = LogisticRegression(C=1e3).fit(inputs[:60], truth[:60])
    calibrated = CalibratedClassifierCV(FrozenEstimator(model), method="temperature", ensemble=False)
    calibrated.fit(inputs[60:], truth[60:])
    fitted = fit_temperature(model.decision_function(inputs[60:]), truth[60:])
    assert fitted == pytest.approx(1 / calibrated.calibrated_classifiers_[0].calibrators[0].beta_, rel=1e-3)


def test_bad_logits_are_an_error():
    with pytest.raises(DataError, match="expected finite logits"):
        fit_temperature(np.array([[np.nan, 1.0]]), np.array([0]))
    with pytest.raises(DataError, match="one or more rows"):
        fit_temperature(np.zeros((0, 8)), np.zeros(0, dtype=int))
