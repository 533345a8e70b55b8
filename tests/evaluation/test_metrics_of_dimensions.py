"""Every dimensional metric against scipy or scikit-learn, and the traps published code falls into."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn import metrics as sk

from affekt.evaluation.metrics import DIMENSIONAL, concordance, correlation, mae, rmse, sign_agreement


def rows(seed=0, n=300):
    random = np.random.default_rng(seed)
    truth = random.uniform(-1, 1, n)
    return truth, np.tanh(0.7 * truth + random.normal(0.1, 0.3, n))


def test_errors_and_correlation_agree_with_the_references():
    truth, predicted = rows()
    assert rmse(truth, predicted) == pytest.approx(sk.root_mean_squared_error(truth, predicted), abs=1e-12)
    assert mae(truth, predicted) == pytest.approx(sk.mean_absolute_error(truth, predicted), abs=1e-12)
    assert correlation(truth, predicted) == pytest.approx(pearsonr(truth, predicted)[0], abs=1e-12)
    assert sign_agreement(truth, predicted) == sk.accuracy_score(np.sign(truth), np.sign(predicted))


def test_concordance_is_the_population_form():
    truth, predicted = np.array([3, -0.5, 2, 7]), np.array([2.5, 0.0, 2, 8])
    assert concordance(truth, predicted) == pytest.approx(0.9768, abs=5e-5)
    covariance = np.cov(truth, predicted, ddof=1)
    mixed = 2 * covariance[0, 1] / (truth.var() + predicted.var() + (truth.mean() - predicted.mean()) ** 2)
    assert abs(mixed - 0.9768) > 0.1
    exact = 2 * np.cov(truth, predicted, ddof=0)[0, 1]
    exact /= truth.var() + predicted.var() + (truth.mean() - predicted.mean()) ** 2
    assert concordance(truth, predicted) == pytest.approx(exact, abs=1e-12)


def test_concordance_is_over_the_split_and_not_a_mean_of_batches():
    truth, predicted = rows(n=320)
    order = np.argsort(truth)
    batches = [concordance(truth[part], predicted[part]) for part in np.split(order, 10)]
    assert concordance(truth[order], predicted[order]) == pytest.approx(concordance(truth, predicted), abs=1e-12)
    assert np.mean(batches) < concordance(truth, predicted) - 0.2


def test_pooling_two_dimensions_would_inflate_concordance():
    random = np.random.default_rng(0)
    truths = random.normal(-0.5, 0.1, 500), random.normal(0.5, 0.1, 500)
    predictions = [truth.mean() + random.normal(0, 0.1, 500) for truth in truths]
    apart = [concordance(truth, predicted) for truth, predicted in zip(truths, predictions, strict=True)]
    pooled = concordance(np.concatenate(truths), np.concatenate(predictions))
    assert pooled > 0.9
    assert max(apart) < 0.2


def test_a_constant_positive_predictor_scores_the_base_rate_of_signs():
    truth = np.array([0.5, 0.2, 0.0, -0.4, 0.9])
    assert sign_agreement(truth, np.full(5, 0.3)) == pytest.approx(3 / 5)
    assert sign_agreement(truth, np.zeros(5)) == pytest.approx(1 / 5)


def test_sign_agreement_is_not_the_absolute_error():
    assert sign_agreement(np.array([0.1, -0.1]), np.array([1.0, -1.0])) == 1


@pytest.mark.parametrize("constant", [0.1, 0.3, -1.0, 0.0])
def test_a_constant_prediction_has_no_correlation_and_no_concordance(constant):
    truth, _ = rows()
    assert np.isnan(correlation(truth, np.full(len(truth), constant)))
    assert concordance(truth, np.full(len(truth), constant)) == 0
    assert np.isnan(concordance(np.full(4, constant), np.full(4, constant)))
    assert rmse(truth, np.full(len(truth), constant)) > 0


def test_a_resample_of_one_repeated_value_has_no_correlation():
    truth, predicted = rows(n=5)
    assert np.isnan(correlation(truth, predicted, np.array([[0, 5, 0, 0, 0.0]]))).all()
    assert np.isnan(rmse(truth, predicted, np.zeros((1, 5)))).all()


def test_weights_are_repeated_rows():
    truth, predicted = rows(n=40)
    counts = np.random.default_rng(2).integers(0, 4, (6, 40))
    for measure in DIMENSIONAL.values():
        weighted = measure(truth, predicted, counts.astype(float))
        repeated = [measure(np.repeat(truth, count), np.repeat(predicted, count), None) for count in counts]
        np.testing.assert_allclose(weighted, repeated, atol=1e-12)


def test_digits_survive_far_from_zero():
    truth, predicted = rows()
    expected = concordance(truth, predicted)
    assert concordance(truth + 1e6, predicted + 1e6) == pytest.approx(expected, abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 50))
def test_properties(seed, n):
    truth, predicted = rows(seed, n)
    order = np.random.default_rng(seed).permutation(n)
    for measure in DIMENSIONAL.values():
        forward = measure(truth, predicted, None)
        assert forward == pytest.approx(measure(truth[order], predicted[order], None), abs=1e-12)
        assert forward == pytest.approx(measure(predicted, truth, None), abs=1e-12)
    assert abs(concordance(truth, predicted)) <= abs(correlation(truth, predicted)) + 1e-12
    assert mae(truth, predicted) <= rmse(truth, predicted) + 1e-12
    assert concordance(truth, truth) == pytest.approx(1)
    assert sign_agreement(truth, truth) == 1
    assert rmse(truth, truth) == 0
