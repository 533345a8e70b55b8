"""Views of a picture, against turning it with numpy and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from affekt.faces.detection import View, whole_view


def picture(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("height", "width"), [(40, 60), (41, 60), (60, 41), (7, 9)])
@pytest.mark.parametrize("quarters", range(4))
def test_views_of_quarter_turns_are_numpys(height, width, quarters):
    image = picture(height, width)
    assert np.array_equal(whole_view(image.shape, 2 * quarters).pixels(image), np.rot90(image, quarters))


@pytest.mark.parametrize("eighths", [1, 3, 5, 7])
def test_no_corner_is_cut_off_by_an_eighth(eighths):
    view = whole_view((40, 60), eighths)
    corners = np.array([[0, 0], [view.width, 0], [0, view.height], [view.width, view.height]])
    low, high = view.in_picture(corners).min(axis=0), view.in_picture(corners).max(axis=0)
    assert (low <= 0).all()
    assert (high >= [60, 40]).all()
    # The corners of the picture, in steps from the middle of the view.
    away = (np.array([[0, 0], [60, 0], [0, 40], [60, 40]]) - view.centre_xy) @ view.axes.T
    assert np.abs(away).max() <= view.width / 2


@given(st.floats(-4, 4), st.floats(0.3, 3), st.floats(-20, 80), st.floats(-20, 60))
def test_a_view_shows_what_lies_at_its_points(tilt_radians, step, x, y):
    image, view = picture(40, 60), View((x, y), tilt_radians, step, 12, 9)
    places = np.stack(np.meshgrid(np.arange(12) + 0.5, np.arange(9) + 0.5), axis=-1)
    where = view.in_picture(places) - 0.5
    expected = [
        ndimage.map_coordinates(image[..., channel], [where[..., 1], where[..., 0]], order=0, mode="nearest")
        for channel in range(3)
    ]
    is_between = (np.abs(where + 0.5 - np.rint(where + 0.5)) < 1e-9).any(axis=2)  # two pixels are as near
    assert not ((view.pixels(image) != np.stack(expected, axis=-1)).any(axis=2) & ~is_between).any()
