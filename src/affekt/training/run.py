"""A run: from a recipe and a manifest to a folder with a model, its card and its log."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import torch

from affekt.data.manifest import select_split
from affekt.data.splits import carve_validation
from affekt.errors import ConfigError, require_seed
from affekt.models.card import WEIGHTS_FILE, Card
from affekt.networks.network import Network
from affekt.networks.saving import save_model
from affekt.networks.temperature import fit_temperature
from affekt.training.augmentation_settings import Augmentation
from affekt.training.balance import class_weight, require_labels_to_balance, steps_in_epoch
from affekt.training.batches import CropFeed, extract_features
from affekt.training.checkpoint import CHECKPOINT_FILE, Progress, Trainee, load_checkpoint, save_checkpoint
from affekt.training.distillation import asked_once, load_teachers
from affekt.training.distributed import World, choose_device, joined_world
from affekt.training.fingerprint import identity, rows_digest
from affekt.training.inputs import CropStream, Targets, targets_of
from affekt.training.log import epoch_sentence, write_log, write_tensorboard
from affekt.training.loop import Split, fit, predict
from affekt.training.optimiser import Schedule, build_optimiser, moving_average
from affekt.training.recipe import Recipe
from affekt.training.run_card import make_card, preprocessing_of, require_one_origin
from affekt.training.task import Task, require_targets


@dataclass(frozen=True, kw_only=True)
class Run:
    """Where a training reads and writes, and what makes it repeatable."""

    recipe_name: str
    """Name of the recipe, for the card and tables."""
    data: Path
    """The manifest, for the card."""
    out: Path
    """Folder of the run."""
    validation: str = "auto"
    """A split, a fraction of the training split to carve, or `auto`: the split `val`, else a tenth of `train`."""
    seed: int = 0
    """Decides the first weights, the order, the augmentation and the carved validation rows."""
    validation_seed: int | None = None
    """Decides the carved validation rows alone; None: `seed` does."""
    resume: bool = False
    """Continue from the checkpoint in `out`."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `mps`."""
    command: str = ""
    """The command line, for the card."""

    def __post_init__(self) -> None:
        """Refuse a seed that is none.

        Raises:
            ConfigError: it is negative or too large.
        """
        require_seed(self.seed)


def train(recipe: Recipe, manifest: pl.DataFrame, run: Run) -> Card:
    """Train a recipe and write the model, its card and its log into the run's folder.

    Under torchrun all processes call this alike; the first writes.

    Returns:
        The card that was written.

    Raises:
        ConfigError: the folder holds another run, or an option is wrong.
        DataError: a split is empty, lacks what the recipe learns, or holds an unreadable picture.
        ModelError: the first weights or the checkpoint cannot be used.
    """
    refuse_overwriting(run)
    with joined_world() as world:
        device = choose_device(run.device, world)
        rows, validation_rows = training_rows(recipe, manifest, run)
        refuse_empty_passes(recipe, rows.height, world)
        network = first_network(recipe, rows, run).to(device)
        training = load_split(recipe, rows, device, name="training", augmented=True)
        validation = load_split(recipe, validation_rows, device, name="validation", augmented=False)
        trainee = _trainee(recipe, network, training)
        if recipe.frozen and recipe.augmentation.is_off and not recipe.teachers:
            training, validation = _cached(network, [training, validation], recipe)
            trainee = _trainee(recipe, network.heads, training)
        data = rows_digest(rows, validation_rows)
        same = identity(recipe, run.seed, data)
        if run.resume and (run.out / CHECKPOINT_FILE).is_file():
            load_checkpoint(trainee, run.out, same)
        weights = class_weight(recipe, training.targets)
        teachers = load_teachers(recipe.teachers, preprocessing_of(recipe), device)
        task = Task(recipe, weights.to(device) if weights is not None else None, teachers)
        if teachers is not None and recipe.teacher_view == "plain" and isinstance(training.feed, CropFeed):
            training = replace(training, lesson=asked_once(teachers, training.feed))

        def after_epoch(line: dict[str, float]) -> None:
            if world.is_main:
                print(epoch_sentence(line, recipe.epochs), flush=True)
                # The checkpoint comes last: if killed before it, the epoch is trained again and its line replaced.
                write_log(trainee.progress.history, run.out)
                write_tensorboard(line, run.out)
                save_checkpoint(trainee, run.out, same)
            world.wait()

        fit(trainee, task, training, validation, seed=run.seed, world=world, device=device, after_epoch=after_epoch)
        trainee.module.load_state_dict(trainee.best)
        outputs = predict(trainee.module, validation, world=world, device=device, precision=recipe.precision)
        card = make_card(recipe, network, run, rows, data, trainee.progress, world)
        if outputs.logits is not None:
            card = _calibrated(card, outputs.logits, validation.targets)
        if world.is_main:
            save_model(network, card, run.out)
            (run.out / CHECKPOINT_FILE).unlink(missing_ok=True)
            for leftover in run.out.glob(".*.tmp"):  # of processes that were killed while they wrote
                leftover.unlink()
        world.wait()
    return card


