"""Temperature scaling: one number that makes the probabilities of a trained network honest."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from affekt.errors import DataError


def fit_temperature(logits: np.ndarray, target: np.ndarray) -> float:
    """Return the temperature that minimises the cross-entropy of held-out data.

    Args:
        logits: (n, classes), as the network gives them.
        target: (n,) class indices, or (n, classes) distributions such as vote shares.

    Returns:
        What to divide logits by before the softmax, between 0.05 and 20; above 1 softens.

    Raises:
        DataError: there are no rows, the shapes differ, or a logit is not finite.

    References:
        Guo et al. (2017), On Calibration of Modern Neural Networks, ICML, section 4.2.
    """
    logits = np.asarray(logits, dtype=np.float64)
    if logits.ndim != 2 or len(logits) == 0 or len(target) != len(logits) or not np.isfinite(logits).all():
        raise DataError(
            f"expected finite logits of one or more rows and as many targets, got shapes {logits.shape} and "
            f"{np.shape(target)}; fit the temperature on validation rows that have labels"
        )
    share = np.eye(logits.shape[1])[target] if target.ndim == 1 else np.asarray(target, dtype=np.float64)

    def cross_entropy(log_temperature: float) -> float:
        return -float((share * log_softmax(logits / np.exp(log_temperature), axis=1)).sum(axis=1).mean())

    found = minimize_scalar(cross_entropy, bounds=(np.log(0.05), np.log(20)), method="bounded", options={"xatol": 1e-8})
    return float(np.exp(found.x))
