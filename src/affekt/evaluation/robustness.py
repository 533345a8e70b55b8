"""Robustness: one model's figures on the split as it is and under each corruption of its pictures, and the change.

Corruptions are what real pictures do to a face before a model sees it, made one at a time. Strengths are given relative
to the face, so that a corruption means the same in a portrait and in a crowd.
"""

import io
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl
from PIL import Image, ImageFilter

from affekt.evaluation.figures import Figure
from affekt.evaluation.predictions import match
from affekt.evaluation.score import Scores, compare, score
from affekt.networks.predictions import Change, Place

CLEAN = "clean"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Face:
    """A picture and where its face is."""

    image_rgb: np.ndarray
    """(height, width, 3) uint8."""
    box_xyxy: np.ndarray
    """(4,) pixels."""
    landmarks_xy: np.ndarray | None = None
    """(5, 2) pixels, where they are known."""

    @property
    def side(self) -> float:
        """The longer side of the box, in pixels."""
        left, top, right, bottom = self.box_xyxy
        return float(max(right - left, bottom - top))


Corruption = Callable[[Face, np.random.Generator], Face]


def few_pixels(face: Face, _: np.random.Generator, *, side: int) -> Face:
    """Shrink the picture until the face is `side` pixels wide; smaller faces stay as they are."""
    factor = min(1.0, side / face.side)
    height, width = (max(1, round(length * factor)) for length in face.image_rgb.shape[:2])
    small = Image.fromarray(face.image_rgb).resize((width, height), Image.Resampling.BILINEAR)
    scale = np.array([width / face.image_rgb.shape[1], height / face.image_rgb.shape[0]])
    landmarks = None if face.landmarks_xy is None else face.landmarks_xy * scale
    return Face(np.asarray(small), face.box_xyxy * np.tile(scale, 2), landmarks)


def compressed(face: Face, _: np.random.Generator, *, quality: int) -> Face:
    """Write and read the picture as JPEG at libjpeg's quality."""
    stream = io.BytesIO()
    Image.fromarray(face.image_rgb).save(stream, "JPEG", quality=quality)
    return replace(face, image_rgb=np.asarray(Image.open(stream).convert("RGB")))


def blurred(face: Face, _: np.random.Generator, *, sigma: float) -> Face:
    """Blur by a Gaussian whose standard deviation is `sigma` of the face's side."""
    blur = ImageFilter.GaussianBlur(sigma * face.side)
    return replace(face, image_rgb=np.asarray(Image.fromarray(face.image_rgb).filter(blur)))


def lit(face: Face, _: np.random.Generator, *, gamma: float = 1.0, contrast: float = 1.0) -> Face:
    """Raise brightness to the power `gamma`, and multiply its distance from the middle by `contrast`."""
    light = (face.image_rgb / 255) ** gamma
    return replace(face, image_rgb=np.rint(255 * (0.5 + contrast * (light - 0.5))).astype(np.uint8))


def misplaced(face: Face, rng: np.random.Generator, *, shift: float = 0.0, scale: float = 1.0) -> Face:
    """Move the box by `shift` of its side in a random direction, and make it `scale` times as large."""
    angle = rng.uniform(0, 2 * math.pi)
    left, top, right, bottom = face.box_xyxy
    centre = np.array([left + right, top + bottom]) / 2 + shift * face.side * np.array([np.cos(angle), np.sin(angle)])
    half = scale * np.array([right - left, bottom - top]) / 2
    return replace(face, box_xyxy=np.concatenate([centre - half, centre + half]))


def covered(face: Face, _: np.random.Generator, *, top: float, bottom: float) -> Face:
    """Paint the face grey from `top` to `bottom`, as fractions of its height."""
    return _painted(face, 0.0, top, 1.0, bottom)


def covered_somewhere(face: Face, rng: np.random.Generator, *, side: float) -> Face:
    """Paint a square of `side` of the face's side grey, anywhere on the face."""
    left, top = rng.uniform(0, 1 - side, 2)
    return _painted(face, left, top, left + side, top + side)


