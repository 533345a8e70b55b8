"""Proper scores and divergences against scikit-learn and scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from sklearn import metrics as sk

from affekt.evaluation.metrics import brier, jensen_shannon, kullback_leibler, log_loss


def rows(seed=0, n=200):
    random = np.random.default_rng(seed)
    return random.integers(0, 8, n), random.dirichlet(np.ones(8), n), random.dirichlet(np.ones(8) * 0.3, n)


def test_log_loss_agrees_with_scikit_learn():
    truth, probabilities, _ = rows()
    expected = sk.log_loss(truth, probabilities, labels=np.arange(8))
    assert log_loss(truth, probabilities).mean() == pytest.approx(expected, abs=1e-12)


def test_a_certain_mistake_costs_a_finite_loss():
    assert log_loss(np.array([1]), np.eye(8)[[0]])[0] == pytest.approx(-np.log(np.finfo(float).eps))


def test_brier_agrees_with_scikit_learn():
    truth, probabilities, _ = rows()
    expected = sk.brier_score_loss(truth, probabilities, labels=np.arange(8), scale_by_half=False)
    assert brier(truth, probabilities).mean() == pytest.approx(expected, abs=1e-12)


def test_divergences_agree_with_scipy():
    _, probabilities, votes = rows()
    np.testing.assert_allclose(kullback_leibler(votes, probabilities), entropy(votes, probabilities, axis=1), atol=1e-9)
    expected = jensenshannon(votes, probabilities, base=2, axis=1) ** 2
    np.testing.assert_allclose(jensen_shannon(votes, probabilities), expected, atol=1e-9)


def test_votes_of_zero_add_nothing():
    votes = np.array([[0.5, 0.5, 0, 0, 0, 0, 0, 0]])
    assert kullback_leibler(votes, votes)[0] == 0
    assert jensen_shannon(votes, np.eye(8)[[4]])[0] == pytest.approx(1)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_ranges(seed):
    truth, probabilities, votes = rows(seed, 20)
    assert (log_loss(truth, probabilities) >= 0).all()
    assert ((brier(truth, probabilities) >= 0) & (brier(truth, probabilities) <= 2)).all()
    assert (kullback_leibler(votes, probabilities) >= -1e-12).all()
    divergence = jensen_shannon(votes, probabilities)
    assert ((divergence >= -1e-12) & (divergence <= 1 + 1e-12)).all()
    np.testing.assert_allclose(divergence, jensen_shannon(probabilities, votes), atol=1e-12)
