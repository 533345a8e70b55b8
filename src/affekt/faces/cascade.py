"""The stand-in where YuNet cannot be had: scikit-image's cascade of local binary patterns, for upright faces."""

import numpy as np
from PIL import Image

from affekt.errors import MissingExtra
from affekt.faces.detection import Faces, without_overlaps

LONGEST_SIDE = 480
"""Larger pictures are shrunk to this many pixels first: the cascade's cost grows with their area."""
SMALLEST_FACE = 24
"""Side of the smallest face that is looked for, in pixels of the shrunk picture: the cascade's own window."""
OVERLAP = 0.3
"""Of two boxes that overlap by more than this (intersection over union), the larger stays."""


class CascadeDetector:
    """Finds upright frontal faces, without landmarks or scores; misses more than YuNet and sees some that are none."""

    name = "cascade"

    def __init__(self) -> None:
        """Load the cascade.

        Raises:
            MissingExtra: scikit-image is absent.
        """
        try:
            from skimage.data import lbp_frontal_face_cascade_filename
            from skimage.feature import Cascade
        except ModuleNotFoundError as error:
            raise MissingExtra(error.name or "scikit-image", "cascade") from error
        self._cascade = Cascade(lbp_frontal_face_cascade_filename())

    def detect(self, image_rgb: np.ndarray) -> Faces:
        """Find the faces of a (height, width, 3) uint8 picture, the largest first; landmarks and scores are nan."""
        height, width = image_rgb.shape[:2]
        scale = min(1.0, LONGEST_SIDE / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        grey = np.asarray(Image.fromarray(image_rgb).convert("L").resize(size, Image.Resampling.BILINEAR))
        if min(size) < SMALLEST_FACE:
            found = []
        else:
            largest = (min(size), min(size))
            smallest = (SMALLEST_FACE, SMALLEST_FACE)
            found = self._cascade.detect_multi_scale(grey, 1.2, 1, min_size=smallest, max_size=largest)
        found = sorted(found, key=lambda box: -box["width"])
        boxes = [(box["c"], box["r"], box["c"] + box["width"], box["r"] + box["height"]) for box in found]
        back = np.array([width / size[0], height / size[1]] * 2, dtype=np.float32)
        nothing = np.full(len(boxes), np.nan, dtype=np.float32)
        landmarks = np.full((len(boxes), 5, 2), np.nan, dtype=np.float32)
        faces = Faces(np.array(boxes, dtype=np.float32).reshape(-1, 4) * back, landmarks, nothing)
        return faces[without_overlaps(faces.box_xyxy, np.arange(len(faces), 0.0, -1.0), OVERLAP)]
