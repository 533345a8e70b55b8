"""Random changes of a batch of crops: a warp, light, lost detail and erasing, drawn for each picture.

torchvision's transforms draw once for a whole batch, or work picture by picture at several times the cost; these change
the whole batch at once, on the device it is on. Lost detail is what happens to faces in real pictures before a detector
crops them: few pixels, blur, and JPEG.
"""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from affekt.training.recipe import Augmentation

SHRINKING = (0.75, 0.5, 0.35)
"""Sides a crop may be shrunk to before it is enlarged again, as fractions."""
LARGEST_BLUR = 1.5
"""Standard deviation of the strongest blur, in pixels of a 48-pixel crop."""
STRONGEST_NOISE = 0.06
"""Standard deviation of the strongest noise, pixels in 0-1."""
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


def augment(images: Tensor, augmentation: Augmentation, generator: Generator) -> Tensor:
    """Change (n, channels, height, width) crops, pixels in 0-1, at random.

    The same state of a CPU generator gives the same changes on any device.
    """
    if augmentation.is_off:
        return images
    given = images
    images = _warp(images, augmentation, generator)
    images = _light(images, augmentation, generator)
    images = degrade(images, augmentation, generator)
    if augmentation.noise:
        images = _noisy(images, augmentation.noise, generator)
    if augmentation.erase:
        images = _erase(images, augmentation.erase, generator)
    return _left_plain(given, images, augmentation, generator) if augmentation.plain else images


def _left_plain(given: Tensor, changed: Tensor, augmentation: Augmentation, generator: Generator) -> Tensor:
    """Take some of the crops as they were given, flipped at most: a warp blurs what tells one source from another."""
    plain, mirrored = (torch.rand(2, len(given), 1, 1, 1, generator=generator)).to(given.device)
    if augmentation.flip:
        given = torch.where(mirrored < 0.5, given.flip(-1), given)
    return torch.where(plain < augmentation.plain, given, changed)


def _uniform(n: int, limit: float, generator: Generator, device: torch.device) -> Tensor:
    return ((torch.rand(n, generator=generator) * 2 - 1) * limit).to(device)


def _warp(images: Tensor, augmentation: Augmentation, generator: Generator) -> Tensor:
    n, device = len(images), images.device
    angle = _uniform(n, math.radians(augmentation.rotation_degrees), generator, device)
    zoom = torch.exp(_uniform(n, math.log1p(augmentation.scale), generator, device))
    shift_x = _uniform(n, 2 * augmentation.shift, generator, device)
    shift_y = _uniform(n, 2 * augmentation.shift, generator, device)
    mirrored = (torch.rand(n, generator=generator) < 0.5).to(device) & augmentation.flip
    mirror = 1 - 2 * mirrored.float()
    stretch = torch.ones(n, device=device)
    if augmentation.aspect:
        stretch = torch.exp(_uniform(n, math.log1p(augmentation.aspect) / 2, generator, device))
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    rows = [cos * mirror * stretch, -sin / stretch, shift_x, sin * mirror * stretch, cos / stretch, shift_y]
    rows = torch.stack(rows, dim=1)
    grid = F.affine_grid(rows.view(n, 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _light(images: Tensor, augmentation: Augmentation, generator: Generator) -> Tensor:
    n, device = len(images), images.device
    brightness = _uniform(n, augmentation.brightness, generator, device).view(n, 1, 1, 1)
    contrast = torch.exp(_uniform(n, math.log1p(augmentation.contrast), generator, device)).view(n, 1, 1, 1)
    mean = images.mean((1, 2, 3), keepdim=True)
    lit = (images - mean) * contrast + mean + brightness
    if augmentation.shading:
        lit = lit * _gradient(n, images.shape[-2:], augmentation.shading, generator).to(device)
    lit = lit.clamp_(0, 1)
    if not augmentation.gamma:
        return lit
    return lit ** torch.exp(_uniform(n, augmentation.gamma, generator, device)).view(n, 1, 1, 1)


def _gradient(n: int, side: torch.Size, limit: float, generator: Generator) -> Tensor:
    """Return factors of a light from any side: (n, 1, height, width), 1 in the middle."""
    strength, angle = torch.rand(2, n, 1, 1, 1, generator=generator) * torch.tensor([limit, 2 * math.pi]).view(
        2, 1, 1, 1, 1
    )
    down, right = (torch.linspace(-1, 1, length) for length in side)
    return 1 + strength * (torch.cos(angle) * right + torch.sin(angle) * down[:, None])


def _noisy(images: Tensor, probability: float, generator: Generator) -> Tensor:
    n = len(images)
    chosen = torch.rand(n, generator=generator) < probability
    deviation = STRONGEST_NOISE * torch.rand(n, generator=generator) * chosen
    noise = torch.randn(images.shape, generator=generator) * deviation.view(n, 1, 1, 1)
    return (images + noise.to(images.device)).clamp_(0, 1)


def _erase(images: Tensor, probability: float, generator: Generator) -> Tensor:
    """Random erasing (Zhong et al. 2020): a rectangle of 2-20 % of the area becomes noise."""
    n, _, height, width = images.shape
    area = torch.empty(n).uniform_(0.02, 0.2, generator=generator)
    aspect = torch.exp(torch.empty(n).uniform_(-math.log(3), math.log(3), generator=generator))
    half_height = (area * aspect).sqrt().clamp(max=1) * height / 2
    half_width = (area / aspect).sqrt().clamp(max=1) * width / 2
    centre_y, centre_x = torch.rand(2, n, generator=generator) * torch.tensor([[height], [width]])
    chosen = torch.rand(n, generator=generator) < probability
    inside_y = (torch.arange(height) - centre_y[:, None]).abs() < half_height[:, None]
    inside_x = (torch.arange(width) - centre_x[:, None]).abs() < half_width[:, None]
    erased = (inside_y[:, :, None] & inside_x[:, None, :] & chosen[:, None, None])[:, None]
    noise = torch.rand(n, 1, height, width, generator=generator)
    return torch.where(erased.to(images.device), noise.to(images.device), images)


def degrade(images: Tensor, augmentation: Augmentation, generator: Generator) -> Tensor:
    """Take detail away from some crops: resolution first, then sharpness, then what JPEG drops."""
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
        if (these := level == number).any():
            small = [max(1, round(length * fraction)) for length in side]
            shrunk = F.interpolate(images[these], small, mode="bilinear", antialias=True)
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
