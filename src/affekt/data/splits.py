"""The splits of a data set: their names, their order, and a validation split carved out of the training split."""

from collections.abc import Iterable

import numpy as np
import polars as pl

from affekt.errors import ConfigError, DataError

SPLITS = ("train", "val", "test")
"""The splits in their order; a data set's own further splits come after them, by name."""

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What data sets call their splits, in lower case, and the split that is meant."""


def ordered_splits(names: Iterable[str]) -> list[str]:
    """Put train, val and test first, then the other splits by name."""
    return sorted(names, key=lambda name: (SPLITS.index(name) if name in SPLITS else len(SPLITS), name))


def carve_validation(train: pl.DataFrame, fraction: float, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Divide training rows in two, so that no person and no copy of a picture stands on both sides.

    Rows of one subject stay together, as do rows of the same pixels, and whatever these two join. Within each
    expression the same fraction of groups goes to validation. Returns the rows of training and of validation, each in
    the order given.
    """
    if not 0 < fraction < 1:
        raise ConfigError(f"expected a validation fraction between 0 and 1, got {fraction}; type --validation 0.1")
    rows = train.select(group=_groups(train), emotion=pl.col("emotion").fill_null(""))
    groups = rows.group_by("group", maintain_order=True).agg(pl.col("emotion").first())
    order = np.random.default_rng(seed).permutation(groups.height)
    chosen = (
        groups[order.tolist()]
        .with_columns(rank=pl.int_range(pl.len()).over("emotion"), size=pl.len().over("emotion"))
        .filter(pl.col("rank") < (pl.col("size") * fraction).round())
    )
    is_validation = rows["group"].is_in(chosen["group"].implode())
    training, validation = train.filter(~is_validation), train.filter(is_validation)
    if training.is_empty() or validation.is_empty():
        raise DataError(
            f"expected enough people or pictures to carve {fraction:.0%} for validation, got {groups.height}; "
            "add data, or name a split with --validation"
        )
    return training, validation


def _groups(train: pl.DataFrame) -> pl.Series:
    """Number each row by the first row that it shares a person or a picture with, directly or through others."""
    unknown = pl.col("subject").is_null() & pl.col("pixel_sha256").is_null()
    rows = train.select("subject", "pixel_sha256", pl.when(unknown).then("source_id").alias("source_id"))
    keys = rows.columns
    rows = rows.with_columns(group=pl.int_range(pl.len()))
    while True:
        before = rows["group"]
        for key in keys:
            first = pl.col("group").min().over(key)
            rows = rows.with_columns(group=pl.when(pl.col(key).is_not_null()).then(first).otherwise("group"))
        if rows["group"].equals(before):
            return before
