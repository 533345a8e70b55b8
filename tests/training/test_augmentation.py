"""Augmentation: off is off, a seed repeats, and each change is the change it is named for."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from affekt.errors import ConfigError
from affekt.training.augmentation import (
    JPEG_QUALITY,
    LARGEST_BLUR,
    STRONGEST_NOISE,
    _blurred,
    _coarsened,
    _compressed,
    augment,
    degrade,
)
from affekt.training.recipe import Augmentation

EVERYTHING = Augmentation(flip=True, rotation_degrees=20, scale=0.2, shift=0.1, brightness=0.2, contrast=0.3, erase=0.5)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(count=8, size=16, seed=5):
    return torch.rand(count, 3, size, size, generator=generator(seed))


def test_off_leaves_the_pictures_and_draws_nothing():
    images, state = pictures(), generator()
    before = state.get_state()
    assert augment(images, Augmentation(), state) is images
    assert torch.equal(state.get_state(), before)


def test_the_same_state_gives_the_same_changes():
    first, again, other = (augment(pictures(), EVERYTHING, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_pictures_given_are_not_changed():
    images = pictures()
    augment(images, EVERYTHING, generator())
    assert torch.equal(images, pictures())


def test_plain_crops_are_as_they_were_or_their_mirror_images():
    images = pictures(count=400)
    changed = augment(images, Augmentation(flip=True, brightness=0.3, plain=0.25), generator())
    same, mirrored = ((changed == given).flatten(1).all(1) for given in (images, images.flip(-1)))
    assert 30 <= same.sum() <= 70
    assert 30 <= mirrored.sum() <= 70
    changed = augment(images, Augmentation(brightness=0.3, plain=1), generator())
    assert torch.equal(changed, images)


@settings(max_examples=25, deadline=None)
@given(
    flip=st.booleans(),
    rotation=st.floats(0, 180),
    scale=st.floats(0, 2),
    unit=st.tuples(*[st.floats(0, 1)] * 3),
    contrast=st.floats(0, 3),
    seed=st.integers(0, 2**31),
)
def test_pixels_stay_in_range_at_any_strength(flip, rotation, scale, unit, contrast, seed):
    strengths = Augmentation(
        flip=flip,
        rotation_degrees=rotation,
        scale=scale,
        shift=unit[0],
        brightness=unit[1],
        erase=unit[2],
        contrast=contrast,
    )
    changed = augment(pictures(4), strengths, generator(seed))
    assert changed.shape == (4, 3, 16, 16)
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_flip_mirrors_half_of_the_pictures_and_nothing_else():
    images = pictures(200)
    changed = augment(images, Augmentation(flip=True), generator())
    kept = (changed - images).abs().amax((1, 2, 3)) < 1e-5
    mirrored = (changed - images.flip(3)).abs().amax((1, 2, 3)) < 1e-5
    assert (kept ^ mirrored).all()
    assert 70 < mirrored.sum() < 130


def spot(row, column, size=32):
    image = torch.zeros(1, 1, size, size)
    image[:, :, row, column] = 1
    return image


def centre(images):
    """Row and column of the mean of each picture's light, in pixels from its middle, as fractions of the side."""
    size = images.shape[-1]
    place = (torch.arange(size) + 0.5) / size - 0.5
    light = images.sum((1, 2, 3))
    return (images.sum((1, 3)) * place).sum(1) / light, (images.sum((1, 2)) * place).sum(1) / light


def blob(size=64):
    place = (torch.arange(size) - size / 2 + 0.5) / size
    return torch.exp(-(place[:, None] ** 2 + place[None, :] ** 2) / (2 * 0.05**2))[None, None]


def test_shift_moves_along_both_axes_by_up_to_the_fraction():
    rows, columns = centre(augment(blob().expand(400, -1, -1, -1), Augmentation(shift=0.1), generator()))
    for moved in (rows, columns):
        assert moved.abs().max() <= 0.1 + 1e-3
        assert moved.max() > 0.08
        assert moved.min() < -0.08
    assert abs(torch.corrcoef(torch.stack([rows, columns]))[0, 1]) < 0.2


