"""The loop: epochs of steps, and validation after each."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from affekt.errors import ConfigError, DataError
from affekt.networks.network import Outputs
from affekt.terminal import progress_bar
from affekt.training.batches import Batches, in_batches
from affekt.training.checkpoint import TrainingState
from affekt.training.distributed import World, autocast
from affekt.training.optimisation import sam_backward, sam_radius_in
from affekt.training.recipe import Recipe
from affekt.training.targets import Targets, epoch_batches
from affekt.training.task import TargetsByHead, Task, concordance

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Split:
    """One side of the data: what the network is given and what it should say, row by row."""

    batches: Batches
    targets: Targets


@dataclass(frozen=True)
class Trainer:
    """What stays the same while a network trains."""

    recipe: Recipe
    task: Task
    training: Split
    validation: Split
    device: torch.device
    seed: int = 0
    world: World = field(default_factory=World)

    def fit(self, state: TrainingState, after_epoch: Callable[[dict[str, float]], None]) -> None:
        """Train until the recipe's last epoch or until the validation loss has stopped falling.

        Each epoch draws its order and its augmentation from the seed and its own number, so that a training resumed
        between two epochs is the one that was interrupted. The state ends with the best epoch's weights in `best`.
        `after_epoch` is called with the log's line on every process, to report it and to write the checkpoint. Raises
        DataError where the loss is no longer a finite number.
        """
        module = self.world.wrap(state.module)
        while len(state.history) < self.recipe.schedule.epochs and not self.should_stop(state):
            start = time.perf_counter()
            rate = state.optimiser.param_groups[0]["lr"]
            loss = self.train_epoch(module, state)
            epoch, figures = len(state.history) + 1, self.validate(state)
            for name, value in {"training": loss, "validation": figures["val_loss"]}.items():
                if not math.isfinite(value):
                    raise DataError(
                        f"expected a {name} loss, got {value} in epoch {epoch}; "
                        "lower learning_rate, or set clip_norm (--clip-norm 1)"
                    )
            state.schedule.after_epoch(figures["val_loss"])
            if figures["val_loss"] < state.best_loss:
                state.best = {name: tensor.clone() for name, tensor in state.evaluated.state_dict().items()}
            line = {"epoch": epoch, "train_loss": loss, **figures, "learning_rate": rate}
            state.history.append(line | {"seconds": round(time.perf_counter() - start, 2)})
            after_epoch(state.history[-1])
        if self.world.is_main:
            _warn_of_nothing_learnt(state.history[state.best_epoch - 1], self.validation.targets.label)

    def should_stop(self, state: TrainingState) -> bool:
        """Whether the validation loss has not fallen for as many epochs as the recipe waits."""
        patience = self.recipe.schedule.early_stopping_patience
        return bool(patience) and len(state.history) - state.best_epoch >= patience

    def train_epoch(self, module: torch.nn.Module, state: TrainingState) -> float:
        """Take one step per batch over all training rows, and return the mean loss; `module` is the wrapped network."""
        recipe, epoch, world = self.recipe, len(state.history), self.world
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        training = self.training
        steps = epoch_batches(training.targets, recipe.data, generator, training.batches.order, world.size)
        # Orders are drawn alike on every process, what follows must differ: augmentation and dropout.
        generator.manual_seed(int(torch.randint(2**62, (1,), generator=generator)) + world.rank)
        torch.manual_seed(generator.initial_seed())
        own = [world.share(step) for step in steps]
        inputs = training.batches.in_epoch(recipe, epoch).batches(own, generator)
        radius = sam_radius_in(recipe, epoch)
        module.train()
        total = torch.zeros((), device=self.device)
        with progress_bar(total=len(steps), description=f"epoch {epoch + 1}") as bar:
            for number, rows in enumerate(own, start=1):
                images, targets = self.task.batch(rows, next(inputs), generator)
                backward = partial(self._backward, module, images, targets)
                total += sam_backward(backward, state.module, radius)
                state.step(recipe.step.clip_norm)
                bar.update()
                bar.set_postfix_str(f"loss {float(total) / number:.4f}", refresh=False)
        return float(world.gather(total[None] / len(own)).mean())

    def _backward(self, module: torch.nn.Module, images: Tensor, targets: TargetsByHead) -> Tensor:
        """Add the gradient of a batch's loss to the parameters, and return the loss."""
        try:
            with autocast(images.device, self.recipe.step.precision):
                outputs = module(images)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise ConfigError(
                f"expected at least two pictures per process for batch normalisation, got {len(images)}; "
                "raise batch_size (--batch-size), or use fewer processes"
            ) from error
        loss = self.task.loss(outputs, targets)
        loss.backward()
        return loss.detach()

    def validate(self, state: TrainingState) -> dict[str, float]:
        """Return the loss over all validation rows, the accuracy where labelled, and concordances where predicted."""
        outputs, targets = self.predict(state.evaluated, self.validation), self.validation.targets
        figures = {"val_loss": float(self.task.loss(outputs, targets.by_head))}
        if "expression" in outputs:
            known = targets.label >= 0
            if known.any():
                hits = outputs["expression"][known].argmax(1) == targets.label[known]
                figures["val_accuracy"] = float(hits.float().mean())
        if "valence_arousal" in outputs:
            target = targets.by_head["valence_arousal"]
            known = ~target.isnan().any(1)
            pair = concordance(outputs["valence_arousal"][known], target[known])
            figures["val_valence_ccc"], figures["val_arousal_ccc"] = pair.tolist()
        return figures

    @torch.inference_mode()
    def predict(self, module: torch.nn.Module, split: Split, batch_size: int = 256) -> Outputs:
        """Return the outputs for all rows of a split, in their order, on the CPU in float32."""
        module.eval()
        rows = [self.world.share(rows) for rows in in_batches(len(split.targets), batch_size)]
        found: dict[str, list[Tensor]] = {}
        for inputs in split.batches.batches(rows):
            with autocast(self.device, self.recipe.step.precision):
                outputs = module(inputs)
            for head, values in outputs.items():
                found.setdefault(head, []).append(self.world.gather(values.float()).cpu())
        return {head: torch.cat(values) for head, values in found.items()}


def _warn_of_nothing_learnt(figures: dict[str, float], label: Tensor) -> None:
    """Say so where one answer to all validation rows would be as good, which is an accuracy, or a concordance of 0."""
    known = label[label >= 0]
    floor = float(known.bincount().max() / len(known)) if len(known) else 0.0
    concordances = [value for name, value in figures.items() if name.endswith("_ccc")]
    if figures.get("val_accuracy", 1.0) <= floor or (concordances and max(concordances) <= 0):
        _logger.warning(
            "The network is no better on validation rows than one answer to all of them; train longer, or at another "
            "learning_rate (--learning-rate)."
        )
