"""What a model loses on labelled faces when it is exported in fewer bits."""

import numpy as np
import polars as pl

from affekt.evaluation.dimensional import concordance
from affekt.models.session import Affect, Session
from affekt.training.inputs import CropStream, in_batches, targets_of

LARGEST_LOSS_POINTS = 0.3
"""Of accuracy, or of the mean concordance times 100: an int8 export that loses more is not kept."""


def lost_points(full: Session, small: Session, rows: pl.DataFrame) -> dict[str, float]:
    """Return how many points a smaller model falls behind the full one; a negative number is a gain.

    Args:
        full: the model in fp32.
        small: the same in fewer bits.
        rows: manifest rows; those without a label say nothing.

    Returns:
        `accuracy`, in percentage points, and `ccc`, valence and arousal averaged and times 100; those that the model's
        heads and the rows allow.

    Raises:
        DataError: a picture is missing or unreadable.
    """
    stream = CropStream(rows, full.card.preprocessing, name=full.card.name)
    answers: list[tuple[Affect, Affect]] = []
    for crops in stream.batches(in_batches(rows.height, 64)):
        answers.append((full.predict(crops.numpy()), small.predict(crops.numpy())))
    before, after = (_points(_joined([pair[side] for pair in answers]), rows) for side in (0, 1))
    return {name: before[name] - after[name] for name in before}


def _joined(parts: list[Affect]) -> Affect:
    fields = ([getattr(part, name) for part in parts] for name in ("probabilities", "valence_arousal"))
    return Affect(*(None if values[0] is None else np.concatenate(values) for values in fields))


def _points(found: Affect, rows: pl.DataFrame) -> dict[str, float]:
    targets = targets_of(rows)
    points = {}
    label = targets.label.numpy()
    if found.probabilities is not None and (label >= 0).any():
        points["accuracy"] = 100 * float((found.probabilities.argmax(1) == label)[label >= 0].mean())
    truth = targets.valence_arousal.numpy().astype(np.float64)
    known = ~np.isnan(truth).any(1)
    if found.valence_arousal is not None and known.sum() > 1:
        pairs = zip(truth[known].T, found.valence_arousal[known].T, strict=True)
        points["ccc"] = 100 * float(np.mean([concordance(*pair) for pair in pairs]))
    return points
