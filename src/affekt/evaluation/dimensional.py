"""Metrics of valence or of arousal: one dimension at a time, never pooled, always over the whole split.

Every function takes the truth and the prediction, both (n,), and weights, (..., n) or None, and returns (...).
"""

from collections.abc import Callable

import numpy as np

from affekt.evaluation.bootstrap import ratio, weighted_mean

Measure = Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]


def rmse(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Root of the mean squared error."""
    return np.sqrt(weighted_mean((truth - predicted) ** 2, weights))


def mae(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean absolute error."""
    return weighted_mean(np.abs(truth - predicted), weights)


def correlation(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Pearson's correlation, CORR or PCC in the literature; NaN when either side is constant."""
    truth_variance, predicted_variance, covariance = _moments(truth, predicted, weights)
    return np.clip(ratio(covariance, np.sqrt(truth_variance * predicted_variance)), -1, 1)


def sign_agreement(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """SAGR: share of rows where truth and prediction have the same sign.

    The sign of 0 is 0: a truth of exactly 0 agrees only with a prediction of exactly 0. A predictor that is always
    positive scores the share of positive truths.

    References:
        Nicolaou, Gunes and Pantic (2011), IEEE Transactions on Affective Computing 2(2), 92-105.
    """
    return weighted_mean((np.sign(truth) == np.sign(predicted)).astype(float), weights)


def concordance(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """CCC, the concordance correlation coefficient in its population form.

    2 cov(t, p) / (var(t) + var(p) + (mean(t) - mean(p))^2), with 1/n moments. 0 for a constant prediction of a truth
    that varies; NaN when both sides are constant and equal. The mean of the CCC of batches is another, lower number.

    References:
        Lin (1989), A Concordance Correlation Coefficient to Evaluate Reproducibility, Biometrics 45(1), 255-268.
    """
    truth_variance, predicted_variance, covariance = _moments(truth, predicted, weights)
    shift = weighted_mean(truth - predicted, weights)
    return ratio(2 * covariance, truth_variance + predicted_variance + shift**2)


def _moments(
    truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # Moments about the median: exactly 0 for a constant, and no digits lost where the values lie far from 0.
    truth, predicted = truth - np.median(truth), predicted - np.median(predicted)
    means = weighted_mean(truth, weights), weighted_mean(predicted, weights)
    truth_variance = _variance(truth, means[0], weights)
    predicted_variance = _variance(predicted, means[1], weights)
    covariance = weighted_mean(truth * predicted, weights) - means[0] * means[1]
    varies = (truth_variance > 0) & (predicted_variance > 0)
    return truth_variance, predicted_variance, np.where(varies, covariance, 0)


def _variance(centred: np.ndarray, mean: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    variance = weighted_mean(centred**2, weights) - mean**2
    # A resample may repeat one value only: its variance is rounding noise about 0, and means 0.
    noise = 1e-13 * np.max(np.abs(centred)) ** 2
    return np.where(variance <= noise, 0, variance)


MEASURES: dict[str, Measure] = {
    "rmse": rmse,
    "mae": mae,
    "corr": correlation,
    "sagr": sign_agreement,
    "ccc": concordance,
}
