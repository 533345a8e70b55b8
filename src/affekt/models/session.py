"""A model that predicts: the ONNX file of a model folder in a runtime, with its card's preprocessing. No torch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affekt.errors import ModelError
from affekt.faces.preprocessing import normalise
from affekt.labels import LABELS
from affekt.models.card import ONNX_FILE, Card, read_card
from affekt.models.fastest import fastest_runtime
from affekt.models.runtimes import RuntimeChoice, RuntimeName, open_engine

BATCH_SIZE = 16
"""Faces per pass: enough to keep the cores busy, few enough that what a layer made is still cached for the next."""

ANSWERS = (("probabilities", "expression", len(LABELS)), ("valence_arousal", "valence_arousal", 2))
"""Each answer of a network, the head it comes from, and how many numbers it has for a face."""


@dataclass(frozen=True, eq=False)
class Affect:
    """What a model says of some faces; a head that is absent gives None."""

    probabilities: np.ndarray | None
    """(faces, 8) float32 in the order of LABELS, each row summing to 1, after the card's temperature."""
    valence_arousal: np.ndarray | None
    """(faces, 2) float32, each in [-1, 1]."""

    def __getitem__(self, faces: slice) -> "Affect":
        """Return what is said of some of the faces."""
        return Affect(*(None if part is None else part[faces] for part in (self.probabilities, self.valence_arousal)))


class Session:
    """A model folder opened for prediction, safe to share between threads."""

    def __init__(self, folder: Path, *, runtime: RuntimeChoice = "auto", threads: int | None = None) -> None:
        """Open `model.onnx` beside its card; `threads` are the cores per batch, None takes all of this process."""
        self.card: Card = read_card(folder)
        path = folder / ONNX_FILE
        if not path.is_file():
            raise ModelError(f"expected {path}, got no such file; make it with: affekt export {folder} --out {folder}")
        wanted = self.card.preprocessing
        example = np.zeros((BATCH_SIZE, wanted.channels, wanted.input_size, wanted.input_size), np.float32)
        if runtime == "auto":
            runtime = fastest_runtime(path, example, threads=threads)
        self._engine = open_engine(path, runtime, threads=threads)
        self.runtime: RuntimeName = self._engine.runtime
        self._widths = {name: width for name, head, width in ANSWERS if head in self.card.heads}
        shapes = {name: answer.shape for name, answer in self._engine(example[:1]).items()}
        if shapes != (expected := {name: (1, width) for name, width in self._widths.items()}):
            raise ModelError(
                f"expected {expected} for a face from {path}, as its card says, got {shapes}; export the model again"
            )

    def predict(self, crops: np.ndarray, *, batch_size: int = BATCH_SIZE) -> Affect:
        """Classify crops, (faces, input_size, input_size, channels) uint8, at most `batch_size` faces per pass."""
        # OpenVINO 2026.4 answers a pass without faces as if there was one, and the next pass wrongly.
        found = {name: np.zeros((0, width), np.float32) for name, width in self._widths.items()}
        if len(crops):
            batches = np.split(crops, range(batch_size, len(crops), batch_size))
            answers = [self._engine(normalise(batch, self.card.preprocessing)) for batch in batches]
            found = {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}
        return Affect(found.get("probabilities"), found.get("valence_arousal"))
