"""The task: the loss of a network's outputs, which the loop knows nothing about."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from affekt.errors import DataError
from affekt.labels import LABELS
from affekt.networks.network import Outputs
from affekt.training.distillation import Lesson, Teachers
from affekt.training.inputs import Targets
from affekt.training.losses import concordance_loss, soft_cross_entropy, squared_error
from affekt.training.mixup import Mixing
from affekt.training.recipe import Recipe


@dataclass(frozen=True)
class Task:
    """Turns outputs and targets into one loss."""

    recipe: Recipe
    class_weight: Tensor | None = None
    """(8,) weight of each expression, None for equal weights."""
    teachers: Teachers | None = None
    """Models whose answers are part of the target."""

    def __call__(
        self, outputs: Outputs, targets: Targets, lesson: Lesson | None = None, mixing: Mixing | None = None
    ) -> Tensor:
        """Return the scalar loss of a batch, in float32.

        Args:
            outputs: what the network says of the batch's pictures.
            targets: of the pictures before they were mixed.
            lesson: what the teachers say of the mixed pictures.
            mixing: how the pictures were mixed.
        """
        distribution, points = self._distribution(targets), targets.valence_arousal
        if mixing is not None:
            distribution, points = mixing(distribution), mixing(points)
        if lesson is not None:
            distribution = taught(distribution, lesson.probabilities, self.recipe.teacher_weight)
            points = taught(points, lesson.valence_arousal, self.recipe.teacher_weight)
        losses = []
        if outputs.logits is not None:
            losses.append(soft_cross_entropy(outputs.logits.float(), distribution, self.class_weight))
        if outputs.valence_arousal is not None:
            predicted, loss = outputs.valence_arousal.float(), self.recipe.valence_arousal_loss
            weight = self.recipe.valence_arousal_weight
            if "mse" in loss:
                losses.append(weight * squared_error(predicted, points))
            if "ccc" in loss:
                losses.append(weight * concordance_loss(predicted, points))
        return torch.stack(losses).sum()

    def _distribution(self, targets: Targets) -> Tensor:
        if self.recipe.expression_target == "votes":
            target = targets.votes
        else:
            target = F.one_hot(targets.label.clamp(min=0), len(LABELS)).float()
            target = target.masked_fill((targets.label < 0)[:, None], torch.nan)
        smoothing = self.recipe.label_smoothing
        return target * (1 - smoothing) + smoothing / len(LABELS)


def taught(own: Tensor, answers: Tensor | None, weight: float) -> Tensor:
    """Mix (n, k) targets with teachers' answers, if any; rows without a target (NaN) have the answers alone."""
    return own if answers is None else torch.where(own.isnan(), answers, torch.lerp(own, answers, weight))


def require_targets(recipe: Recipe, targets: Targets, split: str) -> None:
    """Refuse a split that cannot teach or check the recipe's heads.

    Raises:
        DataError: the split lacks a label, has a single class, or has no valence and arousal.
    """
    if "expression" in recipe.heads:
        classes = len(set(targets.label[targets.label >= 0].tolist()))
        votes_only = recipe.expression_target == "votes" and not targets.votes.isnan().all()
        if classes < 2 and not (votes_only and not classes):
            raise DataError(
                f"expected at least two expressions in the {split} rows, got {classes}; "
                "fill the manifest's column emotion, or train valence and arousal with the recipe vgg16-va"
            )
    if "valence_arousal" in recipe.heads and targets.valence_arousal.isnan().any(1).all():
        raise DataError(
            f"expected valence and arousal in the {split} rows, got none; import data that has them, or project them "
            "from FER+ votes with: affekt data import ferplus --valence-arousal projected"
        )
