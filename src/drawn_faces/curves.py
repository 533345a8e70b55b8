"""Smooth lines, ellipses and bands as arrays of points (n, 2)."""

from functools import lru_cache

import numpy as np


def points(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return points (n, 2) from their coordinates (n,)."""
    return np.array([x, y]).T


@lru_cache
def spline_weights(count: int, steps: int, closed: bool) -> np.ndarray:
    """Weights that draw a smooth line through points: the uniform Catmull-Rom spline.

    Catmull and Rom 1974, A class of local interpolating splines, https://doi.org/10.1016/B978-0-12-079050-0.50020-5

    Args:
        count: how many points the line passes.
        steps: samples a stretch between two points.
        closed: whether the line returns to its first point.

    Returns:
        (samples, count) float64, each row summing to 1.
    """
    stretches = count if closed else count - 1
    positions = np.arange(stretches * steps + (not closed)) / steps
    stretch = np.minimum(positions.astype(int), stretches - 1)
    t = positions - stretch
    factors = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3)
    weights = np.zeros((len(positions), count))
    for offset, factor in zip((-1, 0, 1, 2), factors, strict=True):
        index = stretch + offset
        index = index % count if closed else np.clip(index, 0, count - 1)
        np.add.at(weights, (np.arange(len(positions)), index), factor / 2)
    return weights


def smooth(corners: object, steps: int = 6, *, closed: bool = False) -> np.ndarray:
    """Return a smooth line (samples, 2) through corners (n, 2)."""
    corners = np.asarray(corners, dtype=np.float64)
    return spline_weights(len(corners), steps, closed) @ corners


def ellipse(x: float, y: float, radius_x: float, radius_y: float) -> np.ndarray:
    """Return the outline (24, 2) of an ellipse."""
    return _circle(24) * (radius_x, radius_y) + (x, y)


@lru_cache
def _circle(samples: int) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, samples, endpoint=False)
    return points(np.cos(turn), np.sin(turn))


def ribbon(line: np.ndarray, width: float | np.ndarray) -> np.ndarray:
    """Return the outline (2n, 2) of a line (n, 2); one width tapers towards both ends, an array gives it by point."""
    half = 0.5 * (width if isinstance(width, np.ndarray) else width * _taper(len(line)))
    along = np.empty_like(line)
    along[1:-1] = line[2:] - line[:-2]
    along[0], along[-1] = line[1] - line[0], line[-1] - line[-2]
    scale = half / (np.hypot(along[:, 0], along[:, 1]) + 1e-9)
    across = points(-along[:, 1] * scale, along[:, 0] * scale)
    return np.concatenate([line + across, (line - across)[::-1]])


@lru_cache
def _taper(samples: int) -> np.ndarray:
    return np.sqrt(np.sin(np.linspace(0.12, np.pi - 0.12, samples)))
