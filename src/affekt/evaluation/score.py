"""Scores: every figure of one predictions table with its interval and its notes, and the difference of two tables."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from affekt.errors import ConfigError
from affekt.evaluation import metrics
from affekt.evaluation.figures import DEFINITIONS, Figure
from affekt.evaluation.intervals import is_of_few, proportion_interval, resample_counts, with_interval
from affekt.evaluation.metrics import LEAST_CONFIDENCES, mean_over_classes, weighted_mean
from affekt.evaluation.predictions import Matched

CLASS_MEASURES = ("precision", "recall", "f1", "roc_auc", "pr_auc")
LEAST_ROWS = 30
"""From fewer, resamples differ less than new rows would: all may be right in each."""
LEAST_OF_EXPRESSION = 5
"""With fewer rows (or people) of it, what is measured of an expression says next to nothing."""
LEAST_PEOPLE = 20
"""The same where people are drawn: how far few of them differ is not known well enough for an interval."""


@dataclass(frozen=True)
class Resampling:
    """How intervals are made; two scores of the same rows with the same one can be compared pair by pair."""

    resamples: int = 1000
    """Bootstrap resamples behind each interval; 0 leaves the intervals NaN."""
    seed: int = 0
    """Decides the resamples."""
    by: str = "row"
    """`row` resamples rows, `subject` whole subjects."""


@dataclass(frozen=True, eq=False)
class Scores:
    """What `score` found."""

    name: str
    matched: Matched
    figures: dict[str, Figure]
    """By name; the names are the keys of `affekt.evaluation.figures.DEFINITIONS`."""
    classes: dict[str, dict[str, Figure]]
    """By label, then `precision`, `recall`, `f1`, `roc_auc` and `pr_auc`; empty without probabilities."""
    answered: dict[float, dict[str, Figure]]
    """By least confidence: the `share` of rows that have it, and the `accuracy` of these; empty without
    probabilities."""
    confusion: np.ndarray | None
    """(labels, labels) counts, truth in the rows; None without probabilities."""
    notes: tuple[str, ...]
    """Sentences on what is not defined, left out or out of the ordinary."""
    resampling: Resampling
    draws: dict[str, np.ndarray] = field(repr=False)
    """(resamples,) of every figure, for paired differences."""


DEFAULT_RESAMPLING = Resampling()


def score(
    matched: Matched,
    name: str = "predictions",
    how: Resampling = DEFAULT_RESAMPLING,
    step: Callable[[int], object] = lambda _: None,
) -> Scores:
    """Score predictions: every figure that their parts allow, each with its 95 % bootstrap interval.

    A proportion of rows (accuracy, precision, recall) has the wider of that and its score interval where fewer than
    `affekt.evaluation.intervals.FEW` rows are right, or fewer wrong. `step` is called with the number of resamples just
    done.
    """
    units = resampled_units(matched.rows, how.by)
    rows_of = _rows_of_proportions(matched) if how.resamples else {}
    draws = measure_resamples(matched, how, units, step=step)
    every: dict[str, Figure] = {}
    for key, value in measure(matched, np.ones(len(matched.rows))).items():
        of = rows_of.get(key)
        if of is not None and of.any() and is_of_few(float(value), int(of.sum())):
            every[key] = proportion_interval(float(value), draws[key], of, units)
        else:
            every[key] = with_interval(float(value), draws[key])
    figures = {key: figure for key, figure in every.items() if "/" not in key}
    classes, answered, confusion = {}, {}, None
    if matched.probabilities is not None:
        classes = {label: {key: every[f"{key}/{label}"] for key in CLASS_MEASURES} for label in matched.labels}
        answered = {
            least: {key: every[f"{key}/{least}"] for key in ("share", "accuracy")} for least in LEAST_CONFIDENCES
        }
        known = matched.label >= 0
        chosen = matched.probabilities[known].argmax(axis=1)
        confusion = metrics.confusion_matrix(matched.label[known], chosen, len(matched.labels)).astype(int)
    notes = notes_on(matched, figures, how.by)
    return Scores(name, matched, figures, classes, answered, confusion, notes, how, draws)


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
    n = len(matched.rows) if of is None else len(of)
    for weights in resample_counts(n, how.resamples, how.seed, units):
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
    rows |= {f"recall/{label}": matched.label == index for index, label in enumerate(matched.labels)}
    rows |= {f"precision/{label}": known & (chosen == index) for index, label in enumerate(matched.labels)}
    return rows | {f"accuracy/{least}": known & (confidence >= least) for least in LEAST_CONFIDENCES}


def resampled_units(rows: pl.DataFrame, by: str) -> np.ndarray | None:
    """Return what is drawn in a resample: (n,) the person of each row, or None for the rows themselves."""
    if by == "row":
        return None
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
        sides = matched.label[known], matched.probabilities[known], matched.votes[known], weights[..., known]
        figures |= _measure_expression(matched.labels, *sides)
    for name, truth in matched.truth.items():
        known = ~np.isnan(truth)
        sides = truth[known], matched.predicted[name][known], weights[..., known]
        figures |= {f"{name}_{key}": function(*sides) for key, function in metrics.DIMENSIONAL.items()}
    return figures


def _measure_expression(
    labels: tuple[str, ...], truth: np.ndarray, probabilities: np.ndarray, votes: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    chosen, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    matrix = metrics.confusion_matrix(truth, chosen, len(labels), weights)
    recall, f1 = metrics.recall(matrix), metrics.f1(matrix)
    roc_auc, pr_auc = metrics.areas_by_class(truth, probabilities, weights)
    figures = {
        "accuracy": metrics.accuracy(matrix),
        "balanced_accuracy": mean_over_classes(recall),
        "macro_f1": mean_over_classes(f1),
        "weighted_f1": metrics.weighted_f1(matrix),
        "roc_auc": mean_over_classes(roc_auc),
        "pr_auc": mean_over_classes(pr_auc),
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
    by_class = metrics.precision(matrix), recall, f1, roc_auc, pr_auc
    for key, values in zip(CLASS_MEASURES, by_class, strict=True):
        figures |= {f"{key}/{label}": values[..., index] for index, label in enumerate(labels)}
    for least in LEAST_CONFIDENCES:
        share, accuracy = metrics.selective_prediction(confidence, chosen == truth, least, weights)
        figures |= {f"share/{least}": share, f"accuracy/{least}": accuracy}
    return figures


def compare(first: Scores, second: Scores) -> dict[str, Figure]:
    """Difference of every figure both have, first minus second, with the interval of the paired resamples."""
    one, two = (
        f"{each.resampling} of {len(each.matched.rows)} rows of {each.matched.split} without {each.matched.without}"
        for each in (first, second)
    )
    if one != two:
        raise ConfigError(
            f"expected two scores of the same resamples, got {one} and {two}; score both on one split with one seed"
        )
    return {
        key: with_interval(figure.value - second.figures[key].value, first.draws[key] - second.draws[key])
        for key, figure in first.figures.items()
        if key in second.figures
    }


def notes_on(matched: Matched, figures: Mapping[str, Figure], by: str) -> tuple[str, ...]:
    """Say what a reader of the figures must know, whose intervals resample by `row` or `subject`."""
    return (
        *_on_expression(matched),
        *_on_dimensions(matched),
        *_on_intervals(figures),
        *_on_resampling(matched.rows, by),
    )


def _on_expression(matched: Matched) -> Iterator[str]:
    if matched.probabilities is None:
        return
    known, labels = matched.label >= 0, matched.labels
    truth, chosen = matched.label[known], matched.probabilities[known].argmax(axis=1)
    present = np.unique(truth)
    wanted = [label for label in labels if label not in matched.without]
    absent = [label for label in wanted if labels.index(label) not in present]
    if len(present) == 1:
        yield f"The truth is {labels[present[0]]} throughout: AUC is not defined and kappa and alpha say nothing."
    elif absent:
        yield (
            f"No row is {' or '.join(absent)}: recall, AUC and PR-AUC are means over the other {len(present)} of "
            f"{len(wanted)} classes."
        )
    if len(present) > 1:
        yield from _on_macro_f1(matched, truth, chosen)
    if len(np.unique(chosen)) == 1 and len(chosen) > 1:
        yield f"Every row is predicted {labels[chosen[0]]}."
    if known.sum() < len(known):
        yield f"The expression is known for {known.sum()} of {len(known)} rows."
    voted = int((~np.isnan(matched.votes[known]).any(axis=1)).sum())
    if 0 < voted < known.sum():
        yield f"Votes are known for {voted} of {known.sum()} rows; KL and JS are over those."


def _on_macro_f1(matched: Matched, truth: np.ndarray, chosen: np.ndarray) -> Iterator[str]:
    """Say which expressions with next to no rows lower the macro F1; `truth` and `chosen`, (n,), are label numbers."""
    matrix = metrics.confusion_matrix(truth, chosen, len(matched.labels))
    f1, rows = metrics.f1(matrix), matrix.sum(axis=1)
    rare = np.flatnonzero((rows < LEAST_OF_EXPRESSION) & (f1 < mean_over_classes(f1)))
    if len(rare):
        of_all = f"of {rows.sum():.0f} rows"
        listed = ", ".join(f"{matched.labels[each]} ({rows[each]:.0f} {of_all}, F1 {f1[each]:.3f})" for each in rare)
        names = shlex.join([*matched.without, *(matched.labels[index] for index in rare)])
        classes = np.count_nonzero(~np.isnan(f1))
        yield (
            f"Macro F1 is over {classes} classes, and lowered by {listed}; to leave out what is so rare, type: "
            f"--without {names}"
        )


def _on_dimensions(matched: Matched) -> Iterator[str]:
    for name, values in matched.truth.items():
        known = ~np.isnan(values)
        truth, predicted = values[known], matched.predicted[name][known]
        if len(truth) < len(values):
            yield f"{name.capitalize()} is known for {len(truth)} of {len(values)} rows."
        if np.ptp(truth) == 0:
            yield f"The true {name} is {truth[0]:.3f} throughout: CORR is not defined."
        if np.ptp(predicted) == 0:
            same = np.ptp(truth) == 0 and truth[0] == predicted[0]
            ccc = "CORR and CCC are not defined" if same else "CORR is not defined and CCC is 0"
            yield f"The predicted {name} is {predicted[0]:.3f} throughout: {ccc}."
        if zeros := int((truth == 0).sum()):
            yield (
                f"The true {name} is exactly 0 in {zeros} of {len(truth)} rows, where only a prediction of exactly 0 "
                "counts for SAGR."
            )
        if outside := int((np.abs(predicted) > 1).sum()):
            yield f"{outside} of {len(predicted)} predictions of {name} lie outside [-1, 1]."


def _on_intervals(figures: Mapping[str, Figure]) -> Iterator[str]:
    for key, figure in figures.items():
        if figure.value < figure.low - 1e-9 or figure.value > figure.high + 1e-9:
            name = " of ".join(filter(None, (DEFINITIONS[key].title, DEFINITIONS[key].dimension)))
            why = (
                "resampling adds its own noise to a figure that cannot fall below 0."
                if key == "ece"
                else "its resamples lie to one side of it, as with few rows or rare classes; trust neither far."
            )
            yield f"{name} lies outside its percentile interval: {why}"


def _on_resampling(rows: pl.DataFrame, by: str) -> Iterator[str]:
    hashes = rows["pixel_sha256"].drop_nulls()
    if copies := len(hashes) - hashes.n_unique():
        yield f"{copies} of {len(rows)} rows are exact copies of others, and count as if they were other pictures."
    # People of two data sets may have one name.
    known = rows.drop_nulls("subject").select("source", "subject")
    people = known.n_unique()
    if by == "row" and people < len(known):
        yield (
            f"The {len(known)} rows whose subject is known show {people} subjects: intervals that resample rows "
            "are too narrow for new people; resample by subject for those."
        )
    drawn, units, least = (people, "subjects", LEAST_PEOPLE) if by == "subject" else (len(rows), "rows", LEAST_ROWS)
    if drawn < least:
        yield f"The intervals come from {drawn} {units}: from fewer than {least} they are too narrow."
