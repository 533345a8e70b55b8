"""Optimisation: Adam, sharpness-aware steps (SAM), learning rate over time, and moving average of the weights (EMA)."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from affekt.networks.network import Network
from affekt.training.recipe import Recipe, StepOptions

PLATEAU_PATIENCE = 3
"""Epochs without a lower validation loss before the learning rate is halved; the study's."""


def build_optimiser(module: nn.Module, options: StepOptions) -> Optimizer:
    """Return the recipe's optimiser over the parameters that train; biases and normalisation never decay.

    With a `stage_decay`, stages of the backbone learn at rates of their own: discriminative fine-tuning, Howard and
    Ruder (2018, ACL), "Universal Language Model Fine-tuning for Text Classification", section 3.2.
    """
    groups: list[dict[str, Any]] = []
    for rate, parameters in _by_rate(module, options):
        if options.optimiser == "adam":
            groups.append({"params": parameters, "lr": rate})
        else:
            weights = [parameter for parameter in parameters if parameter.ndim > 1]
            vectors = [parameter for parameter in parameters if parameter.ndim <= 1]
            groups.append({"params": weights, "lr": rate, "weight_decay": options.weight_decay})
            groups.append({"params": vectors, "lr": rate, "weight_decay": 0.0})
    if options.optimiser == "adam":
        return Adam(groups, lr=options.learning_rate, eps=1e-7, fused=True)  # Keras's epsilon, which the study used
    return AdamW(groups, lr=options.learning_rate, fused=True)


def _by_rate(module: nn.Module, options: StepOptions) -> list[tuple[float, list[nn.Parameter]]]:
    """Return the parameters that train with their learning rates: one for all, or one for each stage of a backbone."""
    trained = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    if options.stage_decay == 1 or not isinstance(module, Network):
        return [(options.learning_rate, list(trained.values()))]
    groups: list[tuple[float, list[nn.Parameter]]] = []
    for distance, stage in enumerate(reversed(module.stages), start=1):
        parameters = [trained.pop(f"backbone.{name}") for name in stage if f"backbone.{name}" in trained]
        if parameters:
            groups.append((options.learning_rate * options.stage_decay**distance, parameters))
    return [(options.learning_rate, list(trained.values())), *groups]


def sam_radius_in(recipe: Recipe, epoch: int) -> float:
    """Return how far uphill the gradients of an epoch, counted from 0, are taken; 0 where its steps are plain."""
    late = epoch >= recipe.schedule.epochs - recipe.step.sam_epochs
    return recipe.step.sam_radius if late or not recipe.step.sam_epochs else 0.0


def sam_backward(backward: Callable[[], Tensor], module: nn.Module, radius: float) -> Tensor:
    """Leave the gradient of a SAM step in the parameters, or with a radius of 0 the plain one, and return the loss.

    Sharpness-aware minimisation (Foret et al. 2021, ICLR) takes the gradient where the loss nearby is worst. `backward`
    computes the loss of a batch, adds its gradients, and returns the loss.
    """
    loss = backward()
    if radius:
        with climbed(module, radius):
            backward()
    return loss


@contextmanager
def climbed(module: nn.Module, radius: float) -> Iterator[None]:
    """Move the weights `radius` along their gradient, clear it, and move back when the block ends.

    The radius is a Euclidean length over all parameters together. The running statistics of batch normalisation stand
    still meanwhile: they are of the weights that are kept.
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


class Schedule:
    """The learning rate: halved on plateau after epochs, or warm-up and cosine after steps."""

    def __init__(self, optimiser: Optimizer, recipe: Recipe, steps_per_epoch: int) -> None:
        """Prepare the schedule; the plateau follows Keras's rule (patience counted from the first bad epoch)."""
        options, lowest = recipe.schedule, recipe.schedule.learning_rate_floor
        if options.schedule == "plateau":
            rule: dict[str, Any] = {"factor": 0.5, "patience": PLATEAU_PATIENCE - 1, "min_lr": lowest}
            self._scheduler = ReduceLROnPlateau(optimiser, threshold=1e-4, threshold_mode="abs", **rule)
        else:
            warmup = max(1, round(options.warmup_epochs * steps_per_epoch))
            total = max(warmup + 1, options.epochs * steps_per_epoch)
            floor = lowest / recipe.step.learning_rate
            self._scheduler = LambdaLR(optimiser, lambda step: warmup_cosine(step, warmup, total, floor))

    def after_step(self) -> None:
        """Move on by one optimiser step."""
        if isinstance(self._scheduler, LambdaLR):
            self._scheduler.step()

    def after_epoch(self, validation_loss: float) -> None:
        """Move on by one epoch."""
        if isinstance(self._scheduler, ReduceLROnPlateau):
            self._scheduler.step(validation_loss)

    def state_dict(self) -> dict[str, Any]:
        """Return plain numbers that `load_state_dict` takes."""
        state = self._scheduler.state_dict()
        return {name: value for name, value in state.items() if isinstance(value, int | float | list)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where a schedule of the same recipe stood."""
        self._scheduler.load_state_dict(state)


def warmup_cosine(step: int, warmup: int, total: int, floor: float) -> float:
    """Return the factor on the learning rate: 0.1 to 1 over the warm-up steps, then half a cosine to the floor."""
    if step < warmup:
        return 0.1 + 0.9 * step / warmup
    progress = min(1.0, (step - warmup) / (total - warmup))
    return floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2


def moving_average(module: nn.Module, decay: float) -> AveragedModel | None:
    """Return an exponential moving average of weights and batch-norm statistics; None where the decay is 0.

    The decay warms up as (1 + t) / (10 + t), so that short trainings are not averaged with their first weights.
    """
    if not decay:
        return None

    def average(averaged: tuple[Tensor, ...], current: tuple[Tensor, ...], steps: Tensor | int) -> None:
        if averaged[0].is_floating_point():
            kept = min(decay, (1 + float(steps)) / (10 + float(steps)))
            get_ema_multi_avg_fn(kept)(averaged, current, steps)
        else:  # counters are not averaged
            for old, new in zip(averaged, current, strict=True):
                old.copy_(new)

    return AveragedModel(module, multi_avg_fn=average, use_buffers=True)  # pyright: ignore[reportArgumentType]
