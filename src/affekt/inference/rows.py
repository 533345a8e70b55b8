"""The result row: one a face, or one saying why there is none."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from affekt.labels import LABELS, PROBABILITY_COLUMNS
from affekt.models.session import Affect

SCHEMA = pl.Schema(
    {
        "input": pl.String,
        "frame": pl.Int64,
        "time_s": pl.Float64,
        "face": pl.Int64,
        "track": pl.Int64,
        **dict.fromkeys(("x", "y", "width", "height"), pl.Float64),
        "face_score": pl.Float64,
        "status": pl.String,
        "emotion": pl.Enum(LABELS),
        "confidence": pl.Float64,
        **dict.fromkeys(PROBABILITY_COLUMNS, pl.Float64),
        "valence": pl.Float64,
        "arousal": pl.Float64,
    }
)
"""Columns of a table of results. Boxes are in pixels of the upright picture, `face` counts from 0, the surest first."""

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Looked:
    """A picture after its faces were found and cut out, before they are classified."""

    name: str
    """What the row calls it."""
    problem: str | None
    """Why it could not be read; None where it could."""
    crops: np.ndarray
    """(faces, size, size, channels) uint8."""
    box_xyxy: np.ndarray
    """(faces, 4) in pixels of the upright picture."""
    score: np.ndarray
    """(faces,) of the detector in 0-1, nan where it gives none."""


def rows_of(looked: Looked, affect: Affect, *, min_confidence: float) -> list[Row]:
    """Return the rows of one picture.

    Args:
        looked: the picture and its faces.
        affect: what the model says of these faces, in their order.
        min_confidence: below it `emotion` stays empty; the probabilities are kept.
    """
    if looked.problem is not None:
        return [empty_row(looked.name, f"unreadable: {looked.problem}")]
    if not len(looked.box_xyxy):
        return [empty_row(looked.name, "no_face")]
    return [_row(looked, affect, face, min_confidence) for face in range(len(looked.box_xyxy))]


def empty_row(name: str, status: str) -> Row:
    """Return the row of a picture without a face."""
    return {**dict.fromkeys(SCHEMA), "input": name, "status": status}


def _row(looked: Looked, affect: Affect, face: int, min_confidence: float) -> Row:
    left, top, right, bottom = (float(edge) for edge in looked.box_xyxy[face])
    score = float(looked.score[face])
    row = empty_row(looked.name, "ok")
    row |= {"face": face, "x": left, "y": top, "width": right - left, "height": bottom - top}
    row["face_score"] = None if np.isnan(score) else score
    if affect.probabilities is not None:
        probabilities = affect.probabilities[face].astype(float)
        best = int(probabilities.argmax())
        row["confidence"] = float(probabilities[best])
        row["emotion"] = LABELS[best] if probabilities[best] >= min_confidence else None
        row |= dict(zip(PROBABILITY_COLUMNS, map(float, probabilities), strict=True))
    if affect.valence_arousal is not None:
        row["valence"], row["arousal"] = map(float, affect.valence_arousal[face])
    return row
