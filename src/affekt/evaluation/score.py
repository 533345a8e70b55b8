"""Scores: every figure of one predictions table with its interval, and the paired difference of two tables."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from affekt.errors import ConfigError
from affekt.evaluation import categorical, dimensional, probability, selective_prediction
from affekt.evaluation.bootstrap import Figure, percentile_interval, resample_counts, weighted_mean
from affekt.evaluation.calibration import expected_calibration_error
from affekt.evaluation.notes import notes_on
from affekt.evaluation.predictions import Matched
from affekt.evaluation.proportion_intervals import is_share_of_few, share_interval
from affekt.evaluation.ranking import areas_by_class
from affekt.labels import LABELS

CLASS_MEASURES = ("precision", "recall", "f1", "roc_auc", "pr_auc")


@dataclass(frozen=True)
class Resampling:
    """How the intervals were made; two scores with the same one can be compared pair by pair."""

    split: str
    rows: int
    resamples: int
    seed: int
    by: str
    """`row` or `subject`."""
    without: tuple[str, ...] = ()
    """Expressions that were left out."""


@dataclass(frozen=True, eq=False)
class Scores:
    """What `score` found."""

    name: str
    rows: int
    """Rows scored."""
    figures: dict[str, Figure]
    """By name; the names are the keys of `affekt.evaluation.definitions.DEFINITIONS`."""
    classes: dict[str, dict[str, Figure]]
    """By label, then `precision`, `recall`, `f1`, `roc_auc` and `pr_auc`; empty without probabilities."""
    answered: dict[float, dict[str, Figure]]
    """By least confidence: the `share` of rows that have it, and the `accuracy` of these; empty without
    probabilities."""
    confusion: np.ndarray | None
    """(8, 8) counts, truth in the rows; None without probabilities."""
    notes: tuple[str, ...]
    """Sentences on what is not defined, left out or out of the ordinary."""
    resampling: Resampling
    draws: dict[str, np.ndarray] = field(repr=False)
    """(resamples,) of every figure, for paired differences."""


def score(
    matched: Matched,
    name: str = "predictions",
    *,
    resamples: int = 1000,
    seed: int = 0,
    by: str = "row",
    step: Callable[[int], object] | None = None,
) -> Scores:
    """Score predictions: every figure that their parts allow, each with its 95 % bootstrap interval.

    A share of rows (accuracy, precision, recall) has the wider of that and its score interval where fewer than
    `affekt.evaluation.proportion_intervals.FEW` rows are right, or fewer wrong.

    Args:
        matched: the predictions joined with the manifest.
        name: the model's name in tables.
        resamples: bootstrap resamples; 0 leaves the intervals NaN.
        seed: seed of the resamples.
        by: `row` resamples rows, `subject` whole subjects.
        step: called with the number of resamples just done.

    Returns:
        The scores.

    Raises:
        ConfigError: `by` is neither, or a row has no subject to resample by.
    """
    count = len(matched.rows)
    groups = resampled_units(matched.rows, by)
    point = measure(matched, np.ones(count))
    chunks = []
    for weights in resample_counts(count, resamples, seed, groups):
        chunks.append(measure(matched, weights))
        if step is not None:
            step(len(weights))
    draws = {key: np.concatenate([np.empty(0), *(chunk[key] for chunk in chunks)]) for key in point}
    every = {key: Figure(float(value), *percentile_interval(draws[key])) for key, value in point.items()}
    if resamples:
        every |= _shares_of_few(matched, every, draws, groups)
    figures = {key: figure for key, figure in every.items() if "/" not in key}
    classes, answered = {}, {}
    confusion = None
    if matched.probabilities is not None:
        classes = {label: {key: every[f"{key}/{label}"] for key in CLASS_MEASURES} for label in LABELS}
        answered = {
            least: {"share": every[f"share/{least}"], "accuracy": every[f"accuracy/{least}"]}
            for least in selective_prediction.LEAST_CONFIDENCES
        }
        known = matched.label >= 0
        confusion = categorical.confusion_matrix(
            matched.label[known], matched.probabilities[known].argmax(axis=1), len(LABELS)
        ).astype(int)
    return Scores(
        name=name,
        rows=count,
        figures=figures,
        classes=classes,
        answered=answered,
        confusion=confusion,
        notes=notes_on(matched, figures, by),
        resampling=Resampling(matched.split, count, resamples, seed, by, matched.without),
        draws=draws,
    )


def _shares_of_few(
    matched: Matched, every: dict[str, Figure], draws: dict[str, np.ndarray], units: np.ndarray | None
) -> dict[str, Figure]:
    """Return the shares of which fewer than ten rows are right, or wrong, with the wider interval."""
    if matched.probabilities is None:
        return {}
    known = matched.label >= 0
    chosen, confidence = matched.probabilities.argmax(axis=1), matched.probabilities.max(axis=1)
    rows = {"accuracy": known}
    rows |= {f"recall/{label}": matched.label == index for index, label in enumerate(LABELS)}
    rows |= {f"precision/{label}": known & (chosen == index) for index, label in enumerate(LABELS)}
    rows |= {f"accuracy/{least}": known & (confidence >= least) for least in selective_prediction.LEAST_CONFIDENCES}
    return {
        key: share_interval(every[key].value, draws[key], of, units)
        for key, of in rows.items()
        if of.any() and is_share_of_few(every[key].value, int(of.sum()))
    }


def resampled_units(rows: pl.DataFrame, by: str) -> np.ndarray | None:
    """Return what is drawn in a resample: (n,) the person of each row, or None for the rows themselves.

    Raises:
        ConfigError: `by` is neither `row` nor `subject`, or a row has no subject.
    """
    if by == "row":
        return None
    if by != "subject":
        raise ConfigError(f"expected to resample by 'row' or 'subject', got {by!r}; choose one")
    if rows["subject"].null_count():
        raise ConfigError(
            f"expected a subject in every row to resample by subject, got none in {rows['subject'].null_count()} of "
            f"{len(rows)} rows; resample by row"
        )
    return rows.select(pl.concat_str("source", "subject", separator="\0"))["source"].to_numpy()


def measure(matched: Matched, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Compute every figure under each vector of weights.

    Args:
        matched: the predictions joined with the manifest.
        weights: (..., n) counts of the rows.

    Returns:
        (...) by figure; those of one class are named `figure/label`, those of the surest rows `figure/confidence`.
    """
    figures = {}
    if matched.probabilities is not None:
        known = matched.label >= 0
        figures |= _measure_expression(
            matched.label[known], matched.probabilities[known], matched.votes[known], weights[..., known]
        )
    for name, truth in matched.truth.items():
        known = ~np.isnan(truth)
        sides = truth[known], matched.predicted[name][known], weights[..., known]
        figures |= {f"{name}_{key}": function(*sides) for key, function in dimensional.MEASURES.items()}
    return figures


