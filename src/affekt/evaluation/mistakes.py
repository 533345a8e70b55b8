"""The pictures a model is most wrong about."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from affekt.data.manifest import read_row_rgb
from affekt.errors import AffektError
from affekt.evaluation.predictions import Matched
from affekt.faces.preprocessing import Preprocessing, crop_face
from affekt.labels import LABELS

LARGEST_SIDE = 112
"""Pixels of a picture in the report: enough to see a face, small enough to embed dozens."""


@dataclass(frozen=True)
class Mistake:
    """One picture with what is true and what was predicted."""

    source_id: str
    truth: str
    predicted: str
    detail: str
    """The confidence, or the distance on the plane."""
    picture: str
    """A data URI, or empty where the picture cannot be read."""
    problem: str
    """Why there is no picture, else empty."""


def worst_mistakes(matched: Matched, count: int = 24) -> list[Mistake]:
    """Return the most confident wrong expressions, or without probabilities the points farthest from the truth.

    Args:
        matched: the predictions joined with the manifest.
        count: at most this many.
    """
    if matched.probabilities is not None:
        return _wrong_expressions(matched, matched.probabilities, count)
    return _far_points(matched, count)


def _wrong_expressions(matched: Matched, probabilities: np.ndarray, count: int) -> list[Mistake]:
    known = np.flatnonzero(matched.label >= 0)
    chosen, confidence = probabilities[known].argmax(axis=1), probabilities[known].max(axis=1)
    wrong = np.flatnonzero(chosen != matched.label[known])
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:count]
    return [
        _mistake(
            matched,
            int(known[index]),
            LABELS[matched.label[known[index]]],
            LABELS[chosen[index]],
            f"{confidence[index]:.0%}",
        )
        for index in worst
    ]


def _far_points(matched: Matched, count: int) -> list[Mistake]:
    gaps = [matched.predicted[name] - truth for name, truth in matched.truth.items()]
    distance = np.sqrt(np.sum(np.square(gaps), axis=0))
    known = np.flatnonzero(~np.isnan(distance))
    worst = known[np.argsort(-distance[known], kind="stable")][:count]

    def point(sides: dict[str, np.ndarray], index: int) -> str:
        return ", ".join(f"{values[index]:+.2f}" for values in sides.values())

    return [
        _mistake(
            matched,
            int(index),
            point(matched.truth, index),
            point(matched.predicted, index),
            f"off by {distance[index]:.2f}",
        )
        for index in worst
    ]


def _mistake(matched: Matched, index: int, truth: str, predicted: str, detail: str) -> Mistake:
    row = matched.rows.row(index, named=True)
    picture, problem = "", ""
    try:
        picture = _thumbnail(row)
    except AffektError as error:
        problem = str(error)
    return Mistake(row["source_id"], truth, predicted, detail, picture, problem)


def _thumbnail(row: dict[str, object]) -> str:
    image_rgb = read_row_rgb(row)
    box = row.get("box_xyxy")
    box_xyxy = None if box is None else np.asarray(box, dtype=np.float64)
    height, width = image_rgb.shape[:2]
    side = max(height, width) if box_xyxy is None else max(box_xyxy[2] - box_xyxy[0], box_xyxy[3] - box_xyxy[1])
    crop = crop_face(image_rgb, Preprocessing(input_size=int(np.clip(side, 16, LARGEST_SIDE))), box_xyxy)
    buffer = io.BytesIO()
    Image.fromarray(crop).save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
