"""The optimiser, the learning rate over time, and the moving average of the weights."""

import math
from typing import Any

from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from affekt.training.recipe import Recipe


def build_optimiser(trainee: nn.Module, recipe: Recipe) -> Optimizer:
    """Return the recipe's optimiser over the parameters that train; biases and normalisation never decay."""
    parameters = [parameter for parameter in trainee.parameters() if parameter.requires_grad]
    if recipe.optimiser == "adam":
        return Adam(parameters, lr=recipe.learning_rate, eps=1e-7, fused=True)  # Keras's epsilon, which the study used
    groups = [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    return AdamW(groups, lr=recipe.learning_rate, fused=True)


class Schedule:
    """The learning rate: constant, halved on plateau after epochs, or warm-up and cosine after steps."""

    def __init__(self, optimiser: Optimizer, recipe: Recipe, steps_per_epoch: int) -> None:
        """Prepare the schedule; the plateau follows Keras's rule (patience counted from the first bad epoch)."""
        self.plateau = self.cosine = None
        if recipe.schedule == "plateau":
            self.plateau = ReduceLROnPlateau(
                optimiser,
                factor=0.5,
                patience=recipe.plateau_patience - 1,
                threshold=1e-4,
                threshold_mode="abs",
                min_lr=recipe.learning_rate_floor,
            )
        elif recipe.schedule == "cosine":
            warmup = max(1, round(recipe.warmup_epochs * steps_per_epoch))
            total = max(warmup + 1, recipe.epochs * steps_per_epoch)
            floor = recipe.learning_rate_floor / recipe.learning_rate
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
        scheduler = self.plateau or self.cosine
        state = scheduler.state_dict() if scheduler is not None else {}
        return {name: value for name, value in state.items() if isinstance(value, int | float | list)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where a schedule of the same recipe stood."""
        scheduler = self.plateau or self.cosine
        if scheduler is not None:
            scheduler.load_state_dict(state)


def warmup_cosine(step: int, warmup: int, total: int, floor: float) -> float:
    """Return the share of the full learning rate: 0.1 to 1 over the warm-up steps, then half a cosine to the floor."""
    if step < warmup:
        return 0.1 + 0.9 * step / warmup
    progress = min(1.0, (step - warmup) / (total - warmup))
    return floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2


def moving_average(trainee: nn.Module, decay: float) -> AveragedModel | None:
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

    return AveragedModel(trainee, multi_avg_fn=average, use_buffers=True)  # pyright: ignore[reportArgumentType]
