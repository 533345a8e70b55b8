"""What each field of a card may hold: a card is a file that anyone may have edited."""

import reprlib
from collections.abc import Callable
from typing import Any, NamedTuple

from affekt.errors import ModelError


class Check(NamedTuple):
    """What a field must be."""

    expected: str
    """In words."""
    holds: Callable[[Any], bool]
    """Whether a value, as JSON gives it, is that."""


def _text(value: object) -> bool:
    return isinstance(value, str)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _object(value: object) -> bool:
    return isinstance(value, dict)


def _number(value: object, low: float, high: float) -> bool:
    """Return whether a value is a number in a range; NaN is in none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and _number(value, low, high)


def _numbers(value: object, low: float, high: float) -> bool:
    return isinstance(value, list) and all(_number(one, low, high) for one in value)


def _metrics(value: object) -> bool:
    return isinstance(value, dict) and all(map(_figures, value.values()))


def _figures(found: object) -> bool:
    """Return whether a split's figures are numbers where `affekt models` prints them."""
    if not isinstance(found, dict):
        return False
    figures = found.get("figures", {})
    if not isinstance(figures, dict) or not all(map(_object, figures.values())):
        return False
    shown = [value for name, value in found.items() if name.startswith("val_")]
    shown += [figure.get("value", "missing") for figure in figures.values()]
    return all(value is None or isinstance(value, int | float) for value in shown)


HEADS = (
    ["expression"],
    ["valence_arousal"],
    ["expression", "valence_arousal"],
    ["valence_arousal", "expression"],
)
TEXT, OBJECT = Check("text", _text), Check("an object", _object)

CARD_FIELDS = {
    "name": TEXT,
    "architecture": TEXT,
    "hidden_units": Check("a whole number from 1", lambda value: _whole(value, 1, 1_000_000)),
    "heads": Check("a list of expression, valence_arousal or both", lambda value: value in HEADS),
    "preprocessing": OBJECT,
    "labels": Check("a list of words", _texts),
    "temperature": Check("a number from 0.001 to 1000", lambda value: _number(value, 1e-3, 1e3)),
    "valence_arousal_origin": Check("text or null", lambda value: value is None or _text(value)),
    "precision": TEXT,
    "parameters": Check("a whole number from 0", lambda value: _whole(value, 0, 10**15)),
    "training": OBJECT,
    "metrics": Check("an object of numbers for each split", _metrics),
    "export": OBJECT,
    "licence": TEXT,
    "limits": Check("a list of sentences", _texts),
    "affekt_version": TEXT,
}
"""Each field of `Card`."""

PREPROCESSING_FIELDS = {
    "input_size": Check("a whole number from 16 to 2048", lambda value: _whole(value, 16, 2048)),
    "channels": Check("1 or 3", lambda value: _whole(value, 1, 3) and value != 2),
    "mean": Check("a list of numbers from -100 to 100", lambda value: _numbers(value, -100, 100)),
    "std": Check("a list of numbers from 0.0001 to 100", lambda value: _numbers(value, 1e-4, 100)),
    "resize": TEXT,
    "crop_margin": Check("a number from -0.9 to 10", lambda value: _number(value, -0.9, 10)),
    "alignment": TEXT,
}
"""Each field of `Preprocessing`."""


def check_fields(fields: dict[str, Any], checks: dict[str, Check], needed: tuple[str, ...], where: str) -> None:
    """Refuse a field that is unknown or missing, or that does not hold what it must.

    Args:
        fields: what the card, or a part of it, holds.
        checks: what it may hold.
        needed: the fields that it must hold.
        where: the card's file, for the message.

    Raises:
        ModelError: says which field it is.
    """
    unknown = sorted(fields.keys() - checks.keys())
    if unknown:
        raise ModelError(
            f"expected a card that this affekt knows in {where}, got one with {', '.join(unknown)}; update affekt to "
            "use this model"
        )
    missing = [name for name in needed if name not in fields]
    if missing:
        raise ModelError(
            f"expected a card in {where}, got one without {', '.join(missing)}; export or train the model again"
        )
    for name, value in fields.items():
        if not checks[name].holds(value):
            raise ModelError(
                f"expected {checks[name].expected} as {name} of the card in {where}, got {reprlib.repr(value)}; "
                "export or train the model again"
            )
