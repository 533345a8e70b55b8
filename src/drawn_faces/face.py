"""A picture of one drawn face."""

import numpy as np

from affekt.errors import ConfigError
from drawn_faces.action_units import no_units
from drawn_faces.capture import Capture
from drawn_faces.identity import Identity
from drawn_faces.person import draw_person
from drawn_faces.photograph import backdrop, photograph

SIZES = (16, 1024)
"""Smallest and largest side of a drawn face, in pixels."""


def draw_face(identity: Identity, units: np.ndarray, capture: Capture | None = None, *, size: int = 64) -> np.ndarray:
    """Draw one face that fills a square picture.

    Args:
        identity: who it is.
        units: action units (2, 27), as from `prototype_units` or `varied_units`.
        capture: how the picture is taken; None is a passport photograph.
        size: height and width in pixels, 16 to 1024.

    Returns:
        (size, size, 3) uint8 RGB, the same to the byte for the same arguments.

    Raises:
        ConfigError: the size is out of range, or the units have another shape.
    """
    return draw_portrait(identity, units, capture, size=size)[0]


def draw_portrait(
    identity: Identity, units: np.ndarray, capture: Capture | None = None, *, size: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one face as `draw_face` does, and return the picture and the (4,) box_xyxy of the face in it, in pixels."""
    if not SIZES[0] <= size <= SIZES[1]:
        raise ConfigError(f"expected a size of {SIZES[0]} to {SIZES[1]} pixels, got {size}; choose one in this range")
    if units.shape != no_units().shape:
        raise ConfigError(
            f"expected action units of shape {no_units().shape}, got {units.shape}; make them with prototype_units"
        )
    capture = capture or Capture()
    scale = 3 if size <= 96 else 2
    side = size * scale
    image = backdrop(side, side, capture.background)
    centre = (side * (0.5 + capture.shift[0]), side * (0.5 + capture.shift[1]))
    box = draw_person(image, identity, units, capture, centre, side * capture.face_height / 2)
    return photograph(image.reduce(scale), capture), np.array(box) / scale
