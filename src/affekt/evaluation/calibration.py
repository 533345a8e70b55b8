"""Calibration: how far stated confidence and observed accuracy agree."""

from dataclasses import dataclass

import numpy as np

from affekt.evaluation.bootstrap import ratio

BINS = 15


@dataclass(frozen=True)
class ReliabilityBins:
    """Equal-width bins of the confidence: each (bins,), NaN where a bin is empty."""

    edges: np.ndarray
    """(bins + 1,) from 0 to 1; a bin holds its upper edge."""
    count: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


def confidence_bins(confidence: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Return the bin of each confidence, (n,) of 0 to bins - 1; a bin holds its upper edge, as in Guo et al. (2017)."""
    return np.digitize(confidence, np.linspace(0, 1, bins + 1)[1:-1], right=True)


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> ReliabilityBins:
    """Bin the top-1 confidence, and average it and the accuracy in each bin.

    Args:
        confidence: (n,) the largest probability of each row.
        correct: (n,) whether the class of that probability is the true one.
        bins: number of equal-width bins.
    """
    index = confidence_bins(confidence, bins)
    count, confident, right = (
        np.bincount(index, values, minlength=bins) for values in (np.ones(len(index)), confidence, correct)
    )
    return ReliabilityBins(np.linspace(0, 1, bins + 1), count.astype(int), ratio(confident, count), ratio(right, count))


def expected_calibration_error(
    confidence: np.ndarray, correct: np.ndarray, weights: np.ndarray | None = None, bins: int = BINS
) -> np.ndarray:
    """Expected calibration error: |accuracy - confidence| in equal-width bins, weighted by the rows in each.

    It can only be positive, so resampling noise adds to it: on a small or well calibrated set its bootstrap interval
    lies above the figure itself.

    Args:
        confidence: (n,) the largest probability of each row.
        correct: (n,) whether the class of that probability is the true one.
        weights: (..., n); None counts every row once.
        bins: number of bins.

    Returns:
        (...).

    References:
        Guo et al. (2017), On Calibration of Modern Neural Networks, ICML, equation 3.
    """
    weights = np.ones(len(confidence)) if weights is None else weights
    gaps = np.eye(bins)[confidence_bins(confidence, bins)] * (correct - confidence)[:, None]
    return ratio(np.abs(weights @ gaps).sum(axis=-1), weights.sum(axis=-1))
