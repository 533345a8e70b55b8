"""The task: what is learnt from a batch, and the losses. The loop knows neither teachers nor mixing."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from affekt.networks.network import Outputs
from affekt.training.mixup import Mixing, draw_mixing
from affekt.training.recipe import LossOptions

TargetsByHead = dict[str, Tensor]
"""What a network should say of the faces of a batch, by head; NaN is unknown."""


@dataclass(frozen=True)
class Batch:
    """What the network is given, and what it should say."""

    images: Tensor
    """(faces, channels, height, width), or (faces, features) of a frozen backbone."""
    targets: TargetsByHead


@dataclass(frozen=True)
class Task:
    """Learn the rows' own targets, of mixed pictures where the recipe mixes."""

    options: LossOptions
    targets: TargetsByHead
    """Of all training rows."""
    mixup: float = 0.0
    """How strongly each crop is mixed with another; 0 is off."""

    def batch(self, rows: Tensor, images: Tensor, generator: Generator) -> Batch:
        """Return what the network is given of some rows, and what it should say.

        Args:
            rows: numbers of the rows, on the CPU.
            images: their inputs.
            generator: a CPU generator, for what is drawn.
        """
        mixing = draw_mixing(len(images), self.mixup, generator) if self.mixup else None
        if mixing is not None:
            images = mixing(images)
        return Batch(images, self.targets_of(rows, images, mixing))

    def targets_of(self, rows: Tensor, images: Tensor, mixing: Mixing | None) -> TargetsByHead:
        """Return what the network should say of some rows' images, which were mixed so."""
        own = {head: values[rows].to(images.device) for head, values in self.targets.items()}
        return own if mixing is None else {head: mixing(values) for head, values in own.items()}

    def loss(self, outputs: Outputs, targets: TargetsByHead) -> Tensor:
        """Return the scalar loss of what a network said, in float32."""
        losses: list[Tensor] = []
        if "expression" in outputs:
            losses.append(soft_cross_entropy(outputs["expression"].float(), targets["expression"]))
        if "valence_arousal" in outputs:
            points, target = outputs["valence_arousal"].float(), targets["valence_arousal"]
            losses.append(self.options.valence_arousal_weight * squared_error(points, target))
            if self.options.valence_arousal_loss == "mse+ccc":
                losses.append(self.options.valence_arousal_weight * concordance_loss(points, target))
        return torch.stack(losses).sum()


def soft_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy against a distribution over the expressions, averaged over the faces.

    Args:
        logits: (n, 8).
        target: (n, 8), each row summing to 1; rows with NaN are left out.

    Returns:
        Scalar; 0 where no row has a target.
    """
    known = ~target.isnan().any(1)
    logits, target = logits[known], target[known]
    if not len(logits):
        return logits.sum()
    return -(target * logits.log_softmax(1)).sum() / target.sum().clamp(min=torch.finfo(logits.dtype).tiny)


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
