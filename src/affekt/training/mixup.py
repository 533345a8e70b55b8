"""Mixup: each picture of a batch, and its target, mixed with another of the batch.

Zhang, Cisse, Dauphin and Lopez-Paz (2018, ICLR), "mixup: Beyond Empirical Risk Minimization".
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class Mixing:
    """Which other row of its batch each row is mixed with, and how much of its own it keeps."""

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
    """Draw a partner for each row, and the larger of the two fractions from Beta(strength, strength).

    Args:
        rows: size of the batch.
        strength: 0.2 leaves most rows nearly whole, 1 draws all fractions alike.
        generator: a CPU generator; the same state gives the same mixing on any device.
    """
    seed = int(torch.randint(2**62, (1,), generator=generator))
    fractions = np.random.default_rng(seed).beta(strength, strength, rows).astype(np.float32)
    own_fraction = torch.from_numpy(np.maximum(fractions, 1 - fractions))
    return Mixing(own_fraction, torch.randperm(rows, generator=generator))
