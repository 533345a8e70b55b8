"""The task: what is learnt from a batch, mixup, and the losses. The loop knows neither teachers nor mixing.

Mixup is of Zhang, Cisse, Dauphin and Lopez-Paz (2018, ICLR), "mixup: Beyond Empirical Risk Minimization".
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from affekt.networks.network import Outputs
from affekt.training.recipe import LossOptions

TargetsByHead = dict[str, Tensor]
"""What a network should say of the faces of a batch, by head; NaN is unknown."""
Mix = Callable[[Tensor], Tensor]
"""What is done to the inputs and the targets of a batch: `unmixed`, or a `Mixing`."""


def unmixed(values: Tensor) -> Tensor:
    """Return the values as they are."""
    return values


@dataclass(frozen=True)
class Mixing:
    """Mixup: which other row of its batch each row is mixed with, and how much of its own it keeps."""

    own_fraction: Tensor
    """(rows,) float32, a half to 1."""
    other: Tensor
    """(rows,) int64."""

    def __call__(self, values: Tensor) -> Tensor:
        """Mix (rows, ...) values; NaN, an unknown, stays unknown in all that it is mixed into."""
        fraction = self.own_fraction.to(values.device).view(-1, *[1] * (values.ndim - 1))
        layout = torch.channels_last if values.ndim == 4 else torch.contiguous_format
        return torch.lerp(values[self.other], values, fraction).contiguous(memory_format=layout)


def draw_mixing(rows: int, strength: float, generator: Generator) -> Mixing:
    """Draw a partner for each row, and the larger of the two fractions from Beta(strength, strength), on the CPU."""
    seed = int(torch.randint(2**62, (1,), generator=generator))
    fractions = np.random.default_rng(seed).beta(strength, strength, rows).astype(np.float32)
    own_fraction = torch.from_numpy(np.maximum(fractions, 1 - fractions))
    return Mixing(own_fraction, torch.randperm(rows, generator=generator))


@dataclass(frozen=True)
class Task:
    """Learn the rows' own targets, of mixed pictures where the recipe mixes."""

    options: LossOptions
    targets: TargetsByHead
    mixup: float = 0.0
    """How strongly each crop is mixed with another; 0 is off."""

    def batch(self, rows: Tensor, images: Tensor, generator: Generator) -> tuple[Tensor, TargetsByHead]:
        """Return what the network is given of some rows, by their numbers and inputs, and what it should say."""
        mix = draw_mixing(len(images), self.mixup, generator) if self.mixup else unmixed
        images = mix(images)
        return images, self.targets_of(rows, images, mix)

    def targets_of(self, rows: Tensor, images: Tensor, mix: Mix) -> TargetsByHead:
        """Return what the network should say of some rows' images, which were mixed so."""
        return {head: mix(values[rows].to(images.device)) for head, values in self.targets.items()}

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
    """Mean cross-entropy of (n, labels) against distributions, without NaN rows; 0 where none is known."""
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
    """One minus the mean concordance of two columns, without NaN rows; 0 where fewer than two rows are known."""
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
