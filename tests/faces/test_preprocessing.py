"""The one preprocessing, against Pillow and plain formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from affekt.errors import ConfigError
from affekt.faces.preprocessing import Preprocessing, crop_face, normalise, square_around, tilt_of, triangle_taps


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def triangle_weights(length, start, stop, size):
    taps, weights = triangle_taps(length, start, stop, size)
    matrix = np.zeros((size, length), weights.dtype)
    np.add.at(matrix, (np.arange(size)[:, None], taps), weights)
    return matrix


@given(st.integers(1, 60), st.floats(-80, 80), st.floats(0.5, 150), st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_weights_of_every_output_sum_to_one(length, start, extent, size):
    weights = triangle_weights(length, start, start + extent, size)
    assert weights.shape == (size, length)
    assert weights.dtype == np.float32
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)


@given(st.integers(4, 60), st.floats(0.2, 3))
@settings(max_examples=50, deadline=None)
def test_a_straight_line_stays_straight_inside(length, step):
    size = int((length - 4 * max(step, 1)) / step)
    if size < 1:
        return
    start = 2 * max(step, 1.0)
    weights = triangle_weights(length, start, start + size * step, size)
    centres = start + (np.arange(size) + 0.5) * step
    resampled = weights.astype(float) @ (np.arange(length) + 0.5)
    # Taps lie on whole pixels, so a widened triangle is centred to within a small part of a pixel.
    np.testing.assert_allclose(resampled, centres, atol=1e-3 if step <= 1 else 0.25)


def pillow_resize(image, size, box, pad=200):
    """Pillow cuts its filter off at the picture's edge; padding it first repeats the edge as we do."""
    padded = Image.fromarray(np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="edge"))
    shifted = tuple(edge + pad for edge in box)
    return np.asarray(padded.resize((size, size), Image.Resampling.BILINEAR, box=shifted)).astype(int)


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [(200, 200, 64), (300, 97, 56), (48, 48, 224), (30, 41, 96), (64, 64, 63), (500, 20, 112)],
)
def test_resize_agrees_with_pillow_to_one_grey_level(height, width, size):
    image = picture(height, width)
    ours = crop_face(image, Preprocessing(input_size=size))
    assert np.abs(ours - pillow_resize(image, size, (0, 0, width, height))).max() <= 1
    rim = int(np.ceil(size / min(height, width))) + 1
    plain = np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(ours - plain)[rim:-rim, rim:-rim].max() <= 1


@given(st.floats(-60, 60), st.floats(-60, 60), st.floats(5, 120), st.integers(16, 64))
@settings(max_examples=40, deadline=None)
def test_any_crop_agrees_with_pillow_to_one_grey_level(left, top, side, size):
    image = picture(50, 70)
    box = (left, top, left + side, top + side)
    ours = crop_face(image, Preprocessing(input_size=size), np.array(box))
    assert np.abs(ours - pillow_resize(image, size, box)).max() <= 1


def test_a_picture_of_the_right_size_is_unchanged():
    image = picture(48, 48)
    assert np.array_equal(crop_face(image, Preprocessing(input_size=48)), image)
    assert np.array_equal(crop_face(image, Preprocessing(input_size=48), np.array([0, 0, 48, 48])), image)


def test_a_box_at_full_resolution_is_a_slice():
    image = picture(80, 70)
    assert np.array_equal(
        crop_face(image, Preprocessing(input_size=16), np.array([20, 30, 36, 46])), image[30:46, 20:36]
    )


def test_beyond_the_picture_its_edge_is_repeated():
    image = picture(40, 40)
    crop = crop_face(image, Preprocessing(input_size=80), np.array([-20, -20, 60, 60]))
    assert np.array_equal(crop, np.pad(image, ((20, 20), (20, 20), (0, 0)), mode="edge"))


def test_a_face_wholly_outside_sees_only_the_corner():
    image = picture(40, 40)
    crop = crop_face(image, Preprocessing(input_size=16), np.array([100, 100, 120, 120]))
    assert (crop == image[-1, -1]).all()


