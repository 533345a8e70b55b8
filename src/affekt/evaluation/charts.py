"""Charts of the report: how they look, those of the expressions, the comparison of models and the training curves.

Each `paint_` function draws on empty matplotlib axes; `render` makes these, and a part of a page that has a light and
a dark face.
"""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.errors import DataError, needs_extra
from affekt.evaluation.figures import DEFINITIONS, Figure, titled
from affekt.evaluation.intervals import score_interval
from affekt.evaluation.metrics import CALIBRATION_BINS, confidence_bins, precision_recall_curve, reliability, roc_curve
from affekt.evaluation.score import Scores
from affekt.labels import EXPRESSION_COLOURS, LABELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, FAINT, PAPER = "#010203", "#010204", "#010205"
"""Stand-ins for the page's colours of text, of hairlines and of the ground; `render` swaps them for CSS variables."""
ACCENT, SECOND = "#2f74c0", "#d9822b"

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "affekt",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.5,
}

Paint = Callable[["Axes"], None]
"""Draws on empty matplotlib axes."""


def render(paint: Paint, name: str, size: tuple[float, float] = (4.4, 3.6)) -> str:
    """Draw a chart and return it as an SVG element; `name`, unique in the page, prefixes the ids in it.

    `size` is width and height in inches of 72 CSS pixels; the page scales the chart to its column.
    """
    with needs_extra("evaluate"):
        import matplotlib as mpl
        from matplotlib.figure import Figure as Canvas
    # The rc context keeps this chart's look out of whatever else the process draws.
    with mpl.rc_context(STYLE):
        canvas = Canvas(figsize=size, layout="constrained")
        paint(canvas.subplots())
        buffer = io.StringIO()
        canvas.savefig(buffer, format="svg", dpi=216, metadata={"Date": None, "Creator": None})
    return _for_page(buffer.getvalue(), name)


