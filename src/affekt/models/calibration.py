"""Temperature scaling: one number that makes the probabilities of a trained network honest."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def fit_temperature(logits: np.ndarray, target: np.ndarray) -> float:
    """Return the temperature that minimises the cross-entropy of held-out data.

    Args:
        logits: (n, classes), as the network gives them.
        target: (n,) class indices, or (n, classes) distributions such as vote shares.

    Returns:
        What to divide logits by before the softmax, between 0.05 and 20; above 1 softens.

    References:
        Guo et al. (2017), On Calibration of Modern Neural Networks, section 4.2.
    """
    logits = np.asarray(logits, dtype=np.float64)
    share = np.eye(logits.shape[1])[target] if target.ndim == 1 else np.asarray(target, dtype=np.float64)

    def cross_entropy(log_temperature: float) -> float:
        return -float((share * log_softmax(logits / np.exp(log_temperature), axis=1)).sum(axis=1).mean())

    found = minimize_scalar(cross_entropy, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(np.exp(found.x))
