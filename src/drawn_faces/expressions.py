"""What an expression is: the action units that make it, and its valence and arousal.

An action unit (AU) is the visible trace of one facial muscle or a few acting together, as numbered by the Facial Action
Coding System (Ekman, Friesen and Hager 2002, FACS, https://www.paulekman.com/facial-action-coding-system/). Which units
make which expression follows EMFACS (Friesen and Ekman 1983, EMFACS-7: Emotional Facial Action Coding System).

Units are held in one array of shape (2, 27): row 0 is the picture's left side of the face, row 1 its right side, and
column n is AU n, from 0 (absent) to about 1 (as strong as it gets).

Valence and arousal are definitions of this synthetic data, not measurements: each expression has a point on the
circumplex (Russell 1980, A circumplex model of affect, https://doi.org/10.1037/h0077714), placed where studies of rated
faces usually find it, and a drawn face lies on the way from the neutral origin to that point.
"""

import numpy as np

from affekt.errors import ConfigError
from affekt.labels import LABELS

UNIT_NAMES = {
    1: "inner brow raiser",
    2: "outer brow raiser",
    4: "brow lowerer",
    5: "upper lid raiser",
    6: "cheek raiser",
    7: "lid tightener",
    9: "nose wrinkler",
    10: "upper lip raiser",
    12: "lip corner puller",
    14: "dimpler",
    15: "lip corner depressor",
    16: "lower lip depressor",
    17: "chin raiser",
    20: "lip stretcher",
    23: "lip tightener",
    25: "lips part",
    26: "jaw drop",
}

PROTOTYPES: dict[str, dict[int, float]] = {
    "neutral": {},
    "happiness": {6: 0.9, 12: 1.0},
    "sadness": {1: 1.0, 4: 0.7, 15: 1.0},
    "surprise": {1: 1.0, 2: 1.0, 5: 0.7, 26: 1.0},
    "fear": {1: 0.9, 2: 0.6, 4: 0.8, 5: 1.0, 7: 0.5, 20: 1.0, 26: 0.45},
    "disgust": {9: 1.0, 10: 0.8, 15: 0.5, 16: 0.5},
    "anger": {4: 1.0, 5: 0.6, 7: 0.7, 23: 1.0},
    "contempt": {12: 0.9, 14: 1.0},
}
"""Units of each expression at full intensity. Those of contempt act on one side only."""

OPTIONAL_UNITS: dict[str, dict[int, float]] = {"happiness": {25: 0.9}, "sadness": {17: 0.7}, "disgust": {25: 0.4}}
"""Units that join an expression in about half of its pictures."""

ONE_SIDED = ("contempt",)

TWITCHING_UNITS = (1, 2, 4, 5, 6, 7, 12, 15, 17, 20, 23)
"""Units that are never quite at rest. Those that part the lips or mark the skin are."""


POINTS: dict[str, tuple[float, float]] = {
    "neutral": (0.0, 0.0),
    "happiness": (0.80, 0.40),
    "sadness": (-0.70, -0.40),
    "surprise": (0.20, 0.80),
    "fear": (-0.60, 0.75),
    "disgust": (-0.65, 0.25),
    "anger": (-0.50, 0.60),
    "contempt": (-0.45, 0.10),
}
"""Valence and arousal at full intensity."""

VALENCE_OF_UNITS = {4: -0.10, 6: 0.10, 9: -0.10, 12: 0.15, 15: -0.15, 20: -0.10}
AROUSAL_OF_UNITS = {1: 0.05, 5: 0.15, 7: 0.05, 15: -0.10, 25: 0.10, 26: 0.15}
"""What a full unit adds beyond what the expression itself explains."""


def no_units() -> np.ndarray:
    """Return (2, 27) zeros: a face at rest."""
    return np.zeros((2, max(UNIT_NAMES) + 1))


def prototype_units(emotion: str, intensity: float, side: int = 1) -> np.ndarray:
    """Return the units of an expression, each its prototype's strength times the intensity.

    Args:
        emotion: one of the eight labels.
        intensity: 0 (a face at rest) to 1.
        side: the side of a one-sided expression, 0 for the picture's left and 1 for its right.

    Returns:
        (2, 27) float64.

    Raises:
        ConfigError: the expression is unknown, or the intensity or side is out of range.
    """
    if emotion not in LABELS:
        raise ConfigError(f"expected an expression among {', '.join(LABELS)}, got {emotion!r}; choose one of these")
    if not 0 <= intensity <= 1:
        raise ConfigError(f"expected an intensity between 0 and 1, got {intensity}; choose one in this range")
    if side not in (0, 1):
        raise ConfigError(f"expected side 0 (left) or 1 (right), got {side!r}; choose one of these")
    units = no_units()
    rows = [side] if emotion in ONE_SIDED else [0, 1]
    for number, strength in PROTOTYPES[emotion].items():
        units[rows, number] = strength * intensity
    return units


def varied_units(emotion: str, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Draw the units of one person's expression: the prototype, with strengths and sides that differ a little.

    Each unit of the prototype varies by up to a fifth, optional units join in half of the draws, the sides differ by a
    few percent, and the twitching units add a trace, on a neutral face too.

    Returns:
        (2, 27) float64.

    Raises:
        ConfigError: the expression is unknown, or the intensity is out of range.
    """
    units = prototype_units(emotion, intensity, side=int(rng.integers(2)))
    for number, strength in OPTIONAL_UNITS.get(emotion, {}).items():
        units[:, number] = strength * intensity * rng.integers(2)
    units *= rng.uniform(0.8, 1.2, units.shape[1]) * rng.uniform(0.93, 1.07, units.shape)
    numbers = list(TWITCHING_UNITS)
    units[:, numbers] += np.abs(rng.normal(0, 0.03, len(numbers)))
    return units


def valence_arousal(emotion: str, intensity: float, units: np.ndarray) -> tuple[float, float]:
    """Return where a drawn expression lies on the circumplex.

    Valence is `intensity * point + sum_n w_n * (u_n - intensity * prototype_n)`, clipped to [-1, 1], with u_n the mean
    of the two sides and w_n the weight of unit n; arousal likewise. The sum is nil for the prototype itself.

    Args:
        emotion: one of the eight labels.
        intensity: 0 to 1.
        units: (2, 27) of this face, as from `varied_units`.

    Returns:
        Valence and arousal, each in [-1, 1].
    """
    prototype = PROTOTYPES[emotion]
    sides = 0.5 if emotion in ONE_SIDED else 1.0
    values = []
    for point, weights in zip(POINTS[emotion], (VALENCE_OF_UNITS, AROUSAL_OF_UNITS), strict=True):
        beyond = sum(
            weight * (units[:, number].mean() - sides * intensity * prototype.get(number, 0.0))
            for number, weight in weights.items()
        )
        values.append(float(np.clip(intensity * point + beyond, -1, 1)))
    return values[0], values[1]
