"""Groups: one model's figures for each value of an attribute of the rows, and how far each is from the others."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from affekt.data.manifest import SCHEMA
from affekt.errors import ConfigError
from affekt.evaluation.bootstrap import Figure, percentile_interval, resample_counts
from affekt.evaluation.predictions import Matched
from affekt.evaluation.score import Resampling, figure_to_json, measure, resampled_units

LEAST_ROWS = 30
"""Groups with fewer rows get no figures: their intervals would be as wide as the scale."""
MOST_GROUPS = 24
"""An attribute with more values is a measurement or a name, not a grouping."""
# The calibration error is not among them: noise can only add to it, so that small groups would always look worse.
SHOWN = ("accuracy", "balanced_accuracy", "brier", "valence_ccc", "arousal_ccc")


@dataclass(frozen=True)
class Group:
    """The rows that share one value of an attribute."""

    rows: int
    figures: dict[str, Figure]
    differences: dict[str, Figure]
    """This group minus all other rows whose value is known, on the same resamples."""


@dataclass(frozen=True)
class Grouping:
    """One model's figures by the values of one attribute."""

    attribute: str
    groups: dict[str, Group]
    """By value, in alphabetical order."""
    notes: tuple[str, ...]
    """Sentences on rows and groups that are left out."""


def group_values(rows: pl.DataFrame, attribute: str) -> pl.Series:
    """Return the group of each row as text, null where it is not known.

    Args:
        rows: manifest rows.
        attribute: one of the manifest's further columns, or `source`.

    Raises:
        ConfigError: there is no such attribute, or it has too many values.
    """
    there = [*(name for name in rows.columns if name not in SCHEMA), "source"]
    if attribute not in there:
        raise ConfigError(
            f"expected --groups among {', '.join(there)}, got {attribute!r}; bring it with --attributes people.csv, "
            "whose rows have a source_id"
        )
    values = rows[attribute].cast(pl.String)
    found = values.drop_nulls().n_unique()
    if found > MOST_GROUPS:
        raise ConfigError(
            f"expected up to {MOST_GROUPS} groups in {attribute}, got {found:,} different values; write ranges in that "
            "column, such as 20-39"
        )
    return values


def score_groups(matched: Matched, attribute: str, how: Resampling) -> Grouping:
    """Score each group of rows, and its difference from the other rows whose group is known.

    Args:
        matched: the predictions joined with the manifest.
        attribute: one of the manifest's further columns, or `source`.
        how: the resamples that the whole split was scored on.

    Returns:
        The figures in `SHOWN` that the predictions allow, each with its 95 % bootstrap interval.

    Raises:
        ConfigError: there is no such attribute, or it has too many values.
    """
    values = group_values(matched.rows, attribute)
    known = values.is_not_null().to_numpy()
    counts = {name: int((values == name).sum()) for name in sorted(values.drop_nulls().unique())}
    kept = [name for name, count in counts.items() if count >= LEAST_ROWS]
    masks = {name: (values == name).fill_null(value=False).to_numpy() for name in kept}
    groups = {name: _group(matched, mask, known & ~mask, how) for name, mask in masks.items()}
    return Grouping(attribute, groups, tuple(_notes(attribute, values.null_count(), len(values), counts)))


def _group(matched: Matched, mask: np.ndarray, others: np.ndarray, how: Resampling) -> Group:
    points, draws = _drawn(matched, mask, how)
    other_points, other_draws = _drawn(matched, others, how)
    figures = {key: Figure(points[key], *percentile_interval(draws[key])) for key in points}
    differences = {
        key: Figure(points[key] - other_points[key], *percentile_interval(draws[key] - other_draws[key]))
        for key in points
        if key in other_points
    }
    return Group(int(mask.sum()), figures, differences)


def _drawn(matched: Matched, mask: np.ndarray, how: Resampling) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Return the figures of some rows, and (resamples,) of each, from the resamples of the whole split."""
    side = matched.where(mask)
    points = measure(side, np.ones(len(side.rows)))
    counts = resample_counts(how.rows, how.resamples, how.seed, resampled_units(matched.rows, how.by))
    chunks = [measure(side, weights[:, mask]) for weights in counts]
    keys = [key for key in SHOWN if key in points]
    draws = {key: np.concatenate([np.empty(0), *(chunk[key] for chunk in chunks)]) for key in keys}
    return {key: float(points[key]) for key in keys}, draws


def _notes(attribute: str, unknown: int, rows: int, counts: dict[str, int]) -> list[str]:
    small = [f"{name} ({count})" for name, count in counts.items() if count < LEAST_ROWS]
    notes = []
    if unknown:
        notes.append(f"{attribute} is not known for {unknown:,} of {rows:,} rows.")
    if small:
        notes.append(f"Fewer than {LEAST_ROWS} rows of {attribute}, so no figures: {', '.join(small)}.")
    return notes


def grouping_to_json(grouping: Grouping) -> dict[str, Any]:
    """Return the figures and differences of each group as plain values for JSON, NaN as None."""
    return {
        "groups": {
            name: {
                "rows": group.rows,
                "figures": {key: figure_to_json(figure) for key, figure in group.figures.items()},
                "minus_others": {key: figure_to_json(figure) for key, figure in group.differences.items()},
            }
            for name, group in grouping.groups.items()
        },
        "notes": list(grouping.notes),
    }
