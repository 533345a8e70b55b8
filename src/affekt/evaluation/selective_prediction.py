"""Abstention: how many rows are left, and how often these are right, if a model only answers where it is sure."""

import numpy as np

from affekt.evaluation.bootstrap import ratio, weighted_mean

LEAST_CONFIDENCES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""What `affekt predict --min-confidence` may be set to; 0 answers always."""


def answered(
    confidence: np.ndarray, correct: np.ndarray, least: float, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Share of the rows whose confidence is at least the one asked for, and the accuracy on these.

    Args:
        confidence: (n,) the largest probability of each row.
        correct: (n,) whether the class of that probability is the true one.
        least: the least confidence that is answered.
        weights: (..., n); None counts every row once.

    Returns:
        (...) coverage and (...) selective accuracy, NaN where no row is answered.

    References:
        El-Yaniv and Wiener (2010), On the Foundations of Noise-free Selective Classification, JMLR 11, 1605-1641.
    """
    weights = np.ones(len(confidence)) if weights is None else weights
    sure = confidence >= least
    return weighted_mean(sure, weights), ratio(weights @ (sure & correct), weights @ sure)
