"""Views of a picture: turned, shrunk or a part of it, and from points of a view back to points of the picture."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class View:
    """A rectangle on a picture, turned about its centre: what a detector gets to see."""

    centre_xy: tuple[float, float]
    """In pixels of the picture, as are all points."""
    tilt_radians: float
    """By how much the rectangle is turned, clockwise as seen: a face of this tilt stands upright in the view."""
    step: float
    """Pixels of the picture between two of the view."""
    width: int
    height: int

    @property
    def axes(self) -> np.ndarray:
        """Return (2, 2): a step to the right and a step down in the view, as vectors of the picture."""
        across = np.array([math.cos(self.tilt_radians), math.sin(self.tilt_radians)]) * self.step
        return np.array([across, [-across[1], across[0]]])

    def pixels(self, image_rgb: np.ndarray) -> np.ndarray:
        """Return what is seen of a (height, width, 3) picture: the nearest pixel each; its edge goes on beyond it."""
        across, down = self.axes
        steps_x, steps_y = (np.arange(length) - (length - 1) / 2 for length in (self.width, self.height))
        middles, lengths = self.centre_xy, image_rgb.shape[1::-1]
        places = (middles[axis] + steps_x * across[axis] + steps_y[:, None] * down[axis] for axis in (0, 1))
        column, row = (
            np.clip(np.floor(place), 0, length - 1).astype(int) for place, length in zip(places, lengths, strict=True)
        )
        return image_rgb[row, column]

    def in_picture(self, points_xy: np.ndarray) -> np.ndarray:
        """Return (..., 2) points of the view as points of the picture."""
        return (points_xy - np.array([self.width, self.height]) / 2) @ self.axes + np.array(self.centre_xy)


def whole_view(shape: tuple[int, ...], eighths: int) -> View:
    """Return the view of a whole picture, (height, width), turned by so many eighths of a full turn."""
    height, width = shape[:2]
    diagonal = math.ceil((width + height) * math.sqrt(0.5))
    sides = ((width, height), (diagonal, diagonal), (height, width), (diagonal, diagonal))[eighths % 4]
    return View((width / 2, height / 2), eighths * math.pi / 4, 1.0, *sides)
