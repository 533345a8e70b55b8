"""The pictures of the matrix: confusion and calibration of every network on every set."""

import io
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from affekt.evaluation.evaluate import Evaluation
from affekt.evaluation.score import Scores
from affekt.labels import LABELS

SEVEN = LABELS[:7]
STYLE: Any = {"font.size": 7, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6}
BINS = 10
LEAST_ROWS = 10
"""A bin with fewer pictures is left out: its accuracy says little."""
DOTS_PER_INCH = 130
SHADES = 256
COLOURS = ("#2f74c0", "#3fb4d8", "#2f9e6e", "#9a63c9", "#e0a100", "#d9503f", "#a5714a", "#8a8f98")


def confusion_picture(evaluations: dict[str, Evaluation], path: Path) -> None:
    """Draw a row of confusion matrices for each network and a column for each set, by title."""
    networks = [scores.name for scores in next(iter(evaluations.values())).scores]
    with mpl.rc_context(STYLE):
        canvas = Figure(figsize=(2.1 * len(evaluations) + 0.6, 2.0 * len(networks) + 0.6), layout="constrained")
        panels = canvas.subplots(len(networks), len(evaluations), squeeze=False)
        for column, (title, found) in enumerate(evaluations.items()):
            for row, scores in enumerate(found.scores):
                paint_confusion(panels[row, column], scores, is_first=column == 0, is_last=row == len(networks) - 1)
                if row == 0:
                    panels[row, column].set_title(title)
                if column == 0:
                    panels[row, column].set_ylabel(f"{networks[row]}\n\ntruth")
        save(canvas, path)


def paint_confusion(axes: Axes, scores: Scores, *, is_first: bool, is_last: bool) -> None:
    """Draw one matrix: in each row the per cent of a true expression's pictures that get each answer."""
    assert scores.confusion is not None
    counts = scores.confusion[: len(SEVEN), : len(SEVEN)]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*shares.shape):
        if shares[row, column] >= 0.005:
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{100 * shares[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=5.5, color=colour)
    axes.set_xticks(range(len(SEVEN)), SEVEN if is_last else [""] * len(SEVEN), rotation=90)
    axes.set_yticks(range(len(SEVEN)), SEVEN if is_first else [""] * len(SEVEN))
    axes.tick_params(length=0)


def calibration_picture(evaluations: dict[str, Evaluation], path: Path) -> None:
    """Draw how many answers of each confidence are right: a panel for each set, by title, and a line a network."""
    with mpl.rc_context(STYLE):
        canvas = Figure(figsize=(2.3 * len(evaluations), 2.9), layout="constrained")
        panels = canvas.subplots(1, len(evaluations), squeeze=False)[0]
        for axes, (title, found) in zip(panels, evaluations.items(), strict=True):
            axes.plot([0, 1], [0, 1], color="#8a8f98", linewidth=0.8, linestyle=(0, (4, 3)))
            for scores, colour in zip(found.scores, cycle(COLOURS), strict=False):
                matched = scores.matched
                assert matched.probabilities is not None
                right = matched.probabilities.argmax(axis=1) == matched.label
                confidence, accuracy = in_bins(matched.probabilities.max(axis=1), right)
                style: Any = {"color": colour, "linewidth": 1.2, "marker": "o", "markersize": 2.5}
                axes.plot(confidence, accuracy, label=scores.name, **style)
            axes.set(title=title, xlim=(0, 1), ylim=(0, 1), xlabel="confidence", aspect="equal")
        panels[0].set_ylabel("right")
        handles, names = panels[0].get_legend_handles_labels()
        canvas.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
        save(canvas, path)


def in_bins(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean confidence and the accuracy of each bin that has rows enough."""
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    count, said, hits = (
        np.bincount(place, values, minlength=BINS) for values in (np.ones(len(place)), confidence, right)
    )
    kept = count >= LEAST_ROWS
    return said[kept] / count[kept], hits[kept] / count[kept]


def save(canvas: Figure, path: Path) -> None:
    """Write a picture as PNG with a palette, which is smaller."""
    buffer = io.BytesIO()
    canvas.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    Image.open(buffer).convert("RGB").quantize(SHADES).save(path, optimize=True)