def refuse_overwriting(run: Run) -> None:
    """Refuse a folder that holds a run already, unless it is to be resumed, or that cannot be written.

    Raises:
        ConfigError: there is a finished model, or a checkpoint without `resume`, or the folder cannot be made.
    """
    existing = next(folder for folder in (run.out.absolute(), *run.out.absolute().parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise ConfigError(f"expected a folder to write {run.out} in, got {existing}; choose another --out")
    if (run.out / WEIGHTS_FILE).exists():
        raise ConfigError(f"expected a folder without a finished model, got {run.out}; choose another --out")
    if (run.out / CHECKPOINT_FILE).exists() and not run.resume:
        raise ConfigError(
            f"expected a new folder, got {run.out} with an unfinished run; type --resume to continue it, "
            "or choose another --out"
        )


def refuse_empty_passes(recipe: Recipe, rows: int, world: World) -> None:
    """Refuse steps of fewer pictures than there are processes and passes to share them.

    Raises:
        ConfigError: a pass would have no picture.
    """
    shares, pictures = world.size * recipe.accumulate, min(recipe.batch_size, rows)
    if pictures < shares:
        raise ConfigError(
            f"expected at least {shares} pictures a step, one for each of {world.size} processes and "
            f"{recipe.accumulate} passes, got {pictures}; type --accumulate 1, or use fewer processes"
        )


def training_rows(recipe: Recipe, manifest: pl.DataFrame, run: Run) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows to learn from and those to choose the epoch on; rows without any target are left out.

    Raises:
        ConfigError: the validation option is neither a split nor a fraction.
        DataError: a side is empty or lacks what the recipe learns, or mixes valence and arousal of several origins.
    """
    usable = pl.any_horizontal(
        *([pl.col("emotion").is_not_null() | pl.col("votes").is_not_null()] if "expression" in recipe.heads else []),
        *([pl.col("valence").is_not_null()] if "valence_arousal" in recipe.heads else []),
    )
    rows = select_split(manifest, "train")
    splits = manifest["split"].unique().to_list()
    chosen = run.validation
    if chosen == "auto":
        chosen = "val" if "val" in splits else "0.1"
    if chosen in splits:
        if chosen == "train":
            raise ConfigError("expected a validation split apart from train, got train; type --validation 0.1")
        sides = rows, select_split(manifest, chosen)
    else:
        try:
            fraction = float(chosen)
        except ValueError:
            raise ConfigError(
                f"expected --validation to be a fraction or one of the splits {', '.join(sorted(splits))}, "
                f"got {chosen!r}; type --validation 0.1"
            ) from None
        sides = carve_validation(rows, fraction, run.seed if run.validation_seed is None else run.validation_seed)
    for side, name in zip(sides, ("training", "validation"), strict=True):
        require_targets(recipe, targets_of(side), name)
    require_labels_to_balance(recipe, targets_of(sides[0]))
    if "valence_arousal" in recipe.heads:
        require_one_origin(sides[0])
    return sides[0].filter(usable), sides[1].filter(usable)


def first_network(recipe: Recipe, rows: pl.DataFrame, run: Run) -> Network:
    """Build the network as it stands before the first step: seeded, its backbone loaded, its means set.

    Raises:
        ModelError: the weights cannot be had.
    """
    torch.manual_seed(run.seed)
    network = Network(recipe.architecture, recipe.hidden_units, recipe.heads, channels=len(recipe.mean))
    if recipe.weights != ("none",):
        network.load_backbone(recipe.architecture, *recipe.weights)
    if network.heads.valence_arousal is not None:
        known = rows.select("valence", "arousal").drop_nulls()
        network.heads.start_at(*(float(known[name].mean()) for name in known.columns))  # pyright: ignore
    if recipe.frozen:
        network.freeze_backbone()
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
    return network.to(memory_format=layout)  # pyright: ignore[reportCallIssue]


def load_split(recipe: Recipe, rows: pl.DataFrame, device: torch.device, *, name: str, augmented: bool) -> Split:
    """Open the pictures and targets of manifest rows."""
    preprocessing = preprocessing_of(recipe)
    stream = CropStream(rows, preprocessing, name=name)
    augmentation = recipe.augmentation if augmented else Augmentation()
    feed = CropFeed(stream, preprocessing, device, recipe.channels_last, augmentation)
    return Split(feed, targets_of(rows))


def _cached(network: Network, splits: list[Split], recipe: Recipe) -> list[Split]:
    crops = [split.feed for split in splits if isinstance(split.feed, CropFeed)]
    features = extract_features(network, crops, precision=recipe.precision)
    return [Split(feed, split.targets) for feed, split in zip(features, splits, strict=True)]


def _trainee(recipe: Recipe, module: torch.nn.Module, training: Split) -> Trainee:
    optimiser = build_optimiser(module, recipe)
    steps = steps_in_epoch(training.targets, recipe)
    return Trainee(
        module=module,
        optimiser=optimiser,
        schedule=Schedule(optimiser, recipe, steps),
        average=moving_average(module, recipe.ema_decay),
        best={},
        progress=Progress(),
    )


def _calibrated(card: Card, logits: torch.Tensor, targets: Targets) -> Card:
    known = targets.label >= 0
    if not known.any():
        return card
    return replace(card, temperature=fit_temperature(logits[known].numpy(), targets.label[known].numpy()))
