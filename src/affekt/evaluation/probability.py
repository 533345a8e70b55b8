"""Metrics of the whole probability vector: proper scores, and divergences from the votes of several raters.

Each gives one value a row, lower is better, and is averaged by the caller. Logarithms are natural unless said
otherwise.
"""

import numpy as np

SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities are clipped here before a logarithm, so that a certain mistake costs 36 nats and not infinity."""


def log_loss(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Minus the log of the probability of the true class, in nats.

    Args:
        truth: (n,) class indices.
        probabilities: (n, classes).

    Returns:
        (n,).
    """
    return -np.log(np.maximum(probabilities[np.arange(len(truth)), truth], SMALLEST))


def brier(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Squared distance between the probabilities and the one-hot truth, summed over classes: 0 to 2.

    References:
        Brier (1950), Monthly Weather Review 78(1), 1-3: the original sum over all classes.
    """
    return ((probabilities - np.eye(probabilities.shape[1])[truth]) ** 2).sum(axis=1)


def kullback_leibler(votes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """KL(votes || probabilities) in nats: what is lost by taking the prediction for the raters.

    Args:
        votes: (n, classes) shares of the raters, summing to 1.
        probabilities: (n, classes).

    Returns:
        (n,), never negative beyond rounding.
    """
    log_ratio = np.log(np.maximum(votes, SMALLEST)) - np.log(np.maximum(probabilities, SMALLEST))
    return np.where(votes > 0, votes * log_ratio, 0).sum(axis=1)


def jensen_shannon(votes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence in bits (base 2): 0 for equal, 1 for disjoint. The divergence, not its square root.

    References:
        Lin (1991), IEEE Transactions on Information Theory 37(1), 145-151.
    """
    middle = (votes + probabilities) / 2
    return (kullback_leibler(votes, middle) + kullback_leibler(probabilities, middle)) / 2 / np.log(2)
