"""The result row: one a face, or one saying why there is none."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from affekt.analysis.smoothing import Smoother
from affekt.labels import LABELS, PROBABILITY_COLUMNS
from affekt.models.session import Affect

SCORES = (*PROBABILITY_COLUMNS, "valence", "arousal")
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
        **dict.fromkeys(SCORES, pl.Float64),
    }
)
"""Columns of a table of results. Boxes are in pixels of the upright picture, `face` counts from 0, the surest first."""
SMOOTHED_SCHEMA = pl.Schema({**SCHEMA, **{f"raw_{name}": pl.Float64() for name in SCORES}})
"""Where scores are smoothed along tracks, what the model said of each frame alone stands beside them."""

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Looked:
    """A picture, or a frame of a video, after its faces were found and cut out, before they are classified."""

    name: str
    """What the rows call its file."""
    crops: np.ndarray
    """(faces, size, size, channels) uint8."""
    box_xyxy: np.ndarray
    """(faces, 4) in pixels of the upright picture."""
    score: np.ndarray
    """(faces,) of the detector in 0-1, nan where it gives none."""
    problem: str | None = None
    """Why it could not be read; None where it could."""
    frame: int | None = None
    """Number of the frame in its video; None for a picture."""
    time_s: float | None = None
    """When the frame is shown, from the first one on."""
    track: np.ndarray | None = None
    """(faces,) numbers of the people, in a video."""
    followed_in: np.ndarray | None = None
    """(height, width, 3) uint8 of a frame whose faces are followed, not looked for; dropped when they are cut out."""
    left_out: int = 0
    """Faces that were found beyond the most that were asked for."""


def rows_of(looked: Looked, affect: Affect, *, min_confidence: float, smoother: Smoother | None = None) -> list[Row]:
    """Return the rows of one picture or frame.

    Args:
        looked: the picture and its faces.
        affect: what the model says of these faces, in their order.
        min_confidence: below it `emotion` stays empty; the probabilities are kept.
        smoother: of the video that the frame is from; None leaves the scores as they are.
    """
    if looked.problem is not None:
        return [empty_row(looked.name, f"unreadable: {looked.problem}")]
    place = {"frame": looked.frame, "time_s": looked.time_s}
    if not len(looked.box_xyxy):
        return [{**empty_row(looked.name, "no_face"), **place}]
    rows = []
    for face in range(len(looked.box_xyxy)):
        row = {**empty_row(looked.name, "ok"), **place, "face": face, **_box(looked, face)}
        row |= _scores(affect, face)
        if smoother is not None and looked.track is not None:
            row |= _smoothed(row, smoother)
        rows.append({**row, **_expression(row, min_confidence)})
    return rows


def origin_words(valence_arousal_origin: str | None) -> str:
    """Return what is said beside valence and arousal: `projected, not rated`; nothing of rated ones.

    Args:
        valence_arousal_origin: as in the model's card.
    """
    return "" if valence_arousal_origin in (None, "rated") else f"{valence_arousal_origin}, not rated"


def empty_row(name: str, status: str) -> Row:
    """Return the row of a picture without a face."""
    return {**dict.fromkeys(SCHEMA), "input": name, "status": status}


def _box(looked: Looked, face: int) -> Row:
    left, top, right, bottom = (float(edge) for edge in looked.box_xyxy[face])
    score = float(looked.score[face])
    return {
        "track": None if looked.track is None else int(looked.track[face]),
        **{"x": left, "y": top, "width": right - left, "height": bottom - top},
        "face_score": None if np.isnan(score) else score,
    }


def _scores(affect: Affect, face: int) -> Row:
    scores: Row = {}
    if affect.probabilities is not None:
        scores |= dict(zip(PROBABILITY_COLUMNS, map(float, affect.probabilities[face]), strict=True))
    if affect.valence_arousal is not None:
        scores["valence"], scores["arousal"] = map(float, affect.valence_arousal[face])
    return scores


def _smoothed(row: Row, smoother: Smoother) -> Row:
    names = [name for name in SCORES if row[name] is not None]
    raw = np.array([row[name] for name in names])
    parts = (raw[: -2 if "valence" in names else None], raw[-2:] if "valence" in names else raw[:0])
    smooth = smoother(row["track"], row["time_s"], *parts)
    return {
        **{f"raw_{name}": row[name] for name in SCORES},
        **dict(zip(names, map(float, smooth), strict=True)),
    }


def _expression(row: Row, min_confidence: float) -> Row:
    if row[PROBABILITY_COLUMNS[0]] is None:
        return {}
    best = max(LABELS, key=lambda label: row[f"p_{label}"])
    confidence = row[f"p_{best}"]
    return {"emotion": best if confidence >= min_confidence else None, "confidence": confidence}
