"""What makes a training the same one: its recipe, its seed, and the rows it learns from and is chosen on."""

import hashlib
from dataclasses import asdict
from typing import Any

import polars as pl

from affekt.training.recipe import Recipe


def identity(recipe: Recipe, seed: int, data: str) -> dict[str, Any]:
    """Return what a checkpoint must share with the run that goes on from it; `data` is a `rows_digest`."""
    return {"recipe": asdict(recipe), "seed": seed, "data": data}


def rows_digest(training: pl.DataFrame, validation: pl.DataFrame) -> str:
    """Return a hash of the pictures, boxes and labels of both sides, in their order.

    Where the pictures lie is not in it: a data set may move.
    """
    digest = hashlib.sha256()
    for side in (training, validation):
        plain = side.select(
            *("source", "source_id", "pixel_sha256", "emotion", "valence", "arousal"),
            pl.col("box_xyxy", "votes").arr.to_list(),
        )
        digest.update(plain.write_json().encode())
    return digest.hexdigest()
