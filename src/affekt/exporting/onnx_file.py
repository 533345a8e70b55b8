"""A network as one ONNX file: faces in, probabilities and valence-arousal out, the card in its metadata.

The file may be written again in fewer bits: fp16, or int8 with scales calibrated on crops.
"""

import json
import logging
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from affekt.errors import needs_extra
from affekt.models.card import Card
from affekt.networks.mirror_equivariant import without_mirroring
from affekt.networks.network import Network

CARD_KEY = "affekt_card"
"""Where an ONNX file's metadata keeps the card: preprocessing, labels and the rest, as JSON."""
CALIBRATION_BATCH = 16
SMALLEST_HALVED = 64
"""Shorter weights stay as they are: some are arguments of layers, and none is worth the space."""
FIRST_KEPT = 4
"""Convolutions at the beginning that stay float32 in an int8 file: their errors pass through all others."""


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
    """Write a network as ONNX with any number of faces per batch."""
    with needs_extra("train"):
        import onnxscript as _onnxscript  # noqa: F401
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
    model = onnx.load(path)
    helper.set_model_props(model, {CARD_KEY: json.dumps(asdict(card))})
    onnx.save(model, path)


def write_fp16(source: Path, target: Path) -> None:
    """Write a network whose weights are kept in 16 bits; runtimes widen them when they open it.

    Arithmetic stays float32, so that a processor without 16-bit arithmetic loses neither speed nor the sums of
    probabilities. Where it has some, OpenVINO may use it.
    """
    model = onnx.load(source)
    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < SMALLEST_HALVED:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_fp16"))
        casts.append(helper.make_node("Cast", [weight.name], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
    onnx.save(model, target)


def write_int8(source: Path, target: Path, faces: np.ndarray) -> None:
    """Write a network whose convolutions, but the first few, work on 8-bit integers (static, QDQ).

    The first see pixels, and the few dense layers decide: all are cheap and lose most. Weights have a scale a channel
    and 7 bits: with 8, sums of two products overflow on processors without VNNI. The range of every layer, and what
    its rounded weights add to its outputs on average, are read off `faces`, (faces, channels, size, size) float32,
    typical input.
    """
    with tempfile.TemporaryDirectory(prefix="affekt-int8-") as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        full = onnx.load(prepared)
        convolutions = [node.name for node in full.graph.node if node.op_type == "Conv"]
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            quantize_static(
                prepared,
                target,
                _Faces(faces, full.graph.input[0].name),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["Conv"],
                nodes_to_exclude=convolutions[:FIRST_KEPT],
                per_channel=True,
                reduce_range=True,
                calibrate_method=CalibrationMethod.MinMax,
                # Of a batch's extremes the average, not the extreme of all: single crops would stretch every scale.
                extra_options={"CalibMovingAverage": True},
            )
        finally:
            logging.disable(before)
    small = onnx.load(target)
    _correct_biases(full, small, faces)
    onnx.save(small, target)


def _correct_biases(full: onnx.ModelProto, small: onnx.ModelProto, faces: np.ndarray) -> None:
    """Take from each bias of the small network what the rounded weights add to their outputs on average.

    Nagel et al. 2019, "Data-free quantization through weight equalization and bias correction", section 4.2, with
    means of inputs that are measured. That the edges of a layer see fewer inputs is left aside, and biases that
    layers share stay as they are.
    """
    kept = {each.name: each for each in small.graph.initializer}
    weights = {each.name: each for each in full.graph.initializer}
    wide = {node.output[0]: node.input for node in small.graph.node if node.op_type == "DequantizeLinear"}
    convolutions = [node for node in small.graph.node if node.op_type == "Conv" and len(node.input) == 3]
    uses = Counter(node.input[-1] for node in convolutions)
    rounded = {node.name: node.input for node in convolutions if node.input[1] in wide and uses[node.input[-1]] == 1}
    layers = [node for node in full.graph.node if node.name in rounded]
    if not layers:
        return
    means = _channel_means(full, sorted({node.input[0] for node in layers}), faces)
    for node in layers:
        of_weight, of_bias = (wide[name] for name in rounded[node.name][1:])
        steps, step, zero = (numpy_helper.to_array(kept[name]) for name in of_weight)
        kernel, mean = numpy_helper.to_array(weights[node.input[1]]), means[node.input[0]]
        error = ((steps.astype(np.float32) - zero[:, None, None, None]) * step[:, None, None, None] - kernel).sum(
            (2, 3)
        )
        groups = len(mean) // kernel.shape[1]
        added = (error * np.repeat(mean.reshape(groups, -1), len(kernel) // groups, axis=0)).sum(axis=1)
        bias, bias_step = (numpy_helper.to_array(kept[name]) for name in of_bias[:2])
        corrected = (bias - np.rint(added / bias_step)).astype(bias.dtype)
        kept[of_bias[0]].CopyFrom(numpy_helper.from_array(corrected, of_bias[0]))


def _channel_means(model: onnx.ModelProto, names: list[str], faces: np.ndarray) -> dict[str, np.ndarray]:
    """Return the mean of each channel of layers' inputs over faces and places."""
    seen = onnx.ModelProto()
    seen.CopyFrom(model)
    seen.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = InferenceSession(seen.SerializeToString(), providers=["CPUExecutionProvider"])
    reader, sums = _Faces(faces, model.graph.input[0].name), dict.fromkeys(names, np.zeros(1))
    while (batch := reader.get_next()) is not None:
        for name, values in zip(names, session.run(names, batch), strict=True):
            sums[name] = sums[name] + np.asarray(values).mean(axis=(2, 3)).sum(axis=0)
    return {name: total / len(faces) for name, total in sums.items()}


class _Faces(CalibrationDataReader):
    """What onnxruntime's calibration asks for batches of input."""

    def __init__(self, faces: np.ndarray, name: str) -> None:
        batches = np.split(faces, range(CALIBRATION_BATCH, len(faces), CALIBRATION_BATCH))
        self._batches: Iterator[dict[str, Any]] = iter([{name: batch} for batch in batches])

    def get_next(self) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride] - None ends it
        return next(self._batches, None)
