"""Charts of the report: how they look, those of the expressions, the comparison of models and the training curves.

Each `paint_` function draws on empty matplotlib axes; `draw_chart` makes these, and an SVG for a page that has a light
and a dark face.
"""

import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from affekt.errors import DataError, needs_extra
from affekt.evaluation.evaluate import Evaluation
from affekt.evaluation.figures import DEFINITIONS, Figure
from affekt.evaluation.intervals import score_interval
from affekt.evaluation.metrics import CALIBRATION_BINS, confidence_bins, ranked_counts, ratio
from affekt.evaluation.score import Scores
from affekt.evaluation.tables import number, typeset
from affekt.labels import colours_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, FAINT, PAPER = "#010203", "#010204", "#010205"
"""Stand-ins for the page's colours of text, hairlines and ground; `draw_chart` swaps them for CSS variables."""
ACCENT, SECOND = "#2f74c0", "#d9822b"
EDGES = np.linspace(0, 1, CALIBRATION_BINS + 1)
COMPARED = ("accuracy", "macro_f1", "valence_ccc", "arousal_ccc")

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "affekt",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.5,
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK),
    **dict.fromkeys(("axes.edgecolor", "grid.color", "xtick.color", "ytick.color"), FAINT),
}


@dataclass(frozen=True)
class Chart:
    """A chart with what stands over it."""

    title: str
    remark: str
    svg: Markup


def draw_chart(
    paint: Callable[["Axes"], None], name: str, size: tuple[float, float], title: str = "", *remarks: str
) -> Chart:
    """Draw a chart as an SVG element; `name`, unique in the page, prefixes the ids in it.

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
    svg = buffer.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"|(<svg[^>]*?) height="[^"]*"', r"\1\2", svg, count=1)
    svg = re.sub(r"font: ([\d.]+px|[^;\"]*? ?[\d.]+px) [^;\"]*", r"font: \1 var(--sans)", svg)
    for stand_in, variable in ((INK, "ink"), (FAINT, "faint"), (PAPER, "paper")):
        svg = svg.replace(stand_in, f"var(--{variable})")
    return Chart(title, " ".join(filter(None, remarks)), Markup(svg.strip()))


def as_remark(tag: str) -> str:
    """Return where values come from as a sentence."""
    return f"{tag.capitalize()}." if tag else ""


def comparison_charts(evaluation: Evaluation, sizes: Sequence[int] = ()) -> Iterator[Chart]:
    """Draw the main figures of several models side by side, or over `sizes`, the rows that each learnt from."""
    for key in COMPARED:
        rows = [(scores.name, scores.figures[key]) for scores in evaluation.scores if key in scores.figures]
        if len(rows) > 1:
            tag = evaluation.dimension_tag if DEFINITIONS[key].dimension else evaluation.expression_tag
            shape = "Band" if sizes else "Line"
            floor = f"{shape}: 95 % interval. Floor: {typeset(number(evaluation.floor.figures[key].value))}."
            paint, size = partial(paint_comparison, rows=rows), (4.8, 0.6 + 0.3 * len(rows))
            if len(sizes) == len(rows):
                paint, size = partial(paint_learning_curve, figures=[each for _, each in rows], sizes=sizes), (4.8, 2.8)
            yield draw_chart(paint, f"all-{key}", size, DEFINITIONS[key].full_title, as_remark(tag), floor)


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


def paint_learning_curve(axes: "Axes", figures: list[Figure], sizes: Sequence[int]) -> None:
    """Draw one figure over the rows that were learnt from, on its intervals."""
    low, high = (
        [float(edge or 0) for edge in edges] for edges in zip(*((each.low, each.high) for each in figures), strict=True)
    )
    axes.fill_between(sizes, low, high, color=ACCENT, alpha=0.15, linewidth=0)
    axes.plot(sizes, [each.value for each in figures], "o-", color=ACCENT, markersize=6)
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("rows learnt from")
    axes.grid()


def expression_charts(scores: Scores, name: str, tag: str) -> Iterator[Chart]:
    """Draw the charts of one model's expressions; `name` is unique in the page, `tag` is of the evaluation."""
    if scores.matched.probabilities is None or scores.confusion is None:
        return
    known = scores.matched.label >= 0
    truth, probabilities = scores.matched.label[known], scores.matched.probabilities[known]
    bins = right_and_wrong(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth)
    curves = partial(paint_curves, truth=truth, probabilities=probabilities, scores=scores)
    reliable, stated = (partial(paint, right=bins[0], wrong=bins[1]) for paint in (paint_reliability, paint_confidence))
    confused = partial(paint_confusion, counts=scores.confusion, labels=scores.matched.labels)
    by_class = partial(paint_classes, scores=scores)
    against = "Each class against the rest."
    for key, title, remark, height, paint in (
        ("confusion", "Confusion matrix", "Share of the true class, and rows.", 4.7, confused),
        ("classes", "Precision, recall and F1", "Each with its 95 % interval.", 4.7, by_class),
        ("roc", "ROC curves", against, 3.3, partial(curves, kind="roc_auc")),
        ("pr", "Precision-recall curves", against, 3.3, partial(curves, kind="pr_auc")),
        ("reliability", "Reliability", "15 bins, each with its 95 % interval.", 3.3, reliable),
        ("confidence", "Confidence", "Right and wrong rows in the same bins.", 3.3, stated),
    ):
        yield draw_chart(paint, f"{name}-{key}", (4.8, height), title, as_remark(tag), remark)


