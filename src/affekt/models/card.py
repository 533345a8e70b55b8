"""The card: everything needed to use a model's weights, written beside them as `card.json`; and where models are."""

import json
import reprlib
import stat
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from affekt.errors import ConfigError, ModelError, nearest
from affekt.faces.preprocessing import Preprocessing
from affekt.files import write_text
from affekt.labels import LABELS, is_label

CARD_FILE = "card.json"
WEIGHTS_FILE = "model.safetensors"
ONNX_FILE = "model.onnx"
LEARNT_FILE = "learnt_rows.parquet"
MOST_CARD_BYTES = 10_000_000
MOST_LABELS = 1000
SHIPPED = Path(__file__).parent.parent / "shipped"
"""The folder of the models that come with the package, one model folder each."""

NO_LICENCE = "not said"
"""What a card says of its licence until somebody writes one there."""
LIMITS = (
    "An expression is not a feeling: the model says which of its labels annotators would choose for a picture.",
    "It was not tested on groups by age, sex, skin or culture.",
    "It must not infer emotions at work or in education (EU AI Act, Article 5(1)(f)), nor decide about people.",
)
"""True of every model that affekt trains."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a model knows about itself."""

    name: str
    architecture: str
    """Name of the backbone: timm's, or one of affekt's own."""
    hidden_units: int
    """Width of the dense layer between the pooled features and the heads."""
    heads: tuple[str, ...]
    """`expression`, `valence_arousal`, or both."""
    preprocessing: Preprocessing
    labels: tuple[str, ...] = LABELS
    """Names of the expression logits, in their order; a model without that head has none, whatever stands here."""
    temperature: float = 1.0
    """Expression logits are divided by this before the softmax; fitted on validation data."""
    prior: tuple[float, ...] | None = None
    """The share of each label among what was learnt from, in their order: the prior that the answers hold for."""
    valence_arousal_origin: str | None = None
    """What the valence-arousal head was taught: `rated`, `predicted`, `projected` or `synthetic`."""
    precision: str = "fp32"
    """What `model.onnx` was exported in: `fp32`, `fp16` or `int8`; `fp16` halves `model.safetensors` too."""
    parameters: int = 0
    """Total count, as Keras counts: batch-norm moving statistics included."""
    training: dict[str, Any] = field(default_factory=dict)
    """Data, recipe, seed, epochs and command that made the weights."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """Figures with their intervals, by split."""
    export: dict[str, Any] = field(default_factory=dict)
    """What the checks of `model.onnx` found: its distance from torch and, in fewer bits, what it loses."""
    licence: str = NO_LICENCE
    """Of the weights, as their maker says; affekt does not guess it, because the data may bind them."""
    limits: tuple[str, ...] = LIMITS
    """What is not known of the model, and what it must not be used for; a sentence each."""
    affekt_version: str = ""

    def __post_init__(self) -> None:
        """Refuse labels that cannot be told apart, or cannot be written in a table."""
        labels = self.labels
        if not 2 <= len(set(labels)) == len(labels) <= MOST_LABELS or not all(map(is_label, labels)):
            raise ModelError(
                f"expected two or more different labels in lower case, got {reprlib.repr(list(labels))} in the card of "
                f"{self.name}; train it again on an affekt manifest"
            )
        if self.prior is not None and len(self.prior) != len(labels):
            raise ModelError(
                f"expected a share for each of {len(labels)} labels in the card of {self.name}, got {len(self.prior)}; "
                "train it again"
            )

    def write(self, folder: Path) -> None:
        """Write `card.json` into a model's folder, whole or not at all."""
        write_text(folder / CARD_FILE, json.dumps(asdict(self), indent=2) + "\n")


def shipped_models() -> list[str]:
    """Return the names of the models that come with the package."""
    return sorted(card.parent.name for card in SHIPPED.glob(f"*/{CARD_FILE}"))


def model_folder(model: str | Path) -> Path:
    """Return the folder of a model: the folder so named or, where that has no card, that of the shipped model.

    A folder is called like a shipped model in many places that hold none: beside a clone of affekt, for one.
    """
    if str(model) in shipped_models() and not _has_card(Path(model)):
        return SHIPPED / str(model)
    return Path(model)


def _has_card(folder: Path) -> bool:
    """Return whether a folder holds a card; one that this user may not look into has none for them."""
    try:
        return (folder / CARD_FILE).is_file()
    except PermissionError:
        return False