def test_scale_zooms_in_and_out_by_up_to_the_factor():
    changed = augment(blob().expand(300, -1, -1, -1), Augmentation(scale=0.5), generator())
    zoom = (changed.sum((1, 2, 3)) / blob().sum()).sqrt()
    assert zoom.max() <= 1.5 + 0.01
    assert zoom.min() >= 1 / 1.5 - 0.01
    assert zoom.max() > 1.4
    assert zoom.min() < 1 / 1.4


def test_rotation_turns_by_up_to_the_angle_and_keeps_the_distance():
    image = blob().roll(16, 3)
    rows, columns = centre(augment(image.expand(300, -1, -1, -1), Augmentation(rotation_degrees=30), generator()))
    angle = torch.rad2deg(torch.atan2(rows, columns))
    torch.testing.assert_close(torch.hypot(rows, columns), torch.full((300,), 0.25), atol=2e-3, rtol=0)
    assert angle.abs().max() <= 30.5
    assert angle.max() > 25
    assert angle.min() < -25


def test_brightness_adds_and_contrast_multiplies():
    grey = torch.full((300, 3, 4, 4), 0.5)
    grey[:, :, :2] = 0.4
    grey[:, :, 2:] = 0.6
    added = augment(grey, Augmentation(brightness=0.2), generator()) - grey
    assert added.amax((1, 2, 3)).allclose(added.amin((1, 2, 3)), atol=1e-5)
    assert 0.15 < added.max() <= 0.2 + 1e-5
    assert -0.2 - 1e-5 <= added.min() < -0.15
    stretched = augment(grey, Augmentation(contrast=1.0), generator())
    assert stretched.mean((1, 2, 3)).allclose(torch.tensor(0.5), atol=1e-5)
    factor = (stretched[:, 0, 3, 0] - stretched[:, 0, 0, 0]) / 0.2
    assert 1.7 < factor.max() <= 2 + 1e-4
    assert 0.5 - 1e-4 <= factor.min() < 0.6


def test_aspect_stretches_one_side_against_the_other():
    changed = augment(blob().expand(300, -1, -1, -1), Augmentation(aspect=0.5), generator())
    place = torch.arange(64.0)
    spread = [(changed.sum((1, side)) * (place - 31.5).square()).sum(1) / changed.sum((1, 2, 3)) for side in (2, 3)]
    ratio = (spread[1] / spread[0]).sqrt()
    assert 1.4 < ratio.max() <= 1.5 + 0.02
    assert 1 / 1.5 - 0.02 <= ratio.min() < 1 / 1.4
    torch.testing.assert_close(changed.sum((1, 2, 3)), blob().sum().expand(300), rtol=0.01, atol=0)


def test_shading_lights_one_side_and_keeps_the_middle():
    changed = augment(torch.full((300, 1, 33, 33), 0.5), Augmentation(shading=0.4), generator())
    torch.testing.assert_close(changed[:, 0, 16, 16], torch.full((300,), 0.5))
    left, right = changed[:, 0, 16, 0], changed[:, 0, 16, -1]
    torch.testing.assert_close(left + right, torch.ones(300))
    assert 0.15 < (left - right).abs().max() / 2 <= 0.2 + 1e-5
    assert (left > right).float().mean() == pytest.approx(0.5, abs=0.1)


def test_noise_reaches_its_share_of_pictures_at_any_strength_up_to_the_limit():
    changed = augment(torch.full((400, 1, 32, 32), 0.5), Augmentation(noise=0.25), generator()) - 0.5
    deviation = changed.std((1, 2, 3))
    assert 70 < (deviation > 0).sum() < 130
    assert 0.9 * STRONGEST_NOISE < deviation.max() < 1.05 * STRONGEST_NOISE


