"""The scales that valence and arousal are rated on, which become -1 to 1."""

from contextlib import suppress
from math import inf

import numpy as np

from affekt.errors import ConfigError

USUAL = (1, 5, 7, 9, 10, 100, 1000)
"""The highest rating of usual scales that begin with 0 or 1."""
USUAL_AROUND_0 = (1, 2, 3, 4, 5, 10, 100, 1000)


def scale_ends(scale: float | str) -> tuple[float, float]:
    """Return the lowest and highest rating of a scale: 9 goes from -9 to 9, `1-9` from 1 to 9.

    Raises ConfigError where it is neither a number above 0 nor two that rise.
    """
    text = str(scale)
    dash = text.find("-", 1)
    with suppress(ValueError):
        low, high = (-float(text), float(text)) if dash < 0 else (float(text[:dash]), float(text[dash + 1 :]))
        if -inf < low < high < inf:
            return low, high
    raise ConfigError(
        f"expected a scale as lowest-highest, or its highest number alone where it is around 0, got {scale}; type: "
        "--scale 1-9 for ratings from 1 to 9, or --scale 10 for ratings from -10 to 10"
    )


def likely_scale(ratings: np.ndarray, highest: float = 0) -> str:
    """Return the usual scale that ratings, (n,), fit into, as `--scale` takes it; the highest rating may be known."""
    size = np.abs(ratings).max()
    usual = USUAL_AROUND_0 if ratings.min() < 0 else USUAL
    high = highest or next((end for end in usual if end >= size), size)
    return f"{high:g}" if ratings.min() < 0 else f"{int(ratings.min() >= 1 < high)}-{high:g}"


def scale_notes(points: np.ndarray, scale: float | str) -> list[str]:
    """Say what a scale means, and where no rating is below 0 on a scale around 0; `points`, (n,), are from -1 to 1."""
    low, high = scale_ends(scale)
    notes = []
    if (low, high) != (-1, 1):
        middle = (low + high) / 2
        notes.append(f"Valence and arousal are ratings from {low:g} to {high:g}: {middle:g} is 0, and {high:g} is 1.")
    if len(points) and low == -high and points.min() >= 0:
        likely = likely_scale(high * points, high)
        ends = likely.replace("-", " to ")
        notes.append(f"No rating is below 0. If the ratings go from {ends}, import again with: --scale {likely}")
    return notes