def _for_page(svg: str, name: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"|(<svg[^>]*?) height="[^"]*"', r"\1\2", svg, count=1)
    svg = re.sub(r"font: ([\d.]+px|[^;\"]*? ?[\d.]+px) [^;\"]*", r"font: \1 var(--sans)", svg)
    for stand_in, variable in ((INK, "ink"), (FAINT, "faint"), (PAPER, "paper")):
        svg = svg.replace(stand_in, f"var(--{variable})")
    return svg.strip()


def paint_confusion(axes: "Axes", counts: np.ndarray) -> None:
    """Draw a confusion matrix, (8, 8) counts with the truth in the rows.

    Shade and first number are the share of the true class, the second number counts rows.
    """
    from matplotlib.patches import Rectangle

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


def paint_curves(axes: "Axes", truth: np.ndarray, probabilities: np.ndarray, scores: Scores, kind: str) -> None:
    """Draw the ROC (`roc_auc`) or the precision-recall curve (`pr_auc`) of every class in the truth.

    `truth` is (n,) class indices, `probabilities` (n, 8); the areas in the legend come from the scores.
    """
    is_roc = kind == "roc_auc"
    for index, label in enumerate(LABELS):
        area = scores.classes[label][kind].value
        if np.isnan(area):
            continue
        x, y = (roc_curve if is_roc else precision_recall_curve)(truth == index, probabilities[:, index])
        steps = "default" if is_roc else "steps-pre"
        axes.plot(x, y, color=EXPRESSION_COLOURS[label], label=f"{label} {area:.3f}", drawstyle=steps)
    if is_roc:
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_xlabel("false positive rate" if is_roc else "recall")
    axes.set_ylabel("true positive rate" if is_roc else "precision")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_aspect("equal")
    axes.grid()
    if axes.get_legend_handles_labels()[0]:
        title = "area" if is_roc else "average precision"
        beside: Any = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
        axes.legend(title=title, handlelength=1.2, labelspacing=0.3, **beside).set_alignment("left")


def paint_reliability(axes: "Axes", confidence: np.ndarray, correct: np.ndarray) -> None:
    """Draw observed accuracy against stated confidence, (n,) each, with the score interval of every bin."""
    bins = reliability(confidence, correct)
    for left, right, count, accuracy in zip(bins.edges[:-1], bins.edges[1:], bins.count, bins.accuracy, strict=True):
        if count == 0:
            continue
        axes.bar(left, accuracy, right - left, align="edge", color=ACCENT, edgecolor=PAPER, linewidth=1)
        interval = score_interval(accuracy, count)
        axes.plot([(left + right) / 2] * 2, [interval.low, interval.high], color=INK, linewidth=0.9)
    axes.plot([0, 1], [0, 1], color=SECOND, linewidth=1.2, linestyle=(0, (4, 3)), label="perfectly calibrated")
    axes.legend(loc="upper left")
    axes.set_xlabel("confidence (largest probability)")
    axes.set_ylabel("accuracy")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.grid(axis="y")


def paint_confidence(axes: "Axes", confidence: np.ndarray, correct: np.ndarray) -> None:
    """Draw the histogram of the confidence in the bins of the reliability diagram, right and wrong rows stacked."""
    edges = reliability(confidence, correct).edges
    right, wrong = (
        np.bincount(confidence_bins(confidence[rows]), minlength=CALIBRATION_BINS) for rows in (correct, ~correct)
    )
    style: Any = {"align": "edge", "edgecolor": PAPER, "linewidth": 1}
    axes.bar(edges[:-1], wrong, np.diff(edges), color=SECOND, label=f"wrong ({wrong.sum():,})", **style)
    axes.bar(edges[:-1], right, np.diff(edges), wrong, color=ACCENT, label=f"right ({right.sum():,})", **style)
    axes.legend(loc="upper left", reverse=True)
    axes.set_xlabel("confidence (largest probability)")
    axes.set_ylabel("rows")
    axes.set_xlim(0, 1)
    axes.grid(axis="y")


def paint_classes(axes: "Axes", scores: Scores) -> None:
    """Draw precision, recall and F1 of every class as bars with their intervals."""
    for row, label in enumerate(LABELS):
        for offset, kind, alpha in ((-0.27, "precision", 0.4), (0, "recall", 0.65), (0.27, "f1", 1.0)):
            figure = scores.classes[label][kind]
            if not np.isnan(figure.value):
                axes.barh(row + offset, figure.value, 0.25, color=EXPRESSION_COLOURS[label], alpha=alpha, linewidth=0)
                axes.plot([figure.low, figure.high], [row + offset] * 2, color=INK, linewidth=0.9)
    assert scores.confusion is not None
    support = zip(LABELS, scores.confusion.sum(axis=1), strict=True)
    axes.set_yticks(range(len(LABELS)), [f"{label}\n{count:,} rows" for label, count in support])
    axes.set_ylim(len(LABELS) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_xlabel("precision (pale), recall (middle), F1 (full), with 95 % intervals")


def paint_comparison(axes: "Axes", rows: list[tuple[str, Figure]]) -> None:
    """Draw one figure of every model, by name, as a dot on its interval."""
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


PANELS: dict[str, dict[str, str]] = {
    "loss": {"train_loss": "training", "val_loss": "validation"},
    "validation figures": {f"val_{key}": titled(key) for key in ("accuracy", "macro_f1", "valence_ccc", "arousal_ccc")},
    "learning rate": {"learning_rate": "learning rate"},
}
"""The charts of a run's log, and which of its numbers each shows under which name."""

Epoch = dict[str, float]


def read_log(path: Path) -> list[Epoch]:
    """Read the epochs of a run, in order, from its log or its folder; a last line that was cut off is left out.

    A repeated epoch replaces the earlier one, as after a resumed run.
    """
    path = path / "log.jsonl" if path.is_dir() else path
    if not path.is_file():
        raise DataError(f"expected a run's log at {path}, got no such file; give the folder that affekt train wrote")
    lines = path.read_text(encoding="utf-8").splitlines()
    epochs: dict[float, Epoch] = {}
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            epochs[entry["epoch"]] = {_log_name(key): float(value) for key, value in entry.items() if _is_number(value)}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # A run killed while it wrote leaves half a line at the end.
            if number == len(lines) and isinstance(error, ValueError):
                break
            raise DataError(
                f"expected a JSON object with an epoch in line {number} of {path}, got {line[:60]!r}; "
                "delete the line or leave the log out"
            ) from error
    return [epochs[epoch] for epoch in sorted(epochs)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _log_name(key: str) -> str:
    """Return a name in a log as `DEFINITIONS` has it: earlier logs say `val_ccc_valence` for `val_valence_ccc`."""
    part, _, dimension = key.removeprefix("val_").partition("_")
    return f"val_{dimension}_{part}" if f"{dimension}_{part}" in DEFINITIONS else key


def panels_of(epochs: list[Epoch]) -> list[str]:
    """Return the names of the charts that the log can fill."""
    return [panel for panel, keys in PANELS.items() if any(key in epoch for epoch in epochs for key in keys)]


def paint_training(axes: "Axes", epochs: list[Epoch], panel: str) -> None:
    """Draw one panel of `PANELS`: a run's curves over its epochs."""
    from matplotlib.ticker import MaxNLocator

    colours = ACCENT, SECOND, "#2f9e6e", "#9a63c9"
    for colour, (key, name) in zip(colours, PANELS[panel].items(), strict=False):
        points = [(epoch["epoch"], epoch[key]) for epoch in epochs if key in epoch]
        if points:
            axes.plot(*zip(*points, strict=True), "o-", color=colour, markersize=2.5, label=name)
    axes.set_xlabel("epoch")
    axes.set_ylabel(panel)
    axes.grid()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if panel != "learning rate":
        axes.legend(loc="best")
        return
    rates = [epoch["learning_rate"] for epoch in epochs if epoch.get("learning_rate", 0) > 0]
    if rates and max(rates) >= 20 * min(rates):
        axes.set_yscale("log")
    else:
        axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
