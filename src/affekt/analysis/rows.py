"""The result row: one per face, or one saying why there is none."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from affekt.analysis.detected_faces import DetectedFaces
from affekt.analysis.frames import Frame
from affekt.analysis.inputs import shown
from affekt.faces.detection import LANDMARKS
from affekt.faces.pictures import BREAKS_OFF
from affekt.files import in_six_digits
from affekt.labels import LABELS, probability_columns
from affekt.models.session import Affect

_DETAILS: dict[str, tuple[pl.DataType, str]] = {
    "left_out": (pl.Int64(), "other faces of the picture or frame that were found, and left out as the options ask"),
    "outside": (pl.Float64(), "share of the box that lies outside the picture, 0-1"),
    "mouth_detail": (pl.Float64(), "detail at the mouth, in shares of that at the eyes: a mask or a hand has little"),
    **{
        f"{landmark}_{axis}": (pl.Float64(), f"{axis} of the {landmark.replace('_', ' ')}, in pixels, as the box")
        for landmark in LANDMARKS
        for axis in "xy"
    },
}
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
    "yaw": (pl.Float64(), "turn of the head to the picture's right, in degrees; empty where there are no landmarks"),
    "pitch": (pl.Float64(), "nod of the head upwards, in degrees"),
    "roll": (pl.Float64(), "tilt of the head clockwise, in degrees"),
    "sharpness": (pl.Float64(), "how sharp the face is, from 0, blurred, to 1"),
    "reliable": (pl.Boolean(), "whether the face is large, sharp, frontal, whole and uncovered enough to be read"),
}
_BEHIND: dict[str, tuple[pl.DataType, str]] = {
    "confidence": (pl.Float64(), "probability of the most probable expression, 0-1"),
    "valence": (pl.Float64(), "how pleasant the face looks, from -1, unpleasant, to 1, pleasant"),
    "arousal": (pl.Float64(), "how aroused the face looks, from -1, calm, to 1, excited"),
    "status": (pl.String(), "`ok`, `no_face`, or `unreadable: ` and why"),
}
FEATURES = "features"
Row = dict[str, Any]


def scores_of(labels: tuple[str, ...] = LABELS) -> tuple[str, ...]:
    """Return the columns that hold what a model of these labels says of a face."""
    return (*probability_columns(labels), "valence", "arousal")


def table_schema(
    labels: tuple[str, ...] = LABELS, *, smoothed: bool = False, details: bool = False, features: bool = False
) -> pl.Schema:
    """Return the columns of a table of results of a model with these labels, and their types.

    Where scores are smoothed along tracks, `raw_...` is what the model said of each frame alone; details and features
    are there where they were asked for. The columns come in an order for the eye: polars, pandas and Excel show the
    first and the last columns.
    """
    scores = [*probability_columns(labels), *(f"raw_{name}" for name in scores_of(labels) if smoothed)]
    return pl.Schema(
        {
            **{name: dtype for name, (dtype, _) in (_BEFORE | (_DETAILS if details else {})).items()},
            **dict.fromkeys(scores, pl.Float64()),
            **({FEATURES: pl.List(pl.Float32())} if features else {}),
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
    said[FEATURES] = "what the network's dense layers read of the face: a list of numbers, whose meaning is the model's"
    said |= {name: words for part in (_BEFORE, _DETAILS, _BEHIND) for name, (_, words) in part.items()}
    return {name: said[name] for name in table_schema(labels, smoothed=True, details=True, features=True)}


SCHEMA, SMOOTHED_SCHEMA, SCORES = table_schema(), table_schema(smoothed=True), scores_of()
FULL_SCHEMA = table_schema(smoothed=True, details=True, features=True)
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
    left_out: int = 0
    """Faces that were found, but not asked for."""
    stills: tuple[bytes, ...] = ()
    """Crops of the faces as PNG, in the order of `face`, where they were asked for."""
    read_at: float | None = None
    """Clock time at which the frame of a video or camera was read, in seconds since 1970, UTC."""


def rows_of(found: DetectedFaces, affect: Affect, *, details: bool = False) -> list[Row]:
    """Return the rows of one picture or frame, with what the model says of its faces alone, in their order."""
    frame = found.frame
    if frame.is_end_of_input:
        return []
    problem = f"unreadable: {frame.problem}"
    if frame.problem is not None and not len(found.box_xyxy):
        return [empty_row(shown(frame.name), problem, affect.labels)]
    faces = range(len(found.box_xyxy))
    empty = no_face_row(frame, affect.labels)
    rows = [empty | {"status": "ok", "face": face + 1} | _box(found, face) | _scores(affect, face) for face in faces]
    if details:
        empty["left_out"] = found.left_out
        rows = [row | _details(found, face) for face, row in enumerate(rows)]
    if frame.problem is not None:
        rows.append(empty_row(shown(frame.name), problem, affect.labels))
    return rows or [empty]


def breaks_off(rows: Iterable[Row]) -> bool:
    """Whether rows of a picture say that it was read as far as it goes."""
    return any(row["status"] == f"unreadable: {BREAKS_OFF}" for row in rows)


def finished(row: Row, min_confidence: float) -> Row:
    """Return a row as it is written: with its emotion, which stays empty below `min_confidence`, and in six digits."""
    probabilities = {name.removeprefix("p_"): value for name, value in row.items() if name.startswith("p_")}
    if None not in probabilities.values():
        best = max(probabilities, key=probabilities.__getitem__)
        row["confidence"] = probabilities[best]
        row["emotion"] = best if row["confidence"] >= min_confidence else None
    return {name: value if name in ("time_s", FEATURES) else in_six_digits(value) for name, value in row.items()}


def _list_in_six_digits(values: np.ndarray) -> list[float]:
    values = values.astype(float)
    digits = 5 - np.floor(np.log10(np.abs(values), where=values != 0, out=np.zeros_like(values)))
    return (np.rint(values * 10**digits) / 10**digits).tolist()


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
    row: Row = {
        "track": None if found.track is None else int(found.track[face]) + 1,
        **{"x": left, "y": top, "width": right - left, "height": bottom - top},
        "face_score": _known(found.score[face]),
    }
    if (trust := found.trust) is not None:
        row |= dict(zip(("yaw", "pitch", "roll"), map(_known, trust.pose[face]), strict=True))
        row |= {"sharpness": _known(trust.sharpness[face]), "reliable": bool(trust.reliable[face])}
    return row


def _details(found: DetectedFaces, face: int) -> Row:
    trust, places = found.trust, map(_known, found.landmarks_xy[face].ravel())
    seen = (None, None) if trust is None else (_known(trust.outside[face]), _known(trust.mouth_detail[face]))
    return dict(zip(_DETAILS, (found.left_out, *seen, *places), strict=True))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _scores(affect: Affect, face: int) -> Row:
    scores: Row = {}
    if affect.probabilities is not None:
        scores |= dict(zip(probability_columns(affect.labels), map(float, affect.probabilities[face]), strict=True))
    if affect.valence_arousal is not None:
        scores["valence"], scores["arousal"] = map(float, affect.valence_arousal[face])
    if affect.features is not None:
        scores[FEATURES] = _list_in_six_digits(affect.features[face])
    return scores
