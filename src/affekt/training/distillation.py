"""Distillation: a task in which a network learns the answers of trained models beside its own targets.

Hinton, Vinyals and Dean (2015), "Distilling the Knowledge in a Neural Network". Teachers see the very crops the network
sees, changed at random alike (Beyer et al. 2022, "Knowledge distillation: A good teacher is patient and consistent"),
or are asked once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from affekt.errors import ConfigError
from affekt.faces.preprocessing import LUMA, Preprocessing
from affekt.labels import LABELS
from affekt.networks.weights import load_model
from affekt.terminal import progress_bar
from affekt.training.batches import CropBatches, in_batches, normalised, per_channel
from affekt.training.distributed import autocast
from affekt.training.recipe import Augmentation
from affekt.training.task import Mix, TargetsByHead, Task

LEAST_PROBABILITY = 1e-3
"""What smaller probabilities count as where they are multiplied: else one confident answer would decide alone."""
Teachers = Callable[[Tensor], TargetsByHead]
"""The mean answer of several networks to (faces, channels, height, width), normalised as the one they teach wants."""
Answers = Callable[[Tensor, Tensor, Mix], TargetsByHead]
"""What teachers say of a batch: of the numbers of its rows, what the network is given of them, and how that was mixed.
A head that no teacher has is left out."""


@dataclass(frozen=True, kw_only=True)
class DistillationTask(Task):
    """Learn a mixture of the rows' own targets and the teachers' answers."""

    answers: Answers
    precision: str = "fp32"
    """At which teachers that see the images compute."""

    def targets_of(self, rows: Tensor, images: Tensor, mix: Mix) -> TargetsByHead:
        """Return the mixture of targets and answers; rows without a target (NaN) have the answers alone."""
        own = super().targets_of(rows, images, mix)
        with autocast(images.device, self.precision):
            answers = self.answers(rows, images, mix)
        return own | {
            head: torch.where(own[head].isnan(), said, self._mixed(head, own[head], said))
            for head, said in answers.items()
        }

    def _mixed(self, head: str, own: Tensor, said: Tensor) -> Tensor:
        weight = self.options.teacher_weight
        if head != "expression" or self.options.teacher_mixing == "mean":
            return torch.lerp(own, said, weight)
        logs = torch.lerp(own.clamp(min=LEAST_PROBABILITY).log(), said.clamp(min=LEAST_PROBABILITY).log(), weight)
        return logs.softmax(1)


def asked_each_time(teachers: Teachers) -> Answers:
    """Ask teachers about every batch."""
    return lambda rows, images, mix: teachers(images)


def asked_once(teachers: Teachers, crops: CropBatches) -> TargetsByHead:
    """Ask teachers about each unchanged crop and its mirror image, and average the two.

    Costs two passes for the whole training instead of one per epoch, and what is taught no longer depends on how a
    crop was changed.
    """
    plain = replace(crops, augmentation=Augmentation(), size=None)
    said: dict[str, list[Tensor]] = {}
    with progress_bar(total=len(crops), description="ask teachers", unit="face") as bar:
        for images in plain.batches(in_batches(len(crops), 128)):
            mirrored = teachers(images.flip(-1))
            for head, answer in teachers(images).items():
                said.setdefault(head, []).append((answer + mirrored[head]) / 2)
            bar.update(len(images))
    return {head: torch.cat(values) for head, values in said.items()}


def from_table(table: TargetsByHead) -> Answers:
    """Look up what teachers said once of all training rows, mixed as the images were."""
    return lambda rows, images, mix: {head: mix(values[rows.to(images.device)]) for head, values in table.items()}


def load_teachers(
    folders: tuple[str, ...], student: Preprocessing, device: torch.device, labels: tuple[str, ...] = LABELS
) -> Teachers:
    """Load the models that teach a network that wants to see this, by folder or by the name of one of affekt's.

    Of a teacher that knows further labels than those to be learnt, the others' probabilities are taken, 1 together.
    Raises ConfigError where a teacher wants another crop than the network that is taught, or lacks one of its labels.
    """
    members = []
    for folder in folders:
        network, card = load_model(folder)
        if card.preprocessing.crop_margin != student.crop_margin:
            raise ConfigError(
                f"expected teachers with the crop margin {student.crop_margin}, got {card.preprocessing.crop_margin} "
                f"in {folder}; set crop_margin (--crop-margin {card.preprocessing.crop_margin})"
            )
        absent = [label for label in labels if label not in card.labels]
        if "expression" in card.heads and absent:
            raise ConfigError(
                f"expected teachers that know the labels {', '.join(labels)}, got none of {', '.join(absent)} in "
                f"{folder}; train without them (--teachers)"
            )
        places = [card.labels.index(label) for label in labels if label in card.labels]
        members.append((network.to(device), card.preprocessing, places))

    @torch.no_grad()
    def mean_answers(images: Tensor) -> TargetsByHead:
        pixels = images * per_channel(student.std, images) + per_channel(student.mean, images)
        said: dict[str, list[Tensor]] = {}
        for network, preprocessing, places in members:
            for head, answer in network(seen_by(preprocessing, pixels)).items():
                # Before the card's temperature: it is fitted to labels, and what is taught are distributions.
                value = answer.float()[:, places].softmax(1) if head == "expression" else answer.float()
                said.setdefault(head, []).append(value)
        return {head: torch.stack(values).mean(0) for head, values in said.items()}

    return mean_answers


def seen_by(preprocessing: Preprocessing, pixels: Tensor) -> Tensor:
    """Turn (faces, channels, height, width) pixels in 0-1 into a teacher's input: its channels, size, mean and std."""
    if pixels.shape[1] == 1 and preprocessing.channels == 3:
        pixels = pixels.expand(-1, 3, -1, -1)
    elif pixels.shape[1] == 3 and preprocessing.channels == 1:
        pixels = (pixels * per_channel(tuple(LUMA.tolist()), pixels)).sum(1, keepdim=True)
    return normalised(pixels, preprocessing, preprocessing.input_size)
