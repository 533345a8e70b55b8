"""Intervals of figures: the bootstrap, and score intervals of proportions of few rows, where the bootstrap is too sure.

A resample is a vector of counts, one per row, which every metric takes as weights. The counts depend only on the seed
and the number of rows (or the groups), so that all models scored on one split get the same resamples, and the
difference of two models is paired.

Of 30 rows that are all right, every resample is all right too, and the bootstrap's interval is a point. The score
interval is not, and the intervals of a mean or a difference of proportions follow from those of the proportions.
"""

from collections.abc import Iterator, Sequence
from statistics import NormalDist

import numpy as np

from affekt.errors import require_seed
from affekt.evaluation.figures import Figure

LEVEL = 0.95
CHUNK_VALUES = 200_000
"""Counts held at a time, in values: what stays in a core's cache (resamples x rows)."""
FEW = 10
"""With fewer rows right, or fewer wrong, a proportion takes the wider interval wherever it stands."""


def resample_counts(
    n: int, resamples: int = 1000, seed: int = 0, groups: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Yield the counts of bootstrap resamples, a chunk at a time.

    Rows are drawn with replacement; with groups, whole groups are drawn (the cluster bootstrap), because rows of one
    person are not independent. The counts, (chunk, n) float64, do not depend on the size of the chunks;
    `groups` is (n,) of any sortable type.

    References:
        Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapters 6 and 13.
        Field and Welsh (2007), Bootstrapping clustered data, J. R. Stat. Soc. B 69(3), 369-390.
    """
    require_seed(seed)
    random = np.random.default_rng(seed)
    codes = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    units = int(codes.max()) + 1
    chunk = max(8, CHUNK_VALUES // n)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = [np.bincount(random.integers(0, units, units), minlength=units) for _ in range(size)]
        yield np.stack(drawn).astype(np.float64)[:, codes]


def with_interval(value: float, draws: np.ndarray) -> Figure:
    """Return a figure with the percentile interval of its bootstrap draws; draws that are NaN are left out.

    The ends are NaN when no draw is finite.
    """
    finite = draws[~np.isnan(draws)]
    if finite.size == 0:
        return Figure(float(value), float("nan"), float("nan"))
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(float(value), float(low), float(high))


def score_interval(proportion: float, rows: float) -> Figure:
    """Return a proportion, 0-1, of some rows with its score interval; `effective_rows` if they are not independent.

    References:
        Wilson (1927), Probable inference, J. Am. Stat. Assoc. 22(158), 209-212.
    """
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    scale = 1 + z**2 / rows
    middle = (proportion + z**2 / (2 * rows)) / scale
    half = z / scale * np.sqrt(proportion * (1 - proportion) / rows + z**2 / (4 * rows**2))
    return Figure(proportion, float(min(middle - half, proportion)), float(max(middle + half, proportion)))


def proportion_interval(
    proportion: float, draws: np.ndarray, of: np.ndarray, units: np.ndarray | None = None
) -> Figure:
    """Return a proportion of the rows `of`, (n,) bool, with the wider of its bootstrap interval and its score interval.

    `draws` is (resamples,); `units` is (n,), the person of each row where people were resampled, None where rows were.
    """
    rows = int(of.sum())
    independent = rows if units is None else effective_rows(proportion, rows, len(np.unique(units[of])), draws)
    return wider(score_interval(proportion, independent), with_interval(proportion, draws))


def is_of_few(proportion: float, rows: int) -> bool:
    """Return whether fewer than `FEW` of the rows are right, or fewer wrong."""
    right = round(proportion * rows)
    return min(right, rows - right) < FEW


def effective_rows(proportion: float, rows: int, people: int, draws: np.ndarray) -> float:
    """Return how many independent rows would spread as a proportion does: the rows by their design effect.

    It is the number of people where the resamples of people, (resamples,), do not differ, as when all rows are right.

    References:
        Kish (1965), Survey Sampling, section 8.2.
    """
    finite = draws[~np.isnan(draws)]
    if people < 2 or finite.size < 2 or finite.var() == 0:
        return people
    variance = finite.var() * people / (people - 1)
    return max(1.0, min(rows, proportion * (1 - proportion) / variance))


def mean_of(proportions: Sequence[Figure]) -> Figure:
    """Return the mean of independent proportions, its interval from theirs.

    References:
        Zou and Donner (2008), Construction of confidence limits about effect measures, Stat. Med. 27(10), 1693-1702.
    """
    value, low, high = np.array([(one.value, one.low, one.high) for one in proportions]).T
    mean = value.mean()
    below, above = (np.sqrt((distance**2).sum()) / len(proportions) for distance in (value - low, high - value))
    return Figure(float(mean), float(mean - below), float(mean + above))


def difference_of(first: Figure, second: Figure) -> Figure:
    """Return the difference of two independent proportions or means of them, its interval from theirs.

    For two proportions it is Newcombe's hybrid score interval.

    References:
        Newcombe (1998), Interval estimation for the difference between independent proportions, Stat. Med. 17(8),
        873-890, method 10.
    """
    value = first.value - second.value
    below = np.hypot(first.value - first.low, second.high - second.value)
    above = np.hypot(first.high - first.value, second.value - second.low)
    return Figure(value, float(value - below), float(value + above))


def wider(first: Figure, second: Figure) -> Figure:
    """Return the first figure with the wider end of both intervals on each side; NaN ends count for nothing."""
    return Figure(first.value, float(np.fmin(first.low, second.low)), float(np.fmax(first.high, second.high)))
