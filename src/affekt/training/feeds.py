"""Feeds: what a trainee is given for a batch of rows, on its device: normalised crops, or features computed once."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Generator, Tensor
from torch.nn import functional as F
from tqdm import tqdm

from affekt.faces.preprocessing import Preprocessing
from affekt.models.network import Network
from affekt.training.augmentation import augment
from affekt.training.augmentation_settings import Augmentation
from affekt.training.fused import fuse_convolutions
from affekt.training.growth import grown
from affekt.training.inputs import CropStream, in_batches
from affekt.training.recipe import Recipe
from affekt.training.threads import map_in_threads


@dataclass(frozen=True)
class CropFeed:
    """Crops, changed at random where a generator is given, then normalised."""

    stream: CropStream
    preprocessing: Preprocessing
    device: torch.device
    channels_last: bool = False
    augmentation: Augmentation = field(default_factory=Augmentation)
    size: int | None = None
    """Side the crops are shrunk to after their changes, in pixels; None leaves them."""

    def batches(self, rows: list[Tensor], generator: Generator | None = None) -> Iterator[Tensor]:
        """Yield (batch, channels, height, width) float32 for each tensor of row numbers."""
        for crops in self.stream.batches(rows):
            images = crops.to(self.device).permute(0, 3, 1, 2).float() / 255
            if generator is not None:
                images = augment(images, self.augmentation, generator)
            if self.size not in (None, images.shape[-1]):
                images = F.interpolate(images, (self.size, self.size), mode="bilinear", antialias=True)
            yield self._normalise(images)

    def in_epoch(self, recipe: Recipe, epoch: int) -> "CropFeed":
        """Return the feed of a training epoch, counted from 0, with the size and the changes it has reached."""
        size, augmentation = grown(recipe, epoch)
        return replace(self, size=size, augmentation=augmentation)

    def _normalise(self, images: Tensor) -> Tensor:
        """The arithmetic of `affekt.faces.preprocessing.normalise`, on the device; a test holds the two together."""
        mean = torch.tensor(self.preprocessing.mean, device=self.device).view(-1, 1, 1)
        std = torch.tensor(self.preprocessing.std, device=self.device).view(-1, 1, 1)
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        return ((images - mean) / std).contiguous(memory_format=layout)


@dataclass(frozen=True)
class FeatureFeed:
    """Pooled features of a frozen backbone, computed once."""

    features: Tensor

    def in_epoch(self, recipe: Recipe, epoch: int) -> "FeatureFeed":
        """Return itself: features do not change from epoch to epoch."""
        del recipe, epoch
        return self

    def batches(self, rows: list[Tensor], generator: Generator | None = None) -> Iterator[Tensor]:
        """Yield (batch, features) float32 for each tensor of row numbers; nothing is left to draw."""
        del generator
        yield from (self.features[index] for index in rows)


Feed = CropFeed | FeatureFeed


@torch.inference_mode()
def extract_features(network: Network, feed: CropFeed, *, precision: str, batch_size: int | None = None) -> FeatureFeed:
    """Run all crops of a feed through the backbone, once, in evaluation mode.

    On a CPU each core takes batches of its own, and at fp32 layers are fused, which changes features by rounding only.

    Args:
        network: the network; not changed.
        feed: the crops.
        precision: fp32 or bf16.
        batch_size: crops a pass; None takes few on a CPU, where what they need should stay in its cache.

    Returns:
        A feed of (rows, features) float32 on the feed's device.
    """
    network.eval()
    on_cpu = feed.device.type == "cpu"
    rows = in_batches(len(feed.stream), batch_size or (8 if on_cpu else 128))
    if on_cpu and precision == "fp32":
        network = fuse_convolutions(network, next(feed.batches([rows[0][:1]])))

    def features_of(images: Tensor) -> Tensor:
        with autocast(feed.device, precision):
            features = network.forward_features(images).float()
        bar.update(len(images))
        return features

    with tqdm(total=len(feed.stream), desc="features", unit="face", leave=False, disable=None) as bar:
        threads = torch.get_num_threads() if on_cpu else 1
        parts = map_in_threads(features_of, feed.batches(rows), threads)
    return FeatureFeed(torch.cat(parts).clone())


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[object]:
    """Return the context in which a forward pass runs at the given precision."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()
