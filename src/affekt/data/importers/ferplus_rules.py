"""FER+'s counting rules: how ten taggers' votes become one expression, or none.

`majority`, `probability`, `crossentropy` and `multi_target` are the training modes of Microsoft's own code
(github.com/microsoft/FERPlus, `src/ferplus.py`; Barsoum et al. 2016); `argmax` is what other projects use.
Microsoft scores validation and test by majority whatever it trains on.

Every rule takes votes of shape (pictures, 10) in the order of `CHOICES` and returns (pictures,) indices into `CHOICES`,
`NO_AGREEMENT` where the votes do not agree enough.
"""

from collections.abc import Callable

import numpy as np

CHOICES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
"""What a tagger could choose, in FER+'s order: eight expressions, unknown, and no face."""
EXPRESSIONS = 8
"""The first eight choices are expressions."""
NO_AGREEMENT = -1


def without_single_votes(votes: np.ndarray) -> np.ndarray:
    """Set every choice that got a single vote to none, as Microsoft does first; unknown and no face too."""
    return np.where(votes <= 1, 0, votes)


def majority(votes: np.ndarray) -> np.ndarray:
    """Return the choice with more than half of what is left when single votes are removed; a tie can never win."""
    left = without_single_votes(votes)
    return np.where(2 * left.max(axis=1) > left.sum(axis=1), left.argmax(axis=1), NO_AGREEMENT)


def probability(votes: np.ndarray) -> np.ndarray:
    """Return the first of the leading choices that together hold more than half of the votes.

    Single votes are removed. Then choices are taken from the most voted down, equals together, until they hold three
    quarters of what is left or there are three of them. Unknown or no face ends the taking, and is taken only if it
    comes first. The picture is kept if at most three were taken and they hold more than half of what was left.
    """
    return np.array([_first_of_leading(row) for row in without_single_votes(votes).tolist()], dtype=int)


def _first_of_leading(left: list[float]) -> int:
    total = sum(left)
    taken: dict[int, float] = {}
    ended = False
    while sum(taken.values()) < 0.75 * total and len(taken) < 3 and not ended:
        highest = max(count for choice, count in enumerate(left) if choice not in taken)
        equals = [choice for choice, count in enumerate(left) if count == highest and choice not in taken]
        for choice in equals:
            ended = choice >= EXPRESSIONS
            if not (ended and taken):
                taken[choice] = highest
            if ended:
                break
    if len(taken) > 3 or 2 * sum(taken.values()) <= total:
        return NO_AGREEMENT
    return next(iter(taken))


def multi_target(votes: np.ndarray) -> np.ndarray:
    """Return the most voted of the choices with 30 % or more, where these together hold more than half.

    Single votes are removed first; ties go to the lowest index.
    """
    left = without_single_votes(votes)
    total = left.sum(axis=1)
    targets = np.where(left >= 0.3 * total[:, None], left, 0)
    return np.where(2 * targets.sum(axis=1) > total, targets.argmax(axis=1), NO_AGREEMENT)


def argmax(votes: np.ndarray) -> np.ndarray:
    """Return the most voted of the ten choices, single votes included; ties go to the lowest index."""
    return votes.argmax(axis=1)


RULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "majority": majority,
    "probability": probability,
    "crossentropy": probability,
    "multi_target": multi_target,
    "argmax": argmax,
}

PUBLISHED: dict[tuple[str, str], tuple[int, int, int]] = {
    ("fer2013new.csv", "majority"): (25_057, 3_199, 3_152),
    ("fer2013new.csv", "probability"): (27_956, 3_505, 3_505),
    ("fer2013new.csv", "crossentropy"): (27_956, 3_505, 3_505),
    ("fer2013new.csv", "multi_target"): (27_671, 3_472, 3_472),
    ("fer2013new.csv", "argmax"): (28_389, 3_553, 3_546),
    ("label.csv", "majority"): (25_045, 3_191, 3_137),
    ("label.csv", "probability"): (27_947, 3_508, 3_507),
    ("label.csv", "crossentropy"): (27_947, 3_508, 3_507),
    ("label.csv", "multi_target"): (27_667, 3_472, 3_466),
    ("label.csv", "argmax"): (28_385, 3_555, 3_545),
}
"""Pictures each rule keeps of train, val and test of the original files.

Those of `fer2013new.csv`, majority apart, include the four rows that reuse a name, which the importer leaves out: it
keeps three fewer of train, and up to one fewer of test.
"""
