"""Layers that answer a picture and its mirror image alike, by their weights.

Channels come in two halves: what the first half sees in a picture, the second sees in its mirror image. A network of
such layers needs no second pass over the mirror image, and keeps half as many weights for the same arithmetic.

Cohen and Welling (2016), "Group Equivariant Convolutional Networks", for the group of one reflection.
"""

from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Module = TypeVar("Module", bound=nn.Module)
Conv = TypeVar("Conv", bound=nn.Conv2d)


class MirroredConv2d(nn.Conv2d):
    """A convolution that keeps the weights of half its output channels; the other half's are these, mirrored."""

    sees_picture: bool = False
    """Whether its input is a picture, and not the two halves of what another such layer gives."""

    def all_weights(self) -> Tensor:
        """Return the weights of both halves, (2 * out_channels, in_channels, height, width)."""
        swapped = self.weight if self.sees_picture else self.weight.roll(self.in_channels // 2, 1)
        return torch.cat([self.weight, swapped.flip(3)])

    def forward(self, input: Tensor) -> Tensor:
        """Map (faces, in_channels, height, width) to twice `out_channels`."""
        return F.conv2d(input, self.all_weights(), None, self.stride, self.padding)

    def as_plain(self) -> nn.Conv2d:
        """Return the ordinary convolution that computes the same."""
        return _conv(nn.Conv2d, self, self.all_weights())


class MirroredBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation with one mean, variance, weight and bias for a channel and its mirrored partner.

    While training, each half is normalised by its own batch statistics, which differ by chance only.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Map (faces, 2 * num_features, height, width) to the same shape."""
        assert self.running_mean is not None
        assert self.running_var is not None
        mean, variance = self.running_mean.repeat(2), self.running_var.repeat(2)
        scale = self.weight.repeat(2), self.bias.repeat(2)
        if not self.training:
            return F.batch_norm(input, mean, variance, *scale, eps=self.eps)
        normalised = F.batch_norm(input, mean, variance, *scale, training=True, momentum=1.0, eps=self.eps)
        assert self.momentum is not None
        means = mean.view(2, -1)
        both = means.mean(0)
        self.running_mean.lerp_(both, self.momentum)
        self.running_var.lerp_(variance.view(2, -1).mean(0) + (means - both).square().mean(0), self.momentum)
        return normalised

    def as_plain(self) -> nn.BatchNorm2d:
        """Return the ordinary normalisation that computes the same in evaluation."""
        plain = nn.BatchNorm2d(2 * self.num_features, self.eps, self.momentum)
        plain.load_state_dict({name: t.repeat(2) if t.ndim else t for name, t in self.state_dict().items()})
        return plain


def mirrored_conv(plain: nn.Conv2d) -> nn.Module:
    """Return a convolution of as many channels that begins with half the weights of an ordinary one without a bias.

    Every second position of an even side is not symmetric, so that instead of striding, two by two positions are
    averaged first, which costs as much.
    """
    assert plain.bias is None
    half = _conv(MirroredConv2d, plain, plain.weight[: plain.out_channels // 2])
    if plain.stride == (1, 1):
        return half
    half.stride = (1, 1)
    return nn.Sequential(nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False), half)


def mirrored_stem(plain: nn.Conv2d) -> MirroredConv2d:
    """Return a convolution that halves the picture, four pixels wide: symmetric on even sides without averaging."""
    wide = nn.Conv2d(plain.in_channels, plain.out_channels, 4, stride=2, padding=1, bias=False)
    nn.init.kaiming_normal_(wide.weight, mode="fan_out", nonlinearity="relu")
    half = _conv(MirroredConv2d, wide, wide.weight[: wide.out_channels // 2])
    half.sees_picture = True
    return half


def mirrored_norm(plain: nn.BatchNorm2d) -> MirroredBatchNorm2d:
    """Return a batch normalisation of as many channels that begins as an ordinary one."""
    half = MirroredBatchNorm2d(plain.num_features // 2, plain.eps, plain.momentum)
    half.load_state_dict({name: t[: len(t) // 2] if t.ndim else t for name, t in plain.state_dict().items()})
    return half


def symmetric_mean(x: Tensor) -> Tensor:
    """Average the two halves of the channels, the second mirrored back: (faces, c, h, w) to (faces, c / 2, h, w)."""
    seen, seen_mirrored = x.chunk(2, 1)
    return (seen + seen_mirrored.flip(3)) / 2


def without_mirroring(module: Module) -> Module:
    """Return a copy in which ordinary layers compute what mirrored ones did, for formats that know no others."""
    copy = deepcopy(module)
    for name, layer in list(copy.named_modules()):
        if isinstance(layer, MirroredConv2d | MirroredBatchNorm2d):
            copy.set_submodule(name, layer.as_plain().train(layer.training))
    return copy


def _conv(kind: type[Conv], like: nn.Conv2d, weights: Tensor) -> Conv:
    """Make a convolution of given weights, (out, in, height, width), that strides and pads as another."""
    conv = kind(like.in_channels, len(weights), like.kernel_size, like.stride, like.padding, bias=False)  # pyright: ignore
    with torch.no_grad():
        conv.weight.copy_(weights)
    return conv
