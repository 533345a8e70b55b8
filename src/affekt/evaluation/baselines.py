"""Predictors that never look at a picture: the floor under every table."""

import polars as pl

from affekt.errors import DataError
from affekt.evaluation.predictions import DIMENSIONS
from affekt.labels import LABELS, PROBABILITY_COLUMNS

TRAIN_SPLIT = "train"
FLOOR = "floor"


def floor_predictions(manifest: pl.DataFrame, split: str) -> tuple[pl.DataFrame, str]:
    """Predict every row of a split by the train split's class frequencies and its mean valence and arousal.

    The chosen class is then the majority class. Where the manifest has no train split, the scored split itself
    gives the frequencies and means, which can only raise the floor.

    Args:
        manifest: the whole manifest.
        split: the split to predict.

    Returns:
        A predictions table with the parts that are known, and a sentence saying where they came from.

    Raises:
        DataError: neither an expression nor valence and arousal is known for any row.
    """
    train = manifest.filter(pl.col("split") == TRAIN_SPLIT)
    named = TRAIN_SPLIT
    if train.select(pl.any_horizontal(pl.col("emotion", *DIMENSIONS).is_not_null().any())).item() is not True:
        train, named = manifest.filter(pl.col("split") == split), split
    constants = {}
    labelled = train["emotion"].drop_nulls()
    if len(labelled):
        shares = [(labelled == label).mean() for label in LABELS]
        constants |= dict(zip(PROBABILITY_COLUMNS, shares, strict=True))
    if all(train[name].null_count() < len(train) for name in DIMENSIONS):
        constants |= {name: train[name].mean() for name in DIMENSIONS}
    if not constants:
        raise DataError(f"expected labels in the split {named!r}, got none; import a manifest with labels")
    rows = manifest.filter(pl.col("split") == split)
    table = rows.select("source", "source_id", **{name: pl.lit(value) for name, value in constants.items()})
    origin = f"the split {named!r}" + ("" if named == TRAIN_SPLIT else ", there being no train split")
    return table, f"Floor: the class frequencies and the mean valence and arousal of {origin}."
