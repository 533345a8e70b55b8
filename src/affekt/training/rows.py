"""The rows of a training: those learnt from and those that choose the epoch, their targets, and an epoch's order."""

import hashlib
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Generator, Tensor

from affekt.data.manifest import manifest_labels, select_split
from affekt.data.splits import carve_validation, require_people_apart
from affekt.errors import ConfigError, DataError
from affekt.labels import LABELS
from affekt.training.generations import Run
from affekt.training.recipe import DataOptions, Recipe


@dataclass(frozen=True)
class Targets:
    """What a network should say of some rows."""

    label: Tensor
    """(rows,) int64 index into the labels, -1 where unknown."""
    by_head: dict[str, Tensor]
    """`expression`: (rows, labels) float32, rows summing to 1; `valence_arousal`: (rows, 2) float32. NaN is unknown."""

    def __len__(self) -> int:
        return len(self.label)


def labels_to_learn(recipe: Recipe, manifest: pl.DataFrame) -> tuple[str, ...]:
    """Return what the recipe's network learns to tell apart: the manifest's labels, the eight where it learns none."""
    labels = manifest_labels(manifest)
    return labels if "expression" in recipe.network.heads and len(labels) > 1 else LABELS


def targets_of(rows: pl.DataFrame, expression_target: str = "labels", labels: tuple[str, ...] = LABELS) -> Targets:
    """Read the targets of manifest rows; `votes` are the label alone where a row has no votes."""
    indices = {name: index for index, name in enumerate(labels)}
    index = rows["emotion"].replace_strict(indices, default=-1, return_dtype=pl.Int64)
    label = torch.from_numpy(index.to_numpy().copy())
    expression = torch.full((rows.height, len(labels)), torch.nan)
    known = label >= 0
    expression[known] = torch.nn.functional.one_hot(label[known], len(labels)).float()
    has_votes = torch.from_numpy(rows["votes"].is_not_null().to_numpy().copy())
    if expression_target == "votes" and has_votes.any():
        voted = rows["votes"].drop_nulls().to_numpy()
        expression[has_votes] = torch.from_numpy(voted.astype(np.float32))
    valence_arousal = rows.select("valence", "arousal").fill_null(float("nan")).to_numpy().astype(np.float32)
    return Targets(label, {"expression": expression, "valence_arousal": torch.from_numpy(valence_arousal.copy())})


def training_rows(recipe: Recipe, manifest: pl.DataFrame, run: Run) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows to learn from and those to choose the epoch on; rows without any target are left out.

    Raises:
        ConfigError: the validation option is neither a split nor a fraction.
        DataError: a side is empty or lacks what the recipe learns, or a person is in another split than `train` too.
    """
    heads = recipe.network.heads
    usable = pl.any_horizontal(
        *([pl.col("emotion").is_not_null() | pl.col("votes").is_not_null()] if "expression" in heads else []),
        *([pl.col("valence").is_not_null()] if "valence_arousal" in heads else []),
    )
    require_people_apart(manifest, run.data)
    expressions = min(2, manifest["emotion"].drop_nulls().n_unique()) if "expression" in heads else 0
    sides, labels = _both_sides(manifest, run, expressions), labels_to_learn(recipe, manifest)
    for side, name in zip(sides, ("training", "validation"), strict=True):
        _require_targets(recipe, targets_of(side, recipe.loss.expression_target, labels), name)
    if recipe.data.class_balance != "none" and sides[0]["emotion"].is_null().all():
        raise DataError(
            f"expected labels in the training rows to balance classes by {recipe.data.class_balance}, got none among "
            f"{sides[0].height:,} rows; fill the manifest's column emotion, or set class_balance none"
        )
    return sides[0].filter(usable), sides[1].filter(usable)


def _both_sides(manifest: pl.DataFrame, run: Run, expressions: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = select_split(manifest, "train")
    splits = manifest["split"].unique().to_list()
    chosen = run.validation
    if chosen == "auto":
        chosen = "val" if "val" in splits else "0.1"
    if chosen == "train":
        raise ConfigError("expected a validation split apart from train, got train; 0.1 carves a tenth of it")
    if chosen in splits:
        return rows, select_split(manifest, chosen)
    try:
        fraction = float(chosen)
    except ValueError:
        raise ConfigError(
            f"expected validation to be a fraction or one of the splits {', '.join(sorted(splits))}, "
            f"got {chosen!r}; 0.1 carves a tenth of train (--validation 0.1)"
        ) from None
    seed = run.seed if run.validation_seed is None else run.validation_seed
    return carve_validation(rows, fraction, seed, expressions=expressions)


def _require_targets(recipe: Recipe, targets: Targets, side: str) -> None:
    """Refuse rows that cannot teach or check the recipe's heads."""
    if "expression" in recipe.network.heads:
        classes = len(targets.label[targets.label >= 0].unique())
        votes_alone = not classes and not targets.by_head["expression"].isnan().all()
        if classes < 2 and not votes_alone:
            raise DataError(
                f"expected at least two expressions in the {side} rows, got {classes}; "
                "add pictures that have others in the manifest's column emotion, or train valence and arousal with the "
                "recipe vgg16-va"
            )
    if "valence_arousal" in recipe.network.heads and targets.by_head["valence_arousal"].isnan().any(1).all():
        raise DataError(
            f"expected valence and arousal in the {side} rows, got none; import data that has them, "
            f"{'or learn the expressions alone (--heads expression), ' if 'expression' in recipe.network.heads else ''}"
            "or project them from FER+ votes with: affekt data import ferplus --valence-arousal projected"
        )


