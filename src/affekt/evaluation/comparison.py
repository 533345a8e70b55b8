"""Runs side by side: what each was trained with, what it cost, and the paired differences of what they answered.

A run keeps its answers to rows that it did not learn from: those that chose its epoch or, of a cross-validation, all.
Runs that answered for the same rows are scored together; no picture is opened, and no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from affekt.errors import ConfigError, ModelError, require_seed
from affekt.evaluation.evaluate import FLOOR, Evaluation, evaluate_tables
from affekt.evaluation.score import Resampling
from affekt.evaluation.tables import difference_tables, main_tables, to_plain
from affekt.models.card import CARD_FILE, Card, read_card
from affekt.networks.predictions import PREDICTIONS, TRUTH
from affekt.terminal import text_table

FOLDS = "fold-*/card.json"
ON_VALIDATION = "validation"
SMALL_PRINT = (
    "Validation rows chose each run's epoch and temperature, so all figures there are a little too good; those of an "
    "evaluation on a test split are not."
)


@dataclass(frozen=True)
class ComparedRun:
    """What is told of one run."""

    name: str
    card: Card
    """The first fold's of a cross-validation."""
    seconds: float
    """All its trainings together."""
    folds: int
    """0 for a run that is no cross-validation."""
    answers: pl.DataFrame | None
    """Its `predictions.parquet`; None where it is missing."""


def read_run(folder: Path) -> ComparedRun | None:
    """Read what a run's folder tells; None where it holds no finished run."""
    cards = [folder / CARD_FILE] if (folder / CARD_FILE).is_file() else sorted(folder.glob(FOLDS))
    if not cards:
        return None
    read = [read_card(card.parent) for card in cards]
    place = folder / PREDICTIONS
    return ComparedRun(
        name=folder.absolute().name,
        card=read[0],
        seconds=sum(card.training.get("seconds", 0) for card in read),
        folds=0 if (folder / CARD_FILE).is_file() else len(cards),
        answers=pl.read_parquet(place, glob=False) if place.is_file() else None,
    )


def compare_runs(folders: Sequence[Path], *, resamples: int = 1000, seed: int = 0) -> str:
    """Lay out runs as tables of text: recipe, data, validation and cost; then figures and paired differences.

    Folders that hold no finished run are named and left out; raises ModelError where no other is there.
    """
    for folder in folders:
        if not folder.exists():
            raise ModelError(f"expected folders of runs, got {folder}, and nothing is there; type: affekt models runs")
    if resamples < 0:
        raise ConfigError(f"expected resamples of at least 0, got {resamples}; 0 leaves the intervals out")
    require_seed(seed)
    read = {folder: read_run(folder) for folder in folders}
    runs = [run for run in read.values() if run is not None]
    if not runs:
        where = f"none in {', '.join(map(str, folders))}" if folders else "no folder"
        raise ModelError(f"expected finished runs, got {where}; name their folders, as in: affekt compare runs/*")
    blocks = [text_table([HEADER, *map(_facts, runs)], left=4)]
    for together in _of_the_same_rows(runs):
        found = _evaluate(together, Resampling(resamples, seed))
        tables = [table for table in main_tables(found) if not table.title.endswith("further figures")]
        blocks += [to_plain(table).rstrip() for table in (*tables, *difference_tables(found))]
        blocks.append(f"{found.floor_note}\n{found.intervals}")
    if any(run.answers is not None and not run.folds for run in runs):
        blocks.append(SMALL_PRINT)
    if silent := [run.name for run in runs if run.answers is None]:
        blocks.append(f"Without {PREDICTIONS}, so without figures here: {', '.join(silent)}.")
    if strangers := [str(folder) for folder, run in read.items() if run is None]:
        blocks.append(f"Left out, for they hold no finished run: {', '.join(strangers)}.")
    return "\n\n".join(blocks)


HEADER = ("run", "recipe", "data", "measured on", "rows", "seed", "best epoch", "parameters", "time")


def _facts(run: ComparedRun) -> tuple[str | int, ...]:
    trained = run.card.training
    measured = f"{run.folds} folds" if run.folds else f"validation {trained.get('validation', '')}".strip()
    epoch = f"{trained.get('best_epoch', '-')} of {trained.get('epochs', '-')}"
    numbers = trained.get("rows", 0), str(trained.get("seed", "-")), epoch, run.card.parameters
    return (
        run.name,
        str(trained.get("recipe_name", "")),
        str(trained.get("data", "")),
        measured,
        *numbers,
        f"{run.seconds:.1f} s" if run.seconds < 60 else f"{run.seconds / 60:.1f} min",
    )


def _of_the_same_rows(runs: list[ComparedRun]) -> list[list[ComparedRun]]:
    """Return the runs with answers, those together that answered for the same rows with the same truth."""
    groups: dict[str, list[ComparedRun]] = {}
    for run in runs:
        if run.answers is not None:
            known = run.answers.select("source", "source_id", *(f"true_{name}" for name in TRUTH)).drop("true_votes")
            groups.setdefault(known.sort("source", "source_id").write_json(), []).append(run)
    return list(groups.values())


def _evaluate(runs: list[ComparedRun], how: Resampling) -> Evaluation:
    first = runs[0].answers
    assert first is not None
    split = "out of fold" if runs[0].folds else ON_VALIDATION
    known = first.select("source", "source_id", "subject", "pixel_sha256", *(f"true_{name}" for name in TRUTH))
    rows = known.rename({f"true_{name}": name for name in TRUTH}).with_columns(split=pl.lit(split))
    by = "row" if rows["subject"].null_count() else "subject"
    names = [run.name for run in runs]
    tables = {
        run.name if names.count(run.name) == 1 and run.name != FLOOR else f"{run.name} ({place + 1})": run.answers.drop(
            "subject", "pixel_sha256", *(f"true_{name}" for name in TRUTH)
        )
        for place, run in enumerate(runs)
        if run.answers is not None
    }
    return evaluate_tables(tables, rows, split, Resampling(how.resamples, how.seed, by))