def read_card(folder: Path) -> Card:
    """Read the card in a model's folder, which anyone may have edited: every field is checked."""
    path = folder / CARD_FILE
    try:
        found = json.loads(_text_of_card(path))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        close = nearest(folder.name.lower(), shipped_models(), cutoff=0.8)
        raise ModelError(
            f"expected a model folder with {CARD_FILE}, got {folder} without one; "
            f"{f'did you mean {close}? ' if close else ''}`affekt models` lists what there is, "
            "`affekt train` and `affekt export` make one"
        ) from error
    except OSError as error:
        raise ModelError(f"expected to read {path}, got {error.strerror}; check who may read it") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"expected a card in {path}, got {error}; export or train the model again") from error
    if not isinstance(found, dict):
        raise ModelError(f"expected a card in {path}, got {reprlib.repr(found)}; export or train the model again")
    _check_fields(found, Card, _CARD_FIELDS, path)
    preprocessing = found.pop("preprocessing")
    _check_fields(preprocessing, Preprocessing, _PREPROCESSING_FIELDS, path)
    try:
        return Card(preprocessing=Preprocessing(**_with_tuples(preprocessing)), **_with_tuples(found))
    except ConfigError as error:
        raise ModelError(f"{path}: {error}") from error


def _text_of_card(path: Path) -> str:
    """Return what a card holds; a pipe, whose writer may never come, and what is too long hold none."""
    found = path.stat()
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)) or found.st_size > MOST_CARD_BYTES:
        raise ValueError(f"no file of at most {MOST_CARD_BYTES:,} bytes")
    return path.read_text(encoding="utf-8")


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


Check = tuple[str, Callable[[Any], bool]]
"""What a field must be, in words, and whether a value, as JSON gives it, is that."""


def _number(low: float, high: float) -> Check:
    """Return a check of numbers in a range; NaN is in none, and true and false are no numbers."""
    return f"a number from {low:g} to {high:g}", lambda value: type(value) in (int, float) and low <= value <= high


def _whole(low: int, high: int) -> Check:
    return f"a whole number from {low:,} to {high:,}", lambda value: type(value) is int and low <= value <= high


def _list_of(check: Check, words: str) -> Check:
    return f"a list of {words}", lambda value: isinstance(value, list) and all(map(check[1], value))


def _are_figures(found: object) -> bool:
    """Return whether a split's figures are numbers where `affekt models` prints them."""
    if not isinstance(found, dict):
        return False
    figures = found.get("figures", {})
    if not isinstance(figures, dict) or not all(isinstance(figure, dict) for figure in figures.values()):
        return False
    shown = [value for name, value in found.items() if name.startswith("val_")]
    shown += [figure.get("value", "missing") for figure in figures.values()]
    return all(value is None or isinstance(value, int | float) for value in shown)


_HEADS = (["expression"], ["valence_arousal"], ["expression", "valence_arousal"], ["valence_arousal", "expression"])
_TEXT: Check = ("text", lambda value: isinstance(value, str))
_OBJECT: Check = ("an object", lambda value: isinstance(value, dict))
_SHARES = _list_of(_number(0, 1), "shares")
_CARD_FIELDS: dict[str, Check] = {
    **dict.fromkeys(("name", "architecture", "precision", "licence", "affekt_version"), _TEXT),
    **dict.fromkeys(("preprocessing", "training", "export"), _OBJECT),
    "hidden_units": _whole(1, 1_000_000),
    "heads": ("a list of expression, valence_arousal or both", lambda value: value in _HEADS),
    "labels": _list_of(_TEXT, "words"),
    "temperature": _number(1e-3, 1e3),
    "prior": ("a list of shares, or null", lambda value: value is None or _SHARES[1](value)),
    "valence_arousal_origin": ("text or null", lambda value: value is None or isinstance(value, str)),
    "parameters": _whole(0, 10**15),
    "metrics": (
        "an object of numbers for each split",
        lambda value: isinstance(value, dict) and all(map(_are_figures, value.values())),
    ),
    "limits": _list_of(_TEXT, "sentences"),
}
_PREPROCESSING_FIELDS: dict[str, Check] = {
    **dict.fromkeys(("resize", "alignment"), _TEXT),
    "input_size": _whole(16, 2048),
    "channels": ("1 or 3", lambda value: type(value) is int and value in (1, 3)),
    "mean": _list_of(_number(-100, 100), "numbers from -100 to 100"),
    "std": _list_of(_number(1e-4, 100), "numbers from 0.0001 to 100"),
    "crop_margin": _number(-0.9, 10),
}


def _check_fields(
    found: dict[str, Any], kind: type[Card | Preprocessing], checks: dict[str, Check], path: Path
) -> None:
    """Refuse a field that is unknown, or missing though it has no default, or that does not hold what it must."""
    if unknown := sorted(found.keys() - checks.keys()):
        raise ModelError(
            f"expected a card that this affekt knows in {path}, got one with {', '.join(unknown)}; update affekt to "
            "use this model"
        )
    needed = [each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING]
    if missing := [name for name in needed if name not in found]:
        raise ModelError(
            f"expected a card in {path}, got one without {', '.join(missing)}; export or train the model again"
        )
    for name, value in found.items():
        expected, holds = checks[name]
        if not holds(value):
            raise ModelError(
                f"expected {expected} as {name} of the card in {path}, got {reprlib.repr(value)}; "
                "export or train the model again"
            )
