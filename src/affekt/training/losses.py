"""The losses: cross-entropy on a distribution, mean squared error, and concordance."""

import torch
from torch import Tensor


def soft_cross_entropy(logits: Tensor, target: Tensor, class_weight: Tensor | None = None) -> Tensor:
    """Cross-entropy against a distribution over the expressions, averaged over the faces.

    Args:
        logits: (n, 8).
        target: (n, 8), each row summing to 1; rows with NaN are left out.
        class_weight: (8,) weight of each expression; the mean is then weighted too.

    Returns:
        Scalar; 0 where no row has a target, or all that they have is of expressions that weigh nothing.
    """
    known = ~target.isnan().any(1)
    logits, target = logits[known], target[known]
    if not len(logits):
        return logits.sum()
    weighted = target if class_weight is None else target * class_weight
    return -(weighted * logits.log_softmax(1)).sum() / weighted.sum().clamp(min=torch.finfo(logits.dtype).tiny)


def squared_error(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over all known values of (n, 2); 0 where none is known."""
    known = ~target.isnan()
    return (predicted[known] - target[known]).square().sum() / known.sum().clamp(min=1)


def concordance_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """One minus the concordance of a batch, averaged over valence and arousal.

    Args:
        predicted: (n, 2) in [-1, 1].
        target: (n, 2), NaN rows left out.

    Returns:
        Scalar in [0, 2]; 0 where fewer than two rows are known.
    """
    known = ~target.isnan().any(1)
    if known.sum() < 2:
        return predicted.sum() * 0
    return (1 - concordance(predicted[known], target[known])).mean()


def concordance(predicted: Tensor, target: Tensor) -> Tensor:
    """Lin's concordance (1989, Biometrics 45, 255-268) with population moments, differentiable.

    2 cov(p, t) / (var(p) + var(t) + (mean(p) - mean(t))^2), of each column of two (n, 2) tensors; returns (2,).
    """
    mean_p, mean_t = predicted.mean(0), target.mean(0)
    covariance = ((predicted - mean_p) * (target - mean_t)).mean(0)
    spread = predicted.var(0, correction=0) + target.var(0, correction=0) + (mean_p - mean_t).square()
    return 2 * covariance / spread.clamp(min=torch.finfo(spread.dtype).eps)
