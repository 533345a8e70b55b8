"""A frozen backbone as a function that is as fast as this machine allows: on a CPU not torch, but an ONNX runtime."""

import io
import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from affekt.models.fastest import fastest_runtime
from affekt.models.runtimes import open_engine, openvino_has_bf16
from affekt.networks.mirror_equivariant import without_mirroring
from affekt.networks.network import Network

TOLERANCE = {"fp32": 1e-4, "bf16": 0.1}
"""Largest difference from torch's fp32 features that is accepted, as a fraction of the largest feature."""


class Backbone(nn.Module):
    """A network without its heads."""

    def __init__(self, network: Network) -> None:
        """Share the network's layers."""
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Map (faces, channels, height, width) to (faces, features)."""
        return self.network.forward_features(images)


def fast_features(network: Network, images: Tensor, *, name: str, precision: str) -> Callable[[Tensor], Tensor]:
    """Return a function with the features of a network's backbone in evaluation mode, on the CPU.

    Args:
        network: in evaluation mode, on the CPU; not changed.
        images: (faces, channels, height, width) normalised pixels of a usual call; they are tried on both.
        name: what the speeds of the runtimes are cached under, where there are several.
        precision: fp32 or bf16.

    Returns:
        A function for several threads at once, one core each: the fastest runtime's features, at bf16 OpenVINO's, or
        torch's own where there is no such runtime, or the backbone does not go into ONNX or comes out different.
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
    content = io.BytesIO()
    # Tensors of the inference mode cannot be traced.
    with torch.inference_mode(mode=False), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                Backbone(without_mirroring(network)).eval(),
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
