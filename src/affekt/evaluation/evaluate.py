"""Score prediction tables side by side on one split, and write what was found."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl
from tqdm import tqdm

from affekt import __version__
from affekt.errors import ConfigError
from affekt.evaluation.baselines import FLOOR, floor_predictions
from affekt.evaluation.bootstrap import LEVEL, Figure
from affekt.evaluation.definitions import DEFINITIONS
from affekt.evaluation.groups import Grouping, grouping_to_json, score_groups
from affekt.evaluation.notes import origin_tag, picture_tag
from affekt.evaluation.predictions import Matched, match
from affekt.evaluation.proportion_intervals import FEW
from affekt.evaluation.score import Scores, compare, figure_to_json, score, to_json
from affekt.files import written_whole
from affekt.labels import LABELS
from affekt.models.card import read_card


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores of one or several models on one split, with the floor and all paired differences."""

    data: str
    """Names of the data sets, and the expressions that were left out."""
    split: str
    rows: int
    """Rows of the split that have a label."""
    scores: tuple[Scores, ...]
    """One for each model, in the order given."""
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
    matched: dict[str, Matched] = field(repr=False)
    """The joined rows of each model."""
    groups: dict[str, tuple[Grouping, ...]]
    """Each model's figures by the attributes asked for."""
    command: str = ""
    """The command that made it."""

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
    named_predictions: dict[str, pl.DataFrame],
    manifest: pl.DataFrame,
    split: str,
    *,
    seed: int = 0,
    resamples: int = 1000,
    by: str = "row",
    groups: Sequence[str] = (),
    without: tuple[str, ...] = (),
    command: str = "",
    progress: bool = True,
) -> Evaluation:
    """Score prediction tables on one split of a manifest.

    Args:
        named_predictions: a predictions table for each model's name.
        manifest: the whole manifest; its train split gives the floor.
        split: the split to score.
        seed: seed of the bootstrap.
        resamples: number of bootstrap resamples.
        by: `row` resamples rows, `subject` whole subjects.
        groups: attributes of the manifest whose groups are scored too.
        without: expressions to leave out, rows and probabilities.
        command: the command line, for the report.
        progress: show a progress bar on standard error.

    Returns:
        The evaluation; `write_report` writes it.

    Raises:
        DataError: a predictions table does not fit the split.
        ConfigError: there is no predictions table, a model has the floor's name, rows cannot be grouped so, or fewer
            than two expressions would be left.
    """
    if not named_predictions or FLOOR in named_predictions:
        raise ConfigError(
            f"expected one or more models, none named {FLOOR!r}, got {', '.join(named_predictions) or 'none'}; "
            "give a predictions table and another name"
        )
    check_without(without)
    floor_table, floor_note = floor_predictions(manifest, split)
    matched = {name: match(table, manifest, split, name, without) for name, table in named_predictions.items()}
    floor_matched = match(floor_table, manifest, split, FLOOR, without)
    with tqdm(total=(len(matched) + 1) * resamples, desc="resampling", disable=not progress, leave=False) as bar:
        options: dict[str, Any] = {"resamples": resamples, "seed": seed, "by": by, "step": bar.update}
        scores = tuple(score(rows, name, **options) for name, rows in matched.items())
        floor = score(floor_matched, FLOOR, **options)
    rows = floor_matched.rows
    return Evaluation(
        data=", ".join(sorted(set(rows["source"]))) + (f" without {' and '.join(without)}" if without else ""),
        split=split,
        rows=len(rows),
        scores=scores,
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
        command=command,
    )


def check_without(without: Sequence[str]) -> None:
    """Refuse to leave out what is no expression, or so many that no choice is left.

    Raises:
        ConfigError: it is so.
    """
    if not set(without) <= set(LABELS) or len(set(LABELS) - set(without)) < 2:
        raise ConfigError(
            f"expected --without up to six of {', '.join(LABELS)}, got {', '.join(without)}; the usual seven are "
            "--without contempt"
        )


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
            scores.name: to_json(scores)
            | {"groups": {found.attribute: grouping_to_json(found) for found in evaluation.groups[scores.name]}}
            for scores in evaluation.scores
        },
        "floor": to_json(evaluation.floor) | {"note": evaluation.floor_note},
        "differences": [
            {"first": first, "second": second, "figures": {key: figure_to_json(value) for key, value in found.items()}}
            for (first, second), found in evaluation.differences.items()
        ],
        "definitions": {key: definition.text for key, definition in DEFINITIONS.items()},
    }


def record_evaluation(folder: Path, evaluation: Evaluation, name: str) -> None:
    """Write a model's figures, with their intervals, into its card under the data and split they were found on.

    Raises:
        DataError: the card cannot be written.
        ModelError: the folder holds no usable card.
    """
    card = read_card(folder)
    found = evaluation_to_json(evaluation)
    record = {key: found[key] for key in ("data", "split", "rows", "valence_arousal_origin", "intervals", "command")}
    record |= {key: found["models"][name][key] for key in ("figures", "classes")}
    where = f"{evaluation.data} {evaluation.split}"
    replace(card, metrics={**card.metrics, where: record}).write(folder)


def write_metrics(evaluation: Evaluation, path: Path) -> None:
    """Write `metrics.json`, whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(evaluation_to_json(evaluation), indent=2, allow_nan=False) + "\n")
