"""Teachers: trained models whose answers a network learns beside its own targets.

Hinton, Vinyals and Dean (2015), "Distilling the Knowledge in a Neural Network". Teachers see the very crops the network
sees, changed at random alike (Beyer et al. 2022, "Knowledge distillation: A good teacher is patient and consistent").
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from affekt.errors import ConfigError
from affekt.faces.preprocessing import LUMA, Preprocessing
from affekt.models.card import model_folder
from affekt.networks.network import Network
from affekt.networks.saving import load_model
from affekt.training.augmentation_settings import Augmentation
from affekt.training.batches import CropFeed
from affekt.training.inputs import in_batches
from affekt.training.mixup import Mixing


@dataclass(frozen=True)
class Lesson:
    """What the teachers say of a batch."""

    probabilities: Tensor | None
    """(faces, 8), None where no teacher has that head."""
    valence_arousal: Tensor | None
    """(faces, 2), None where no teacher has that head."""

    def __getitem__(self, index: Tensor) -> "Lesson":
        """Return what they say of some faces."""
        return self._each(lambda part: part[index])

    def mixed(self, mixing: Mixing) -> "Lesson":
        """Return what they would say of mixed faces if their answers mixed as the pictures do."""
        return self._each(mixing)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Lesson":
        return Lesson(*(None if part is None else change(part) for part in (self.probabilities, self.valence_arousal)))


@dataclass(frozen=True)
class Teachers:
    """Models in evaluation mode, and the preprocessing of the network they teach."""

    members: tuple[tuple[Network, Preprocessing], ...]
    student: Preprocessing

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Lesson:
        """Average the teachers' answers to the student's inputs.

        Args:
            images: (faces, channels, height, width), normalised as the student wants them.
        """
        pixels = images * _column(self.student.std, images) + _column(self.student.mean, images)
        answers = [network(seen_by(preprocessing, pixels)) for network, preprocessing in self.members]
        # Before the card's temperature: it is fitted to labels, and what is taught are distributions like the votes'.
        logits = [answer.logits.float().softmax(1) for answer in answers if answer.logits is not None]
        points = [answer.valence_arousal.float() for answer in answers if answer.valence_arousal is not None]
        return Lesson(torch.stack(logits).mean(0) if logits else None, torch.stack(points).mean(0) if points else None)


def asked_once(teachers: Teachers, feed: CropFeed) -> Lesson:
    """Ask teachers about each unchanged crop and its mirror image, and average the two.

    Costs two passes for the whole training instead of one an epoch, and what is taught no longer depends on how a
    crop was changed.

    Returns:
        The lesson for all rows of the feed, on its device.
    """
    plain = replace(feed, augmentation=Augmentation(), size=None)
    probabilities, points = [], []
    with tqdm(total=len(feed), desc="ask teachers", unit="face", leave=False, disable=None) as bar:
        for images in plain.batches(in_batches(len(feed), 128)):
            seen, mirrored = teachers(images), teachers(images.flip(-1))
            probabilities.append(_mean(seen.probabilities, mirrored.probabilities))
            points.append(_mean(seen.valence_arousal, mirrored.valence_arousal))
            bar.update(len(images))
    return Lesson(*(None if part[0] is None else torch.cat(part) for part in (probabilities, points)))


def load_teachers(folders: tuple[str, ...], student: Preprocessing, device: torch.device) -> Teachers | None:
    """Load the models that teach, by folder or by the name of one that comes with affekt; None where there are none.

    Raises:
        ModelError: a folder holds no usable model.
        ConfigError: a teacher wants another crop than the network that is taught.
    """
    members = []
    for folder in folders:
        network, card = load_model(model_folder(folder))
        if card.preprocessing.crop_margin != student.crop_margin:
            raise ConfigError(
                f"expected teachers with the crop margin {student.crop_margin}, got {card.preprocessing.crop_margin} "
                f"in {folder}; type --crop-margin {card.preprocessing.crop_margin}"
            )
        members.append((network.to(device), card.preprocessing))
    return Teachers(tuple(members), student) if members else None


def seen_by(preprocessing: Preprocessing, pixels: Tensor) -> Tensor:
    """Turn (faces, channels, height, width) pixels in 0-1 into a teacher's input: its channels, size, mean and std."""
    if pixels.shape[1] == 1 and preprocessing.channels == 3:
        pixels = pixels.expand(-1, 3, -1, -1)
    elif pixels.shape[1] == 3 and preprocessing.channels == 1:
        pixels = (pixels * _column(tuple(LUMA.tolist()), pixels)).sum(1, keepdim=True)
    size = preprocessing.input_size
    if pixels.shape[-1] != size:
        pixels = F.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
    return (pixels - _column(preprocessing.mean, pixels)) / _column(preprocessing.std, pixels)


def _mean(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    return None if one is None or other is None else (one + other) / 2


def _column(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values, device=like.device).view(-1, 1, 1)
