"""Charts of valence and arousal: the circumplex of affect, and what the predictions leave unexplained.

Each `paint_` function draws on empty matplotlib axes. Valence, arousal and label are (n,); the label is an index
into the names and colours, -1 where the expression is unknown.
"""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.evaluation.charts import ACCENT, FAINT, INK, SECOND, Chart, as_remark, draw_chart
from affekt.evaluation.figures import DIMENSIONS
from affekt.evaluation.predictions import Matched
from affekt.labels import colours_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TICKS = [-1, -0.5, 0, 0.5, 1]

Points = tuple[np.ndarray, np.ndarray]
"""Valence and arousal."""


def dimension_charts(matched: Matched, name: str, tag: str) -> Iterator[Chart]:
    """Draw the charts of one model's valence and arousal; `name` is unique in the page, `tag` is of the evaluation."""
    drawn = []
    if len(matched.truth) == len(DIMENSIONS):
        # Charts of the plane show the rows of which both dimensions are known.
        known = ~np.isnan(list(matched.truth.values())).any(axis=0)
        label, colours = matched.label[known], colours_of(matched.labels)
        truth, predicted = (
            (sides["valence"][known], sides["arousal"][known]) for sides in (matched.truth, matched.predicted)
        )
        if known.any():
            for title, points in (("Truth", truth), ("Predicted", predicted)):
                drawn.append(
                    (title.lower(), title, "", partial(paint_points, points=points, label=label, colours=colours))
                )
        if (label >= 0).any():
            means = partial(paint_class_means, truth=truth, predicted=predicted, label=label, colours=colours)
            drawn.append(("means", "Mean of each expression", "Ring: truth. Dot: prediction.", means))
    for dimension, truth in matched.truth.items():
        known = ~np.isnan(truth)
        sides: Any = {"truth": truth[known], "predicted": matched.predicted[dimension][known]}
        residuals = partial(paint_residuals, **sides, dimension=dimension)
        drawn.append((f"residual-{dimension}", f"Residuals of {dimension}", "Prediction minus truth.", residuals))
    for key, title, remark, paint in drawn:
        yield draw_chart(paint, f"{name}-{key}", (3.5, 3.4), title, as_remark(tag), remark)


def paint_points(axes: "Axes", points: Points, label: np.ndarray, colours: dict[str, str]) -> None:
    """Draw every row as a point on the circumplex, coloured by its true expression.

    References:
        Russell (1980), A circumplex model of affect, J. Personality and Social Psychology 39(6), 1161-1178.
    """
    _frame(axes, max(1.0, float(np.max(np.abs(points)))))
    order = np.random.default_rng(0).permutation(len(label))
    palette = np.array([*colours.values(), ACCENT])
    valence, arousal = points
    axes.scatter(valence[order], arousal[order], c=palette[label[order]], **_point_style(len(label)))


def paint_class_means(
    axes: "Axes", truth: Points, predicted: Points, label: np.ndarray, colours: dict[str, str]
) -> None:
    """Draw, for every expression, a line from its mean true point (ring) to its mean predicted point (dot)."""
    rows_of = {name: label == index for index, name in enumerate(colours) if (label == index).any()}
    starts, ends = (
        {name: (float(sides[0][rows].mean()), float(sides[1][rows].mean())) for name, rows in rows_of.items()}
        for sides in (truth, predicted)
    )
    _frame(axes, max(1.2, *(abs(value) for end in ends.values() for value in end)))
    for name, end in ends.items():
        start, colour = starts[name], colours[name]
        axes.plot([start[0], end[0]], [start[1], end[1]], color=colour, linewidth=1.5)
        axes.plot(*start, "o", markerfacecolor="none", markeredgecolor=colour, markersize=6, markeredgewidth=1.5)
        axes.plot(*end, "o", color=colour, markersize=5.5)
    for side, align, offset in ((-1, "right", -0.06), (1, "left", 0.06)):
        named = {name: start for name, start in starts.items() if (start[0] >= 0) == (side > 0)}
        heights = spread([start[1] for start in named.values()], 0.11)
        for (name, start), height in zip(named.items(), heights, strict=True):
            text = axes.text(start[0] + offset, height, name, fontsize=8, ha=align, va="center")
            text.set_in_layout(False)


def spread(heights: list[float], gap: float) -> list[float]:
    """Move heights apart until neighbours are at least a gap from one another, the lowest staying where it is."""
    moved = list(heights)
    for lower, upper in pairwise(sorted(range(len(heights)), key=heights.__getitem__)):
        moved[upper] = max(moved[upper], moved[lower] + gap)
    return moved


def paint_residuals(axes: "Axes", truth: np.ndarray, predicted: np.ndarray, dimension: str) -> None:
    """Draw prediction minus truth against the truth, with its mean in ten bins: a slope tells of missed extremes."""
    residual = predicted - truth
    axes.scatter(truth, residual, color=ACCENT, **_point_style(len(truth)))
    axes.axhline(0, color=INK, linewidth=0.9)
    index = np.clip(np.digitize(truth, np.linspace(-1, 1, 11)) - 1, 0, 9)
    filled = [number for number in range(10) if (index == number).sum() >= 5]
    centres, means = ([values[index == number].mean() for number in filled] for values in (truth, residual))
    axes.plot(centres, means, "o-", color=SECOND, markersize=4, label="mean in bins of 0.2")
    axes.legend(loc="upper right")
    reach = max(1.0, float(np.abs(residual).max()) * 1.05)
    axes.set(xlabel=f"true {dimension}", ylabel="prediction - truth")
    axes.set(xticks=TICKS, xlim=(-1.03, 1.03), ylim=(-reach, reach))
    axes.grid()


def _point_style(points: int) -> dict[str, Any]:
    # Points become one picture inside the SVG: thousands of them as shapes would make the page slow.
    crowded = min(1.0, points / 2000)
    return {"s": 16 - 9 * crowded, "alpha": 0.85 - 0.4 * crowded, "linewidths": 0, "rasterized": True}


def _frame(axes: "Axes", reach: float) -> None:
    from matplotlib.patches import Circle

    axes.add_patch(Circle((0, 0), 1, facecolor="none", edgecolor=FAINT, linewidth=1))
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    ends = (-1.06 * reach, 1.06 * reach)
    axes.set(xlim=ends, ylim=ends, aspect="equal", xlabel="valence", ylabel="arousal", xticks=TICKS, yticks=TICKS)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
