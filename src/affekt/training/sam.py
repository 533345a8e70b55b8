"""Sharpness-aware minimisation (Foret et al. 2021, ICLR): the gradient is taken where the loss nearby is worst."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from affekt.training.recipe import Recipe


def sam_radius_in(recipe: Recipe, epoch: int) -> float:
    """Return how far uphill the gradients of an epoch, counted from 0, are taken; 0 where its steps are plain."""
    late = epoch >= recipe.schedule.epochs - recipe.step.sam_epochs
    return recipe.step.sam_radius if late or not recipe.step.sam_epochs else 0.0


def sam_backward(backward: Callable[[], Tensor], module: nn.Module, radius: float) -> Tensor:
    """Leave the gradient of a SAM step in the parameters, or with a radius of 0 the plain one.

    Args:
        backward: computes the loss of a batch and adds its gradients.
        module: whose parameters they are.
        radius: how far uphill.

    Returns:
        The loss before the climb.
    """
    loss = backward()
    if radius:
        with climbed(module, radius):
            backward()
    return loss


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
    try:
        yield
    finally:
        for layer, momentum in norms:
            layer.momentum = momentum
        with torch.no_grad():
            for parameter, step in steps:
                parameter.sub_(step)
