import copy

import pytest
import torch
from torch import nn

from affekt.models.network import Network
from affekt.training.fused import FusedConvolution, fuse_convolutions


def lively(architecture: str) -> Network:
    """A network whose normalisations all do something, and none of which blows up rounding."""
    torch.manual_seed(0)
    network = Network(architecture, 8, ("expression",)).eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None and layer.running_var is not None:
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.6, 1.4)
            nn.init.normal_(layer.bias, std=0.1)
    return network.to(memory_format=torch.channels_last)  # pyright: ignore


@pytest.mark.parametrize("architecture", ["mobilenetv2_100", "tf_efficientnetv2_b0", "legacy_xception", "vgg16"])
def test_fused_features_are_the_plain_features(architecture: str) -> None:
    network = lively(architecture)
    images = torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        fused = fuse_convolutions(network, images[:1])
        plain_features, features = network.forward_features(images), fused.forward_features(images)
    assert fused is not network
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in fused.backbone.modules())
    assert sum(isinstance(layer, FusedConvolution) for layer in fused.backbone.modules()) == sum(
        isinstance(layer, nn.Conv2d) for layer in network.backbone.modules()
    )
    scale = float(plain_features.abs().max())
    torch.testing.assert_close(features, plain_features, rtol=0, atol=1e-5 * scale)


def test_the_network_itself_is_left_alone() -> None:
    network = lively("mobilenetv2_100")
    before = copy.deepcopy(network.state_dict())
    fuse_convolutions(network, torch.randn(1, 3, 64, 64))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in network.modules())


class Shortcut(nn.Module):
    """The convolution's own output is used twice, so its activation must not be folded into it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.activation = nn.Conv2d(3, 4, 3), nn.ReLU()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        made = self.convolution(images)
        return self.activation(made) - made


class ResidualSum(nn.Module):
    """The sum is written into the convolution's output, and only then activated."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.activation = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.ReLU()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        made = self.first(images)
        made += images
        return self.second(self.activation(made))


def test_a_network_that_cannot_be_fused_is_returned_as_it_is() -> None:
    network = lively("mobilenetv2_100")
    network.backbone = Shortcut().eval()
    assert fuse_convolutions(network, torch.randn(1, 3, 16, 16)) is network


def test_a_sum_in_place_stays_before_its_activation() -> None:
    network = lively("mobilenetv2_100")
    network.backbone = ResidualSum().eval()
    images = torch.randn(2, 3, 16, 16)
    fused = fuse_convolutions(network, images[:1])
    assert fused is not network
    torch.testing.assert_close(fused.forward_features(images), network.forward_features(images))
