"""The network: a backbone of timm or our own, global average pooling, one dense layer, and one or two heads.

Our own backbones are residual networks made for small faces: timm's ResNet-D, narrow, and without the pooling that
throws detail away. An ImageNet network halves its picture twice before the first block, which leaves 12 x 12 of a
48-pixel face. These halve it once: four times the positions, paid for by half the width.

He et al. (2016), "Deep Residual Learning for Image Recognition"; He et al. (2019), "Bag of Tricks for Image
Classification with Convolutional Neural Networks" (the stem of three convolutions, and pooling in the shortcuts).
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import timm
import torch
from timm.models import group_parameters
from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn
from torch.nn import functional as F

from affekt.errors import ConfigError, ModelError, nearest
from affekt.labels import LABELS
from affekt.networks.mirror_equivariant import mirrored_conv, mirrored_norm, mirrored_stem, symmetric_mean

Outputs = dict[str, Tensor]
"""What the network says of each face, by head: `expression`, (faces, labels) logits before the temperature, and
`valence_arousal`, (faces, 2) in [-1, 1]; a head that is absent is left out."""


class Heads(nn.Module):
    """Dense ReLU layer and the heads on pooled features."""

    def __init__(self, features: int, hidden_units: int, heads: tuple[str, ...], labels: int = len(LABELS)) -> None:
        """Make the layers; valence and arousal start at 0 until `start_at` is called."""
        super().__init__()
        self.hidden = nn.Linear(features, hidden_units)
        self.expression = nn.Linear(hidden_units, labels) if "expression" in heads else None
        self.valence_arousal = nn.Linear(hidden_units, 2) if "valence_arousal" in heads else None
        for layer in filter(None, (self.hidden, self.expression)):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        if self.valence_arousal is not None:
            nn.init.zeros_(self.valence_arousal.weight)
            nn.init.zeros_(self.valence_arousal.bias)

    def start_at(self, valence: float, arousal: float) -> None:
        """Make the untrained head answer the training mean, so that it never has to travel there."""
        assert self.valence_arousal is not None
        mean = torch.tensor([valence, arousal]).clamp(-0.95, 0.95)
        with torch.no_grad():
            self.valence_arousal.bias.copy_(torch.atanh(mean))

    def forward(self, features: Tensor) -> Outputs:
        """Map (faces, features) to the outputs; tanh keeps valence and arousal in [-1, 1]."""
        hidden = torch.relu(self.hidden(features))
        outputs: Outputs = {}
        if self.expression is not None:
            outputs["expression"] = self.expression(hidden)
        if self.valence_arousal is not None:
            outputs["valence_arousal"] = torch.tanh(self.valence_arousal(hidden))
        return outputs


class Network(nn.Module):
    """Backbone and heads, with timm's verbs."""

    def __init__(
        self,
        architecture: str,
        hidden_units: int,
        heads: tuple[str, ...],
        channels: int = 3,
        labels: int = len(LABELS),
    ) -> None:
        """Build it with random weights; a ModelError names what timm does not have, or gives no feature maps."""
        super().__init__()
        self.architecture = architecture
        self.backbone, features, matcher = _backbone(architecture, channels)
        stages = group_parameters(self.backbone, matcher)
        self.stages: list[list[str]] = [stages[place] for place in sorted(stages)]
        """Names of the backbone's parameters, stage by stage from the picture to the features, as timm groups them."""
        self._frozen: list[nn.Module] = []
        self.heads = Heads(features, hidden_units, heads, labels)

    def forward_features(self, images: Tensor) -> Tensor:
        """Map (faces, channels, height, width) normalised pixels to (faces, features), pooled over the picture."""
        return self.backbone(images).mean((2, 3))

    def forward(self, images: Tensor) -> Outputs:
        """Map (faces, channels, height, width) normalised pixels to the outputs."""
        return self.heads(self.forward_features(images))

    def freeze_backbone(self, trained_stages: int = 0) -> None:
        """Keep the backbone but its last stages as it is, batch-norm statistics too, whatever `train` is called with.

        Raises ConfigError where the backbone has no more stages than those to train.
        """
        most = len(self.stages) - 1
        if trained_stages > most:
            raise ConfigError(
                f"expected trained_stages from 0 to {most} of {self.architecture}, got {trained_stages}; train all of "
                "it with no frozen (--no-frozen --trained-stages 0)"
            )
        kept = {name for stage in self.stages[: len(self.stages) - trained_stages] for name in stage}
        for name, parameter in self.backbone.named_parameters():
            parameter.requires_grad_(name not in kept)
        self._frozen = [self.backbone]
        if trained_stages:
            layers = self.backbone.named_modules()
            own = {each: {f"{at}.{name}" for name, _ in each.named_parameters(recurse=False)} for at, each in layers}
            self._frozen = [layer for layer, names in own.items() if names and names <= kept]
        self.train(self.training)

    def train(self, mode: bool = True) -> "Network":
        """Switch between training and evaluation; what is frozen stays in evaluation."""
        super().train(mode)
        for layer in self._frozen:
            layer.eval()
        return self


class EnlargingResNet(ResNet):
    """A residual network that enlarges its picture first: more positions to compute at, from no more pixels.

    The enlargement is the network's and not the preprocessing's, so that a sharp photograph is cut to as few pixels
    as the faces it was trained on had.
    """

    enlargement: float = 1.0
    """Factor on height and width."""
    is_mirrored: bool = False
    """Whether its layers are mirrored, and its two halves of channels are averaged at last."""

    def forward_features(self, x: Tensor) -> Tensor:
        """Map (faces, channels, height, width) to feature maps."""
        if self.enlargement != 1:
            x = F.interpolate(x, scale_factor=self.enlargement, mode="bilinear", align_corners=False)
        maps = super().forward_features(x)
        return symmetric_mean(maps) if self.is_mirrored else maps


