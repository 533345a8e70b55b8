"""Residual networks made for small faces: timm's ResNet-D, narrow, and without the pooling that throws detail away.

An ImageNet network halves its picture twice before the first block, which leaves 12 x 12 of a 48-pixel face. These
halve it once: four times the positions, paid for by half the width.

He et al. (2016), "Deep Residual Learning for Image Recognition"; He et al. (2019), "Bag of Tricks for Image
Classification with Convolutional Neural Networks" (the stem of three convolutions, and pooling in the shortcuts).
"""

from collections.abc import Callable
from functools import partial

from timm.models.resnet import BasicBlock, ResNet
from torch import nn


def face_resnet(channels: int, *, width: int, layers: tuple[int, int, int, int]) -> ResNet:
    """Build a ResNet-D of basic blocks that halves its picture once before the first.

    Args:
        channels: of the picture.
        width: channels of the first stage; each further stage has twice as many.
        layers: blocks of each stage.

    Returns:
        A network from (faces, channels, height, width) to (faces, 8 * width, height / 16, width / 16).
    """
    net = ResNet(
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
    net.maxpool = nn.Identity()
    return net


FACE_RESNETS: dict[str, Callable[[int], ResNet]] = {
    "face_resnet18_w16": partial(face_resnet, width=16, layers=(2, 2, 2, 2)),
    "face_resnet18_w24": partial(face_resnet, width=24, layers=(2, 2, 2, 2)),
    "face_resnet18_w32": partial(face_resnet, width=32, layers=(2, 2, 2, 2)),
    "face_resnet18_w40": partial(face_resnet, width=40, layers=(2, 2, 2, 2)),
}
"""Name in recipes and cards -> the function that builds it from the number of channels."""
