"""The card: everything needed to use a model's weights, written beside them as `card.json`. No torch here."""

import json
import reprlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from affekt.errors import ConfigError, ModelError
from affekt.faces.preprocessing import Preprocessing
from affekt.files import written_whole
from affekt.labels import LABELS
from affekt.models.card_fields import CARD_FIELDS, PREPROCESSING_FIELDS, check_fields

CARD_FILE = "card.json"
WEIGHTS_FILE = "model.safetensors"
ONNX_FILE = "model.onnx"


LIMITS = (
    "An expression is not a feeling: the model says which of eight words annotators would choose for a picture.",
    "It was not tested on groups by age, sex, skin or culture.",
    "It must not infer emotions at work or in education (EU AI Act, Article 5(1)(f)), nor decide about people.",
)
"""True of every model that affekt trains."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a model knows about itself."""

    name: str
    """The model's name in tables."""
    architecture: str
    """Name of the backbone: timm's, or one of affekt's own."""
    hidden_units: int
    """Width of the dense layer between the pooled features and the heads."""
    heads: tuple[str, ...]
    """`expression`, `valence_arousal`, or both."""
    preprocessing: Preprocessing
    """What the network wants to see."""
    labels: tuple[str, ...] = LABELS
    """Names of the expression logits, in their order."""
    temperature: float = 1.0
    """Expression logits are divided by this before the softmax; fitted on validation data."""
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
    licence: str = "Apache-2.0"
    """Licence of the weights."""
    limits: tuple[str, ...] = LIMITS
    """What is not known of the model, and what it must not be used for; a sentence each."""
    affekt_version: str = ""
    """The affekt that wrote the card."""

    def __post_init__(self) -> None:
        """Refuse another label set.

        Raises:
            ModelError: the labels are not affekt's eight, in their order.
        """
        if tuple(self.labels) != LABELS:
            raise ModelError(
                f"expected a model of the labels {', '.join(LABELS)}, got {', '.join(self.labels)} in the card of "
                f"{self.name}; train it again on an affekt manifest"
            )

    def write(self, folder: Path) -> None:
        """Write `card.json` into a model's folder, whole or not at all."""
        with written_whole(folder / CARD_FILE) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=2) + "\n")


def has_card(folder: Path) -> bool:
    """Return whether a folder holds a card; one that this user may not look into has none for them."""
    try:
        return (folder / CARD_FILE).is_file()
    except PermissionError:
        return False


def read_card(folder: Path) -> Card:
    """Read the card in a model's folder.

    Raises:
        ModelError: there is none, it is not JSON, or its fields are not a card's.
    """
    path = folder / CARD_FILE
    try:
        fields = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise ModelError(
            f"expected a model folder with {CARD_FILE}, got {folder} without one; `affekt models` lists what there is, "
            "`affekt export` makes one"
        ) from error
    except OSError as error:
        raise ModelError(f"expected to read {path}, got {error.strerror}; check who may read it") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"expected a card in {path}, got {error}; export or train the model again") from error
    if not isinstance(fields, dict):
        raise ModelError(f"expected a card in {path}, got {reprlib.repr(fields)}; export or train the model again")
    check_fields(fields, CARD_FIELDS, ("name", "architecture", "hidden_units", "heads", "preprocessing"), str(path))
    preprocessing = fields.pop("preprocessing")
    check_fields(preprocessing, PREPROCESSING_FIELDS, ("input_size",), str(path))
    try:
        return Card(preprocessing=Preprocessing(**_with_tuples(preprocessing)), **_with_tuples(fields))
    except ConfigError as error:
        raise ModelError(f"{path}: {error}") from error


def _with_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
