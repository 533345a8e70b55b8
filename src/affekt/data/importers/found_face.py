"""The face of a picture, found by the detector of predict, so that models learn from the crops they will meet."""

from functools import cache
from typing import Literal

import numpy as np

from affekt.faces.detection import FaceDetector

FaceBoxes = Literal["given", "yunet"]
"""Where boxes come from: the data set, which may say that the whole picture is the face, or the detector."""
NO_FACE = "no face found"


@cache
def detector() -> FaceDetector:
    """Return the detector of this process.

    Raises:
        ModelError: its file cannot be had.
    """
    return FaceDetector()


def found_box(image_rgb: np.ndarray, given_xyxy: list[float] | None) -> list[float] | None:
    """Find the face that a picture's labels are of.

    Args:
        image_rgb: (height, width, 3) uint8.
        given_xyxy: the data set's own box in pixels, None where it has none.

    Returns:
        The box of the largest face or, where one is given, of the face that overlaps it most (intersection over
        union); None where there is no such face.
    """
    boxes = detector().detect(image_rgb).box_xyxy
    if not len(boxes):
        return None
    fit = _area(boxes)
    if given_xyxy is not None:
        given = np.asarray(given_xyxy)
        shared = _area(np.hstack([np.maximum(boxes[:, :2], given[:2]), np.minimum(boxes[:, 2:], given[2:])]))
        fit = shared / (fit + _area(given) - shared)
    best = int(fit.argmax())
    return boxes[best].tolist() if fit[best] > 0 else None


def _area(box_xyxy: np.ndarray) -> np.ndarray:
    return np.prod(np.clip(box_xyxy[..., 2:] - box_xyxy[..., :2], 0, None), axis=-1)
