"""The network: a backbone of timm or our own, global average pooling, one dense layer, and one or two heads."""

import difflib
from typing import NamedTuple

import timm
import torch
from torch import Tensor, nn

from affekt.errors import ModelError
from affekt.labels import LABELS
from affekt.networks.face_resnet import FACE_RESNETS
from affekt.networks.weights import backbone_weights


class Outputs(NamedTuple):
    """What the network says of each face; a head that is absent gives None."""

    logits: Tensor | None
    """(faces, 8) expression logits, before the temperature."""
    valence_arousal: Tensor | None
    """(faces, 2), each in [-1, 1]."""


class Heads(nn.Module):
    """Dense ReLU layer and the heads on pooled features."""

    def __init__(self, features: int, hidden_units: int, heads: tuple[str, ...]) -> None:
        """Make the layers; valence and arousal start at 0 until `start_at` is called."""
        super().__init__()
        self.hidden = nn.Linear(features, hidden_units)
        self.expression = nn.Linear(hidden_units, len(LABELS)) if "expression" in heads else None
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
        return Outputs(
            self.expression(hidden) if self.expression is not None else None,
            torch.tanh(self.valence_arousal(hidden)) if self.valence_arousal is not None else None,
        )


class Network(nn.Module):
    """Backbone and heads, with timm's verbs."""

    def __init__(self, architecture: str, hidden_units: int, heads: tuple[str, ...], channels: int = 3) -> None:
        """Build the network with random weights.

        Raises:
            ModelError: timm has no such architecture, or one that gives no feature maps.
        """
        super().__init__()
        self.architecture = architecture
        self.is_frozen = False
        self.backbone, features = _backbone(architecture, channels)
        self.heads = Heads(features, hidden_units, heads)

    def forward_features(self, images: Tensor) -> Tensor:
        """Map (faces, channels, height, width) normalised pixels to (faces, features), pooled over the picture."""
        return self.backbone(images).mean((2, 3))

    def forward(self, images: Tensor) -> Outputs:
        """Map (faces, channels, height, width) normalised pixels to the outputs."""
        return self.heads(self.forward_features(images))

    def freeze_backbone(self) -> None:
        """Keep the backbone as it is, its batch-norm statistics too, whatever `train` is called with."""
        self.is_frozen = True
        self.backbone.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> "Network":
        """Switch between training and evaluation; a frozen backbone stays in evaluation."""
        super().train(mode)
        if self.is_frozen:
            self.backbone.eval()
        return self

    def load_backbone(self, architecture: str, *weights: str) -> None:
        """Start the backbone from `imagenet` or a file, or from the average of several.

        Networks that went on from the same weights can be averaged: Wortsman et al. (2022), "Model soups".

        Raises:
            ModelError: the weights cannot be had or do not fit.
        """
        parts = [self._fitting(architecture, each) for each in weights]
        tensors = parts[0]
        if len(parts) > 1:
            tensors = {name: torch.stack([part[name].float() for part in parts]).mean(0) for name in tensors}
        self.backbone.load_state_dict(tensors, strict=False)

    def _fitting(self, architecture: str, weights: str) -> dict[str, Tensor]:
        tensors = backbone_weights(architecture, weights)
        wanted = self.backbone.state_dict()
        absent = [name for name in wanted if name not in tensors and not name.endswith("num_batches_tracked")]
        wrong = [name for name in wanted if name in tensors and tensors[name].shape != wanted[name].shape]
        if absent or wrong:
            raise ModelError(
                f"expected weights of {architecture}, got {weights} without a fitting {(absent + wrong)[0]}; "
                "choose weights of the same architecture, or type --architecture after what the card beside them says"
            )
        return {name: tensors[name] for name in wanted if name in tensors}


class VggConvolutions(nn.Module):
    """VGG's convolutions alone: timm keeps two 4096-wide layers behind them, the study's regressor does not."""

    def __init__(self, architecture: str, channels: int) -> None:
        """Take the convolutions of a timm VGG, their names unchanged."""
        super().__init__()
        self.features = nn.Sequential(*timm.create_model(architecture, in_chans=channels).features)  # pyright: ignore
        self.num_features = [layer.out_channels for layer in self.features if isinstance(layer, nn.Conv2d)][-1]

    def forward(self, images: Tensor) -> Tensor:
        """Map (faces, channels, height, width) to (faces, 512, height / 32, width / 32)."""
        return self.features(images)


def _backbone(architecture: str, channels: int) -> tuple[nn.Module, int]:
    if architecture in FACE_RESNETS:
        net = FACE_RESNETS[architecture](channels)
        return net, int(net.num_features)
    if not timm.is_model(architecture):
        names = [*FACE_RESNETS, *timm.list_models()]
        close = difflib.get_close_matches(architecture, names, n=1) or ["mobilenetv2_100"]
        raise ModelError(f"expected the name of a timm model, got {architecture!r}; choose for example {close[0]}")
    if architecture.startswith("vgg"):
        vgg = VggConvolutions(architecture, channels)
        return vgg, vgg.num_features
    try:
        net = timm.create_model(architecture, in_chans=channels, num_classes=0, global_pool="")
        return net, _feature_count(net, channels)
    except (TypeError, RuntimeError, ValueError, AssertionError) as error:
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
