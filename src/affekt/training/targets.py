"""The targets of a training's rows, how often an epoch takes each row, and in what order."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Generator, Tensor

from affekt.labels import LABELS
from affekt.training.recipe import DataOptions


@dataclass(frozen=True)
class Targets:
    """What a network should say of some rows."""

    label: Tensor
    """(rows,) int64 index into the labels, -1 where unknown."""
    by_head: dict[str, Tensor]
    """`expression`: (rows, labels) float32, rows summing to 1; `valence_arousal`: (rows, 2) float32. NaN is unknown."""

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True)
class ShardOrder:
    """How pictures are shuffled that are read anew in each epoch from tar files."""

    shards: Tensor
    """(rows,) int64: the file of each row; files come in random order."""
    window: int
    """Rows that follow one another in the files, and come in random order: about so many crops are in memory."""


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


def epoch_batches(
    targets: Targets, options: DataOptions, generator: Generator, order: ShardOrder | None = None, processes: int = 1
) -> list[Tensor]:
    """Return the row numbers of each step of an epoch, shuffled; an incomplete last batch is left for another epoch.

    With an order, each of the processes takes its part of a step, by `World.share`, out of files of its own.
    """
    rows = torch.arange(len(targets))
    if options.class_balance == "repeating":
        # Systematic sampling: each row comes floor or ceil of its factor times, and epochs are equally long.
        ends = repeat_factors(targets, options.repeat_threshold).cumsum(0) + torch.rand(1, generator=generator)
        rows = rows.repeat_interleave(ends.floor().diff(prepend=torch.zeros(1)).long())
    steps = steps_in_epoch(targets, options)
    wanted = min(len(rows), steps * options.batch_size)
    if order is None:
        return list(rows[torch.randperm(len(rows), generator=generator)][:wanted].split(options.batch_size))
    _, file = order.shards[rows].unique(return_inverse=True)
    place_of_file = torch.randperm(int(file.max()) + 1, generator=generator)
    rows = rows[place_of_file[file].argsort(stable=True)]
    # Where one's share ends within a file, the next one reads the rest of it.
    sizes = [len(part) for part in torch.arange(min(wanted, options.batch_size)).tensor_split(processes)]
    shares = rows[:wanted].split([size * steps for size in sizes])
    shuffled = [shuffled_nearby(share, order.window, generator) for share in shares]
    taken = [share.split(size) for share, size in zip(shuffled, sizes, strict=True)]
    return [torch.cat(parts) for parts in zip(*taken, strict=True)]


def shuffled_nearby(rows: Tensor, window: int, generator: Generator) -> Tensor:
    """Shuffle rows so that none stands behind one that came more than `window` rows after it."""
    places = torch.arange(len(rows)) + window * torch.rand(len(rows), generator=generator, dtype=torch.float64)
    return rows[places.argsort()]
