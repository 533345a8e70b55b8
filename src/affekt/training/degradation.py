"""What happens to faces in real pictures before a detector crops them: few pixels, blur, and JPEG.

Each picture of a batch is degraded by itself, by a strength drawn for it; whole batches are computed at once, on the
device they are on, which picture-by-picture encoders cannot do.
"""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from affekt.training.augmentation_settings import Augmentation

SHRINKING = (0.75, 0.5, 0.35)
"""Sides a crop may be shrunk to before it is enlarged again, as fractions."""
LARGEST_BLUR = 1.5
"""Standard deviation of the strongest blur, in pixels of a 48-pixel crop."""
JPEG_QUALITY = (15, 90)
"""Worst and best quality, on libjpeg's scale."""
LUMINANCE_TABLE = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=torch.float32,
)
"""Quantisation of luminance at quality 50: ITU-T T.81 (1992), Annex K, table K.1."""


def degrade(images: Tensor, augmentation: Augmentation, generator: Generator) -> Tensor:
    """Take detail away from some crops: resolution first, then sharpness, then what JPEG drops.

    Args:
        images: (n, channels, height, width) float, pixels in 0-1.
        augmentation: how many of the crops meet each of the three.
        generator: a CPU generator; the same state gives the same changes on any device.

    Returns:
        The same shape, clipped to 0-1.
    """
    n, device = len(images), images.device
    steps = {"resolution": _coarsened, "blur": _blurred, "jpeg": _compressed}
    for name, step in steps.items():
        if probability := getattr(augmentation, name):
            chosen = torch.rand(n, generator=generator) < probability
            strength = torch.rand(n, generator=generator)
            changed = step(images, strength).clamp(0, 1)
            images = torch.where(chosen.to(device).view(n, 1, 1, 1), changed, images)
    return images


def _coarsened(images: Tensor, strength: Tensor) -> Tensor:
    side = images.shape[-2:]
    level = (strength * len(SHRINKING)).long().clamp(max=len(SHRINKING) - 1).to(images.device)
    result = images.clone()
    for number, fraction in enumerate(SHRINKING):
        these = level == number
        small = [max(1, round(length * fraction)) for length in side]
        shrunk = F.interpolate(images[these], small, mode="bilinear", antialias=True) if these.any() else None
        if shrunk is not None:
            result[these] = F.interpolate(shrunk, side, mode="bilinear")
    return result


def _blurred(images: Tensor, strength: Tensor) -> Tensor:
    n, channels, height, width = images.shape
    unit = LARGEST_BLUR * width / 48
    radius = math.ceil(2 * unit)
    sigma = (strength * unit).clamp(min=0.1)[:, None]
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma).square())
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0).to(images)[:, None]
    flat = images.reshape(1, n * channels, height, width)
    flat = F.pad(flat, [radius] * 4, mode="replicate")
    flat = F.conv2d(flat, kernel[:, :, None], groups=n * channels)
    return F.conv2d(flat, kernel[..., None], groups=n * channels).view_as(images)


def _compressed(images: Tensor, strength: Tensor) -> Tensor:
    """Quantise each 8 x 8 block's cosines as JPEG does; each channel as if it were luminance."""
    n, channels, height, width = images.shape
    worst, best = JPEG_QUALITY
    quality = (worst + strength * (best - worst)).view(n, 1, 1, 1, 1, 1)
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    table = ((LUMINANCE_TABLE * percent + 50) / 100).floor().clamp(1, 255).to(images)
    padded = F.pad(images, [0, -width % 8, 0, -height % 8], mode="replicate") * 255 - 128
    rows, columns = padded.shape[-2] // 8, padded.shape[-1] // 8
    blocks = padded.view(n, channels, rows, 8, columns, 8).permute(0, 1, 2, 4, 3, 5)
    cosines = _cosines().to(images)
    coefficients = cosines @ blocks @ cosines.T
    restored = cosines.T @ ((coefficients / table).round() * table) @ cosines
    pixels = restored.permute(0, 1, 2, 4, 3, 5).reshape_as(padded)
    return ((pixels + 128) / 255)[..., :height, :width]


def _cosines() -> Tensor:
    """The orthonormal matrix of the discrete cosine transform of 8 points, type II."""
    frequency, place = torch.arange(8.0)[:, None], torch.arange(8.0)[None]
    matrix = torch.cos(math.pi * frequency * (2 * place + 1) / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix
