"""The result row: one per face, or one saying why there is none."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from affekt.analysis.frames import DetectedFaces, Frame
from affekt.analysis.inputs import shown
from affekt.labels import LABELS, probability_columns
from affekt.models.session import Affect

_BEFORE: dict[str, tuple[pl.DataType, str]] = {
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
}
_BEHIND: dict[str, tuple[pl.DataType, str]] = {
    "confidence": (pl.Float64(), "probability of the most probable expression, 0-1"),
    "valence": (pl.Float64(), "how pleasant the face looks, from -1, unpleasant, to 1, pleasant"),
    "arousal": (pl.Float64(), "how aroused the face looks, from -1, calm, to 1, excited"),
    "status": (pl.String(), "`ok`, `no_face`, or `unreadable: ` and why"),
}
Row = dict[str, Any]


def scores_of(labels: tuple[str, ...] = LABELS) -> tuple[str, ...]:
    """Return the columns that hold what a model of these labels says of a face."""
    return (*probability_columns(labels), "valence", "arousal")


def table_schema(labels: tuple[str, ...] = LABELS, *, smoothed: bool = False) -> pl.Schema:
    """Return the columns of a table of results of a model with these labels, and their types.

    Where scores are smoothed along tracks, `raw_...` is what the model said of each frame alone. The columns come in an
    order for the eye: polars, pandas and Excel show the first and the last columns.
    """
    scores = [*probability_columns(labels), *(f"raw_{name}" for name in scores_of(labels) if smoothed)]
    return pl.Schema(
        {
            **{name: dtype for name, (dtype, _) in _BEFORE.items()},
            **dict.fromkeys(scores, pl.Float64()),
            **{name: dtype for name, (dtype, _) in _BEHIND.items()},
        }
    )


def column_descriptions(labels: tuple[str, ...] = LABELS) -> dict[str, str]:
    """Return what each column of a table of results holds, for the documentation and for OpenAPI."""
    said = {
        f"p_{label}": f"probability of {label}, 0-1, after the card's temperature; all sum to 1" for label in labels
    }
    said |= {
        f"raw_{name}": f"`{name}` as the model said it of the frame alone, before smoothing"
        for name in scores_of(labels)
    }
    said |= {name: words for part in (_BEFORE, _BEHIND) for name, (_, words) in part.items()}
    return {name: said[name] for name in table_schema(labels, smoothed=True)}


SCHEMA, SMOOTHED_SCHEMA, SCORES = table_schema(), table_schema(smoothed=True), scores_of()
"""Those of the eight expressions."""


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
        return [empty_row(shown(frame.name), f"unreadable: {frame.problem}", affect.labels)]
    faces = range(len(found.box_xyxy))
    empty = no_face_row(frame, affect.labels)
    rows = [empty | {"status": "ok", "face": face + 1} | _box(found, face) | _scores(affect, face) for face in faces]
    return rows or [empty]


def finished(row: Row, min_confidence: float) -> Row:
    """Return a row as it is written: with its emotion, which stays empty below `min_confidence`, and in six digits."""
    probabilities = {name.removeprefix("p_"): value for name, value in row.items() if name.startswith("p_")}
    if None not in probabilities.values():
        best = max(probabilities, key=probabilities.__getitem__)
        row["confidence"] = probabilities[best]
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


def empty_row(name: str, status: str, labels: tuple[str, ...] = LABELS) -> Row:
    """Return the row of a picture without a face."""
    return {**dict.fromkeys(table_schema(labels)), "input": name, "status": status}


def no_face_row(frame: Frame, labels: tuple[str, ...] = LABELS) -> Row:
    """Return the row of a picture or frame in which there is no face."""
    time_s = None if frame.time_s is None else round(frame.time_s, 6)  # the microsecond
    return empty_row(shown(frame.name), "no_face", labels) | {"frame": frame.number, "time_s": time_s}


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
        scores |= dict(zip(probability_columns(affect.labels), map(float, affect.probabilities[face]), strict=True))
    if affect.valence_arousal is not None:
        scores["valence"], scores["arousal"] = map(float, affect.valence_arousal[face])
    return scores
