"""Scores along a track, smoothed: looking both ways in a file, and at what was alone before a camera."""

import math
from collections import deque
from collections.abc import Hashable

import numpy as np

SMALLEST_PROBABILITY = 1e-6
"""Probabilities below this count as this before their logarithm is taken."""


class CausalSmoother:
    """First-order low-pass filters, one for each track, for frames that need not be evenly spaced.

    A step of d seconds moves the state by 1 - exp(-d / time constant) of its distance from the new value. Averaging
    log-probabilities is averaging logits: a sure answer weighs more than a doubtful one, and the result is normalised.
    """

    def __init__(self, time_constant_s: float) -> None:
        """Start without tracks; after the time constant a sudden change shows by 63 %, and 0 smooths nothing."""
        self.time_constant_s = time_constant_s
        self._state: dict[int, tuple[float, np.ndarray]] = {}

    def __call__(self, track: int, time_s: float, probabilities: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Filter the newest answer of a track, and return its probabilities and points one after the other.

        Probabilities are (8,), summing to 1, or (0,) where the model has none; points are (2,) valence and arousal, or
        (0,). Times never go back.
        """
        value = np.concatenate([np.log(np.maximum(probabilities, SMALLEST_PROBABILITY)), points]).astype(float)
        if self.time_constant_s and track in self._state:
            before_s, state = self._state[track]
            value = state + (1 - math.exp(-(time_s - before_s) / self.time_constant_s)) * (value - state)
        self._state[track] = time_s, value
        n = len(probabilities)
        return _normalised(np.concatenate([np.exp(value[:n]), value[n:]]), n)


class MedianSmoother:
    """Running medians, one for each track: over as many frames before as after, none farther away than `reach_s`.

    What lasts for less than `reach_s` vanishes, and what lasts longer begins and ends where it does (Tukey 1977,
    "Exploratory Data Analysis"): the median keeps edges, however unequal their sides are. Where a track begins and
    ends there are fewer frames on one side, and so on the other. Probabilities are normalised after.
    """

    def __init__(self, reach_s: float) -> None:
        """Start without tracks; 0 smooths nothing."""
        self.reach_s = reach_s
        self._seen: dict[Hashable, deque[tuple[float, np.ndarray]]] = {}

    def add(self, track: Hashable, time_s: float, probabilities: np.ndarray, points: np.ndarray) -> None:
        """Take the newest answer of a track, as `CausalSmoother` does; times never go back."""
        seen = self._seen.setdefault(track, deque())
        seen.append((time_s, np.concatenate([probabilities, points])))

    def smoothed(self, track: Hashable, time_s: float, probabilities: int) -> np.ndarray:
        """Return what a track's answer at a time is, once all within reach were added.

        Times that are asked for never go back, either: what is out of their reach is forgotten.
        """
        seen = self._seen[track]
        while seen[0][0] < time_s - self.reach_s - SHORTEST_STEP_S:
            seen.popleft()
        before = [value for at_s, value in seen if at_s < time_s]
        after = [value for at_s, value in seen if time_s <= at_s <= time_s + self.reach_s + SHORTEST_STEP_S]
        near = min(len(before), len(after) - 1)
        window = np.array([*before[len(before) - near :], *after[: near + 1]])
        return _normalised(np.sort(window, axis=0)[near], probabilities)


SHORTEST_STEP_S = 1e-5
"""Times are rounded."""


def _normalised(values: np.ndarray, probabilities: int) -> np.ndarray:
    if probabilities:
        shares = np.maximum(values[:probabilities], np.finfo(float).tiny)
        values[:probabilities] = shares / shares.sum()
    return values
