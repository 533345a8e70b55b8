"""Charts of valence and arousal."""

import numpy as np
import pytest
from matplotlib.figure import Figure as Canvas

from affekt.evaluation.circumplex import paint_class_means, paint_residuals, spread


def test_residuals_are_prediction_minus_truth():
    canvas = Canvas()
    paint_residuals(canvas.subplots(), np.array([-0.5, 0.25]), np.array([0.5, 0.0]), "valence")
    points = np.asarray(canvas.axes[0].collections[0].get_offsets())
    np.testing.assert_allclose(points, [[-0.5, 1.0], [0.25, -0.25]])


def test_means_outside_the_circle_stay_in_the_chart():
    canvas = Canvas()
    ends = np.array([0.1, 0.2]), np.array([0.0, 0.1])
    paint_class_means(canvas.subplots(), ends, (np.array([1.6, 1.7]), np.array([0.1, 0.1])), np.array([1, 1]))
    assert canvas.axes[0].get_xlim()[1] > 1.65


def test_names_on_the_circumplex_do_not_overlap():
    assert spread([0.5, 0.1, 0.15, 0.9], 0.1) == pytest.approx([0.5, 0.1, 0.2, 0.9])
