"""The optimiser, and what changes over time: learning rate, moving average, and the size of the pictures."""

import math
from dataclasses import fields, replace
from typing import Any

from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from affekt.training.recipe import Augmentation, Recipe, StepOptions

PLATEAU_PATIENCE = 3
"""Epochs without a lower validation loss before the learning rate is halved; the study's."""
SIDE_STEP = 8
"""Progressive resizing: sides grow by this many pixels."""


def build_optimiser(module: nn.Module, options: StepOptions) -> Optimizer:
    """Return the recipe's optimiser over the parameters that train; biases and normalisation never decay."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if options.optimiser == "adam":
        return Adam(parameters, lr=options.learning_rate, eps=1e-7, fused=True)  # Keras's epsilon, which the study used
    groups = [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1], "weight_decay": options.weight_decay},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    return AdamW(groups, lr=options.learning_rate, fused=True)


class Schedule:
    """The learning rate: halved on plateau after epochs, or warm-up and cosine after steps."""

    def __init__(self, optimiser: Optimizer, recipe: Recipe, steps_per_epoch: int) -> None:
        """Prepare the schedule; the plateau follows Keras's rule (patience counted from the first bad epoch)."""
        options, rate = recipe.schedule, recipe.step.learning_rate
        self.plateau = self.cosine = None
        if options.schedule == "plateau":
            self.plateau = ReduceLROnPlateau(
                optimiser,
                factor=0.5,
                patience=PLATEAU_PATIENCE - 1,
                threshold=1e-4,
                threshold_mode="abs",
                min_lr=options.learning_rate_floor,
            )
        else:
            warmup = max(1, round(options.warmup_epochs * steps_per_epoch))
            total = max(warmup + 1, options.epochs * steps_per_epoch)
            floor = options.learning_rate_floor / rate
            self.cosine = LambdaLR(optimiser, lambda step: warmup_cosine(step, warmup, total, floor))

    def after_step(self) -> None:
        """Move on by one optimiser step."""
        if self.cosine is not None:
            self.cosine.step()

    def after_epoch(self, validation_loss: float) -> None:
        """Move on by one epoch."""
        if self.plateau is not None:
            self.plateau.step(validation_loss)

    def state_dict(self) -> dict[str, Any]:
        """Return plain numbers that `load_state_dict` takes."""
        state = self._scheduler.state_dict()
        return {name: value for name, value in state.items() if isinstance(value, int | float | list)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where a schedule of the same recipe stood."""
        self._scheduler.load_state_dict(state)

    @property
    def _scheduler(self) -> ReduceLROnPlateau | LambdaLR:
        scheduler = self.plateau or self.cosine
        assert scheduler is not None
        return scheduler


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


def size_and_augmentation(recipe: Recipe, epoch: int) -> tuple[int, Augmentation]:
    """Progressive resizing: small pictures with few changes first, which cost little while the network knows little.

    Tan and Le (2021, ICML), "EfficientNetV2: Smaller Models and Faster Training", section 4.

    Args:
        recipe: the recipe.
        epoch: counted from 0.

    Returns:
        The side of the pictures in that epoch, in pixels, and the random changes made to them.
    """
    full, data = recipe.network.input_size, recipe.data
    reached = min(1.0, epoch / data.resizing_epochs) if data.resizing_epochs else 1.0
    if reached == 1:
        return full, recipe.augmentation
    start = data.start_size or full
    size = start + SIDE_STEP * int(reached * (full - start) / SIDE_STEP)
    names = [each.name for each in fields(Augmentation) if each.name != "flip"]
    return size, replace(recipe.augmentation, **{name: getattr(recipe.augmentation, name) * reached for name in names})