def valence_arousal_origin(rows: pl.DataFrame) -> str | None:
    """Return where the valence and arousal of rows come from: one origin, or each with its share of the rows."""
    known = rows.filter(pl.col("valence").is_not_null())
    counts = known["valence_arousal_origin"].drop_nulls().value_counts(sort=True).rows()
    if len(counts) < 2:
        return counts[0][0] if counts else None
    return ", ".join(f"{100 * count / known.height:.0f} % {origin}" for origin, count in counts)


def rows_digest(training: pl.DataFrame, validation: pl.DataFrame) -> str:
    """Return a hash of the pictures, boxes and labels of both sides, in their order.

    Where the pictures lie is not in it: a data set may move.
    """
    digest = hashlib.sha256()
    for side in (training, validation):
        plain = side.select(
            *("source", "source_id", "pixel_sha256", "emotion", "valence", "arousal"),
            pl.col("box_xyxy", "landmarks_xy", "votes").arr.to_list(),
        )
        digest.update(plain.write_json().encode())
    return digest.hexdigest()


def repeat_factors(targets: Targets, threshold: float) -> Tensor:
    """How often an epoch takes each row, on average: once, or more where its expression is rare; (rows,) float64.

    max(1, sqrt(threshold / fraction)) with the expression's fraction of the labelled rows: Gupta, Dollar and Girshick
    (2019), "LVIS: A Dataset for Large Vocabulary Instance Segmentation", section 5.1, of one label per picture.
    """
    counts = torch.bincount(targets.label[targets.label >= 0], minlength=1).double()
    factors = (threshold * counts.sum() / counts.clamp(min=1)).sqrt().clamp(min=1)
    return torch.where(targets.label < 0, 1.0, factors[targets.label.clamp(min=0)])


def prior_of(targets: Targets, options: DataOptions) -> tuple[float, ...] | None:
    """Return the share of each label among what an epoch takes, by the targets; None where nothing has a target."""
    target = targets.by_head["expression"].double()
    times = torch.ones(len(target), dtype=torch.float64)
    if options.class_balance == "repeating":
        times = repeat_factors(targets, options.repeat_threshold)
    times = times.masked_fill(target.isnan().any(1), 0)
    shares = times @ target.nan_to_num()
    return tuple((shares / shares.sum()).tolist()) if shares.sum() > 0 else None


def steps_in_epoch(targets: Targets, options: DataOptions) -> int:
    """How many steps an epoch has; an incomplete last batch counts only where it is the only one."""
    rows = len(targets)
    if options.class_balance == "repeating":
        rows = int(repeat_factors(targets, options.repeat_threshold).sum())
    return max(1, rows // options.batch_size)


def epoch_batches(targets: Targets, options: DataOptions, generator: Generator) -> list[Tensor]:
    """Return the row numbers of each step of an epoch, shuffled; an incomplete last batch is left for another epoch."""
    rows = torch.arange(len(targets))
    if options.class_balance == "repeating":
        # Systematic sampling: each row comes floor or ceil of its factor times, and epochs are equally long.
        ends = repeat_factors(targets, options.repeat_threshold).cumsum(0) + torch.rand(1, generator=generator)
        rows = rows.repeat_interleave(ends.floor().diff(prepend=torch.zeros(1)).long())
    order = rows[torch.randperm(len(rows), generator=generator)]
    wanted = min(len(order), steps_in_epoch(targets, options) * options.batch_size)
    return list(order[:wanted].split(options.batch_size))
