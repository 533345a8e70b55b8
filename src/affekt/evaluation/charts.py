"""Charts of the expressions: what is confused with what, rankings, calibration, and the figures of each class."""

from typing import TYPE_CHECKING

import numpy as np

from affekt.errors import MissingExtra
from affekt.evaluation.bootstrap import Figure
from affekt.evaluation.calibration import BINS, confidence_bins, reliability
from affekt.evaluation.drawing import ACCENT, FAINT, INK, PAPER, SECOND
from affekt.evaluation.ranking import precision_recall_curve, roc_curve
from affekt.evaluation.score import Scores
from affekt.labels import EXPRESSION_COLOURS, LABELS

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


def paint_confusion(canvas: "Canvas", counts: np.ndarray) -> None:
    """Draw a confusion matrix: shade and first number are the share of the true class, the second number counts rows.

    Args:
        canvas: an empty matplotlib figure.
        counts: (8, 8), truth in the rows.
    """
    from matplotlib.patches import Rectangle

    axes = canvas.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for row, column in np.ndindex(*counts.shape):
        share, count = shares[row, column], counts[row, column]
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=ACCENT, alpha=0.9 * share, edgecolor="none"))
        if count:
            colour = "#ffffff" if share > 0.5 else INK
            axes.text(column + 0.5, row + 0.42, f"{share:.0%}", ha="center", va="center", fontsize=8.5, color=colour)
            axes.text(column + 0.5, row + 0.74, f"{count:,}", ha="center", va="center", fontsize=6, color=colour)
    axes.set_xlim(0, len(LABELS))
    axes.set_ylim(len(LABELS), 0)
    axes.set_aspect("equal")
    ticks = np.arange(len(LABELS)) + 0.5
    axes.set_xticks(ticks, LABELS, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, LABELS)
    axes.set_xlabel("predicted")
    axes.set_ylabel("truth")
    axes.tick_params(length=0)
    axes.hlines(np.arange(9), 0, 8, colors=FAINT, linewidth=0.5)
    axes.vlines(np.arange(9), 0, 8, colors=FAINT, linewidth=0.5)
    axes.spines[:].set_visible(False)


def paint_curves(canvas: "Canvas", truth: np.ndarray, probabilities: np.ndarray, scores: Scores, kind: str) -> None:
    """Draw the ROC (`roc_auc`) or the precision-recall curve (`pr_auc`) of every class in the truth.

    Args:
        canvas: an empty matplotlib figure.
        truth: (n,) class indices.
        probabilities: (n, 8).
        scores: the areas for the legend.
        kind: `roc_auc` or `pr_auc`.
    """
    axes = canvas.subplots()
    for index, label in enumerate(LABELS):
        area = scores.classes[label][kind].value
        if np.isnan(area):
            continue
        curve, steps = (roc_curve, "default") if kind == "roc_auc" else (precision_recall_curve, "steps-pre")
        x, y = curve(truth == index, probabilities[:, index])
        axes.plot(x, y, color=EXPRESSION_COLOURS[label], label=f"{label} {area:.3f}", drawstyle=steps)
    if kind == "roc_auc":
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set_xlabel("false positive rate")
        axes.set_ylabel("true positive rate")
    else:
        axes.set_xlabel("recall")
        axes.set_ylabel("precision")
    _unit_square(axes)
    title = "area" if kind == "roc_auc" else "average precision"
    if not axes.get_legend_handles_labels()[0]:
        return
    legend = axes.legend(title=title, handlelength=1.2, labelspacing=0.3, loc="center left", bbox_to_anchor=(1, 0.5))
    legend.set_alignment("left")


