"""Scores over time: an exponential filter along each track, on log-probabilities and on valence and arousal."""

import math

import numpy as np

SMALLEST = 1e-6
"""Probabilities below this count as this before their logarithm is taken."""


class Smoother:
    """First-order low-pass filters, one for each track, for frames that need not be evenly spaced.

    A step of d seconds moves the state by 1 - exp(-d / time constant) of its distance from the new value. Averaging
    log-probabilities is averaging logits: a sure answer weighs more than a doubtful one, and the result is normalised.
    """

    def __init__(self, time_constant_s: float) -> None:
        """Start without tracks.

        Args:
            time_constant_s: after this time a sudden change shows by 63 %; 0 smooths nothing.
        """
        self.time_constant_s = time_constant_s
        self._state: dict[int, tuple[float, np.ndarray]] = {}

    def __call__(self, track: int, time_s: float, probabilities: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Filter the newest answer of a track.

        Args:
            track: its number.
            time_s: when; never earlier than the track's one before.
            probabilities: (8,) summing to 1, or (0,) where the model has none.
            points: (2,) valence and arousal, or (0,).

        Returns:
            The filtered probabilities and points, one after the other, in the shapes given.
        """
        value = np.concatenate([np.log(np.maximum(probabilities, SMALLEST)), points]).astype(float)
        if self.time_constant_s and track in self._state:
            before_s, state = self._state[track]
            value = state + (1 - math.exp(-(time_s - before_s) / self.time_constant_s)) * (value - state)
        self._state[track] = time_s, value
        n = len(probabilities)
        smooth = np.exp(value[:n])
        return np.concatenate([smooth / smooth.sum() if n else smooth, value[n:]])
