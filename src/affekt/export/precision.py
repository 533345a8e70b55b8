"""An ONNX file in fewer bits: fp16, or int8 with scales calibrated on crops."""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx

CALIBRATION_BATCH = 16


def write_fp16(source: Path, target: Path) -> None:
    """Write a network with 16-bit weights and arithmetic; faces and answers stay float32."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    # Answers that a caller compares or sums are made in float32.
    onnx.save(
        convert_float_to_float16(onnx.load(source), keep_io_types=True, op_block_list=["Softmax", "Tanh"]), target
    )


def write_int8(source: Path, target: Path, faces: np.ndarray) -> None:
    """Write a network whose convolutions and dense layers work on 8-bit integers (static, QDQ).

    Weights have a scale a channel and 7 bits: with 8, sums of two products overflow on processors without VNNI.

    Args:
        source: the network in fp32.
        target: the file to write.
        faces: (faces, channels, size, size) float32, typical input; the range of every layer is read off them.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(prefix="affekt-int8-") as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            quantize_static(
                prepared,
                target,
                _Faces(faces, onnx.load(source).graph.input[0].name),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=True,
                calibrate_method=CalibrationMethod.MinMax,
            )
        finally:
            logging.disable(before)


class _Faces:
    """What onnxruntime's calibration asks for batches of input."""

    def __init__(self, faces: np.ndarray, name: str) -> None:
        batches = np.split(faces, range(CALIBRATION_BATCH, len(faces), CALIBRATION_BATCH))
        self._batches: Iterator[dict[str, Any]] = iter([{name: batch} for batch in batches])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._batches
