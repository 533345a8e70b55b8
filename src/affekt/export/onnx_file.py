"""A network as one ONNX file: faces in, probabilities and valence-arousal out, the card in its metadata."""

import json
import logging
import warnings
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from affekt.errors import MissingExtra
from affekt.models.card import Card
from affekt.networks.mirror_equivariant import without_mirroring
from affekt.networks.network import Network

CARD_KEY = "affekt_card"
"""Where an ONNX file's metadata keeps the card: preprocessing, labels and the rest, as JSON."""


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
        if "expression" in outputs:
            answers["probabilities"] = (outputs["expression"] / self.temperature).softmax(1)
        if "valence_arousal" in outputs:
            answers["valence_arousal"] = outputs["valence_arousal"]
        return answers


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
    answers = Answers(without_mirroring(network.eval()), card).eval()
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
    for node in model.graph.node:
        node.ClearField("metadata_props")  # torch leaves the paths of the machine's source files in each
    onnx.save(model, path)
    describe(path, card)


def describe(path: Path, card: Card) -> None:
    """Write a card into an ONNX file's metadata, in place of the one there."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {CARD_KEY: json.dumps(asdict(card))})
    onnx.save(model, path)
