"""Feeds: what a trainee is given for a batch of rows, on its device: normalised crops, or features computed once."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Generator, Tensor
from torch.nn import functional as F
from tqdm import tqdm

from affekt.faces.preprocessing import Preprocessing
from affekt.networks.network import Network
from affekt.training.augmentation import augment
from affekt.training.augmentation_settings import Augmentation
from affekt.training.backbone import fast_features
from affekt.training.inputs import CropStream, in_batches
from affekt.training.progressive_resizing import grown
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

    def __len__(self) -> int:
        """Return the number of crops."""
        return len(self.stream)

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
def extract_features(
    network: Network, feeds: list[CropFeed], *, precision: str, batch_size: int | None = None
) -> list[FeatureFeed]:
    """Run all crops of some feeds through the backbone, once, in evaluation mode.

    On a CPU each core takes batches of its own, and the fastest runtime that is installed takes torch's place, at bf16
    OpenVINO where it computes so, which changes features by rounding only.

    Args:
        network: the network; not changed.
        feeds: the crops.
        precision: fp32 or bf16.
        batch_size: crops a pass; None takes few on a CPU, where what they need should stay in its cache.

    Returns:
        For each feed one of (rows, features) float32 on its device.
    """
    network.eval()
    device = feeds[0].device
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    batches = [in_batches(len(feed), batch_size or (8 if device.type == "cpu" else 128)) for feed in feeds]
    features_of = network.forward_features
    if device.type == "cpu":
        example = next(feeds[0].batches(batches[0][:1]))
        name = f"features of {network.architecture} at {example.shape[-1]} px"
        features_of = fast_features(network, example, name=name, precision=precision)

    def work(images: Tensor) -> Tensor:
        with autocast(device, precision):
            features = features_of(images).float()
        bar.update(len(images))
        return features

    with tqdm(total=sum(map(len, feeds)), desc="features", unit="face", leave=False, disable=None) as bar:
        parts = [map_in_threads(work, feed.batches(rows), threads) for feed, rows in zip(feeds, batches, strict=True)]
    return [FeatureFeed(torch.cat(part).clone()) for part in parts]


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[object]:
    """Return the context in which a forward pass runs at the given precision."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()