def test_the_margin_widens_the_square_around_the_longer_side():
    assert square_around(np.array([10, 10, 30, 50]), 0.5) == (-10, 0, 50, 60)
    image = picture(100, 100)
    wide = crop_face(image, Preprocessing(input_size=32, crop_margin=1.0), np.array([34, 34, 50, 50]))
    assert np.array_equal(wide, image[26:58, 26:58])


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (5, 9, 8, 5), (float("nan"), 0, 1, 1)])
def test_an_empty_box_is_an_error(box):
    with pytest.raises(ConfigError, match="right > left and bottom > top"):
        crop_face(picture(20, 20), Preprocessing(input_size=16), np.array(box))


def test_red_stays_in_channel_zero():
    red = np.zeros((50, 60, 3), np.uint8)
    red[..., 0] = 255
    crop = crop_face(red, Preprocessing(input_size=24))
    assert (crop[..., 0] == 255).all()
    assert (crop[..., 1:] == 0).all()
    plane = normalise(crop[None], Preprocessing(input_size=24))[0]
    assert (plane[0] > 2).all()
    assert (plane[1:] < -1).all()


def test_grey_follows_bt601():
    image = picture(30, 30)
    grey = Preprocessing(input_size=30, channels=1, mean=(0.5,), std=(0.5,))
    crop = crop_face(image, grey)
    assert crop.shape == (30, 30, 1)
    assert np.abs(crop[..., 0].astype(int) - np.asarray(Image.fromarray(image).convert("L"))).max() <= 1


def test_normalise_against_the_plain_formula():
    crops = np.stack([picture(16, 16, seed) for seed in range(3)])
    preprocessing = Preprocessing(input_size=16)
    mean, std = np.array(preprocessing.mean), np.array(preprocessing.std)
    expected = np.moveaxis((crops / 255 - mean) / std, 3, 1)
    found = normalise(crops, preprocessing)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_pixels_cannot_be_scaled_twice(dtype):
    preprocessing = Preprocessing(input_size=16)
    with pytest.raises(ConfigError, match="expected uint8 pixels"):
        normalise(picture(16, 16)[None].astype(dtype), preprocessing)
    with pytest.raises(ConfigError, match="expected uint8 pixels"):
        normalise(normalise(picture(16, 16)[None], preprocessing), preprocessing)


@pytest.mark.parametrize(
    "fields",
    [
        {"input_size": 15},
        {"input_size": 32, "channels": 4},
        {"input_size": 32, "channels": 1},
        {"input_size": 32, "resize": "nearest"},
        {"input_size": 32, "alignment": "eyes"},
    ],
)
def test_fields_no_network_can_have_are_refused(fields):
    with pytest.raises(ConfigError, match="expected"):
        Preprocessing(**fields)


@given(st.floats(-300, 300), st.floats(1, 600), st.integers(16, 224))
def test_every_pixel_that_the_filter_reaches_is_among_its_taps(start, side, size):
    places, weights = triangle_taps(400, start, start + side, size)
    step = side / size
    support = max(step, 1.0)
    centres = start + (np.arange(size) + 0.5) * step
    line = np.arange(-400, 1100)
    whole = np.clip(1 - np.abs(line + 0.5 - centres[:, None]) / support, 0, None)
    whole /= whole.sum(axis=1, keepdims=True)
    values = np.random.default_rng(0).uniform(0, 255, 400)
    expected = whole @ values[np.clip(line, 0, 399)]
    np.testing.assert_allclose((weights * values[places]).sum(axis=1), expected, atol=1e-3)


UPRIGHT_XY = np.array([[-20.0, -18], [20, -18], [0, 3], [-15, 22], [15, 22]])
"""Landmarks of an upright face about its centre, in the order of `detection.LANDMARKS`."""
PROFILE_XY = np.array([[8.0, -18], [9, -18], [20, 3], [9, 22], [10, 22]])


def turned(points_xy, radians):
    """Turn points about the origin, clockwise as seen, where y grows downwards."""
    cosine, sine = np.cos(radians), np.sin(radians)
    return points_xy @ np.array([[cosine, sine], [-sine, cosine]])


