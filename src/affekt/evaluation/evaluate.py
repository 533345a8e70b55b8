"""An evaluation: prediction tables scored side by side on one split, above the floor, as Python values and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl

from affekt import __version__
from affekt.errors import ConfigError, DataError
from affekt.evaluation.figures import DEFINITIONS, DIMENSIONS, Figure, as_json
from affekt.evaluation.groups import Grouping, score_groups
from affekt.evaluation.intervals import FEW, LEVEL
from affekt.evaluation.notes import origin_tag, picture_tag
from affekt.evaluation.predictions import Matched, match
from affekt.evaluation.robustness import Robustness
from affekt.evaluation.score import Scores, compare, score
from affekt.labels import LABELS, PROBABILITY_COLUMNS
from affekt.models.card import read_card
from affekt.terminal import progress_bar

FLOOR = "floor"
TRAIN_SPLIT = "train"
FLOOR_FROM = {"the class frequencies": ("emotion",), "the mean valence and arousal": DIMENSIONS}
"""What the floor predicts from, and the columns that must be known for it."""


@dataclass(frozen=True)
class Intervals:
    """How the intervals of an evaluation are made."""

    resamples: int = 1000
    """Bootstrap resamples behind each interval; 0 leaves them out."""
    seed: int = 0
    """Decides the resamples."""
    by: str = "row"
    """`row` resamples rows, `subject` whole subjects."""


DEFAULT_INTERVALS = Intervals()


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores of one or several models on one split, with the floor and all paired differences."""

    data: str
    """Names of the data sets, and the expressions that were left out."""
    split: str
    rows: int
    """With a label."""
    scores: tuple[Scores, ...]
    floor: Scores
    """The majority-class and mean predictor's."""
    floor_note: str
    """Where the floor's frequencies and means come from."""
    differences: dict[tuple[str, str], dict[str, Figure]]
    """First minus second model, by figure."""
    expression_tag: str
    """`synthetic` for drawn pictures, else empty."""
    dimension_tag: str
    """`projected, not rated` or `synthetic` where valence and arousal are that, else empty."""
    matched: dict[str, Matched]
    groups: dict[str, tuple[Grouping, ...]]
    """Of each model, one per attribute."""
    robustness: tuple[Robustness, ...] = ()
    command: str = ""

    def __repr__(self) -> str:
        """Say what was scored on what."""
        return f"Evaluation of {', '.join(one.name for one in self.scores)} on {self.where}, {self.rows:,} rows"

    @property
    def where(self) -> str:
        """Data and split, as titles say it."""
        return f"{self.data}, split {self.split}"

    @property
    def frame(self) -> pl.DataFrame:
        """One row per model and figure, the floor last: `model`, `figure`, `value`, `low`, `high`."""
        return pl.DataFrame(
            [
                {"model": scores.name, "figure": key, **vars(figure)}
                for scores in (*self.scores, self.floor)
                for key, figure in scores.figures.items()
            ]
        )

    @property
    def intervals(self) -> str:
        """One sentence on how the intervals were made."""
        how = self.floor.resampling
        return (
            f"Intervals: {LEVEL:.0%} percentile bootstrap, {how.resamples:,} resamples by {how.by}, seed {how.seed}; "
            "all models meet the same resamples, so that differences are paired. Accuracy, precision and recall with "
            f"fewer than {FEW} rows right, or fewer wrong, have the wider of that and the score interval."
        )


def evaluate_tables(
    tables: Mapping[str, pl.DataFrame],
    manifest: pl.DataFrame,
    split: str,
    intervals: Intervals = DEFAULT_INTERVALS,
    *,
    groups: Sequence[str] = (),
    without: tuple[str, ...] = (),
) -> Evaluation:
    """Score prediction tables, by model name, on one split of a whole manifest, whose train split gives the floor.

    The groups of the attributes in `groups` are scored too; expressions in `without` are left out, rows and
    probabilities.
    """
    if not tables or FLOOR in tables:
        raise ConfigError(
            f"expected one or more models, none named {FLOOR!r}, got {', '.join(tables) or 'none'}; "
            "give a predictions table and another name"
        )
    refuse_without(without)
    floor_table, floor_note = floor_predictions(manifest, split)
    matched = {
        name: match(table, manifest, split, name, without) for name, table in {**tables, FLOOR: floor_table}.items()
    }
    with progress_bar(total=len(matched) * intervals.resamples, description="resampling", unit="resample") as bar:
        *scores, floor = (score(rows, name, **vars(intervals), step=bar.update) for name, rows in matched.items())
    rows = matched.pop(FLOOR).rows
    return Evaluation(
        data=", ".join(sorted(set(rows["source"]))) + (f" without {' and '.join(without)}" if without else ""),
        split=split,
        rows=len(rows),
        scores=tuple(scores),
        floor=floor,
        floor_note=floor_note,
        differences={(one.name, two.name): compare(one, two) for one, two in combinations(scores, 2)},
        expression_tag=picture_tag(rows),
        dimension_tag=origin_tag(rows),
        matched=matched,
        groups={
            name: tuple(score_groups(one, attribute, floor.resampling) for attribute in groups)
            for name, one in matched.items()
        },
    )


