"""An evaluation: prediction tables scored side by side on one split of a manifest, above the floor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import polars as pl

from affekt.data.manifest import manifest_labels
from affekt.errors import ConfigError, DataError
from affekt.evaluation.figures import DIMENSIONS, Figure
from affekt.evaluation.groups import Grouping, score_groups
from affekt.evaluation.intervals import FEW, LEVEL
from affekt.evaluation.predictions import is_result_table, match
from affekt.evaluation.result_rows import as_predictions
from affekt.evaluation.robustness import Robustness
from affekt.evaluation.score import DEFAULT_RESAMPLING, Resampling, Scores, compare, score
from affekt.labels import probability_columns
from affekt.terminal import progress_bar

FLOOR = "floor"
TRAIN_SPLIT = "train"
FLOOR_FROM = {"the class frequencies": ("emotion",), "the mean valence and arousal": DIMENSIONS}
"""What the floor predicts from, and the columns that must be known for it."""
TAGS = {"projected": "projected, not rated", "synthetic": "synthetic"}
"""What every title over valence and arousal must say of their origin."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores of one or several models on one split, with the floor and all paired differences."""

    data: str
    """Names of the data sets, and the expressions that were left out."""
    split: str
    where: str
    """Data and split, as titles say it."""
    rows: int
    """With a label."""
    scores: tuple[Scores, ...]
    floor: Scores
    """The majority-class and mean predictor's."""
    floor_note: str
    """Where the floor's frequencies and means come from."""
    intervals: str
    differences: dict[tuple[str, str], dict[str, Figure]]
    """First minus second model, by figure."""
    expression_tag: str
    """`synthetic` for drawn pictures, else empty."""
    dimension_tag: str
    """`projected, not rated` or `synthetic` where valence and arousal are that, else empty."""
    groups: dict[str, tuple[Grouping, ...]]
    """Of each model, one per attribute."""
    robustness: tuple[Robustness, ...] = ()
    command: str = ""
    seen: tuple[str, ...] = ()
    """A sentence for each model that had seen rows of the split before."""
    remarks: tuple[str, ...] = ()
    """Sentences on how tables became predictions of the rows."""

    def __repr__(self) -> str:
        """Say what was scored on what."""
        return f"Evaluation of {', '.join(one.name for one in self.scores)} on {self.where}, {self.rows:,} rows"

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


def evaluate_tables(
    tables: Mapping[str, pl.DataFrame],
    manifest: pl.DataFrame,
    split: str,
    how: Resampling = DEFAULT_RESAMPLING,
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
    floor_table, floor_note = floor_predictions(manifest, split)
    remarks = []
    for name, table in tables.items():
        if is_result_table(table):
            answers, remark = as_predictions(table, manifest, split, floor_table, name)
            tables = {**tables, name: answers}
            remarks += [remark] if remark else []
    matched = [match(table, manifest, split, name, without) for name, table in tables.items()]
    matched.append(match(floor_table, manifest, split, FLOOR, without))
    with progress_bar(total=len(matched) * how.resamples, description="resampling", unit="resample") as bar:
        named = zip(matched, [*tables, FLOOR], strict=True)
        *scores, floor = (score(one, name, how, step=bar.update) for one, name in named)
    rows = floor.matched.rows
    data = ", ".join(sorted(set(rows["source"]))) + (f" without {' and '.join(without)}" if without else "")
    origins = set(rows["valence_arousal_origin"].drop_nulls())
    return Evaluation(
        data=data,
        split=split,
        where=f"{data}, split {split}",
        rows=len(rows),
        scores=tuple(scores),
        floor=floor,
        floor_note=floor_note,
        intervals=(
            f"Intervals: {LEVEL:.0%} percentile bootstrap, {how.resamples:,} resamples by {how.by}, seed {how.seed}; "
            "all models get the same resamples, so that differences are paired. Accuracy, precision and recall with "
            f"fewer than {FEW} rows right, or fewer wrong, have the wider of that and the score interval."
        ),
        differences={(one.name, two.name): compare(one, two) for one, two in combinations(scores, 2)},
        expression_tag="synthetic" if "synthetic" in origins else "",
        dimension_tag=" and ".join(tag for origin, tag in TAGS.items() if origin in origins),
        remarks=tuple(remarks),
        groups={one.name: tuple(score_groups(one.matched, attribute, how) for attribute in groups) for one in scores},
    )


def floor_predictions(manifest: pl.DataFrame, split: str) -> tuple[pl.DataFrame, str]:
    """Predict every row of a split without its picture: by the train split's class frequencies and mean values.

    The chosen class is then the majority class. A part that the split knows and the train split does not, as where
    there is no train split, comes from the scored split itself, which can only raise the floor. The sentence says so.
    """
    train, rows = (manifest.filter(split=name) for name in (TRAIN_SPLIT, split))
    constants: dict[str, Any] = {}
    origins: dict[str, list[str]] = {}
    for part, columns in FLOOR_FROM.items():
        wanted = [column for column in columns if _is_known(rows, column)]
        if wanted:
            learnt = all(_is_known(train, column) for column in wanted)
            constants |= _constants(train if learnt else rows, wanted, manifest_labels(manifest))
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


def _constants(rows: pl.DataFrame, columns: list[str], labels: tuple[str, ...]) -> dict[str, Any]:
    if columns == ["emotion"]:
        labelled = rows["emotion"].drop_nulls()
        return dict(zip(probability_columns(labels), [(labelled == label).mean() for label in labels], strict=True))
    return {name: rows[name].mean() if name in columns else None for name in DIMENSIONS}
