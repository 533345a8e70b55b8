"""A model that predicts: the ONNX file of a model folder in a runtime, with its card's preprocessing. No torch."""

import re
import sys
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime

from affekt.errors import AffektError, ConfigError, ModelError, says_what_to_type
from affekt.faces.preprocessing import Preprocessing, normalise
from affekt.labels import LABELS
from affekt.models.card import ONNX_FILE, SHIPPED, Card, read_card
from affekt.models.fastest import FATAL, WARNING, fastest_runtime
from affekt.models.features import with_features
from affekt.models.prior import prior_factors, with_factors
from affekt.models.runtimes import RuntimeChoice, RuntimeName, open_engine

if sys.platform != "win32":
    import resource

MOST_BYTES, BYTES_PER_BYTE = 2_000_000_000, 8
"""Memory that a network may take for its first faces: in all, and for each byte of its file."""
BATCH_SIZE = 16
"""Faces per pass: enough to keep the cores busy, few enough that what a layer made is still cached for the next."""


@dataclass(frozen=True, eq=False)
class Affect:
    """What a model says of some faces; a head that is absent gives None."""

    probabilities: np.ndarray | None
    """(faces, labels) float32, in the card's order, each row summing to 1, after the card's temperature."""
    valence_arousal: np.ndarray | None
    """(faces, 2) float32, each in [-1, 1]."""
    labels: tuple[str, ...] = LABELS
    features: np.ndarray | None = None
    """(faces, features) float32, what the dense layers read, where it was asked for."""

    def __getitem__(self, faces: slice) -> "Affect":
        """Return what is said of some of the faces."""
        probabilities, points, features = (
            None if part is None else part[faces] for part in (self.probabilities, self.valence_arousal, self.features)
        )
        return Affect(probabilities, points, self.labels, features)


_trying = threading.Lock()
"""The limit is the process's: a second trial would take that of the first for the usual one, and leave it behind."""


def _refuse_greedy(network: Path, face: np.ndarray) -> None:
    """Refuse a stranger's network that takes far more memory than its size asks for, which a line of it can do.

    It is tried in onnxruntime, which outlives a refusal of the system; only Linux can be told to refuse.
    """
    with _trying:
        _try_within_memory(network, face)


def _try_within_memory(network: Path, face: np.ndarray) -> None:
    most, usual = MOST_BYTES + BYTES_PER_BYTE * network.stat().st_size, None
    if sys.platform == "linux":
        taken = re.search(r"VmData:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
        usual = resource.getrlimit(resource.RLIMIT_DATA)
        if taken is not None and usual[0] == resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_DATA, (int(taken[1]) * 1024 + most, usual[1]))
    onnxruntime.set_default_logger_severity(FATAL)
    try:
        open_engine(network, "onnxruntime", threads=1)(face)
    except AffektError:
        raise
    except Exception as error:  # its classes are not public
        why = " ".join(str(error).split())
        raise ModelError(
            f"expected a network that answers within {most / 1e9:.1f} GB of memory in {network}, got {why}; export it "
            "again"
        ) from error
    finally:
        onnxruntime.set_default_logger_severity(WARNING)
        if usual is not None:
            resource.setrlimit(resource.RLIMIT_DATA, usual)


def _refuse_other_crops(crops: object, wanted: Preprocessing) -> None:
    """Refuse what are no crops for a network, before its runtime blames the card for them."""
    shape = (wanted.input_size, wanted.input_size, wanted.channels)
    got = crops.shape if isinstance(crops, np.ndarray) else type(crops).__name__
    if isinstance(crops, np.ndarray) and crops.ndim == 4 and got[1:] == shape:
        return
    advice = "crops[None]" if got == shape else "crop_face(picture, session.card.preprocessing)[None]"
    if isinstance(crops, list | tuple) and {getattr(crop, "shape", None) for crop in crops} == {shape}:
        advice = "numpy.array(crops)"
    sides = ", ".join(map(str, shape))
    raise ConfigError(
        f"expected crops as an array of the shape (faces, {sides}), got {got}; type: session.predict({advice})"
    )


@partial(says_what_to_type, named="affekt.models.session.Session")
class Session:
    """A model folder opened for prediction, safe to share between threads."""

    def __init__(
        self,
        folder: str | Path,
        *,
        runtime: RuntimeChoice = "auto",
        threads: int | None = None,
        features: bool = False,
        prior: str | None = None,
    ) -> None:
        """Open `model.onnx` beside its card; `threads` are the cores per batch, None takes all of this process.

        Raises ModelError where they do not fit each other, and ConfigError where an option is none of those below.
        With `features` the network tells the feature vectors, too; `prior` is as `affekt.AnalyzerOptions` has it.
        """
        folder = Path(folder)
        self.card: Card = read_card(folder)
        self._factors = None if prior is None else prior_factors(prior, self.card)
        path = folder / ONNX_FILE
        if not path.is_file():
            raise ModelError(f"expected {path}, got no such file; make it with: affekt export {folder} --out {folder}")
        wanted = self.card.preprocessing
        example = np.zeros((BATCH_SIZE, wanted.channels, wanted.input_size, wanted.input_size), np.float32)
        answers = (("probabilities", "expression", len(self.card.labels)), ("valence_arousal", "valence_arousal", 2))
        self._widths = {name: width for name, head, width in answers if head in self.card.heads}
        if not folder.is_relative_to(SHIPPED):
            _refuse_greedy(path, example[:1])
        if runtime == "auto":
            runtime = fastest_runtime(path, example, threads=threads)
        network, self._features = with_features(path.read_bytes(), path) if features else (path, "")
        self._engine = open_engine(network, runtime, threads=threads)
        shapes = {name: answer.shape for name, answer in self._engine(example[:1]).items()}
        if features:
            self._widths[self._features] = shapes[self._features][1]
        self.runtime: RuntimeName = self._engine.runtime
        if shapes != (expected := {name: (1, width) for name, width in self._widths.items()}):
            raise ModelError(
                f"expected {expected} for a face from {path}, as its card says, got {shapes}; export the model again"
            )

    def predict(self, crops: np.ndarray, *, batch_size: int = BATCH_SIZE) -> Affect:
        """Classify crops, (faces, input_size, input_size, channels) uint8, at most `batch_size` faces per pass.

        Raises ConfigError where the crops have another shape or type.
        """
        _refuse_other_crops(crops, self.card.preprocessing)
        # OpenVINO 2026.4 answers a pass without faces as if there was one, and the next pass wrongly.
        found = {name: np.zeros((0, width), np.float32) for name, width in self._widths.items()}
        if len(crops):
            batches = np.split(crops, range(batch_size, len(crops), batch_size))
            answers = [self._engine(normalise(batch, self.card.preprocessing)) for batch in batches]
            found = {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}
        features, probabilities = found.get(self._features), found.get("probabilities")
        if probabilities is not None and self._factors is not None:
            probabilities = with_factors(probabilities, self._factors)
        return Affect(probabilities, found.get("valence_arousal"), self.card.labels, features)
