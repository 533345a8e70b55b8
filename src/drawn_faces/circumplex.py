"""Valence and arousal of a drawn expression.

The figures are definitions of this synthetic data, not measurements: each expression has a point on the circumplex
(Russell 1980, A circumplex model of affect, https://doi.org/10.1037/h0077714), placed where studies of rated faces
usually find it, and a drawn face lies on the way from the neutral origin to that point.
"""

import numpy as np

from drawn_faces.action_units import ONE_SIDED, PROTOTYPES

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
"""What a unit adds beyond its share of the expression, a full unit's worth."""


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
