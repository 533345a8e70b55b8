"""The result row: one per face, or one saying why there is none."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from affekt.analysis.frames import DetectedFaces, Frame
from affekt.analysis.inputs import shown
from affekt.labels import LABELS, PROBABILITY_COLUMNS
from affekt.models.session import Affect

SCORES = (*PROBABILITY_COLUMNS, "valence", "arousal")
_PROBABILITIES = {
    f"p_{label}": (pl.Float64(), f"probability of {label}, 0-1, after the card's temperature; the eight sum to 1")
    for label in LABELS
}
_RAW = {
    f"raw_{name}": (pl.Float64(), f"`{name}` as the model said it of the frame alone, before smoothing")
    for name in SCORES
}
_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "input": (pl.String(), "the path, as typed or as found; of what has no path, its position, from 0"),
    "time_s": (pl.Float64(), "when the frame of a video is shown, in seconds from its first frame; empty for pictures"),
    "track": (pl.Int64(), "number of the person in a video, in the order of appearance, from 1, anew after a cut"),
    "emotion": (pl.String(), "the most probable expression; empty below the least confidence that was asked for"),
    "frame": (pl.Int64(), "number of the frame in its video, from 0; 0 for the first of an animation, empty else"),
    "shot": (pl.Int64(), "number of the shot in a video, from 1: a cut begins the next; empty for pictures"),
    "face": (pl.Int64(), "number of the face within its picture or frame, from 1, the surest first"),
    "x": (pl.Float64(), "left edge of the face's box, in pixels of the picture as it is displayed; may lie beyond it"),
    "y": (pl.Float64(), "upper edge of the face's box, in pixels of the picture as it is displayed; may lie beyond it"),
    "width": (pl.Float64(), "width of the face's box, in pixels"),
    "height": (pl.Float64(), "height of the face's box, in pixels"),
    "face_score": (pl.Float64(), "how sure the detector is that this is a face, 0-1; empty where it does not say"),
    **_PROBABILITIES,
    **_RAW,
    "confidence": (pl.Float64(), "probability of the most probable expression, 0-1"),
    "valence": (pl.Float64(), "how pleasant the face looks, from -1, unpleasant, to 1, pleasant"),
    "arousal": (pl.Float64(), "how aroused the face looks, from -1, calm, to 1, excited"),
    "status": (pl.String(), "`ok`, `no_face`, or `unreadable: ` and why"),
}
COLUMN_DESCRIPTIONS = {name: description for name, (_, description) in _COLUMNS.items()}
"""What each column of a table of results holds, for the documentation and for OpenAPI."""
SMOOTHED_SCHEMA = pl.Schema({name: dtype for name, (dtype, _) in _COLUMNS.items()})
"""Columns of a table whose scores are smoothed along tracks: `raw_...` is what the model said of each frame alone.

They come in an order for the eye: polars, pandas and Excel show the first and the last columns.
"""
SCHEMA = pl.Schema({name: dtype for name, dtype in SMOOTHED_SCHEMA.items() if name not in _RAW})
"""Columns of a table of results."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """The rows of a picture or a frame, and whether its input ends with it."""

    input: str
    """The path as it was given, whose rows call it by `inputs.shown`; of what has none, its position."""
    rows: list[Row]
    ends: bool
    share: float = 1.0
    """How much of its input has been seen with it, 0-1."""


def rows_of(found: DetectedFaces, affect: Affect) -> list[Row]:
    """Return the rows of one picture or frame, with what the model says of its faces alone, in their order."""
    frame = found.frame
    if frame.is_end_of_video:
        return []
    if frame.problem is not None:
        return [empty_row(shown(frame.name), f"unreadable: {frame.problem}")]
    faces = range(len(found.box_xyxy))
    empty = no_face_row(frame)
    rows = [empty | {"status": "ok", "face": face + 1} | _box(found, face) | _scores(affect, face) for face in faces]
    return rows or [empty]


def finished(row: Row, min_confidence: float) -> Row:
    """Return a row as it is written: with its emotion, which stays empty below `min_confidence`, and in six digits."""
    if row["p_neutral"] is not None:
        best = max(LABELS, key=lambda label: row[f"p_{label}"])
        row["confidence"] = row[f"p_{best}"]
        row["emotion"] = best if row["confidence"] >= min_confidence else None
    return {name: value if name == "time_s" else _in_six_digits(value) for name, value in row.items()}


def _in_six_digits(value: object) -> object:
    """Return a value as it is written: six digits of a number, which are more than any of them means."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def origin_words(valence_arousal_origin: str | None) -> str:
    """Return what is said beside valence and arousal: `projected, not rated`; nothing of rated ones."""
    if valence_arousal_origin in (None, "rated"):
        return ""
    return valence_arousal_origin + ("" if "rated" in valence_arousal_origin else ", not rated")


def empty_row(name: str, status: str) -> Row:
    """Return the row of a picture without a face."""
    return {**dict.fromkeys(SCHEMA), "input": name, "status": status}


def no_face_row(frame: Frame) -> Row:
    """Return the row of a picture or frame in which there is no face."""
    time_s = None if frame.time_s is None else round(frame.time_s, 6)  # the microsecond
    return empty_row(shown(frame.name), "no_face") | {"frame": frame.number, "time_s": time_s}


def without_formulas(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with an apostrophe before each name that a spreadsheet would take for a formula."""
    return rows.with_columns(pl.col("input").str.replace(r"^([=+\-@\t\r])", "'$1"))


def _box(found: DetectedFaces, face: int) -> Row:
    left, top, right, bottom = (float(edge) for edge in found.box_xyxy[face])
    score = float(found.score[face])
    return {
        "track": None if found.track is None else int(found.track[face]) + 1,
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
