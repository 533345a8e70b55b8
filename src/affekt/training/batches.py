"""Batches: what a network is given, crops that progressive resizing shows small at first, or features computed once."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace

import numpy as np
import polars as pl
import torch
from torch import Generator, Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

from affekt.cores import core_count
from affekt.errors import DataError
from affekt.faces.preprocessing import Preprocessing
from affekt.networks.predictions import Crops
from affekt.terminal import progress_bar
from affekt.training.augmentation import augment
from affekt.training.recipe import Augmentation, Recipe

MEMORY_LIMIT_BYTES = 6 * 2**30
"""Crops that need less are decoded once and kept; larger splits are decoded anew each epoch by worker processes."""
SIDE_STEP = 8
"""Progressive resizing: sides grow by this many pixels."""
DECODED_AT_ONCE = 256
"""Crops that the cores decode between two turns of the progress bar."""


class CropStream:
    """Batches of crops in any order: from memory where they fit, else through worker processes."""

    def __init__(self, rows: pl.DataFrame, preprocessing: Preprocessing, *, name: str) -> None:
        """Decode all crops now if they fit into memory; `name` stands beside the progress bar."""
        self.crops = Crops(rows, preprocessing)
        fits = math.prod(self.crops.shape) <= MEMORY_LIMIT_BYTES
        self.memory = torch.from_numpy(_decode_all(self.crops, name)) if fits else None

    def __len__(self) -> int:
        """Return the number of crops."""
        return len(self.crops)

    def take(self, rows: Tensor) -> Tensor:
        """Return the crops of some row numbers, decoded in this thread where they are not in memory."""
        return self._stack([self.crops[row] for row in rows.tolist()]) if self.memory is None else self.memory[rows]

    def batches(self, batches: list[Tensor]) -> Iterator[Tensor]:
        """Yield (batch, input_size, input_size, channels) uint8 for each tensor of row numbers.

        Raises:
            DataError: a picture is missing or unreadable.
        """
        if self.memory is not None:
            yield from map(self.take, batches)
            return
        loader = DataLoader(
            self.crops,  # pyright: ignore[reportArgumentType], any sequence will do
            batch_sampler=[index.tolist() for index in batches],
            collate_fn=self._stack,
            num_workers=core_count(),
            prefetch_factor=4,
        )
        try:
            yield from loader
        except DataError as error:
            # From a worker process, the sentence arrives at the end of the worker's traceback.
            raise DataError(str(error).rpartition(f"{DataError.__name__}: ")[2].strip()) from None

    def _stack(self, crops: list[np.ndarray]) -> Tensor:
        """Put crops together, also where there are none."""
        return torch.from_numpy(np.stack(crops) if crops else np.empty((0, *self.crops.shape[1:]), dtype=np.uint8))


def _decode_all(crops: Crops, name: str) -> np.ndarray:
    decoded = np.empty(crops.shape, dtype=np.uint8)
    done = 0
    with progress_bar(total=len(crops), description=f"decode {name}", unit="face") as bar:
        for batch in crops.batches(DECODED_AT_ONCE):
            decoded[done : done + len(batch)] = batch
            done += len(batch)
            bar.update(len(batch))
    return decoded


def in_batches(rows: int, size: int) -> list[Tensor]:
    """Return row numbers in order, in batches of at most `size`."""
    return list(torch.arange(rows).split(size))


@dataclass(frozen=True)
class CropBatches:
    """Crops, changed at random where a generator is given, then normalised."""

    stream: CropStream
    preprocessing: Preprocessing
    device: torch.device
    augmentation: Augmentation = field(default_factory=Augmentation)
    size: int | None = None
    """Side the crops are shrunk to after their changes, in pixels; None leaves them."""

    def __len__(self) -> int:
        """Return the number of crops."""
        return len(self.stream)

    def batches(self, rows: list[Tensor], generator: Generator | None = None) -> Iterator[Tensor]:
        """Yield (batch, channels, height, width) float32, channels last, for each tensor of row numbers."""
        yield from (self._prepare(crops, generator) for crops in self.stream.batches(rows))

    def take(self, rows: Tensor) -> Tensor:
        """Return one such batch, unchanged, which this thread prepares by itself."""
        return self._prepare(self.stream.take(rows))

    def _prepare(self, crops: Tensor, generator: Generator | None = None) -> Tensor:
        images = crops.to(self.device).permute(0, 3, 1, 2).float() / 255
        if generator is not None:
            images = augment(images, self.augmentation, generator)
        if self.size not in (None, images.shape[-1]):
            images = F.interpolate(images, (self.size, self.size), mode="bilinear", antialias=True)
        return self._normalise(images)

    def in_epoch(self, recipe: Recipe, epoch: int) -> "CropBatches":
        """Return the batches of a training epoch, counted from 0, with the size and the changes it has reached."""
        size, augmentation = size_and_augmentation(recipe, epoch)
        return replace(self, size=size, augmentation=augmentation)

    def _normalise(self, images: Tensor) -> Tensor:
        """The arithmetic of `affekt.faces.preprocessing.normalise`, on the device; a test holds the two together."""
        mean = torch.tensor(self.preprocessing.mean, device=self.device).view(-1, 1, 1)
        std = torch.tensor(self.preprocessing.std, device=self.device).view(-1, 1, 1)
        # Channels last is twice as fast for depthwise convolutions on a CPU.
        return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def size_and_augmentation(recipe: Recipe, epoch: int) -> tuple[int, Augmentation]:
    """Progressive resizing: the side of the pictures in an epoch, counted from 0, and the random changes made to them.

    Small pictures with few changes come first, which cost little while the network knows little: Tan and Le (2021,
    ICML), "EfficientNetV2: Smaller Models and Faster Training", section 4.
    """
    full, data = recipe.network.input_size, recipe.data
    reached = min(1.0, epoch / data.resizing_epochs) if data.resizing_epochs else 1.0
    if reached == 1:
        return full, recipe.augmentation
    start = data.start_size or full
    size = start + SIDE_STEP * int(reached * (full - start) / SIDE_STEP)
    names = [each.name for each in fields(Augmentation) if each.name != "flip"]
    return size, replace(recipe.augmentation, **{name: getattr(recipe.augmentation, name) * reached for name in names})


@dataclass(frozen=True)
class FeatureBatches:
    """Pooled features of a frozen backbone, computed once; nothing is left to draw."""

    features: Tensor
    """(rows, features) float32."""

    def batches(self, rows: list[Tensor], generator: Generator | None = None) -> Iterator[Tensor]:
        """Yield (batch, features) float32 for each tensor of row numbers."""
        del generator
        yield from (self.features[index] for index in rows)

    def in_epoch(self, recipe: Recipe, epoch: int) -> "FeatureBatches":
        """Return itself: features do not change from epoch to epoch."""
        del recipe, epoch
        return self


Batches = CropBatches | FeatureBatches
"""The inputs of a network for any rows."""
