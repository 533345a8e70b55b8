"""Batches: what a network is given, crops with progressive resizing, or a frozen backbone's features, computed once."""

import io
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from typing import TypeVar

import numpy as np
import polars as pl
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from affekt.cores import ahead, core_count, prefetch
from affekt.errors import DataError
from affekt.faces.preprocessing import Preprocessing
from affekt.models.fastest import fastest_runtime
from affekt.models.runtimes import open_engine, openvino_has_bf16
from affekt.networks.mirror_equivariant import without_mirroring
from affekt.networks.network import Network
from affekt.networks.predictions import Crops
from affekt.terminal import progress_bar
from affekt.training.augmentation import augment
from affekt.training.distributed import autocast
from affekt.training.recipe import Augmentation, Recipe
from affekt.training.targets import ShardOrder

Item = TypeVar("Item")
Result = TypeVar("Result")

TOLERANCE = {"fp32": 1e-4, "bf16": 0.1}
"""Largest difference from torch's fp32 features that is accepted, as a fraction of the largest feature."""
MEMORY_LIMIT_BYTES = 6 * 2**30
"""Crops that need less are decoded once and kept; larger splits are decoded anew each epoch by worker processes."""
SIDE_STEP = 8
"""Progressive resizing: sides grow by this many pixels."""
BATCHES_AHEAD = 4
"""Batches that are read from tar files before they are asked for."""
DECODED_AT_ONCE = 256
"""Crops that the cores decode between two turns of the progress bar."""


