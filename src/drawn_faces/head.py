"""A head on a picture: who it is, where its parts lie, and how one draws on it in face units, turned as the head is."""

import numpy as np
from PIL import Image, ImageDraw

from drawn_faces.capture import Capture
from drawn_faces.geometry import head_outline, mouth, ribbon
from drawn_faces.identity import Colour, Identity, skin_colour


class Head:
    """One head with its action units, and its projection onto a picture.

    The head is an ellipsoid seen from afar: points on its surface move with its turn and nod, points of its outline
    do not, so that the features shift against the outline as they do on a head that turns.
    """

    def __init__(
        self,
        image: Image.Image,
        identity: Identity,
        units: np.ndarray,
        capture: Capture,
        centre_xy: tuple[float, float],
        unit: float,
    ) -> None:
        """Draw on an RGB picture, the head's middle at a pixel and `unit` pixels per face unit."""
        self.image, self.identity, self.units, self.capture = image, identity, units, capture
        self.mean_units = units.mean(axis=0)
        self.outline, self.lips = head_outline(identity, units), mouth(identity, units)
        self.skin = skin_colour(identity.skin_tone)
        self.centre_xy = np.array(centre_xy)
        self.unit = unit
        self._draw = ImageDraw.Draw(image, "RGBA")
        self._reach = 1 / np.array([1.1 * identity.face_width, 1.25])
        cos, sin = np.cos(capture.roll) * unit, np.sin(capture.roll) * unit
        self._rotation = np.array([[cos, sin], [-sin, cos]])
        self._squeezed = np.diag([np.cos(capture.yaw), np.cos(capture.pitch)]) @ self._rotation
        self._turn = np.array([[np.sin(capture.yaw), np.sin(capture.pitch)]]) @ self._rotation

    def project(self, points: np.ndarray, depth: float | None = None) -> np.ndarray:
        """Return the pixels (n, 2) of points in face units.

        Args:
            points: (n, 2).
            depth: how far the points lie before the head's middle; None for points on the face's surface.
        """
        if depth is not None:
            return points @ self._rotation + (depth * self._turn + self.centre_xy)
        scaled = points * self._reach
        depths = 0.75 * np.sqrt(np.maximum(1 - np.einsum("ij,ij->i", scaled, scaled), 0))
        return points @ self._squeezed + depths[:, None] * self._turn + self.centre_xy

    def fill(self, points: np.ndarray, colour: Colour, opacity: float = 1.0, depth: float | None = None) -> None:
        """Fill an outline in face units."""
        self.fill_pixels(self.project(points, depth), colour, opacity)

    def fill_pixels(self, pixels: np.ndarray, colour: Colour, opacity: float = 1.0) -> None:
        """Fill an outline (n, 2) in pixels."""
        self._draw.polygon(pixels.ravel().tolist(), fill=(*colour, round(255 * min(1.0, opacity))))

    def stroke(
        self,
        line: np.ndarray,
        colour: Colour,
        width: float | np.ndarray,
        opacity: float = 1.0,
        depth: float | None = None,
    ) -> None:
        """Draw a line in face units; one width tapers towards both ends, an array gives it point by point."""
        self.fill(ribbon(line, width), colour, opacity, depth)