@given(st.floats(-3.1, 3.1), st.floats(0.1, 50), st.floats(-500, 500))
def test_the_tilt_of_a_face_is_known_whatever_its_size_and_place(radians, scale, away):
    for landmarks in (UPRIGHT_XY, PROFILE_XY):
        assert tilt_of(turned(landmarks, radians) * scale + away) == pytest.approx(radians, abs=0.03)
    assert tilt_of(turned(UPRIGHT_XY, radians) * scale + away) == pytest.approx(radians, abs=1e-6)


def waves(x, y):
    """Return a smooth picture, (..., 3) in 0-255, at points of it."""
    return 128 + 40 * np.stack([np.sin(x / 9 + y / 17), np.cos(x / 13 - y / 8), np.sin(y / 11)], axis=-1)


@given(st.floats(-3.1, 3.1), st.floats(40, 160), st.integers(16, 64), st.floats(-0.2, 0.3))
@settings(max_examples=40, deadline=None)
def test_a_level_crop_is_the_picture_on_a_turned_grid(radians, side, size, margin):
    x, y = np.meshgrid(np.arange(400) + 0.5, np.arange(400) + 0.5)
    image = np.rint(waves(x, y)).astype(np.uint8)
    preprocessing = Preprocessing(input_size=size, crop_margin=margin, alignment="level")
    box = np.array([190 - side / 2, 200 - side / 2.5, 190 + side / 2, 200 + side / 2.5])
    crop = crop_face(image, preprocessing, box, turned(UPRIGHT_XY, radians) + 200)
    places = ((np.arange(size) + 0.5) / size - 0.5) * side * (1 + margin)
    grid = turned(np.stack(np.meshgrid(places, places), axis=-1), radians)
    expected = waves(grid[..., 0] + 190, grid[..., 1] + 200)
    # What an upright crop of the same step loses of these waves by its filter, plus rounding.
    step = max(side * (1 + margin) / size, 1)
    assert np.abs(crop - expected).max() <= 1.5 + 40 * (step / 8) ** 2 / 6


def test_a_level_crop_is_as_smooth_as_an_upright_one():
    image, box = picture(300, 300), np.array([50.0, 50, 250, 250])
    preprocessing = Preprocessing(input_size=48, alignment="level")
    upright = crop_face(image, preprocessing, box).std()
    for degrees in (1, 20, 45, 80, 90, 170):
        assert crop_face(image, preprocessing, box, turned(UPRIGHT_XY, np.radians(degrees)) + 150).std() == (
            pytest.approx(upright, rel=0.15)
        )


def test_a_mirrored_face_has_the_mirrored_crop():
    image, preprocessing = picture(120, 140), Preprocessing(input_size=32, alignment="level")
    box, landmarks = np.array([30.0, 20, 90, 100]), turned(UPRIGHT_XY, 0.4) + 60
    mirrored_landmarks = (landmarks * [-1, 1] + [140, 0])[[1, 0, 2, 4, 3]]
    mirrored = crop_face(image[:, ::-1], preprocessing, np.array([50.0, 20, 110, 100]), mirrored_landmarks)
    assert np.abs(mirrored[:, ::-1].astype(int) - crop_face(image, preprocessing, box, landmarks)).max() <= 1


def test_without_landmarks_or_where_none_is_wanted_a_crop_is_upright():
    image, box = picture(120, 140), np.array([30.0, 20, 90, 100])
    level, plain = (Preprocessing(input_size=32, alignment=alignment) for alignment in ("level", "none"))
    upright = crop_face(image, plain, box)
    assert np.array_equal(crop_face(image, level, box), upright)
    assert np.array_equal(crop_face(image, level, box, np.full((5, 2), np.nan)), upright)
    assert np.array_equal(crop_face(image, level, box, UPRIGHT_XY + 60), upright)
    assert np.array_equal(crop_face(image, plain, box, turned(UPRIGHT_XY, 0.4) + 60), upright)
    assert not np.array_equal(crop_face(image, level, box, turned(UPRIGHT_XY, 0.4) + 60), upright)


def test_a_level_crop_beyond_the_picture_repeats_its_edge():
    image = picture(40, 40)
    landmarks = turned(UPRIGHT_XY, 0.7) + 110
    crop = crop_face(image, Preprocessing(input_size=16, alignment="level"), np.array([100, 100, 120, 120]), landmarks)
    assert (crop == image[-1, -1]).all()
