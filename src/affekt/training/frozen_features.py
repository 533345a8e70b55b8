"""The features of a frozen backbone, computed once and as fast as the machine allows: on a CPU by an ONNX runtime."""

import io
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from affekt.models.fastest import fastest_runtime
from affekt.models.runtimes import open_engine, openvino_has_bf16
from affekt.networks.mirror_equivariant import without_mirroring
from affekt.networks.network import Network
from affekt.terminal import progress_bar
from affekt.training.batches import CropBatches, FeatureBatches, in_batches
from affekt.training.distributed import autocast

Item = TypeVar("Item")
Result = TypeVar("Result")

TOLERANCE = {"fp32": 1e-4, "bf16": 0.1}
"""Largest difference from torch's fp32 features that is accepted, as a fraction of the largest feature."""


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
        if on_cpu:
            return map_in_threads(lambda rows: work(split.take(rows)), batches, torch.get_num_threads())
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
            return list(pool.map(torch.inference_mode()(function), items))
    finally:
        # What a thread sets is also what threads made later start with.
        torch.set_num_threads(threads_before)
