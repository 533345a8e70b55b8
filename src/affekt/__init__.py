"""Read emotion from faces: eight expressions with calibrated probabilities, and valence and arousal."""

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from affekt.analysis.analyzer import Analyzer as Analyzer
    from affekt.analysis.analyzer import analyze as analyze
    from affekt.analysis.analyzer import load as load
    from affekt.analysis.drawing import draw as draw
    from affekt.analysis.predict import predict as predict

# onnxruntime 1.32 reports its use to its makers unless told otherwise before it is first imported. What affekt looks at
# is nobody's business; who wants to report sets the variable to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"


_PLACES = {
    **dict.fromkeys(("Analyzer", "load", "analyze"), "affekt.analysis.analyzer"),
    "draw": "affekt.analysis.drawing",
    "predict": "affekt.analysis.predict",
}


def __getattr__(name: str) -> object:
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'affekt' has no attribute {name!r}")
