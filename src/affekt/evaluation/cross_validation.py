"""Cross-validation: networks trained without a fold each, or without a person each, and one report over all answers.

Every row is answered by a network that saw neither it, nor a copy of it, nor the person it shows: the standard of small
samples, where a tenth held back would be too few to measure on (Stone 1974, "Cross-validatory Choice and Assessment of
Statistical Predictions").
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal, Unpack

import numpy as np
import polars as pl

from affekt.data.splits import divide, fold_numbers, require_people_apart, subject_folds
from affekt.errors import ConfigError, DataError, says_what_to_type
from affekt.evaluation.evaluate import Evaluation, evaluate_tables
from affekt.evaluation.report import report_files, write_report
from affekt.evaluation.score import Resampling
from affekt.files import refuse_others, write_parquet
from affekt.models.card import WEIGHTS_FILE
from affekt.networks.predictions import PREDICTIONS, with_truth
from affekt.training.generations import Chain, Run
from affekt.training.recipe import Recipe
from affekt.training.run import TrainingOptions, asked, read_data, train_chain

SPLIT = "out of fold"
"""What the split of the scored rows is called: each is answered by the network that was trained without it."""
BY_SUBJECT = "subject"
USUAL_VALIDATION = 0.1
LEAST_TOLD_S = 1.0
"""Shorter epochs of a fold are not printed: its last line says what came of them."""

_logger = logging.getLogger(__name__)


@says_what_to_type
def cross_validate(
    recipe: str | Recipe,
    data: str | Path | pl.DataFrame,
    out: str | Path,
    folds: int | Literal["subject"] = 5,
    **options: Unpack[TrainingOptions],
) -> Evaluation:
    """Train a recipe once for each fold of the data, and score the answers to all rows: `affekt train --folds`.

    Rows of the split `test` are left out, and stay unseen. Each training is a run in a folder of its own, `fold-1` and
    so on; its validation rows are taken from the rows that it may see, people kept apart. Where every row names its
    person, the intervals resample people.

    Args:
        recipe: a recipe, or the name of one; `find_recipe(name).recipe.with_options(epochs=3)` changes options.
        data: the manifest, or its file, or a folder that holds one for each expression. Its splits are ignored, but
            the rows of `test` are left out, and nobody may be in `train` and in another split.
        out: folder for the runs of the folds, `report/` and `predictions.parquet`.
        folds: how many parts the rows are divided into, or `subject`: leave out one person at a time.
        options: those of `affekt.train`: chain, validation, seed, resume, device, subject_pattern. The validation is a
            share of each fold's training rows, by default a tenth; `resume` goes on after the folds that are finished.

    Returns:
        The evaluation of the answers out of fold; its `frame` has one row per figure.

    Raises:
        ConfigError: the folds are neither a number above 1 nor `subject`, or as `affekt.train` does.
        DataError: people are not named, or too few, or in two splits, or a fold leaves a single expression to learn;
            and as `affekt.train` does.
        ModelError: the first weights cannot be used.

    Example:
        >>> from drawn_faces import drawn_manifest
        >>> faces = drawn_manifest(identities=6, pictures_per_identity=8, size=48, seed=0)
        >>> head = affekt.find_recipe("affekt-head").recipe.with_options(epochs=2)
        >>> affekt.cross_validate(head, faces, "runs/folds", folds=3)
        Evaluation of folds on drawn, split out of fold, 40 rows
    """
    require_folds(str(folds))
    chosen, chain, run = asked(recipe, data, out, **options)
    manifest, run = read_data(chosen, data, run, divided=False)
    return score_folds(chosen, chain, manifest, run, str(folds))


def score_folds(recipe: Recipe, chain: Chain, manifest: pl.DataFrame, run: Run, folds: str) -> Evaluation:
    """Train and score as `cross_validate` says; `folds` is a number as text, or `subject`."""
    require_folds(folds)
    refuse_others(run.out / "report", report_files(run.out / "report"))
    require_people_apart(manifest, run.data, run.subject_pattern)
    rows = manifest.filter(pl.col("split") != "test")
    number = folds_of(rows, folds, run.seed)
    count = int(number.max()) + 1
    _refuse_single_expressions(rows, number)

    def answer(fold: int, learnt: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
        _logger.info("fold %d of %d: %s rows held out", fold + 1, count, f"{held.height:,}")
        return answer_of_network(recipe, chain, replace(run, out=run.out / f"fold-{fold + 1}"), learnt, held)

    table = out_of_fold(rows, number, answer)
    write_parquet(with_truth(table, rows), run.out / PREDICTIONS)
    by = "row" if rows["subject"].null_count() else "subject"
    scored = rows.with_columns(split=pl.lit(SPLIT))
    found = evaluate_tables({run.out.name: table}, scored, SPLIT, Resampling(seed=run.seed, by=by))
    found = replace(found, command=run.command)
    write_report(found, run.out / "report")
    return found


def folds_of(rows: pl.DataFrame, folds: str, seed: int) -> np.ndarray:
    """Return the fold of each row, (rows,) int from 0, for a number of folds as text, or `subject`."""
    return subject_folds(rows) if folds == BY_SUBJECT else fold_numbers(rows, int(folds), seed)


def require_folds(folds: str) -> None:
    """Refuse what is neither a number of folds nor `subject`, before any data is read; raises ConfigError."""
    if folds != BY_SUBJECT and not (folds.isdecimal() and int(folds) > 1):
        raise ConfigError(
            f"expected a number of folds from 2, or subject to leave one person out, got {folds!r}; 5 is usual "
            "(--folds 5, folds=5 in Python)"
        )


Answer = Callable[[int, pl.DataFrame, pl.DataFrame], pl.DataFrame]
"""From the number of a fold, the rows that may be learnt from, and those held out, to a predictions table of these."""


def out_of_fold(rows: pl.DataFrame, number: np.ndarray, answer: Answer) -> pl.DataFrame:
    """Return the predictions of all rows, in their order, each from the fold that holds it; `number` is (rows,) int."""
    fold = pl.Series(number)
    tables = [answer(each, rows.filter(fold != each), rows.filter(fold == each)) for each in range(number.max() + 1)]
    return rows.select("source_id").join(pl.concat(tables), on="source_id", how="left", maintain_order="left")


def _refuse_single_expressions(rows: pl.DataFrame, number: np.ndarray) -> None:
    """Refuse folds that leave a single expression to learn from, before the first is trained."""
    if rows["emotion"].is_null().all():
        return
    fold = pl.Series(number)
    for each in range(number.max() + 1):
        learnt = rows.filter(fold != each)["emotion"].drop_nulls().unique()
        if len(learnt) < 2:
            held = rows.filter(fold == each)
            raise DataError(
                f"expected at least two expressions to learn from in each fold, got {', '.join(learnt) or 'none'} "
                f"without the {held.height:,} rows of fold {each + 1} ({held['source_id'][0]} ...); add people who "
                f"show the others{', or choose fewer folds (--folds 2, folds=2 in Python)' if number.max() > 1 else ''}"
            )
        if absent := sorted(set(rows.filter(fold == each)["emotion"].drop_nulls()) - set(learnt)):
            _logger.warning(
                "fold %d alone shows %s: the network that answers for it never saw it", each + 1, " and ".join(absent)
            )


def answer_of_network(recipe: Recipe, chain: Chain, run: Run, learnt: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Train on the rows that may be seen, and ask about those held out; a finished fold of a resumed run is read."""
    from affekt.networks.predictions import open_model

    place = run.out / PREDICTIONS
    if run.resume and place.is_file():
        found = pl.read_parquet(place)
        if found["source_id"].equals(held["source_id"]):
            return found.select("source_id", pl.col("^p_.*$"), pl.col("^(valence|arousal)$"))
        raise ConfigError(
            f"expected {place} to be of this data, seed and number of folds, got other rows; repeat the first command "
            "with resume (--resume), or choose a new out (--out)"
        )
    if not (run.resume and (run.out / WEIGHTS_FILE).is_file()):
        _train(recipe, chain, run, learnt, held)
    found = open_model(run.out, device="cpu" if run.device == "auto" else run.device).predict_rows(held)
    write_parquet(with_truth(found, held), place)  # so that `affekt compare` can score it
    return found


def _train(recipe: Recipe, chain: Chain, run: Run, learnt: pl.DataFrame, held: pl.DataFrame) -> None:
    share = _validation_share(run.validation)
    side = pl.Series(divide(learnt, [1 - share, share], run.seed))
    seen = learnt.with_columns(split=pl.Series(["train", "val"])[side.to_list()])
    rows = pl.concat([seen, held.with_columns(split=pl.lit("test"))])
    card = train_chain(recipe, chain, rows, replace(run, validation="val", least_told_s=LEAST_TOLD_S))
    kept, loss = card.training["best_epoch"], card.metrics["validation"]["val_loss"]
    _logger.info("kept epoch %d of %d: loss %.4f, on validation", kept, card.training["epochs"], loss)


def _validation_share(validation: str) -> float:
    if validation == "auto":
        return USUAL_VALIDATION
    try:
        share = float(validation)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise ConfigError(
            f"expected a share of each fold's training rows as validation, got {validation!r}; as in: --validation 0.1"
        )
    return share