def face_resnet(
    channels: int,
    *,
    width: int,
    stem_width: int | None = None,
    enlargement: float = 1.0,
    is_mirrored: bool = False,
) -> ResNet:
    """Build a ResNet-D of two basic blocks per stage that halves its picture once before the first.

    Args:
        channels: of the picture.
        width: channels of the first stage; each further stage has twice as many. The network maps (faces, channels,
            height, width) to (faces, 8 * width, e * height / 16, e * width / 16), with the enlargement e.
        stem_width: channels of the first two convolutions; half of `width` if None.
        enlargement: factor by which the picture's sides are enlarged before anything else.
        is_mirrored: whether it answers a picture and its mirror image alike, if the enlarged sides are multiples of 16,
            with half as many feature maps; see `affekt.networks.mirror_equivariant`.
    """
    net = EnlargingResNet(
        BasicBlock,  # pyright: ignore[reportArgumentType] - timm says instance and means class
        (2, 2, 2, 2),
        num_classes=0,
        in_chans=channels,
        global_pool="",
        stem_type="deep",
        stem_width=stem_width or width // 2,
        avg_down=True,
        channels=(width, 2 * width, 4 * width, 8 * width),
    )
    net.enlargement = enlargement
    net.maxpool = nn.Identity()
    if is_mirrored:
        _mirror(net)
    return net


def _mirror(net: EnlargingResNet) -> None:
    net.is_mirrored = True
    net.num_features = int(net.num_features) // 2
    for name, layer in list(net.named_modules()):
        if isinstance(layer, nn.Conv2d):
            net.set_submodule(name, mirrored_stem(layer) if name == "conv1.0" else mirrored_conv(layer))
        elif isinstance(layer, nn.BatchNorm2d):
            net.set_submodule(name, mirrored_norm(layer))


FACE_RESNETS: dict[str, Callable[[int], ResNet]] = {
    "face_resnet18_w16": partial(face_resnet, width=16),
    "face_resnet18_w16_mirrored": partial(face_resnet, width=16, is_mirrored=True),
    "face_resnet18_w16_64px": partial(face_resnet, width=16, enlargement=4 / 3),
    "face_resnet18_w24": partial(face_resnet, width=24),
    "face_resnet18_w24_stem8_mirrored": partial(face_resnet, width=24, stem_width=8, is_mirrored=True),
    "face_resnet18_w32": partial(face_resnet, width=32),
    "face_resnet18_w32_stem8_mirrored": partial(face_resnet, width=32, stem_width=8, is_mirrored=True),
    "face_resnet18_w32_64px": partial(face_resnet, width=32, enlargement=4 / 3),
    "face_resnet18_w32_64px_mirrored": partial(face_resnet, width=32, enlargement=4 / 3, is_mirrored=True),
    "face_resnet18_w40": partial(face_resnet, width=40),
}
"""Name in recipes and cards -> the function that builds it from the number of channels."""


def _backbone(architecture: str, channels: int) -> tuple[nn.Module, int, Any]:
    """Build a backbone; return it, the number of its features, and what tells its stages by their parameters' names."""
    if architecture in FACE_RESNETS:
        net = FACE_RESNETS[architecture](channels)
        return net, int(net.num_features), net.group_matcher(coarse=True)
    if not timm.is_model(architecture):
        close = nearest(architecture, [*FACE_RESNETS, *timm.list_models()], "mobilenetv2_100")
        raise ModelError(f"expected the name of a timm model, got {architecture!r}; choose for example {close}")
    if architecture.startswith("vgg"):
        # timm keeps two 4096-wide layers behind VGG's convolutions, the study's regressor does not.
        whole: Any = timm.create_model(architecture, in_chans=channels)
        layers = nn.Sequential(*whole.features)
        features = [layer.out_channels for layer in layers if isinstance(layer, nn.Conv2d)][-1]
        return nn.Sequential(OrderedDict(features=layers)), features, whole.group_matcher(coarse=True)
    try:
        net: Any = timm.create_model(architecture, in_chans=channels, num_classes=0, global_pool="")
        return net, _feature_count(net, channels), net.group_matcher(coarse=True)
    except (TypeError, RuntimeError, ValueError, AssertionError, AttributeError) as error:
        raise ModelError(
            f"expected an architecture that gives feature maps of any input size, got {architecture} ({error}); "
            "choose a convolutional network"
        ) from error


@torch.inference_mode()
def _feature_count(net: nn.Module, channels: int) -> int:
    """Ask a backbone how many feature maps it gives: in some networks timm's `num_features` is another number."""
    maps = net.eval()(torch.zeros(1, channels, 96, 96))
    net.train()
    if maps.ndim != 4:
        raise ValueError(f"features of shape {tuple(maps.shape)}")
    return maps.shape[1]


def parameter_count(module: nn.Module) -> int:
    """Count parameters as Keras does: the moving mean and variance of batch normalisation are counted."""
    statistics = (tensor for name, tensor in module.named_buffers() if name.endswith(("running_mean", "running_var")))
    return sum(tensor.numel() for tensor in (*module.parameters(), *statistics))
