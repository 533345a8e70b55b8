"""Read emotion from faces: eight expressions with calibrated probabilities, and valence and arousal."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from affekt.analysis.analyzer import Analyzer
    from affekt.models.runtimes import RuntimeChoice

# onnxruntime 1.32 reports its use to its makers unless told otherwise before it is first imported. What affekt looks at
# is nobody's business; who wants to report sets the variable to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"


def load(
    model: str | Path = "affekt",
    *,
    longest_side: int = 640,
    min_confidence: float = 0.0,
    every_s: float = 0.0,
    smooth_s: float = 0.5,
    runtime: "RuntimeChoice" = "auto",
    stop_after_s: float = float("inf"),
    detect_every: int = 1,
) -> "Analyzer":
    """Open a model for prediction.

    Args:
        model: name of a model that comes with affekt, or a model folder, as `affekt export` writes it.
        longest_side: larger pictures are shrunk to this many pixels before faces are looked for.
        min_confidence: a face whose best expression is less probable than this gets no `emotion`.
        every_s: time between the frames of a video that are looked at; 0 takes all.
        smooth_s: time constant of the filter along a track of a video; 0 smooths nothing.
        runtime: `onnxruntime`, `openvino` or `cuda`; `auto` takes the fastest that is installed, measured once.
        stop_after_s: how much of each video, or of a camera, is looked at.
        detect_every: faces of a video are looked for on one frame of so many, and followed between.

    Returns:
        An analyzer; its `analyze(pictures)` returns a polars frame, a row a face.

    Raises:
        ModelError: the folder holds no usable model.
        ConfigError: a value is out of its range, or there is no CUDA.
        MissingExtra: the runtime is not installed.
    """
    from affekt.analysis.analyzer import Analyzer

    return Analyzer(
        model,
        longest_side=longest_side,
        min_confidence=min_confidence,
        every_s=every_s,
        smooth_s=smooth_s,
        runtime=runtime,
        stop_after_s=stop_after_s,
        detect_every=detect_every,
    )
