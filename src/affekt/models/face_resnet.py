"""Residual networks made for small faces: timm's ResNet-D, narrow, and without the pooling that throws detail away.

An ImageNet network halves its picture twice before the first block, which leaves 12 x 12 of a 48-pixel face. These
halve it once: four times the positions, paid for by half the width.

He et al. (2016), "Deep Residual Learning for Image Recognition"; He et al. (2019), "Bag of Tricks for Image
Classification with Convolutional Neural Networks" (the stem of three convolutions, and pooling in the shortcuts).
"""

from collections.abc import Callable
from functools import partial

from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn
from torch.nn import functional as F

from affekt.models.mirrored import mirrored_conv, mirrored_norm, mirrored_stem, symmetric_mean


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
    layers: tuple[int, int, int, int] = (2, 2, 2, 2),
    enlargement: float = 1.0,
    is_mirrored: bool = False,
) -> ResNet:
    """Build a ResNet-D of basic blocks that halves its picture once before the first.

    Args:
        channels: of the picture.
        width: channels of the first stage; each further stage has twice as many.
        layers: blocks of each stage.
        enlargement: factor by which the picture's sides are enlarged before anything else.
        is_mirrored: whether the network answers a picture and its mirror image alike, if the enlarged sides are
            multiples of 16; see `affekt.models.mirrored`.

    Returns:
        A network from (faces, channels, height, width) to (faces, 8 * width, e * height / 16, e * width / 16), with
        the enlargement e; half as many feature maps where it is mirrored.
    """
    net = EnlargingResNet(
        BasicBlock,  # pyright: ignore[reportArgumentType] - timm says instance and means class
        layers,
        num_classes=0,
        in_chans=channels,
        global_pool="",
        stem_type="deep",
        stem_width=width // 2,
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
    "face_resnet16_w32_mirrored": partial(face_resnet, width=32, layers=(1, 2, 2, 2), is_mirrored=True),
    "face_resnet18_w16": partial(face_resnet, width=16),
    "face_resnet18_w16_mirrored": partial(face_resnet, width=16, is_mirrored=True),
    "face_resnet18_w16_64px": partial(face_resnet, width=16, enlargement=4 / 3),
    "face_resnet18_w24": partial(face_resnet, width=24),
    "face_resnet18_w32": partial(face_resnet, width=32),
    "face_resnet18_w32_64px": partial(face_resnet, width=32, enlargement=4 / 3),
    "face_resnet18_w32_64px_mirrored": partial(face_resnet, width=32, enlargement=4 / 3, is_mirrored=True),
    "face_resnet18_w40": partial(face_resnet, width=40),
}
"""Name in recipes and cards -> the function that builds it from the number of channels."""
