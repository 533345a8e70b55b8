"""Predictors that never look at a picture: the floor under every table."""

from typing import Any

import polars as pl

from affekt.errors import DataError
from affekt.evaluation.predictions import DIMENSIONS
from affekt.labels import LABELS, PROBABILITY_COLUMNS

TRAIN_SPLIT = "train"
FLOOR = "floor"


PARTS = {"the class frequencies": ("emotion",), "the mean valence and arousal": DIMENSIONS}
"""What the floor predicts from, and the columns that must be known for it."""


def floor_predictions(manifest: pl.DataFrame, split: str) -> tuple[pl.DataFrame, str]:
    """Predict every row of a split by the train split's class frequencies and its mean valence and arousal.

    The chosen class is then the majority class. A part that the split knows and the train split does not, as where
    there is no train split, comes from the scored split itself, which can only raise the floor.

    Args:
        manifest: the whole manifest.
        split: the split to predict.

    Returns:
        A predictions table with the parts that are known in the split, and a sentence saying where they came from.

    Raises:
        DataError: neither an expression nor valence and arousal is known for any row of the split.
    """
    train, rows = (manifest.filter(pl.col("split") == name) for name in (TRAIN_SPLIT, split))
    constants: dict[str, Any] = {}
    origins: dict[str, list[str]] = {}
    for part, columns in PARTS.items():
        wanted = [column for column in columns if _is_known(rows, column)]
        if not wanted:
            continue
        learnt = all(_is_known(train, column) for column in wanted)
        constants |= _constants(train if learnt else rows, wanted)
        origins.setdefault(TRAIN_SPLIT if learnt else split, []).append(part)
    if not constants:
        raise DataError(
            f"expected labels in the split {split!r}, got none in {len(rows)} rows; choose another --split, or import "
            "a manifest with labels"
        )
    table = rows.select("source", "source_id", **{name: pl.lit(value) for name, value in constants.items()})
    return table, f"Floor: {'; '.join(_origin(name, parts, train) for name, parts in origins.items())}."


def _is_known(rows: pl.DataFrame, column: str) -> bool:
    return rows[column].null_count() < len(rows)


def _constants(rows: pl.DataFrame, columns: list[str]) -> dict[str, Any]:
    if columns == ["emotion"]:
        labelled = rows["emotion"].drop_nulls()
        return dict(zip(PROBABILITY_COLUMNS, [(labelled == label).mean() for label in LABELS], strict=True))
    return {name: rows[name].mean() if name in columns else None for name in DIMENSIONS}


def _origin(split: str, parts: list[str], train: pl.DataFrame) -> str:
    where = f"{' and '.join(parts)} of the split {split!r}"
    if split == TRAIN_SPLIT:
        return where
    return f"{where}, {'there being no train split' if train.is_empty() else 'where train has none'}"