def test_erase_takes_its_share_of_pictures_and_of_their_area():
    images = torch.full((400, 3, 32, 32), -1.0)
    touched = (augment(images.clamp(min=0), Augmentation(erase=0.25), generator()) > 0).any(1).flatten(1)
    chosen = touched.any(1)
    assert 70 < chosen.sum() < 130
    assert touched[chosen].float().mean(1).max() <= 0.26
    assert 0.04 < touched[chosen].float().mean() < 0.14


def test_erased_parts_are_the_same_noise_in_all_channels():
    changed = augment(torch.zeros(20, 3, 16, 16), Augmentation(erase=1), generator())
    assert torch.equal(changed[:, 0], changed[:, 2])
    assert changed.max() > 0.5


@pytest.mark.parametrize(
    "strength", [{"shift": 1.1}, {"brightness": -0.1}, {"erase": float("nan")}, {"rotation_degrees": -1}]
)
def test_impossible_strengths_are_refused(strength):
    with pytest.raises(ConfigError, match=f"expected augmentation.{next(iter(strength))} between 0"):
        Augmentation(**strength)


@pytest.fixture
def grey():
    """A smooth 48-pixel picture with an edge and some noise, pixels at whole 255ths."""
    y, x = np.mgrid[:48, :48] / 48
    pixels = 120 + 70 * np.sin(5 * x + 3 * y) + 40 * (x > 0.6) + np.random.default_rng(0).normal(0, 6, (48, 48))
    return pixels.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("quality", [20, 50, 85])
def test_jpeg_is_pillows(grey, quality):
    encoded = io.BytesIO()
    Image.fromarray(grey).save(encoded, "JPEG", quality=quality)
    expected = np.asarray(Image.open(encoded)).astype(float)
    worst, best = JPEG_QUALITY
    strength = torch.tensor([(quality - worst) / (best - worst)])
    found = _compressed(torch.from_numpy(grey / 255).float()[None, None], strength)[0, 0].clamp(0, 1).numpy() * 255
    assert np.abs(found - expected).mean() < 0.6
    assert np.abs(expected - grey).mean() > 1  # what is compared is a real loss


def test_jpeg_of_a_side_that_eight_does_not_divide(grey):
    odd = torch.from_numpy(grey[:45, :43] / 255).float()[None, None]
    assert _compressed(odd, torch.ones(1)).shape == odd.shape
    assert (_compressed(odd, torch.ones(1)) - odd).abs().mean() < 0.02


def test_blur_is_scipys(grey):
    image = torch.from_numpy(grey / 255)[None, None]
    found = _blurred(image.repeat(2, 3, 1, 1), torch.tensor([1.0, 0.5]))
    for row, sigma in enumerate((LARGEST_BLUR, LARGEST_BLUR / 2)):
        expected = gaussian_filter(grey / 255, sigma, mode="nearest", radius=3)
        assert found[row, 2].numpy() == pytest.approx(expected, abs=1e-6)


def test_fewer_pixels_keep_the_mean_and_lose_detail(grey):
    image = torch.from_numpy(grey / 255).float()[None, None].repeat(3, 1, 1, 1)
    found = _coarsened(image, torch.tensor([0.0, 0.5, 0.99]))
    assert found.mean((1, 2, 3)).numpy() == pytest.approx(grey.mean() / 255, abs=0.005)
    detail = (found - image).abs().mean((1, 2, 3))
    assert 0 < detail[0] < detail[1] < detail[2]


@pytest.mark.parametrize("name", ["resolution", "blur", "jpeg"])
def test_about_as_many_as_asked_are_changed(name):
    images = torch.rand(400, 1, 16, 16, generator=generator(1))
    changed = degrade(images, Augmentation(**{name: 0.25}), generator())
    share = ((changed - images).abs().amax((1, 2, 3)) > 0).float().mean()
    assert share == pytest.approx(0.25, abs=0.06)
    assert changed.min() >= 0
    assert changed.max() <= 1