def paint_confusion(axes: "Axes", counts: np.ndarray, labels: tuple[str, ...]) -> None:
    """Draw a confusion matrix, (labels, labels) counts with the truth in the rows.

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
    axes.set(xlim=(0, len(labels)), ylim=(len(labels), 0), aspect="equal", xlabel="predicted", ylabel="truth")
    ticks = np.arange(len(labels)) + 0.5
    axes.set_xticks(ticks, labels, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, labels)
    axes.tick_params(length=0)
    for lines in (axes.hlines, axes.vlines):
        lines(np.arange(len(labels) + 1), 0, len(labels), colors=FAINT, linewidth=0.5)
    axes.spines[:].set_visible(False)


def paint_curves(axes: "Axes", truth: np.ndarray, probabilities: np.ndarray, scores: Scores, kind: str) -> None:
    """Draw the ROC (`roc_auc`) or the precision-recall curve (`pr_auc`) of every class in the truth.

    `truth` is (n,) class indices, `probabilities` (n, labels); the areas in the legend come from the scores.
    """
    is_roc = kind == "roc_auc"
    for index, (label, colour) in enumerate(colours_of(scores.classes).items()):
        area = scores.classes[label][kind].value
        if not np.isnan(area):
            x, y = curve(truth == index, probabilities[:, index], kind)
            steps = "default" if is_roc else "steps-pre"
            axes.plot(x, y, color=colour, label=f"{label} {area:.3f}", drawstyle=steps)
    if is_roc:
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    x_label, y_label = ("false positive rate", "true positive rate") if is_roc else ("recall", "precision")
    axes.set(xlabel=x_label, ylabel=y_label, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.grid()
    if axes.get_legend_handles_labels()[0]:
        title = "area" if is_roc else "average precision"
        beside: Any = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
        axes.legend(title=title, handlelength=1.2, labelspacing=0.3, **beside).set_alignment("left")


def curve(positive: np.ndarray, score: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of a curve from the highest threshold down; NaN without a negative or a positive.

    `roc_auc` gives false and true positive rates from (0, 0) to (1, 1), `pr_auc` recall and precision from (0, 1).
    """
    true, false = ranked_counts(positive, score)
    recall = ratio(np.append(0, true), true[-1])
    if kind == "roc_auc":
        return ratio(np.append(0, false), false[-1]), recall
    return recall, np.append(1, ratio(true, true + false))


