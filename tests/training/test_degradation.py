"""Lost detail: JPEG is Pillow's, blur is scipy's, and few pixels are few."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from affekt.training.augmentation_settings import Augmentation
from affekt.training.degradation import JPEG_QUALITY, LARGEST_BLUR, _blurred, _coarsened, _compressed, degrade


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


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