def refuse_without(without: Sequence[str]) -> None:
    """Refuse to leave out what is no expression, or so many that no choice is left."""
    if not set(without) <= set(LABELS) or len(set(LABELS) - set(without)) < 2:
        raise ConfigError(
            f"expected without to name up to six of {', '.join(LABELS)}, got {', '.join(without)}; the usual seven are "
            "contempt (--without contempt)"
        )


def floor_predictions(manifest: pl.DataFrame, split: str) -> tuple[pl.DataFrame, str]:
    """Predict every row of a split without its picture: by the train split's class frequencies and mean values.

    The chosen class is then the majority class. A part that the split knows and the train split does not, as where
    there is no train split, comes from the scored split itself, which can only raise the floor. The sentence says so.
    """
    train, rows = (manifest.filter(pl.col("split") == name) for name in (TRAIN_SPLIT, split))
    constants: dict[str, Any] = {}
    origins: dict[str, list[str]] = {}
    for part, columns in FLOOR_FROM.items():
        wanted = [column for column in columns if _is_known(rows, column)]
        if wanted:
            learnt = all(_is_known(train, column) for column in wanted)
            constants |= _constants(train if learnt else rows, wanted)
            origins.setdefault(TRAIN_SPLIT if learnt else split, []).append(part)
    if not constants:
        raise DataError(
            f"expected labels in the split {split!r}, got none in {len(rows)} rows; choose another split, or import "
            "a manifest with labels"
        )
    table = rows.select("source", "source_id", **{name: pl.lit(value) for name, value in constants.items()})
    why = "there being no train split" if train.is_empty() else "where train has none"
    sentences = [
        f"{' and '.join(parts)} of the split {name!r}" + ("" if name == TRAIN_SPLIT else f", {why}")
        for name, parts in origins.items()
    ]
    return table, f"Floor: {'; '.join(sentences)}."


def _is_known(rows: pl.DataFrame, column: str) -> bool:
    return rows[column].null_count() < len(rows)


def _constants(rows: pl.DataFrame, columns: list[str]) -> dict[str, Any]:
    if columns == ["emotion"]:
        labelled = rows["emotion"].drop_nulls()
        return dict(zip(PROBABILITY_COLUMNS, [(labelled == label).mean() for label in LABELS], strict=True))
    return {name: rows[name].mean() if name in columns else None for name in DIMENSIONS}


def evaluation_to_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as plain values for JSON, NaN as None."""
    how = evaluation.floor.resampling
    return {
        "affekt_version": __version__,
        "command": evaluation.command,
        "data": evaluation.data,
        "split": evaluation.split,
        "rows": evaluation.rows,
        "expression_origin": evaluation.expression_tag or None,
        "valence_arousal_origin": evaluation.dimension_tag or None,
        "intervals": {"level": LEVEL, "resamples": how.resamples, "resampled_by": how.by, "seed": how.seed},
        "models": {
            scores.name: scores_to_json(scores)
            | {"groups": {found.attribute: grouping_to_json(found) for found in evaluation.groups[scores.name]}}
            for scores in evaluation.scores
        },
        "floor": scores_to_json(evaluation.floor) | {"note": evaluation.floor_note},
        "differences": [
            {"first": first, "second": second, "figures": as_json(found)}
            for (first, second), found in evaluation.differences.items()
        ],
        "definitions": {key: definition.text for key, definition in DEFINITIONS.items()},
    }


def scores_to_json(scores: Scores) -> dict[str, Any]:
    """Return scores as plain values for JSON, NaN as None."""
    answered = [{"least_confidence": least, **figures} for least, figures in scores.answered.items()]
    found = {"rows": scores.rows, "figures": scores.figures, "classes": scores.classes, "answered": answered}
    confusion = None if scores.confusion is None else scores.confusion.tolist()
    return as_json(found | {"confusion": confusion, "notes": scores.notes})


def grouping_to_json(grouping: Grouping) -> dict[str, Any]:
    """Return the figures and differences of each group as plain values for JSON, NaN as None."""
    groups = {
        name: {"rows": group.rows, "figures": group.figures, "minus_others": group.differences}
        for name, group in grouping.groups.items()
    }
    return as_json({"groups": groups, "notes": grouping.notes})


def robustness_to_json(found: Robustness) -> dict[str, Any]:
    """Return the figures and changes as plain values for JSON, NaN as None."""
    corruptions = {name: scores.figures for name, scores in found.scores.items()}
    return as_json({"model": found.name, "corruptions": corruptions, "changes": found.changes})


def record_evaluation(folder: Path, evaluation: Evaluation, name: str) -> None:
    """Write a model's figures, with their intervals, into its card under the data and split they were found on."""
    card = read_card(folder)
    found = evaluation_to_json(evaluation)
    record = {key: found[key] for key in ("data", "split", "rows", "valence_arousal_origin", "intervals", "command")}
    record |= {key: found["models"][name][key] for key in ("figures", "classes")}
    where = f"{evaluation.data} {evaluation.split}"
    replace(card, metrics={**card.metrics, where: record}).write(folder)
