"""Groups: one model's figures for each value of an attribute of the rows, and how far each is from the others."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from affekt.data.manifest import SCHEMA
from affekt.errors import ConfigError
from affekt.evaluation.figures import Figure
from affekt.evaluation.intervals import difference_of, mean_of, proportion_interval, wider, with_interval
from affekt.evaluation.predictions import Matched
from affekt.evaluation.score import (
    LEAST_OF_EXPRESSION,
    LEAST_PEOPLE,
    LEAST_ROWS,
    Resampling,
    measure,
    measure_resamples,
    resampled_units,
)

MOST_GROUPS = 24
"""An attribute with more values is a measurement or a name, not a grouping."""
# The calibration error is not among them: noise can only add to it, so that small groups would always look worse.
SHOWN = ("accuracy", "balanced_accuracy", "brier", "valence_ccc", "arousal_ccc")


@dataclass(frozen=True)
class Group:
    """The rows that share one value of an attribute."""

    rows: int
    figures: dict[str, Figure]
    minus_others: dict[str, Figure]
    """This group minus all other rows whose value is known."""


@dataclass(frozen=True)
class Grouping:
    """One model's figures by the values of one attribute."""

    attribute: str
    groups: dict[str, Group]
    """By value, in alphabetical order."""
    notes: tuple[str, ...]


def group_values(rows: pl.DataFrame, attribute: str) -> pl.Series:
    """Return the group of each row as text, null where it is not known."""
    there = [*(name for name in rows.columns if name not in SCHEMA), "source"]
    if attribute not in there:
        raise ConfigError(
            f"expected groups among {', '.join(there)}, got {attribute!r}; bring it "
            "as attributes (--attributes people.csv), whose rows have a source_id"
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

    The balanced accuracy is the mean recall of the expressions of which the group has `LEAST_OF_EXPRESSION` rows, and
    in a difference of those of which both sides have: means over different expressions differ by themselves.

    Figures are those in `SHOWN` that the predictions allow, each with its 95 % interval: that of the bootstrap, and for
    the two accuracies the wider of that and the score interval. `how` are the resamples of the whole split.
    """
    values = group_values(matched.rows, attribute)
    known = values.is_not_null().to_numpy()
    units = resampled_units(matched.rows, how.by)
    masks = {name: (values == name).fill_null(value=False).to_numpy() for name in sorted(values.drop_nulls().unique())}
    least = LEAST_ROWS if units is None else LEAST_PEOPLE
    small = {name: count for name, mask in masks.items() if (count := _count(mask, units)) < least}
    groups: dict[str, Group] = {}
    uncommon: dict[str, list[str]] = {}
    for name, mask in masks.items():
        if name in small:
            continue
        group, others = _side(matched, mask, how, units), _side(matched, known & ~mask, how, units)
        groups[name] = Group(int(mask.sum()), group.figures, _differences(group, others))
        if "balanced_accuracy" in groups[name].minus_others:
            uncommon.setdefault(_uncommon(matched, group, others), []).append(name)
    notes = []
    if unknown := values.null_count():
        notes.append(f"{attribute} is not known for {unknown:,} of {len(values):,} rows.")
    if small:
        listed = ", ".join(f"{name} ({count})" for name, count in small.items())
        kind = "rows" if units is None else "people"
        notes.append(f"Fewer than {least} {kind} of {attribute}, so no figures: {listed}.")
    notes += [
        f"{attribute} {' and '.join(names)}: the difference in balanced accuracy is not over {labels}, of which one "
        f"side has fewer than {LEAST_OF_EXPRESSION}."
        for labels, names in uncommon.items()
        if labels
    ]
    return Grouping(attribute, groups, tuple(notes))


@dataclass(frozen=True)
class _Side:
    """The figures of some rows, as a group or as what it differs from."""

    figures: dict[str, Figure]
    draws: dict[str, np.ndarray]
    """(resamples,) of each figure and of `recall/label`, from the resamples of the whole split."""
    recalls: dict[str, Figure]
    """By label, of the expressions with enough rows."""


def _side(matched: Matched, mask: np.ndarray, how: Resampling, units: np.ndarray | None) -> _Side:
    rows = matched.where(mask)
    points = {key: float(value) for key, value in measure(rows, np.ones(len(rows.rows))).items()}
    draws = measure_resamples(rows, how, units, of=mask)
    figures = {key: with_interval(points[key], draws[key]) for key in SHOWN if key in points}
    recalls = {}
    if rows.probabilities is not None:
        known = mask & (matched.label >= 0)
        figures["accuracy"] = proportion_interval(points["accuracy"], draws["accuracy"], known, units)
        of_label = {label: known & (matched.label == index) for index, label in enumerate(matched.labels)}
        recalls = {
            label: proportion_interval(points[f"recall/{label}"], draws[f"recall/{label}"], those, units)
            for label, those in of_label.items()
            if _count(those, units) >= LEAST_OF_EXPRESSION
        }
        figures["balanced_accuracy"] = _balanced(recalls, draws, list(recalls))
    return _Side(figures, draws, recalls)


def _balanced(recalls: dict[str, Figure], draws: dict[str, np.ndarray], labels: list[str]) -> Figure:
    if not labels:
        return Figure(float("nan"), float("nan"), float("nan"))
    mean = mean_of([recalls[label] for label in labels])
    drawn = np.mean([draws[f"recall/{label}"] for label in labels], axis=0)
    return wider(mean, with_interval(mean.value, drawn))


def _differences(group: _Side, others: _Side) -> dict[str, Figure]:
    differences = {}
    for key in [key for key in SHOWN if key in group.figures and key in others.figures]:
        first, second = group.figures[key], others.figures[key]
        if key == "balanced_accuracy":
            labels = [label for label in group.recalls if label in others.recalls]
            first, second = (_balanced(side.recalls, side.draws, labels) for side in (group, others))
        if key in ("accuracy", "balanced_accuracy"):
            differences[key] = difference_of(first, second)
        else:
            differences[key] = with_interval(first.value - second.value, group.draws[key] - others.draws[key])
    return differences


def _count(mask: np.ndarray, units: np.ndarray | None) -> int:
    return int(mask.sum()) if units is None else len(np.unique(units[mask]))


def _uncommon(matched: Matched, group: _Side, others: _Side) -> str:
    """Return the expressions of the split that a difference of balanced accuracies is not over."""
    there = [label for index, label in enumerate(matched.labels) if (matched.label == index).any()]
    return ", ".join(label for label in there if label not in group.recalls or label not in others.recalls)
