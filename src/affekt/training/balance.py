"""Balance: what a recipe does against rare expressions, and the order in which an epoch takes its rows."""

import torch
from torch import Generator, Tensor

from affekt.errors import DataError
from affekt.labels import LABELS
from affekt.training.inputs import Targets
from affekt.training.recipe import Recipe


def require_labels_to_balance(recipe: Recipe, targets: Targets) -> None:
    """Refuse to balance expressions that no training row names.

    Raises:
        DataError: `class_balance` is asked for and no row has a label.
    """
    if recipe.class_balance != "none" and not (targets.label >= 0).any():
        raise DataError(
            f"expected labels in the training rows to balance classes by {recipe.class_balance}, got none among "
            f"{len(targets):,} rows; fill the manifest's column emotion, or type --class-balance none"
        )


def class_weight(recipe: Recipe, targets: Targets) -> Tensor | None:
    """Return weights of the expressions by inverse frequency, averaging 1 over the rows; absent ones weigh 0."""
    if recipe.class_balance != "weights":
        return None
    counts = label_counts(targets)
    present = counts > 0
    return torch.where(present, counts.sum() / (present.sum() * counts.clamp(min=1)), 0.0)


def repeat_factors(targets: Targets, threshold: float) -> Tensor:
    """How often an epoch takes each row, on average: once, or more where its expression is rare.

    max(1, sqrt(threshold / share)) with the expression's share of the labelled rows: Gupta, Dollar and Girshick (2019),
    "LVIS: A Dataset for Large Vocabulary Instance Segmentation", section 5.1, of one label a picture.

    Args:
        targets: of the training rows; those without a label are taken once.
        threshold: share below which an expression is repeated.

    Returns:
        (rows,) float64 of at least 1.
    """
    counts = label_counts(targets).double()
    factors = (threshold * counts.sum() / counts.clamp(min=1)).sqrt().clamp(min=1)
    return torch.where(targets.label < 0, 1.0, factors[targets.label.clamp(min=0)])


def steps_in_epoch(targets: Targets, recipe: Recipe) -> int:
    """How many steps an epoch has; an incomplete last batch counts only where it is the only one."""
    return max(1, _rows_in_epoch(targets, recipe) // recipe.batch_size)


def epoch_batches(targets: Targets, recipe: Recipe, generator: Generator) -> list[Tensor]:
    """Return the row numbers of each step of an epoch, shuffled; an incomplete last batch is left for another epoch."""
    order = _epoch_rows(targets, recipe, generator)
    wanted = min(len(order), steps_in_epoch(targets, recipe) * recipe.batch_size)
    return list(order[:wanted].split(recipe.batch_size))


def label_counts(targets: Targets) -> Tensor:
    """Return (8,) float32, how many rows have each label."""
    return torch.bincount(targets.label[targets.label >= 0], minlength=len(LABELS)).float()


def _rows_in_epoch(targets: Targets, recipe: Recipe) -> int:
    if recipe.class_balance != "repeating":
        return len(targets)
    return int(repeat_factors(targets, recipe.repeat_threshold).sum())


def _epoch_rows(targets: Targets, recipe: Recipe, generator: Generator) -> Tensor:
    rows = len(targets)
    if recipe.class_balance == "sampling":
        counts = label_counts(targets).clamp(min=1)
        weights = torch.where(targets.label < 0, 0.0, 1 / counts[targets.label.clamp(min=0)])
        return torch.multinomial(weights, rows, replacement=True, generator=generator)
    if recipe.class_balance == "repeating":
        # Systematic sampling: each row comes floor or ceil of its factor times, and epochs are equally long.
        ends = repeat_factors(targets, recipe.repeat_threshold).cumsum(0) + torch.rand(1, generator=generator)
        taken = ends.floor().diff(prepend=torch.zeros(1)).long()
        repeated = torch.arange(rows).repeat_interleave(taken)
        return repeated[torch.randperm(len(repeated), generator=generator)]
    return torch.randperm(rows, generator=generator)
