"""The floor: what the cores could do at best, and how far each stage of a prediction is from it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from speed_ours import median_s

from affekt.faces.detection import FaceDetector
from affekt.faces.detector_file import yunet_path
from affekt.faces.pictures import read_rgb
from affekt.faces.preprocessing import crop_face, normalise
from affekt.models.card import ONNX_FILE
from affekt.models.runtimes import RuntimeName, open_engine
from affekt.models.session import BATCH_SIZE, Session


@dataclass(frozen=True)
class Stage:
    """A stage of a prediction, for a picture with one face."""

    name: str
    multiply_adds: float
    touched_bytes: float
    """Read once and written once, at least."""
    measured_s: float


def matrix_rate() -> float:
    """Return the float32 multiply-adds per second of numpy's matrix product on the cores it may use, best of ten."""
    side = 1536
    left, right = np.ones((2, side, side), np.float32)
    return side**3 / _best_s(lambda: left @ right)


def bandwidth() -> float:
    """Return the bytes a second, read and written, of copying 256 MB, the best of ten."""
    source = np.ones(2**25, np.float64)
    target = np.empty_like(source)
    return 2 * source.nbytes / _best_s(lambda: np.copyto(target, source))


def _best_s(call: Callable[[], object]) -> float:
    times = []
    for _ in range(10):
        start_s = time.perf_counter()
        call()
        times.append(time.perf_counter() - start_s)
    return min(times)


def multiply_adds(path: Path, **dimensions: int) -> int:
    """Count the multiply-adds of an ONNX file's convolutions and dense layers; a free dimension not named is 1."""
    model = onnx.load(path)
    for entry in model.graph.input:
        for dimension in entry.type.tensor_type.shape.dim:
            if dimension.dim_param:
                dimension.dim_value = dimensions.get(dimension.dim_param, 1)
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    weights = {each.name: list(each.dims) for each in model.graph.initializer}
    known = [*model.graph.value_info, *model.graph.output]
    shapes = {each.name: [one.dim_value for one in each.type.tensor_type.shape.dim] for each in known}
    total = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            # Of the weights (out, in / groups, height, width), each output point needs those of its own channel.
            total += int(np.prod(weights[node.input[1]][1:])) * int(np.prod(shapes[node.output[0]]))
        elif node.op_type in ("Gemm", "MatMul") and node.input[1] in weights:
            total += int(np.prod(weights[node.input[1]]))
    return total


def stages(folder: Path, path: Path, measured_s: float) -> tuple[RuntimeName, list[Stage]]:
    """Measure each stage of a picture with one face; the last two in batches, a face's share.

    Args:
        folder: a model folder in fp32.
        path: the picture.
        measured_s: how long each stage is measured.

    Returns:
        The runtime that classified, and the stages in order.
    """
    session, detector = Session(folder), FaceDetector()
    engine = open_engine(folder / ONNX_FILE, session.runtime)
    wanted, picture = session.card.preprocessing, read_rgb(path)
    box_xyxy = detector.detect(picture).box_xyxy[0]
    crop = crop_face(picture, wanted, box_xyxy)
    batch = np.stack([crop] * BATCH_SIZE)
    faces = normalise(batch, wanted)
    height, width = picture.shape[:2]
    side, size = float(max(box_xyxy[2:] - box_xyxy[:2])) * (1 + wanted.crop_margin), wanted.input_size
    detected = multiply_adds(yunet_path(), height=height, width=width)
    resampled = (side * side * size + side * size * size) * wanted.channels
    classified = multiply_adds(folder / ONNX_FILE)
    read_bytes, weights_bytes = path.stat().st_size, (folder / ONNX_FILE).stat().st_size / BATCH_SIZE

    def seconds(call: Callable[[], object], faces: int = 1) -> float:
        return median_s(call, measured_s) / faces

    # uint8 is one byte a pixel and channel, float32 four.
    return session.runtime, [
        Stage("decode", 0, read_bytes + picture.size, seconds(lambda: read_rgb(path))),
        Stage("find", detected, 5 * picture.size, seconds(lambda: detector.detect(picture))),
        Stage("cut out", resampled, side * side * 3 + crop.size, seconds(lambda: crop_face(picture, wanted, box_xyxy))),
        Stage("normalise", crop.size, 5 * crop.size, seconds(lambda: normalise(batch, wanted), BATCH_SIZE)),
        Stage("classify", classified, 4 * crop.size + weights_bytes, seconds(lambda: engine(faces), BATCH_SIZE)),
    ]