def _measure_expression(
    truth: np.ndarray, probabilities: np.ndarray, votes: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    chosen, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    matrix = categorical.confusion_matrix(truth, chosen, len(LABELS), weights)
    roc_auc, pr_auc = areas_by_class(truth, probabilities, weights)
    figures = {
        "accuracy": categorical.accuracy(matrix),
        "balanced_accuracy": categorical.balanced_accuracy(matrix),
        "macro_f1": categorical.macro_f1(matrix),
        "weighted_f1": categorical.weighted_f1(matrix),
        "roc_auc": categorical.mean_over_classes(roc_auc),
        "pr_auc": categorical.mean_over_classes(pr_auc),
        "kappa": categorical.cohen_kappa(matrix),
        "alpha": categorical.krippendorff_alpha(matrix),
        "log_loss": weighted_mean(probability.log_loss(truth, probabilities), weights),
        "brier": weighted_mean(probability.brier(truth, probabilities), weights),
        "ece": expected_calibration_error(confidence, chosen == truth, weights),
    }
    voted = ~np.isnan(votes).any(axis=1)
    if voted.any():
        pair = votes[voted], probabilities[voted]
        figures["votes_kl"] = weighted_mean(probability.kullback_leibler(*pair), weights[..., voted])
        figures["votes_js"] = weighted_mean(probability.jensen_shannon(*pair), weights[..., voted])
    by_class = (categorical.precision(matrix), categorical.recall(matrix), categorical.f1(matrix), roc_auc, pr_auc)
    for key, values in zip(CLASS_MEASURES, by_class, strict=True):
        figures |= {f"{key}/{label}": values[..., index] for index, label in enumerate(LABELS)}
    for least in selective_prediction.LEAST_CONFIDENCES:
        share, accuracy = selective_prediction.answered(confidence, chosen == truth, least, weights)
        figures |= {f"share/{least}": share, f"accuracy/{least}": accuracy}
    return figures


def compare(first: Scores, second: Scores) -> dict[str, Figure]:
    """Difference of every figure both have, first minus second, with the interval of the paired resamples.

    Raises:
        ConfigError: the two were not scored on the same resamples of the same number of rows.
    """
    if first.resampling != second.resampling:
        raise ConfigError(
            f"expected two scores of the same resamples, got {first.resampling} and {second.resampling}; "
            "score both on one split with one seed"
        )
    differences = {}
    for key in first.figures.keys() & second.figures.keys():
        interval = percentile_interval(first.draws[key] - second.draws[key])
        differences[key] = Figure(first.figures[key].value - second.figures[key].value, *interval)
    return {key: differences[key] for key in first.figures if key in differences}


def to_json(scores: Scores) -> dict[str, Any]:
    """Return scores as plain values for JSON, NaN as None."""
    return {
        "rows": scores.rows,
        "figures": {key: figure_to_json(figure) for key, figure in scores.figures.items()},
        "classes": {
            label: {key: figure_to_json(figure) for key, figure in figures.items()}
            for label, figures in scores.classes.items()
        },
        "answered": [
            {"least_confidence": least} | {key: figure_to_json(figure) for key, figure in figures.items()}
            for least, figures in scores.answered.items()
        ],
        "confusion": None if scores.confusion is None else scores.confusion.tolist(),
        "notes": list(scores.notes),
    }


def figure_to_json(figure: Figure) -> dict[str, float | None]:
    """Return a figure's value and interval, NaN as None."""
    parts = {"value": figure.value, "low": figure.low, "high": figure.high}
    return {key: None if math.isnan(value) else value for key, value in parts.items()}
