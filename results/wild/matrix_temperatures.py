"""How well each network is calibrated on a set that did not choose its temperature.

The temperature of affekt's networks was fitted on the pictures of three of the sets, and the other networks were given
none. So the figures of affekt are too good there, and those of the others worse than they need be. Here each network
gets the temperature that the other sets ask for: the least mean of their log losses, as in `temperature.py`.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar
from temperature import LEAST_PROBABILITY, log_loss

from affekt.evaluation.evaluate import Evaluation
from affekt.evaluation.predictions import Matched
from affekt.evaluation.score import Resampling, Scores, score

FITTED_ON = ("ferplus", "students", "diffusionfer")
"""CFEE may only be measured on, so no temperature is fitted there."""


def with_temperature_of_others(evaluations: dict[str, Evaluation], hows: dict[str, Resampling]) -> Iterator[Scores]:
    """Score each network on each set with the temperature of the other sets, in the order of the evaluations."""
    for name, found in evaluations.items():
        for place, usual in enumerate(found.scores):
            others = [evaluations[each].scores[place].matched for each in FITTED_ON if each != name]
            yield score(cooled(usual.matched, fitted_temperature(others)), usual.name, hows[name])


def fitted_temperature(sets: list[Matched]) -> float:
    """Return the temperature with the least mean of the sets' log losses."""

    def mean_loss(log_temperature: float) -> float:
        return float(np.mean([log_loss(logits(one) / np.exp(log_temperature), one.label) for one in sets]))

    found = minimize_scalar(mean_loss, bounds=(-2, 2), method="bounded")
    return float(np.exp(found.x))


def cooled(matched: Matched, temperature: float) -> Matched:
    """Return the same answers with their logits divided by a temperature."""
    scaled = logits(matched) / temperature
    probabilities = np.exp(scaled - scaled.max(1, keepdims=True))
    return replace(matched, probabilities=probabilities / probabilities.sum(1, keepdims=True))


def logits(matched: Matched) -> np.ndarray:
    """Return (rows, labels) logits of the answers, up to a constant per row."""
    assert matched.probabilities is not None
    return np.log(np.maximum(matched.probabilities, LEAST_PROBABILITY))
