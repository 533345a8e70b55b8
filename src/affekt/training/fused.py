"""A frozen network made faster on a CPU: a convolution, its batch normalisation and its activation become one call.

Normalisation with fixed statistics is a linear map, so it is folded into the convolution before it (Jacob et al. 2018,
section 3.2); oneDNN applies the activation while the result is still in the cache. Which layers belong together is
read off one pass over a picture, so that any network will do; where the outcome differs, nothing is changed.
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.padding import pad_same
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from affekt.models.network import Network

ACTIVATIONS: dict[type[nn.Module], tuple[str, list[float]]] = {
    nn.Identity: ("none", []),
    nn.ReLU: ("relu", []),
    nn.ReLU6: ("hardtanh", [0.0, 6.0]),
    nn.SiLU: ("swish", []),
}
"""oneDNN's name of an activation, and its limits."""

TOLERANCE = 1e-4
"""Largest difference of a feature that is accepted, as a fraction of the largest feature."""


@dataclass(eq=False)
class Stage:
    """A convolution and what follows it at once."""

    convolution: nn.Conv2d
    input_shape: torch.Size
    norm: nn.BatchNorm2d | None = None
    activation: nn.Module | None = None


class FusedConvolution(nn.Module):
    """One oneDNN call for the layers of a stage, its weights already in the layout that oneDNN wants."""

    def __init__(self, stage: Stage) -> None:
        """Fold the normalisation into the weights."""
        super().__init__()
        convolution, norm = stage.convolution, stage.norm
        weight, bias = convolution.weight, convolution.bias
        if norm is not None:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            statistics = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
            weight, bias = fuse_conv_bn_weights(weight, bias, *statistics)
        self.bias = None if bias is None else bias.detach()
        self.same_padding = isinstance(convolution, Conv2dSame)
        self.kernel_size = convolution.kernel_size
        padding = (0, 0) if self.same_padding else convolution.padding
        self.geometry = (padding, convolution.stride, convolution.dilation, convolution.groups)
        self.activation = ACTIVATIONS[type(_activation_of(stage))]
        weight = weight.detach().contiguous(memory_format=torch.channels_last)
        shape = list(self._padded(torch.empty(stage.input_shape, device="meta")).shape)
        self.weight = torch.ops.mkldnn._reorder_convolution_weight(weight, *self.geometry, shape)

    def _padded(self, images: Tensor) -> Tensor:
        _, stride, dilation, _ = self.geometry
        if not self.same_padding:
            return images
        return pad_same(images, list(self.kernel_size), list(stride), list(dilation))

    def forward(self, images: Tensor) -> Tensor:
        """Map (faces, channels, height, width) to what the stage's last layer gave."""
        name, limits = self.activation
        return torch.ops.mkldnn._convolution_pointwise(
            self._padded(images), self.weight, self.bias, *self.geometry, name, limits, ""
        )


def fuse_convolutions(network: Network, images: Tensor) -> Network:
    """Return a network with the same features whose backbone runs faster on a CPU; it can no longer be trained.

    Args:
        network: in evaluation mode, on the CPU; not changed.
        images: (faces, channels, height, width) normalised pixels to learn the order of the layers from; one is enough.

    Returns:
        A fused copy, or `network` itself where oneDNN is absent or the features would differ by more than `TOLERANCE`.
    """
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")):
        return network
    fused = copy.deepcopy(network)
    # In-place layers are told apart by version counters, which tensors of the inference mode lack.
    with torch.inference_mode(mode=False), torch.no_grad():
        images = images.clone()
        features, stages = _traced(fused, images)
        replaced = {layer: new for stage in stages for layer, new in _replacements(stage).items()}
        for parent in list(fused.backbone.modules()):
            for name, child in list(parent.named_children()):
                if child in replaced:
                    setattr(parent, name, replaced[child])
        difference = (fused.forward_features(images) - features).abs().max()
    return fused if difference <= TOLERANCE * features.abs().max() else network


def _traced(network: Network, images: Tensor) -> tuple[Tensor, list[Stage]]:
    """Run the network once and note which layer was given the very tensor that a stage had just made."""
    stages: list[Stage] = []
    made: dict[int, tuple[Stage, Tensor, int]] = {}
    joined: dict[nn.Module, Stage] = {}

    def before(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        stage, tensor, version = made.get(id(inputs[0]), (None, None, 0))
        # A tensor that was changed in place since, as by a residual sum, is no longer the stage's own.
        if stage is None or tensor is None or tensor._version != version:
            return
        if isinstance(layer, nn.BatchNorm2d) and stage.norm is None and stage.activation is None:
            stage.norm, joined[layer] = layer, stage
        elif type(layer) in ACTIVATIONS and type(_activation_of(stage)) is nn.Identity:
            stage.activation, joined[layer] = layer, stage

    def after(layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        if isinstance(layer, nn.Conv2d):
            joined[layer] = Stage(layer, inputs[0].shape)
            stages.append(joined[layer])
        if layer in joined:
            made[id(output)] = joined[layer], output, output._version

    layers = [layer for layer in network.backbone.modules() if _is_fusible(layer)]
    handles = [layer.register_forward_pre_hook(before) for layer in layers]
    handles += [layer.register_forward_hook(after) for layer in layers]
    features = network.forward_features(images)
    for handle in handles:
        handle.remove()
    return features, stages


def _is_fusible(layer: nn.Module) -> bool:
    if isinstance(layer, nn.Conv2d):
        return type(layer) in (nn.Conv2d, Conv2dSame) and layer.padding_mode == "zeros" and layer.padding != "same"
    if isinstance(layer, nn.BatchNorm2d):
        return layer.track_running_stats and layer.affine and type(getattr(layer, "act", nn.Identity())) in ACTIVATIONS
    return type(layer) in ACTIVATIONS and not isinstance(layer, nn.Identity)


def _activation_of(stage: Stage) -> nn.Module:
    """Return the activation after a stage; timm's batch normalisation may carry its own."""
    return stage.activation or getattr(stage.norm, "act", None) or nn.Identity()


def _replacements(stage: Stage) -> dict[nn.Module, nn.Module]:
    following = [layer for layer in (stage.norm, stage.activation) if layer is not None]
    return {stage.convolution: FusedConvolution(stage), **{layer: nn.Identity() for layer in following}}
