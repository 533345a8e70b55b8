"""Robustness: one model's figures on the clean split and under each condition, and the paired change."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from affekt.evaluation.bootstrap import Figure
from affekt.evaluation.corruptions import CONDITIONS, worsened
from affekt.evaluation.evaluate import Evaluation
from affekt.evaluation.predictions import match
from affekt.evaluation.score import Scores, compare, figure_to_json, score
from affekt.evaluation.table import Table, tagged, titled, to_markdown
from affekt.files import written_whole

CLEAN = "clean"
SHOWN = ("accuracy", "macro_f1", "ece", "valence_ccc", "arousal_ccc")


@dataclass(frozen=True, eq=False)
class Robustness:
    """Scores of one model by condition, the clean split first."""

    name: str
    scores: dict[str, Scores]
    changes: dict[str, dict[str, Figure]]
    """Condition minus clean, by condition and figure."""


def measure_robustness(
    clean: Scores,
    manifest: pl.DataFrame,
    rows: pl.DataFrame,
    predict: Callable[[pl.DataFrame], pl.DataFrame],
) -> Robustness:
    """Score a model on each worsened copy of a split, on the resamples of its clean scores.

    Args:
        clean: the model's scores on the split as it is.
        manifest: the whole manifest.
        rows: its rows of the split.
        predict: from manifest rows to a predictions table.

    Returns:
        The scores and changes of each condition.
    """
    how = clean.resampling
    scores = {CLEAN: clean}
    for condition, change in CONDITIONS.items():
        table = predict(worsened(rows, change, seed=how.seed, name=condition))
        matched = match(table, manifest, how.split, condition, how.without)
        scores[condition] = score(matched, condition, resamples=how.resamples, seed=how.seed, by=how.by)
    changes = {name: compare(found, clean) for name, found in scores.items() if name != CLEAN}
    return Robustness(clean.name, scores, changes)


def robustness_tables(found: Robustness, evaluation: Evaluation) -> list[Table]:
    """Return the figures under each condition, and their change against the clean split."""
    keys = [key for key in SHOWN if key in found.scores[CLEAN].figures]
    header = ("condition", *(titled(key) for key in keys))
    where = f"{found.name} on {evaluation.data}, split {evaluation.split}"
    tag = ", ".join(filter(None, dict.fromkeys((evaluation.expression_tag, evaluation.dimension_tag))))
    figures = [(name, *(scores.figures[key] for key in keys)) for name, scores in found.scores.items()]
    changes = [(name, *(change[key] for key in keys)) for name, change in found.changes.items()]
    return [
        Table(tagged(f"Conditions: {where}", tag), header, tuple(figures)),
        Table(tagged(f"Change against the clean split: {where}", tag), header, tuple(changes), signed=True),
    ]


def robustness_to_json(found: Robustness) -> dict[str, Any]:
    """Return the figures and changes as plain values for JSON, NaN as None."""
    return {
        "model": found.name,
        "conditions": {
            name: {key: figure_to_json(figure) for key, figure in scores.figures.items()}
            for name, scores in found.scores.items()
        },
        "changes": {
            name: {key: figure_to_json(figure) for key, figure in change.items()}
            for name, change in found.changes.items()
        },
    }


def write_robustness(all_found: list[Robustness], evaluation: Evaluation, folder: Path) -> None:
    """Write `conditions.md` and `conditions.json`, each whole or not at all.

    Raises:
        DataError: a file cannot be written.
    """
    tables = [table for found in all_found for table in robustness_tables(found, evaluation)]
    document = "\n".join([*map(to_markdown, tables), f"* {evaluation.intervals}", f"* Command: `{evaluation.command}`"])
    with written_whole(folder / "conditions.md") as temporary:
        temporary.write_text(document + "\n")
    with written_whole(folder / "conditions.json") as temporary:
        temporary.write_text(json.dumps([robustness_to_json(found) for found in all_found], indent=2) + "\n")
