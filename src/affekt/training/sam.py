"""Sharpness-aware minimisation (Foret et al. 2021, ICLR): the gradient is taken where the loss nearby is worst."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def climbed(module: nn.Module, radius: float) -> Iterator[None]:
    """Move the weights `radius` along their gradient, clear it, and move back when the block ends.

    The running statistics of batch normalisation stand still meanwhile: they are of the weights that are kept.

    Args:
        module: its parameters hold the gradient of a first pass; after the block they hold that of the second.
        radius: Euclidean length of the step, over all parameters together.
    """
    moved = [(parameter, parameter.grad) for parameter in module.parameters() if parameter.grad is not None]
    norm = torch.nn.utils.get_total_norm([gradient for _, gradient in moved])
    steps = [(parameter, gradient * (radius / (norm + 1e-12))) for parameter, gradient in moved]
    with torch.no_grad():
        for parameter, step in steps:
            parameter.add_(step)
    module.zero_grad()
    norms = [(layer, layer.momentum) for layer in module.modules() if isinstance(layer, _BatchNorm)]
    for layer, _ in norms:
        layer.momentum = 0.0
    yield
    for layer, momentum in norms:
        layer.momentum = momentum
    with torch.no_grad():
        for parameter, step in steps:
            parameter.sub_(step)
