"""A network as one ONNX file: faces in, probabilities and valence-arousal out, the card in its metadata."""

import json
import logging
import shutil
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from affekt.data.drawn import drawn_manifest
from affekt.data.manifest import read_row_rgb
from affekt.errors import MissingExtra, ModelError
from affekt.faces.preprocessing import crop_face, normalise
from affekt.files import written_whole
from affekt.models.card import CARD_FILE, ONNX_FILE, WEIGHTS_FILE, Card
from affekt.models.network import Network
from affekt.models.saving import load_model, save_model
from affekt.models.session import Session

LARGEST_DIFFERENCE = 1e-4
"""Between torch's and onnxruntime's probabilities, valence and arousal: an export that differs more is not kept."""


class Answers(nn.Module):
    """A network whose answers need nothing more: the card's temperature and the softmax are inside."""

    def __init__(self, network: Network, card: Card) -> None:
        """Wrap a network and its card."""
        super().__init__()
        self.network = network
        self.temperature = card.temperature

    def forward(self, faces: Tensor) -> dict[str, Tensor]:
        """Map (faces, channels, size, size) normalised pixels to named answers."""
        outputs = self.network(faces)
        answers = {}
        if outputs.logits is not None:
            answers["probabilities"] = (outputs.logits / self.temperature).softmax(1)
        if outputs.valence_arousal is not None:
            answers["valence_arousal"] = outputs.valence_arousal
        return answers


def export_model(run: Path, out: Path) -> float:
    """Write a model folder with `model.safetensors`, `model.onnx` and `card.json`, and check that both answer alike.

    Args:
        run: a trained run or a model folder.
        out: the folder to write; it may be the same one.

    Returns:
        The largest difference between torch's and onnxruntime's answers to drawn faces.

    Raises:
        ModelError: the run holds no usable model, or its export answers differently and is not kept.
        MissingExtra: the ONNX exporter is not installed.
        DataError: the folder cannot be written.
    """
    network, card = load_model(run)
    with tempfile.TemporaryDirectory(prefix="affekt-export-") as staging:
        checked = Path(staging)
        save_model(network, card, checked)
        write_onnx(network, card, checked / ONNX_FILE)
        difference = largest_difference(network, Session(checked))
        if not difference <= LARGEST_DIFFERENCE:
            raise ModelError(
                f"expected an export of {run} within {LARGEST_DIFFERENCE} of torch, got {difference:.2g}; "
                f"report that {card.architecture} does not export"
            )
        # The card comes before the weights it explains, as in `save_model`.
        for name in (CARD_FILE, WEIGHTS_FILE, ONNX_FILE):
            with written_whole(out / name) as temporary:
                shutil.copyfile(checked / name, temporary)
    return difference


@torch.inference_mode()
def largest_difference(network: Network, session: Session) -> float:
    """Return how far a session's answers to drawn faces are from the network's own."""
    preprocessing = session.card.preprocessing
    faces = drawn_manifest(identities=3, pictures_per_identity=3, size=96, seed=0).iter_rows(named=True)
    crops = np.stack([crop_face(read_row_rgb(face), preprocessing, face["box_xyxy"]) for face in faces])
    found = session.predict(crops, batch_size=5)
    expected = Answers(network, session.card).eval()(torch.from_numpy(normalise(crops, preprocessing)))
    return max(float(np.abs(getattr(found, name) - tensor.numpy()).max()) for name, tensor in expected.items())


def write_onnx(network: Network, card: Card, path: Path) -> None:
    """Write a network as ONNX with any number of faces a batch.

    Raises:
        MissingExtra: onnx or onnxscript is not installed.
    """
    try:
        import onnx
        import onnxscript as _onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "onnx", "train") from error
    answers = Answers(network.eval(), card).eval()
    size, channels = card.preprocessing.input_size, card.preprocessing.channels
    example = torch.zeros(2, channels, size, size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            answers,
            (example,),
            input_names=["faces"],
            output_names=list(answers(example)),
            dynamic_shapes={"faces": {0: torch.export.Dim("faces", min=1)}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    entry = model.metadata_props.add()
    entry.key, entry.value = "affekt_card", json.dumps(asdict(card))
    onnx.save(model, path)
