"""The loop: epochs of steps, validation, and a checkpoint after each."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from affekt.errors import ConfigError, DataError
from affekt.networks.network import Outputs
from affekt.training.balance import epoch_batches
from affekt.training.batches import Feed, autocast
from affekt.training.checkpoint import Trainee
from affekt.training.distillation import Lesson
from affekt.training.distributed import World
from affekt.training.inputs import Targets, in_batches
from affekt.training.losses import concordance
from affekt.training.mixup import Mixing, draw_mixing
from affekt.training.recipe import Recipe
from affekt.training.sam import climbed
from affekt.training.task import Task


@dataclass(frozen=True)
class Split:
    """One side of the data: what the network is given and what it should say, row by row."""

    feed: Feed
    targets: Targets
    lesson: Lesson | None = None
    """What teachers that were asked once say of each row."""


class _Batch(NamedTuple):
    images: Tensor
    targets: Targets
    lesson: Lesson | None
    mixing: Mixing | None


def fit(
    trainee: Trainee,
    task: Task,
    training: Split,
    validation: Split,
    *,
    seed: int,
    world: World,
    device: torch.device,
    after_epoch: Callable[[dict[str, float]], None],
) -> None:
    """Train until the recipe's last epoch or until the validation loss has stopped falling.

    Each epoch draws its order and its augmentation from the seed and its own number, so that a training resumed
    between two epochs is the one that was interrupted.

    Args:
        trainee: what trains; ends with the best epoch's weights in `best`.
        task: the loss.
        training: rows to learn from.
        validation: rows to choose the epoch on.
        seed: decides orders and augmentation.
        world: the processes that train together.
        device: where the network is.
        after_epoch: called with the log's line on every process, to print it and to write the checkpoint.

    Raises:
        DataError: the loss, on training or validation rows, is no longer a finite number.
    """
    recipe, progress = task.recipe, trainee.progress
    module = world.wrap(trainee.module)
    while progress.epoch < recipe.epochs and not should_stop(trainee, recipe):
        start = time.perf_counter()
        rate = trainee.optimiser.param_groups[0]["lr"]
        loss = train_epoch(module, trainee, task, training, seed=seed, world=world, device=device)
        progress.epoch += 1
        figures = validate(trainee, task, validation, world=world, device=device)
        for name, value in {"training": loss, "validation": figures["val_loss"]}.items():
            if not math.isfinite(value):
                raise DataError(
                    f"expected a {name} loss, got {value} in epoch {progress.epoch}; "
                    "type a lower --learning-rate or --clip-norm 1"
                )
        trainee.schedule.after_epoch(figures["val_loss"])
        if figures["val_loss"] < progress.best_loss:
            progress.best_loss, progress.best_epoch = figures["val_loss"], progress.epoch
            trainee.best = {name: tensor.clone() for name, tensor in trainee.evaluated.state_dict().items()}
        line = {"epoch": progress.epoch, "train_loss": loss, **figures, "learning_rate": rate}
        line["seconds"] = round(time.perf_counter() - start, 2)
        progress.history.append(line)
        after_epoch(line)


def should_stop(trainee: Trainee, recipe: Recipe) -> bool:
    """Whether the validation loss has not fallen for as many epochs as the recipe waits."""
    waited = trainee.progress.epoch - trainee.progress.best_epoch
    return bool(recipe.early_stopping_patience) and waited >= recipe.early_stopping_patience


def train_epoch(
    module: torch.nn.Module,
    trainee: Trainee,
    task: Task,
    training: Split,
    *,
    seed: int,
    world: World,
    device: torch.device,
) -> float:
    """Take one step a batch over all training rows, and return the mean loss."""
    recipe = task.recipe
    generator = torch.Generator().manual_seed(seed * 1_000_003 + trainee.progress.epoch)
    steps = epoch_batches(training.targets, recipe, generator)
    # Orders are drawn alike on every process, what follows must differ: augmentation and dropout.
    generator.manual_seed(int(torch.randint(2**62, (1,), generator=generator)) + world.rank)
    torch.manual_seed(generator.initial_seed())
    parts = [part for step in steps for part in world.share(step).tensor_split(recipe.accumulate)]
    inputs = training.feed.in_epoch(recipe, trainee.progress.epoch).batches(parts, generator)
    climbs = climbs_in(recipe, trainee.progress.epoch)
    module.train()
    total = torch.zeros((), device=device)
    with tqdm(total=len(steps), desc=f"epoch {trainee.progress.epoch + 1}", leave=False, disable=_quiet(world)) as bar:
        for number, rows in enumerate(parts):
            batch = _batch(task, training, rows, next(inputs), generator)
            loss = _backward(module, task, batch)
            if climbs:
                with climbed(trainee.module, recipe.sharpness_radius):
                    _backward(module, task, batch)
            total += loss
            if (number + 1) % recipe.accumulate == 0:
                _step(trainee, recipe)
                bar.update()
                bar.set_postfix_str(f"loss {float(total) / (number + 1):.4f}", refresh=False)
    mean = total[None] / len(parts)
    return float(world.gather(mean).mean())


def climbs_in(recipe: Recipe, epoch: int) -> bool:
    """Whether the steps of an epoch, counted from 0, are sharpness-aware."""
    late = epoch >= recipe.epochs - recipe.sharpness_epochs
    return bool(recipe.sharpness_radius) and (late or not recipe.sharpness_epochs)


def _batch(task: Task, training: Split, rows: Tensor, images: Tensor, generator: torch.Generator) -> _Batch:
    strength, device = task.recipe.mixup, images.device
    mixing = draw_mixing(len(images), strength, generator) if strength else None
    images = images if mixing is None else mixing(images)
    lesson = _lesson(task, training, rows.to(device), images, mixing)
    return _Batch(images, training.targets[rows].to(device), lesson, mixing)


def _lesson(task: Task, training: Split, rows: Tensor, images: Tensor, mixing: Mixing | None) -> Lesson | None:
    if training.lesson is not None:
        lesson = training.lesson[rows]
        return lesson if mixing is None else lesson.mixed(mixing)
    with autocast(images.device, task.recipe.precision):
        return task.teachers(images) if task.teachers is not None else None


def _backward(module: torch.nn.Module, task: Task, batch: _Batch) -> Tensor:
    outputs = _forward(module, batch.images, task.recipe.precision)
    loss = task(outputs, batch.targets, batch.lesson, batch.mixing)
    (loss / task.recipe.accumulate).backward()
    return loss.detach()


def _forward(module: torch.nn.Module, images: Tensor, precision: str) -> Outputs:
    try:
        with autocast(images.device, precision):
            return module(images)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise ConfigError(
            f"expected at least two pictures a pass for batch normalisation, got {len(images)}; "
            "type --batch-size 2 or more, or a smaller --accumulate"
        ) from error


def _quiet(world: World) -> bool | None:
    return None if world.is_main else True


def _step(trainee: Trainee, recipe: Recipe) -> None:
    if recipe.clip_norm:
        torch.nn.utils.clip_grad_norm_(trainee.module.parameters(), recipe.clip_norm)
    trainee.optimiser.step()
    trainee.optimiser.zero_grad()
    trainee.schedule.after_step()
    if trainee.average is not None:
        trainee.average.update_parameters(trainee.module)


@torch.inference_mode()
def predict(
    module: torch.nn.Module, split: Split, *, world: World, device: torch.device, precision: str, batch_size: int = 256
) -> Outputs:
    """Return the outputs for all rows of a split, in their order, on the CPU in float32."""
    module.eval()
    batches = [world.share(rows) for rows in in_batches(len(split.targets), batch_size)]
    logits, points = [], []
    for inputs in split.feed.batches(batches):
        with autocast(device, precision):
            outputs = module(inputs)
        if outputs.logits is not None:
            logits.append(world.gather(outputs.logits.float()).cpu())
        if outputs.valence_arousal is not None:
            points.append(world.gather(outputs.valence_arousal.float()).cpu())
    return Outputs(torch.cat(logits) if logits else None, torch.cat(points) if points else None)


def validate(
    trainee: Trainee, task: Task, validation: Split, *, world: World, device: torch.device
) -> dict[str, float]:
    """Return the loss over all validation rows, the accuracy where labelled, and both concordances where predicted."""
    outputs = predict(trainee.evaluated, validation, world=world, device=device, precision=task.recipe.precision)
    targets = validation.targets
    on_cpu = Task(task.recipe, task.class_weight.cpu() if task.class_weight is not None else None)
    figures = {"val_loss": float(on_cpu(outputs, targets))}
    if outputs.logits is not None:
        known = targets.label >= 0
        if known.any():
            hits = outputs.logits[known].argmax(1) == targets.label[known]
            figures["val_accuracy"] = float(hits.float().mean())
    if outputs.valence_arousal is not None:
        known = ~targets.valence_arousal.isnan().any(1)
        pair = concordance(outputs.valence_arousal[known], targets.valence_arousal[known])
        figures["val_ccc_valence"], figures["val_ccc_arousal"] = pair.tolist()
    return figures
