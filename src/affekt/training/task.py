"""The task: the loss of a network's outputs, which the loop knows nothing about."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from affekt.errors import DataError
from affekt.labels import LABELS
from affekt.models.network import Outputs
from affekt.training.inputs import Targets
from affekt.training.losses import concordance_loss, soft_cross_entropy, squared_error
from affekt.training.recipe import Recipe
from affekt.training.teachers import Lesson, Teachers


@dataclass(frozen=True)
class Task:
    """Turns outputs and targets into one loss."""

    recipe: Recipe
    class_weight: Tensor | None = None
    """(8,) weight of each expression, None for equal weights."""
    teachers: Teachers | None = None
    """Models whose answers are part of the target."""

    def __call__(self, outputs: Outputs, targets: Targets, lesson: Lesson | None = None) -> Tensor:
        """Return the scalar loss of a batch, in float32; `lesson` is what the teachers say of it."""
        if lesson is not None:
            targets = self._taught(targets, lesson)
        losses = []
        if outputs.logits is not None:
            target = targets.votes if lesson is not None else self._distribution(targets)
            losses.append(soft_cross_entropy(outputs.logits.float(), target, self.class_weight))
        if outputs.valence_arousal is not None:
            predicted, loss = outputs.valence_arousal.float(), self.recipe.valence_arousal_loss
            weight = self.recipe.valence_arousal_weight
            if "mse" in loss:
                losses.append(weight * squared_error(predicted, targets.valence_arousal))
            if "ccc" in loss:
                losses.append(weight * concordance_loss(predicted, targets.valence_arousal))
        return torch.stack(losses).sum()

    def _taught(self, targets: Targets, lesson: Lesson) -> Targets:
        distribution, points = self._distribution(targets), targets.valence_arousal
        if lesson.probabilities is not None:
            distribution = mixed(distribution, lesson.probabilities, self.recipe.teacher_weight)
        if lesson.valence_arousal is not None:
            points = mixed(points, lesson.valence_arousal, self.recipe.teacher_weight)
        return replace(targets, votes=distribution, valence_arousal=points)

    def _distribution(self, targets: Targets) -> Tensor:
        if self.recipe.expression_target == "votes":
            target = targets.votes
        else:
            target = F.one_hot(targets.label.clamp(min=0), len(LABELS)).float()
            target = target.masked_fill((targets.label < 0)[:, None], torch.nan)
        smoothing = self.recipe.label_smoothing
        return target * (1 - smoothing) + smoothing / len(LABELS)


def mixed(own: Tensor, taught: Tensor, weight: float) -> Tensor:
    """Mix (n, k) targets with what teachers say; rows without a target (NaN) have the teachers' alone."""
    return torch.where(own.isnan(), taught, (1 - weight) * own + weight * taught)


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