class CropStream:
    """Batches of crops in any order: from memory where they fit, else through worker processes, or out of tar files."""

    def __init__(self, rows: pl.DataFrame, preprocessing: Preprocessing, *, name: str) -> None:
        """Decode all crops now if they fit into memory; `name` stands beside the progress bar."""
        self.crops = Crops(rows, preprocessing)
        fits = math.prod(self.crops.shape) <= MEMORY_LIMIT_BYTES
        self.memory = torch.from_numpy(_decode_all(self.crops, name)) if fits else None
        self.order = None
        """How an epoch should take the rows: anyhow, but for crops that are streamed out of tar files."""
        if not fits and self.crops.shards.names:
            window = max(1, MEMORY_LIMIT_BYTES // 2 // math.prod(self.crops.shape[1:]))
            self.order = ShardOrder(torch.from_numpy(self.crops.shards.number.copy()), window)

    def __len__(self) -> int:
        return len(self.crops)

    def take(self, rows: Tensor) -> Tensor:
        """Return the crops of some row numbers, decoded in this thread where they are not in memory."""
        return self._stack(list(self.crops.in_turn(rows.numpy()))) if self.memory is None else self.memory[rows]

    def batches(self, batches: list[Tensor]) -> Iterator[Tensor]:
        """Yield (batch, input_size, input_size, channels) uint8 for each tensor of row numbers."""
        if self.memory is not None:
            yield from map(self.take, batches)
            return
        if self.order is not None:
            yield from ahead(self._out_of_tars(batches), most=BATCHES_AHEAD)
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

    def _out_of_tars(self, batches: list[Tensor]) -> Iterator[Tensor]:
        crops = self.crops.in_turn(torch.cat(batches).numpy())
        yield from (self._stack(list(islice(crops, len(rows)))) for rows in batches)

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
        return len(self.stream)

    def batches(self, rows: list[Tensor], generator: Generator | None = None) -> Iterator[Tensor]:
        """Yield (batch, channels, height, width) float32, channels last, for each tensor of row numbers."""
        yield from (self._prepare(crops, generator) for crops in self.stream.batches(rows))

    @property
    def order(self) -> ShardOrder | None:
        """How an epoch should take the rows; None: in any order."""
        return self.stream.order

    def take(self, rows: Tensor) -> Tensor:
        """Return one such batch, unchanged, which this thread prepares by itself."""
        return self._prepare(self.stream.take(rows))

    def _prepare(self, crops: Tensor, generator: Generator | None = None) -> Tensor:
        images = crops.to(self.device).permute(0, 3, 1, 2).float() / 255
        if generator is not None:
            images = augment(images, self.augmentation, generator)
        images = normalised(images, self.preprocessing, self.size or images.shape[-1])
        # Channels last is twice as fast for depthwise convolutions on a CPU.
        return images.contiguous(memory_format=torch.channels_last)

    def in_epoch(self, recipe: Recipe, epoch: int) -> "CropBatches":
        """Return the batches of a training epoch, counted from 0, with the size and the changes it has reached."""
        size, augmentation = size_and_augmentation(recipe, epoch)
        return replace(self, size=size, augmentation=augmentation)


def normalised(pixels: Tensor, preprocessing: Preprocessing, size: int) -> Tensor:
    """Resize (faces, channels, height, width) pixels in 0-1 and normalise them as `affekt.faces.preprocessing` does."""
    if pixels.shape[-1] != size:
        pixels = F.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
    return (pixels - per_channel(preprocessing.mean, pixels)) / per_channel(preprocessing.std, pixels)


def per_channel(values: tuple[float, ...], like: Tensor) -> Tensor:
    """Return a number per channel, to compute with (faces, channels, height, width)."""
    return torch.tensor(values, device=like.device).view(-1, 1, 1)


def size_and_augmentation(recipe: Recipe, epoch: int) -> tuple[int, Augmentation]:
    """Progressive resizing: the side of the pictures in an epoch, counted from 0, and the random changes made to them.

    Small pictures with few changes come first, which cost little while the network knows little: Tan and Le (2021,
    ICML), "EfficientNetV2: Smaller Models and Faster Training", section 4.
    """
    full, data = recipe.pictures.input_size, recipe.data
    reached = min(1.0, epoch / data.resizing_epochs) if data.resizing_epochs else 1.0
    if reached == 1:
        return full, recipe.augmentation
    start = data.start_size or full
    size = start + SIDE_STEP * int(reached * (full - start) / SIDE_STEP)
    names = [each.name for each in fields(Augmentation) if each.name not in ("flip", "plain")]
    return size, replace(recipe.augmentation, **{name: getattr(recipe.augmentation, name) * reached for name in names})


@dataclass(frozen=True)
class FeatureBatches:
    """Pooled features of a frozen backbone, computed once; nothing is left to draw."""

    features: Tensor
    """(rows, features) float32."""
    order = None

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


@torch.inference_mode()
def extract_features(
    network: Network, splits: list[CropBatches], *, precision: str, batch_size: int | None = None
) -> list[FeatureBatches]:
    """Run all crops of some splits through the backbone, once, in evaluation mode.

    On a CPU each core takes batches of its own, and the fastest runtime that is installed takes torch's place, at bf16
    OpenVINO where it computes so, which changes features by rounding only. Without a batch size, batches are small
    there, so that what they need stays in the cache.
    """
    network.eval()
    device = splits[0].device
    on_cpu = device.type == "cpu"
    numbers = [in_batches(len(split), batch_size or (8 if on_cpu else 128)) for split in splits]
    features_of = network.forward_features
    if on_cpu:
        example = splits[0].take(numbers[0][0])
        name = f"features of {network.architecture} at {example.shape[-1]} px"
        features_of = fast_features(network, example, name=name, precision=precision)

    def work(images: Tensor) -> Tensor:
        with autocast(device, precision):
            features = features_of(images).float()
        bar.update(len(images))
        return features

    def features_in(split: CropBatches, batches: list[Tensor]) -> list[Tensor]:
        if on_cpu and split.order is None:
            return map_in_threads(lambda rows: work(split.take(rows)), batches, torch.get_num_threads())
        if on_cpu:
            return map_in_threads(work, split.batches(batches), torch.get_num_threads())
        return [work(images) for images in split.batches(batches)]

    with progress_bar(total=sum(map(len, splits)), description="features", unit="face") as bar:
        found = [features_in(split, batches) for split, batches in zip(splits, numbers, strict=True)]
    return [FeatureBatches(torch.cat(features).clone()) for features in found]


def fast_features(network: Network, images: Tensor, *, name: str, precision: str) -> Callable[[Tensor], Tensor]:
    """Return a function with the features of a network's backbone, for several threads at once, one core each.

    It is the fastest runtime's, at bf16 OpenVINO's, or torch's own where there is no such runtime, or the backbone does
    not go into ONNX or comes out different.

    Args:
        network: in evaluation mode, on the CPU; not changed.
        images: (faces, channels, height, width) normalised pixels of a usual call; they are tried on both.
        name: what the speeds of the runtimes are cached under, where there are several.
        precision: fp32 or bf16.
    """
    half = precision == "bf16"
    onnx = _as_onnx(network, images[:1]) if not half or openvino_has_bf16() else None
    if onnx is None:
        return network.forward_features
    example = np.ascontiguousarray(images.numpy())
    runtime = "openvino" if half else fastest_runtime(onnx, example, name=name, threads=1)
    engine = open_engine(onnx, runtime, threads=1, half=half)

    def features_of(images: Tensor) -> Tensor:
        return torch.from_numpy(engine(np.ascontiguousarray(images.numpy()))["features"])

    expected = network.forward_features(images)
    difference = (features_of(images) - expected).abs().max()
    return features_of if difference <= TOLERANCE[precision] * expected.abs().max() else network.forward_features


def _as_onnx(network: Network, images: Tensor) -> bytes | None:
    """Trace the backbone; torch's newer exporter takes ten seconds, more than the features of hundreds of pictures."""
    content, backbone = io.BytesIO(), without_mirroring(network)
    backbone.set_submodule("heads", nn.Identity())
    # Tensors of the inference mode cannot be traced.
    with torch.inference_mode(mode=False), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                backbone.eval(),
                (images.clone(),),
                content,  # pyright: ignore[reportArgumentType], the annotation knows the newer exporter only
                input_names=["images"],
                output_names=["features"],
                dynamic_axes={"images": {0: "faces"}},
                dynamo=False,
                verbose=False,
            )
        except (RuntimeError, TypeError, ValueError):
            return None
    return content.getvalue()


def map_in_threads(function: Callable[[Item], Result], items: Iterable[Item], threads: int) -> list[Result]:
    """Apply a function without gradients, in threads that each run torch's operations on one core, and keep the order.

    Cores then never wait for one another within an operation, as they do where small batches are split. The first error
    is raised, and no further item is begun then.
    """
    threads_before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(prefetch(pool, torch.inference_mode()(function), items, most=2 * threads))
    finally:
        # What a thread sets is also what threads made later start with.
        torch.set_num_threads(threads_before)
