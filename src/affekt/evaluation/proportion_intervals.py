"""Intervals of shares of few rows, where the percentile bootstrap is too narrow.

Of 30 rows that are all right, every resample is all right too, and the bootstrap's interval is a point. The score
interval is not, and the intervals of a mean or a difference of shares follow from those of the shares.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from affekt.evaluation.bootstrap import LEVEL, Figure, percentile_interval

FEW = 10
"""With fewer rows right, or fewer wrong, a share takes the wider interval wherever it stands."""


def score_interval(share: float, rows: float, level: float = LEVEL) -> Figure:
    """Return a share with its score interval.

    Args:
        share: what share of the rows is right, 0-1.
        rows: how many rows, over 0; `effective_rows` of them where they are not independent.
        level: how often the interval shall hold the truth.

    References:
        Wilson (1927), Probable inference, J. Am. Stat. Assoc. 22(158), 209-212.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    scale = 1 + z**2 / rows
    middle = (share + z**2 / (2 * rows)) / scale
    half = z / scale * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    return Figure(share, float(min(middle - half, share)), float(max(middle + half, share)))


def share_interval(share: float, draws: np.ndarray, of: np.ndarray, units: np.ndarray | None = None) -> Figure:
    """Return a share with the wider of its bootstrap interval and its score interval.

    Args:
        share: what share of the rows is right, 0-1.
        draws: (resamples,) the share in each resample.
        of: (n,) bool, the rows that it is a share of.
        units: (n,) the person of each row where people were resampled, None where rows were.
    """
    rows = int(of.sum())
    independent = rows if units is None else effective_rows(share, rows, len(np.unique(units[of])), draws)
    return wider(score_interval(share, independent), Figure(share, *percentile_interval(draws)))


def is_share_of_few(share: float, rows: int) -> bool:
    """Return whether fewer than `FEW` of the rows are right, or fewer wrong."""
    right = round(share * rows)
    return min(right, rows - right) < FEW


def effective_rows(share: float, rows: int, people: int, draws: np.ndarray) -> float:
    """Return how many independent rows would give a share the spread that it has: the rows by their design effect.

    Args:
        share: what share of the rows is right, 0-1.
        rows: how many rows there are.
        people: how many people they show.
        draws: (resamples,) the share in resamples of people.

    Returns:
        Up to `rows`; the number of people where the resamples do not differ, as when all rows are right.

    References:
        Kish (1965), Survey Sampling, section 8.2.
    """
    finite = draws[~np.isnan(draws)]
    if people < 2 or finite.size < 2 or finite.var() == 0:
        return people
    variance = finite.var() * people / (people - 1)
    return max(1.0, min(rows, share * (1 - share) / variance))


def mean_of(shares: Sequence[Figure]) -> Figure:
    """Return the mean of independent shares, its interval from theirs.

    References:
        Zou and Donner (2008), Construction of confidence limits about effect measures, Stat. Med. 27(10), 1693-1702.
    """
    value, low, high = np.array([(share.value, share.low, share.high) for share in shares]).T
    mean = value.mean()
    below, above = (np.sqrt((distance**2).sum()) / len(shares) for distance in (value - low, high - value))
    return Figure(float(mean), float(mean - below), float(mean + above))


def difference_of(first: Figure, second: Figure) -> Figure:
    """Return the difference of two independent shares or means of shares, its interval from theirs.

    For two shares it is Newcombe's hybrid score interval.

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
