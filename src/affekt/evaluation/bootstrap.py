"""Bootstrap intervals: a resample is a vector of counts, one a row, and every metric takes such counts as weights.

The counts depend only on the seed and the number of rows (or the groups), so that all models scored on one split meet
the same resamples, and the difference of two models is paired.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from affekt.errors import require_seed

LEVEL = 0.95
CHUNK_VALUES = 200_000
"""Counts held at a time, in values: what stays in a core's cache (resamples x rows)."""


@dataclass(frozen=True)
class Figure:
    """A figure with the ends of its 95 % interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


def weighted_mean(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean of values under each vector of weights.

    Args:
        values: (n,).
        weights: (..., n), not negative; None weighs every row once.

    Returns:
        (...); NaN where the weights sum to 0.
    """
    if weights is None:
        weights = np.ones(len(values))
    return ratio(weights @ values, weights.sum(axis=-1))


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide element by element, NaN where the denominator is 0, without a warning."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    quotient = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient


def resample_counts(
    n: int, resamples: int = 1000, seed: int = 0, groups: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Yield the counts of bootstrap resamples, a chunk at a time.

    Rows are drawn with replacement; with groups, whole groups are drawn (the cluster bootstrap), because rows of one
    person are not independent. The counts do not depend on the size of the chunks.

    Args:
        n: number of rows.
        resamples: number of resamples.
        seed: the same seed gives the same resamples.
        groups: (n,) the group of each row, of any sortable type, or None to draw rows.

    Yields:
        (chunk, n) float64 counts; together `resamples` of them.

    Raises:
        ConfigError: the seed is negative or too large.

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


def percentile_interval(draws: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Return the percentile interval of a figure's bootstrap draws; draws that are NaN are left out.

    Returns:
        Its ends, both NaN when no draw is finite.
    """
    finite = draws[~np.isnan(draws)]
    if finite.size == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
