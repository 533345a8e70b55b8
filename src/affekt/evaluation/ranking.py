"""Metrics of a ranking: ROC and precision-recall curves and the areas under them, one class against the rest."""

from collections.abc import Callable

import numpy as np

from affekt.evaluation.bootstrap import ratio


def ranked_counts(
    positive: np.ndarray, score: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Count true and false positives at every threshold, from the highest score down; tied scores share one threshold.

    Args:
        positive: (n,) boolean truth.
        score: (n,) the higher, the more positive.
        weights: (..., n); None counts every row once.

    Returns:
        True and false positives, each (..., thresholds).
    """
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    weights = np.ones(len(score)) if weights is None else weights
    ranked = np.take(weights, order, axis=-1)
    selected = np.cumsum(ranked, axis=-1)[..., ends]
    true = np.cumsum(ranked * positive[order], axis=-1)[..., ends]
    return true, selected - true


def roc_auc(true: np.ndarray, false: np.ndarray) -> np.ndarray:
    """Area under the ROC curve, by the trapezoid rule: ties count half.

    Args:
        true: (..., thresholds) true positives from `ranked_counts`.
        false: (..., thresholds) false positives.

    Returns:
        (...); NaN without a positive or without a negative.
    """
    zero = np.zeros_like(true[..., :1])
    before = np.concatenate([zero, true[..., :-1]], axis=-1)
    area = ((true + before) / 2 * np.diff(false, prepend=0, axis=-1)).sum(axis=-1)
    return ratio(area, true[..., -1] * false[..., -1])


def average_precision(true: np.ndarray, false: np.ndarray) -> np.ndarray:
    """Area under the precision-recall curve as a step function (average precision), without interpolation.

    Arguments and result as for `roc_auc`; NaN without a positive.
    """
    precision = np.nan_to_num(ratio(true, true + false))
    area = (np.diff(true, prepend=0, axis=-1) * precision).sum(axis=-1)
    return ratio(area, true[..., -1])


def areas_by_class(
    truth: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Area under the ROC curve and average precision of every class against the rest.

    Args:
        truth: (n,) class indices.
        probabilities: (n, classes).
        weights: (..., n); None counts every row once.

    Returns:
        Both (..., classes); NaN for a class absent from the truth.
    """
    measures: tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], ...] = (roc_auc, average_precision)
    counts = (ranked_counts(truth == index, scores, weights) for index, scores in enumerate(probabilities.T))
    areas = [[measure(true, false) for measure in measures] for true, false in counts]
    roc, pr = (np.stack(column, axis=-1) for column in zip(*areas, strict=True))
    return roc, pr


def roc_curve(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return false and true positive rates from (0, 0) to (1, 1); NaN without a negative or a positive."""
    true, false = ranked_counts(positive, score)
    return ratio(np.append(0, false), false[-1]), ratio(np.append(0, true), true[-1])


def precision_recall_curve(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return recall and precision from the highest threshold down, starting at recall 0 and precision 1."""
    true, false = ranked_counts(positive, score)
    return ratio(np.append(0, true), true[-1]), np.append(1, ratio(true, true + false))
