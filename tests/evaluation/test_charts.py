"""Charts: they show the very figures, and their words do not lie on one another."""

import itertools

import numpy as np
import polars as pl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from affekt.evaluation.charts import (
    curve,
    draw_chart,
    paint_classes,
    paint_comparison,
    paint_confidence,
    paint_confusion,
    paint_curves,
    paint_reliability,
    right_and_wrong,
)
from affekt.evaluation.circumplex import paint_class_means, paint_residuals, spread
from affekt.evaluation.figures import Figure
from affekt.evaluation.predictions import match
from affekt.evaluation.score import Resampling, score
from affekt.labels import EXPRESSION_COLOURS, LABELS


@pytest.mark.filterwarnings("error")
def test_charts_of_absent_classes_keep_their_rows_and_need_no_curve(manifest, predictions):
    angry = score(match(predictions, manifest.with_columns(emotion=pl.lit("anger")), "test"), how=Resampling(20))
    classes, curves = Canvas(), Canvas()
    paint_classes(classes.subplots(), angry)
    drawn = {round(float(line.get_ydata()[0])) for line in classes.axes[0].lines}
    assert drawn == {LABELS.index("anger")}
    low, high = sorted(classes.axes[0].get_ylim())
    assert low <= -0.4
    assert high >= 7.4
    paint_curves(curves.subplots(), np.full(9, 6), np.full((9, 8), 1 / 8), angry, "roc_auc")
    assert curves.axes[0].get_legend() is None


def test_the_histogram_of_confidence_has_the_bins_of_the_reliability_diagram():
    canvas = Canvas()
    confidence = np.linspace(0, 1, 16)[1:]
    paint_confidence(canvas.subplots(), *right_and_wrong(confidence, np.arange(15) % 2 == 0))
    wrong, right = ([bar.get_height() for bar in bars] for bars in canvas.axes[0].containers)
    assert wrong == [0, 1] * 7 + [0]
    assert right == [1, 0] * 7 + [1]


def test_the_confusion_matrix_shows_shares_of_the_true_class():
    counts = np.zeros((8, 8), dtype=int)
    counts[0, :2], counts[1, 1] = (3, 1), 4
    canvas = Canvas()
    paint_confusion(canvas.subplots(), counts, LABELS)
    shown: dict[tuple[int, int], list[str]] = {}
    for text in canvas.axes[0].texts:
        column, row = map(int, text.get_position())
        shown.setdefault((row, column), []).append(text.get_text())
    assert shown == {(0, 0): ["75%", "3"], (0, 1): ["25%", "1"], (1, 1): ["100%", "4"]}


def test_the_reliability_diagram_has_accuracy_and_wilsons_interval():
    canvas = Canvas()
    paint_reliability(canvas.subplots(), *right_and_wrong(np.full(20, 0.5), np.arange(20) < 5))
    [bar] = canvas.axes[0].patches
    assert bar.get_height() == 0.25
    low, high = canvas.axes[0].lines[0].get_ydata()
    assert canvas.axes[0].lines[1].get_data() == ([0.5], [0.25])
    # Wilson (1927): the roots of (p - 1/4)^2 = 1.96^2 p (1 - p) / 20.
    assert all((p - 0.25) ** 2 == pytest.approx(1.959964**2 * p * (1 - p) / 20) for p in (low, high))
    assert low < 0.25 < high


@pytest.mark.parametrize("kind", ["roc_auc", "pr_auc"])
def test_curves_are_of_their_own_class(manifest, predictions, kind):
    matched = match(predictions, manifest, "test")
    assert matched.probabilities is not None
    canvas = Canvas()
    paint_curves(canvas.subplots(), matched.label, matched.probabilities, score(matched, how=Resampling(0)), kind)
    for index, line in enumerate(canvas.axes[0].lines[:8]):
        x, y = curve(matched.label == index, matched.probabilities[:, index], kind)
        np.testing.assert_array_equal(line.get_data(), [x, y])
        assert line.get_label().startswith(f"{LABELS[index]} ")


def test_the_figures_on_the_axis_of_a_comparison_do_not_overlap():
    def paint(axes):
        paint_comparison(
            axes, [("affekt", Figure(0.939, 0.931, 0.946)), ("affekt-single", Figure(0.937, 0.929, 0.944))]
        )
        FigureCanvasAgg(axes.figure).draw()
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert len(boxes) >= 3
        assert all(box.x1 < following.x0 for box, following in itertools.pairwise(boxes))

    assert "0.940" in draw_chart(paint, "comparison", (4.8, 1.2)).svg


def test_residuals_are_prediction_minus_truth():
    canvas = Canvas()
    paint_residuals(canvas.subplots(), np.array([-0.5, 0.25]), np.array([0.5, 0.0]), "valence")
    points = np.asarray(canvas.axes[0].collections[0].get_offsets())
    np.testing.assert_allclose(points, [[-0.5, 1.0], [0.25, -0.25]])


def test_means_outside_the_circle_stay_in_the_chart():
    canvas = Canvas()
    ends = np.array([0.1, 0.2]), np.array([0.0, 0.1])
    paint_class_means(
        canvas.subplots(), ends, (np.array([1.6, 1.7]), np.array([0.1, 0.1])), np.array([1, 1]), EXPRESSION_COLOURS
    )
    assert canvas.axes[0].get_xlim()[1] > 1.65


def test_names_on_the_circumplex_do_not_overlap():
    assert spread([0.5, 0.1, 0.15, 0.9], 0.1) == pytest.approx([0.5, 0.1, 0.2, 0.9])
