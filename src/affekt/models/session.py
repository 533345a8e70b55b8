"""A model that predicts: the ONNX file of a model folder on onnxruntime, with its card's preprocessing. No torch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from affekt.cores import core_count
from affekt.errors import ModelError
from affekt.faces.preprocessing import normalise
from affekt.models.card import ONNX_FILE, Card, read_card


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

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        """Open `model.onnx` beside its card.

        Args:
            folder: a model folder; a run becomes one with `affekt export`.
            threads: cores a batch; None takes all that this process may use.

        Raises:
            ModelError: the card or the ONNX file is missing or cannot be used.
        """
        self.card: Card = read_card(folder)
        path = folder / ONNX_FILE
        if not path.is_file():
            raise ModelError(f"expected {path}, got no such file; make it with: affekt export {folder} --out {folder}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or core_count()
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises a class of its own for each cause, none of them public
            raise ModelError(f"expected an ONNX model in {path}, got {error}; export it again") from error
        self._outputs = [output.name for output in self._session.get_outputs()]

    def predict(self, crops: np.ndarray, *, batch_size: int = 64) -> Affect:
        """Classify face crops.

        Args:
            crops: (faces, input_size, input_size, channels) uint8, as `crop_face` gives them.
            batch_size: most faces a pass.

        Raises:
            ConfigError: the crops are not uint8.
        """
        batches = np.split(crops, range(batch_size, len(crops), batch_size)) if len(crops) else [crops]
        answers = [self._session.run(None, {"faces": normalise(batch, self.card.preprocessing)}) for batch in batches]
        joined = [np.concatenate([np.asarray(part) for part in parts]) for parts in zip(*answers, strict=True)]
        found = dict(zip(self._outputs, joined, strict=True))
        return Affect(found.get("probabilities"), found.get("valence_arousal"))