def right_and_wrong(confidence: np.ndarray, correct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count the right and the wrong rows, (n,) each, in the bins of the reliability diagram, (bins,) each."""
    bins = confidence_bins(confidence)
    right, wrong = (np.bincount(bins[rows], minlength=CALIBRATION_BINS) for rows in (correct, ~correct))
    return right, wrong


def paint_reliability(axes: "Axes", right: np.ndarray, wrong: np.ndarray) -> None:
    """Draw observed accuracy against stated confidence, with the score interval of every bin."""
    for start, end, hits, count in zip(EDGES[:-1], EDGES[1:], right, right + wrong, strict=True):
        if count:
            accuracy = hits / count
            axes.bar(start, accuracy, end - start, align="edge", color=ACCENT, edgecolor=PAPER, linewidth=1)
            interval = score_interval(accuracy, count)
            axes.plot([(start + end) / 2] * 2, [interval.low, interval.high], color=INK, linewidth=0.9)
            # A bin without a right row has a bar without height: its interval is not to stand alone.
            axes.plot((start + end) / 2, accuracy, "o", color=INK, markersize=3, clip_on=False)
    axes.plot([0, 1], [0, 1], color=SECOND, linewidth=1.2, linestyle=(0, (4, 3)), label="perfectly calibrated")
    axes.legend(loc="upper left")
    axes.set(xlabel="confidence (largest probability)", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(axis="y")


def paint_confidence(axes: "Axes", right: np.ndarray, wrong: np.ndarray) -> None:
    """Draw the histogram of the confidence in the bins of the reliability diagram, right and wrong rows stacked."""
    style: Any = {"align": "edge", "edgecolor": PAPER, "linewidth": 1}
    axes.bar(EDGES[:-1], wrong, np.diff(EDGES), color=SECOND, label=f"wrong ({wrong.sum():,})", **style)
    axes.bar(EDGES[:-1], right, np.diff(EDGES), wrong, color=ACCENT, label=f"right ({right.sum():,})", **style)
    axes.legend(loc="upper left", reverse=True)
    axes.set(xlabel="confidence (largest probability)", ylabel="rows", xlim=(0, 1))
    axes.grid(axis="y")


def paint_classes(axes: "Axes", scores: Scores) -> None:
    """Draw precision, recall and F1 of every class that the truth has, as bars with their intervals."""
    assert scores.confusion is not None
    for row, (label, colour) in enumerate(colours_of(scores.classes).items()):
        for offset, kind, alpha in ((-0.27, "precision", 0.4), (0, "recall", 0.65), (0.27, "f1", 1.0)):
            figure = scores.classes[label][kind]
            if scores.confusion[row].any() and not np.isnan(figure.value):
                axes.barh(row + offset, figure.value, 0.25, color=colour, alpha=alpha, linewidth=0)
                axes.plot([figure.low, figure.high], [row + offset] * 2, color=INK, linewidth=0.9)
    support = zip(scores.classes, scores.confusion.sum(axis=1), strict=True)
    axes.set_yticks(range(len(scores.classes)), [f"{label}\n{count:,} rows" for label, count in support])
    axes.set(xlim=(0, 1), ylim=(len(scores.classes) - 0.5, -0.5))
    axes.set_xlabel("precision (pale), recall (middle), F1 (full), with 95 % intervals")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")


PANELS: dict[str, dict[str, str]] = {
    "loss": {"train_loss": "training", "val_loss": "validation"},
    "validation figures": {f"val_{key}": DEFINITIONS[key].full_title for key in COMPARED},
    "learning rate": {"learning_rate": "learning rate"},
}
"""The charts of a run's log, and which of its numbers each shows under which name."""

Epoch = dict[str, float]


def training_charts(log: Path, name: str) -> Iterator[Chart]:
    """Draw what a run's log can fill of `PANELS`; `name` is unique in the page."""
    epochs = read_log(log)
    for panel, keys in PANELS.items():
        if any(key in epoch for epoch in epochs for key in keys):
            paint = partial(paint_training, epochs=epochs, panel=panel)
            yield draw_chart(paint, f"{name}-{panel.replace(' ', '-')}", (3.5, 2.8), panel.capitalize())


def read_log(path: Path) -> list[Epoch]:
    """Read the epochs of a run, in order, from its log or its folder; a last line that was cut off is left out.

    A repeated epoch replaces the earlier one, as after a resumed run.
    """
    path = path / "log.jsonl" if path.is_dir() else path
    if not path.is_file():
        raise DataError(f"expected a run's log at {path}, got no such file; give the folder that affekt train wrote")
    lines = path.read_text(encoding="utf-8").splitlines()
    epochs: dict[float, Epoch] = {}
    for place, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            numbers = {key: value for key, value in entry.items() if type(value) in (int, float)}
            epochs[entry["epoch"]] = {_log_name(key): float(value) for key, value in numbers.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # A run killed while it wrote leaves half a line at the end.
            if place == len(lines) and isinstance(error, ValueError):
                break
            raise DataError(
                f"expected a JSON object with an epoch in line {place} of {path}, got {line[:60]!r}; "
                "delete the line or leave the log out"
            ) from error
    return [epochs[epoch] for epoch in sorted(epochs)]


def _log_name(key: str) -> str:
    """Return a name in a log as `DEFINITIONS` has it: earlier logs say `val_ccc_valence` for `val_valence_ccc`."""
    part, _, dimension = key.removeprefix("val_").partition("_")
    return f"val_{dimension}_{part}" if f"{dimension}_{part}" in DEFINITIONS else key


def paint_training(axes: "Axes", epochs: list[Epoch], panel: str) -> None:
    """Draw one panel of `PANELS`: a run's curves over its epochs."""
    from matplotlib.ticker import MaxNLocator

    colours = ACCENT, SECOND, "#2f9e6e", "#9a63c9"
    for colour, (key, name) in zip(colours, PANELS[panel].items(), strict=False):
        points = [(epoch["epoch"], epoch[key]) for epoch in epochs if key in epoch]
        if points:
            axes.plot(*zip(*points, strict=True), "o-", color=colour, markersize=2.5, label=name)
    axes.set(xlabel="epoch", ylabel=panel)
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