def paint_reliability(canvas: "Canvas", confidence: np.ndarray, correct: np.ndarray) -> None:
    """Draw observed accuracy against stated confidence, with Wilson's 95 % interval of every bin.

    Args:
        canvas: an empty matplotlib figure.
        confidence: (n,) the largest probability of each row.
        correct: (n,) whether its class is the true one.

    Raises:
        MissingExtra: scipy is not installed.

    References:
        Wilson (1927), J. American Statistical Association 22(158), 209-212.
    """
    try:
        from scipy.stats import binomtest
    except ImportError as error:
        raise MissingExtra("scipy", "evaluate") from error

    axes = canvas.subplots()
    bins = reliability(confidence, correct)
    for left, right, count, accuracy in zip(bins.edges[:-1], bins.edges[1:], bins.count, bins.accuracy, strict=True):
        if count == 0:
            continue
        axes.bar(left, accuracy, right - left, align="edge", color=ACCENT, edgecolor=PAPER, linewidth=1)
        interval = binomtest(round(accuracy * count), int(count)).proportion_ci(method="wilson")
        axes.plot([(left + right) / 2] * 2, [interval.low, interval.high], color=INK, linewidth=0.9)
    axes.plot([0, 1], [0, 1], color=SECOND, linewidth=1.2, linestyle=(0, (4, 3)), label="perfectly calibrated")
    axes.legend(loc="upper left")
    axes.set_xlabel("confidence (largest probability)")
    axes.set_ylabel("accuracy")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.grid(axis="y")


def paint_confidence(canvas: "Canvas", confidence: np.ndarray, correct: np.ndarray) -> None:
    """Draw the histogram of the confidence in the bins of the reliability diagram, right and wrong rows stacked."""
    axes = canvas.subplots()
    edges = reliability(confidence, correct).edges
    right, wrong = (np.bincount(confidence_bins(confidence[rows]), minlength=BINS) for rows in (correct, ~correct))
    style = {"align": "edge", "edgecolor": PAPER, "linewidth": 1}
    axes.bar(edges[:-1], wrong, np.diff(edges), color=SECOND, label=f"wrong ({wrong.sum():,})", **style)
    axes.bar(edges[:-1], right, np.diff(edges), wrong, color=ACCENT, label=f"right ({right.sum():,})", **style)
    axes.legend(loc="upper left", reverse=True)
    axes.set_xlabel("confidence (largest probability)")
    axes.set_ylabel("rows")
    axes.set_xlim(0, 1)
    axes.grid(axis="y")


def paint_classes(canvas: "Canvas", scores: Scores) -> None:
    """Draw precision, recall and F1 of every class as bars with their intervals."""
    axes = canvas.subplots()
    kinds = (("precision", 0.4), ("recall", 0.65), ("f1", 1.0))
    for row, label in enumerate(LABELS):
        for offset, (kind, alpha) in zip((-0.27, 0, 0.27), kinds, strict=True):
            figure = scores.classes[label][kind]
            if np.isnan(figure.value):
                continue
            axes.barh(row + offset, figure.value, 0.25, color=EXPRESSION_COLOURS[label], alpha=alpha, linewidth=0)
            axes.plot([figure.low, figure.high], [row + offset] * 2, color=INK, linewidth=0.9)
    assert scores.confusion is not None
    support = scores.confusion.sum(axis=1)
    axes.set_yticks(
        range(len(LABELS)), [f"{label}\n{count:,} rows" for label, count in zip(LABELS, support, strict=True)]
    )
    axes.set_ylim(len(LABELS) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_xlabel("precision (pale), recall (middle), F1 (full), with 95 % intervals")


def paint_comparison(canvas: "Canvas", rows: list[tuple[str, Figure]]) -> None:
    """Draw one figure of every model as a dot on its interval.

    Args:
        canvas: an empty matplotlib figure.
        rows: name and figure of every model.
    """
    axes = canvas.subplots()
    for row, (_, figure) in enumerate(rows):
        axes.plot([figure.low, figure.high], [row, row], color=ACCENT, linewidth=2)
        axes.plot(figure.value, row, "o", color=ACCENT, markersize=6)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.margins(x=0.15)
    # Where all models are close, labels have four digits: more than five of them overlap.
    axes.locator_params(axis="x", nbins=5, steps=[1, 2, 5, 10])
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _unit_square(axes) -> None:  # noqa: ANN001, matplotlib is not imported with this module
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_aspect("equal")
    axes.grid()
