"""Random changes of a batch of crops: a warp, light, lost detail and erasing, drawn for each picture.

torchvision's transforms draw once for a whole batch, or work picture by picture at several times the cost; these few
lines warp the whole batch in one call.
"""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from affekt.training.augmentation_settings import Augmentation
from affekt.training.degradation import degrade


def augment(images: Tensor, augmentation: Augmentation, generator: Generator) -> Tensor:
    """Change crops at random.

    Args:
        images: (n, channels, height, width) float, pixels in 0-1.
        augmentation: which changes, and how strong.
        generator: a CPU generator; the same state gives the same changes on any device.

    Returns:
        The same shape, clipped to 0-1.
    """
    if augmentation.is_off:
        return images
    images = _warp(images, augmentation, generator)
    images = _light(images, augmentation, generator)
    images = degrade(images, augmentation, generator)
    return _erase(images, augmentation.erase, generator) if augmentation.erase else images


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
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    rows = torch.stack([cos * mirror, -sin, shift_x, sin * mirror, cos, shift_y], dim=1)
    grid = F.affine_grid(rows.view(n, 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _light(images: Tensor, augmentation: Augmentation, generator: Generator) -> Tensor:
    n, device = len(images), images.device
    brightness = _uniform(n, augmentation.brightness, generator, device).view(n, 1, 1, 1)
    contrast = torch.exp(_uniform(n, math.log1p(augmentation.contrast), generator, device)).view(n, 1, 1, 1)
    mean = images.mean((1, 2, 3), keepdim=True)
    lit = ((images - mean) * contrast + mean + brightness).clamp_(0, 1)
    if not augmentation.gamma:
        return lit
    return lit ** torch.exp(_uniform(n, augmentation.gamma, generator, device)).view(n, 1, 1, 1)


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