def _painted(face: Face, left: float, top: float, right: float, bottom: float) -> Face:
    x0, y0, x1, y1 = face.box_xyxy
    columns = slice(max(0, round(x0 + left * (x1 - x0))), max(0, round(x0 + right * (x1 - x0))))
    rows = slice(max(0, round(y0 + top * (y1 - y0))), max(0, round(y0 + bottom * (y1 - y0))))
    image_rgb = face.image_rgb.copy()
    image_rgb[rows, columns] = 128
    return replace(face, image_rgb=image_rgb)


CORRUPTIONS: dict[str, Corruption] = {
    "face of 32 pixels": partial(few_pixels, side=32),
    "face of 24 pixels": partial(few_pixels, side=24),
    "face of 16 pixels": partial(few_pixels, side=16),
    "JPEG, quality 30": partial(compressed, quality=30),
    "JPEG, quality 10": partial(compressed, quality=10),
    "blur, sigma 1/48 of the face": partial(blurred, sigma=1 / 48),
    "blur, sigma 2/48 of the face": partial(blurred, sigma=2 / 48),
    "dark, gamma 2.5": partial(lit, gamma=2.5),
    "bright, gamma 0.4": partial(lit, gamma=0.4),
    "half the contrast": partial(lit, contrast=0.5),
    "box moved by a tenth": partial(misplaced, shift=0.1),
    "box a fifth too large": partial(misplaced, scale=1.2),
    "box a fifth too small": partial(misplaced, scale=0.8),
    "eyes covered": partial(covered, top=0.2, bottom=0.5),
    "mouth covered": partial(covered, top=0.65, bottom=1.0),
    "a quarter covered, anywhere": partial(covered_somewhere, side=0.5),
}
"""By their name in tables."""


def corrupting(corruption: Corruption, seed: int = 0) -> Change:
    """Return what corrupts the picture of a row, and its box and landmarks, before the face is cut out.

    The seed decides directions and places; a row meets the same ones in every corruption.
    """

    def change(number: int, image_rgb: np.ndarray, box: Place, landmarks: Place) -> tuple[np.ndarray, Place, Place]:
        height, width = image_rgb.shape[:2]
        box_xyxy = np.array([0.0, 0.0, width, height]) if box is None else box
        face = corruption(Face(image_rgb, box_xyxy, landmarks), np.random.default_rng((seed, number)))
        height, width = face.image_rgb.shape[:2]
        is_whole = np.allclose(face.box_xyxy, (0, 0, width, height), atol=0.5)
        # A picture without a box is cut otherwise than with one around all of it: only a corruption may change that.
        found = None if box is None and is_whole else face.box_xyxy.astype(np.float32)  # as manifests hold them
        return face.image_rgb, found, None if face.landmarks_xy is None else face.landmarks_xy.astype(np.float32)

    return change


@dataclass(frozen=True, eq=False)
class Robustness:
    """Scores of one model by corruption, the clean split first."""

    name: str
    scores: dict[str, Scores]
    changes: dict[str, dict[str, Figure]]
    """Corrupted minus clean, by corruption and figure."""


def measure_robustness(
    clean: Scores,
    manifest: pl.DataFrame,
    rows: pl.DataFrame,
    predict: Callable[[pl.DataFrame, Change], pl.DataFrame],
) -> Robustness:
    """Score a model on each corrupted copy of a split's rows, on the resamples of its clean scores."""
    how, scores = clean.resampling, {CLEAN: clean}
    for number, (name, corruption) in enumerate(CORRUPTIONS.items(), 1):
        _logger.info("%s, corruption %d of %d: %s", clean.name, number, len(CORRUPTIONS), name)
        table = predict(rows, corrupting(corruption, how.seed))
        scores[name] = score(match(table, manifest, clean.matched.split, name, clean.matched.without), name, how)
    changes = {name: compare(found, clean) for name, found in scores.items() if name != CLEAN}
    return Robustness(clean.name, scores, changes)
