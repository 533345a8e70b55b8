"""Scores: every figure of one predictions table with its interval, and the paired difference of two tables."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from affekt.errors import ConfigError
from affekt.evaluation import metrics
from affekt.evaluation.figures import Figure
from affekt.evaluation.intervals import is_of_few, proportion_interval, resample_counts, with_interval
from affekt.evaluation.metrics import LEAST_CONFIDENCES, weighted_mean
from affekt.evaluation.notes import notes_on
from affekt.evaluation.predictions import Matched
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
    figures: dict[str, Figure]
    """By name; the names are the keys of `affekt.evaluation.figures.DEFINITIONS`."""
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
    step: Callable[[int], object] = lambda _: None,
) -> Scores:
    """Score predictions: every figure that their parts allow, each with its 95 % bootstrap interval.

    A proportion of rows (accuracy, precision, recall) has the wider of that and its score interval where fewer than
    `affekt.evaluation.intervals.FEW` rows are right, or fewer wrong. 0 resamples leave the intervals NaN; `step` is
    called with the number of resamples just done.
    """
    how = Resampling(matched.split, len(matched.rows), resamples, seed, by, matched.without)
    units = resampled_units(matched.rows, by)
    rows_of = _rows_of_proportions(matched) if resamples else {}
    draws = measure_resamples(matched, how, units, step=step)
    every: dict[str, Figure] = {}
    for key, value in measure(matched, np.ones(how.rows)).items():
        of = rows_of.get(key)
        if of is not None and of.any() and is_of_few(float(value), int(of.sum())):
            every[key] = proportion_interval(float(value), draws[key], of, units)
        else:
            every[key] = with_interval(float(value), draws[key])
    figures = {key: figure for key, figure in every.items() if "/" not in key}
    classes, answered, confusion = {}, {}, None
    if matched.probabilities is not None:
        classes = {label: {key: every[f"{key}/{label}"] for key in CLASS_MEASURES} for label in LABELS}
        answered = {
            least: {key: every[f"{key}/{least}"] for key in ("share", "accuracy")} for least in LEAST_CONFIDENCES
        }
        known = matched.label >= 0
        chosen = matched.probabilities[known].argmax(axis=1)
        confusion = metrics.confusion_matrix(matched.label[known], chosen, len(LABELS)).astype(int)
    notes = notes_on(matched, figures, by)
    return Scores(name, how.rows, figures, classes, answered, confusion, notes, how, draws)


def measure_resamples(
    matched: Matched,
    how: Resampling,
    units: np.ndarray | None,
    *,
    of: np.ndarray | None = None,
    step: Callable[[int], object] = lambda _: None,
) -> dict[str, np.ndarray]:
    """Compute every figure in every resample, (resamples,) by figure, named as in `measure`.

    Where `matched` holds only some of the rows that are resampled, `of` says which, (n,) bool.
    """
    chunks = [measure(matched, np.empty((0, len(matched.rows))))]
    for weights in resample_counts(how.rows, how.resamples, how.seed, units):
        chunks.append(measure(matched, weights if of is None else weights[:, of]))
        step(len(weights))
    return {key: np.concatenate([chunk[key] for chunk in chunks]) for key in chunks[0]}


def _rows_of_proportions(matched: Matched) -> dict[str, np.ndarray]:
    """Return, for each figure that is a share of rows, the rows that it is a share of, (n,) bool."""
    if matched.probabilities is None:
        return {}
    known = matched.label >= 0
    chosen, confidence = matched.probabilities.argmax(axis=1), matched.probabilities.max(axis=1)
    rows = {"accuracy": known}
    rows |= {f"recall/{label}": matched.label == index for index, label in enumerate(LABELS)}
    rows |= {f"precision/{label}": known & (chosen == index) for index, label in enumerate(LABELS)}
    return rows | {f"accuracy/{least}": known & (confidence >= least) for least in LEAST_CONFIDENCES}


def resampled_units(rows: pl.DataFrame, by: str) -> np.ndarray | None:
    """Return what is drawn in a resample: (n,) the person of each row, or None for the rows themselves."""
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
    """Compute every figure, (...), under each vector of weights, (..., n) counts of the rows.

    Figures of one class are named `figure/label`, those of the surest rows `figure/confidence`.
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
        figures |= {f"{name}_{key}": function(*sides) for key, function in metrics.DIMENSIONAL.items()}
    return figures


def _measure_expression(
    truth: np.ndarray, probabilities: np.ndarray, votes: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    chosen, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    matrix = metrics.confusion_matrix(truth, chosen, len(LABELS), weights)
    roc_auc, pr_auc = metrics.areas_by_class(truth, probabilities, weights)
    figures = {
        "accuracy": metrics.accuracy(matrix),
        "balanced_accuracy": metrics.balanced_accuracy(matrix),
        "macro_f1": metrics.macro_f1(matrix),
        "weighted_f1": metrics.weighted_f1(matrix),
        "roc_auc": metrics.mean_over_classes(roc_auc),
        "pr_auc": metrics.mean_over_classes(pr_auc),
        "kappa": metrics.cohen_kappa(matrix),
        "alpha": metrics.krippendorff_alpha(matrix),
        "log_loss": weighted_mean(metrics.log_loss(truth, probabilities), weights),
        "brier": weighted_mean(metrics.brier(truth, probabilities), weights),
        "ece": metrics.expected_calibration_error(confidence, chosen == truth, weights),
    }
    voted = ~np.isnan(votes).any(axis=1)
    if voted.any():
        pair = votes[voted], probabilities[voted]
        figures["votes_kl"] = weighted_mean(metrics.kullback_leibler(*pair), weights[..., voted])
        figures["votes_js"] = weighted_mean(metrics.jensen_shannon(*pair), weights[..., voted])
    by_class = metrics.precision(matrix), metrics.recall(matrix), metrics.f1(matrix), roc_auc, pr_auc
    for key, values in zip(CLASS_MEASURES, by_class, strict=True):
        figures |= {f"{key}/{label}": values[..., index] for index, label in enumerate(LABELS)}
    for least in LEAST_CONFIDENCES:
        share, accuracy = metrics.selective_prediction(confidence, chosen == truth, least, weights)
        figures |= {f"share/{least}": share, f"accuracy/{least}": accuracy}
    return figures


def compare(first: Scores, second: Scores) -> dict[str, Figure]:
    """Difference of every figure both have, first minus second, with the interval of the paired resamples."""
    if first.resampling != second.resampling:
        raise ConfigError(
            f"expected two scores of the same resamples, got {first.resampling} and {second.resampling}; "
            "score both on one split with one seed"
        )
    return {
        key: with_interval(figure.value - second.figures[key].value, first.draws[key] - second.draws[key])
        for key, figure in first.figures.items()
        if key in second.figures
    }
