# pyright: strict
"""Name facial expressions: eight words with calibrated probabilities, and valence and arousal.

What the commands do, and what errors and options there are, as functions and classes of this module:

    import affekt
    affekt.analyze("portrait.jpg")

Everything else is the inside of affekt, and may change.
"""

# Imported under private names, so that the module offers what is in __all__ and nothing else.
import importlib as _importlib
import os as _os
import sys as _sys
import typing as _typing

if _typing.TYPE_CHECKING:
    from affekt.analysis.analyzer import Analyzer, analyze, load
    from affekt.analysis.drawing import draw
    from affekt.analysis.options import AnalyzerOptions, OutputOptions
    from affekt.cluster.gather import gather
    from affekt.cluster.predict import predict
    from affekt.data.manifest import read_manifest, write_manifest
    from affekt.errors import AffektError, AffektWarning, ConfigError, DataError, MissingExtra, ModelError, PictureError
    from affekt.evaluation.cross_validation import cross_validate
    from affekt.evaluation.run import EvaluateOptions, evaluate
    from affekt.exporting import export
    from affekt.exporting.push import push
    from affekt.people.options import SummaryOptions
    from affekt.people.summarize import summarize
    from affekt.terminal import show_progress
    from affekt.training.recipe import Recipe
    from affekt.training.recipes import find_recipe
    from affekt.training.run import train

__all__ = [
    "AffektError",
    "AffektWarning",
    "Analyzer",
    "AnalyzerOptions",
    "ConfigError",
    "DataError",
    "EvaluateOptions",
    "MissingExtra",
    "ModelError",
    "OutputOptions",
    "PictureError",
    "Recipe",
    "SummaryOptions",
    "__version__",
    "analyze",
    "cross_validate",
    "draw",
    "evaluate",
    "export",
    "find_recipe",
    "gather",
    "load",
    "predict",
    "push",
    "read_manifest",
    "show_progress",
    "summarize",
    "train",
    "write_manifest",
]

__version__ = "0.2.0"

# onnxruntime 1.32 reports its use to its makers unless told otherwise before it is first imported. What affekt looks at
# is nobody's business; who wants to report sets the variable to 0.
_os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_PLACES = {
    "analysis.analyzer": ("Analyzer", "analyze", "load"),
    "analysis.drawing": ("draw",),
    "analysis.options": ("AnalyzerOptions", "OutputOptions"),
    "cluster.gather": ("gather",),
    "cluster.predict": ("predict",),
    "data.manifest": ("read_manifest", "write_manifest"),
    "errors": (
        *("AffektError", "AffektWarning", "ConfigError", "DataError", "MissingExtra", "ModelError", "PictureError"),
    ),
    "evaluation.cross_validation": ("cross_validate",),
    "evaluation.run": ("EvaluateOptions", "evaluate"),
    "exporting": ("export",),
    "exporting.push": ("push",),
    "people.options": ("SummaryOptions",),
    "people.summarize": ("summarize",),
    "terminal": ("show_progress",),
    "training.recipe": ("Recipe",),
    "training.recipes": ("find_recipe",),
    "training.run": ("train",),
}
"""Where each name is; imported when it is first asked for, so that `import affekt` is instant."""


def __getattr__(name: str) -> object:
    for module, names in _PLACES.items():
        if name in names:
            value = globals()[name] = getattr(_importlib.import_module(f"affekt.{module}"), name)
            return value
    raise AttributeError(f"module 'affekt' has no attribute {name!r}", name=name, obj=_sys.modules[__name__])


def __dir__() -> list[str]:
    return __all__
