"""The eight expressions, in AffectNet's order, the names other data sets give them, and their colours.

Names cross file boundaries, indices never do.
"""

from affekt.errors import DataError

LABELS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")

ALIASES = {
    "happy": "happiness",
    "joy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
    "fearful": "fear",
    "scared": "fear",
    "disgusted": "disgust",
    "angry": "anger",
    "contemptuous": "contempt",
}

PROBABILITY_COLUMNS = tuple(f"p_{label}" for label in LABELS)

EXPRESSION_COLOURS: dict[str, str] = dict(
    zip(LABELS, ("#8a8f98", "#e0a100", "#2f74c0", "#3fb4d8", "#9a63c9", "#2f9e6e", "#d9503f", "#a5714a"), strict=True)
)
"""One colour per expression, the same in every picture and report, legible on white and on black."""
UNSURE = "#59636e"
"""Colour of a face whose expression is not named."""


def canonical_label(name: str) -> str:
    """Return the canonical name of an expression, whatever its case or its common alias."""
    lowered = name.strip().lower()
    label = ALIASES.get(lowered, lowered)
    if label not in LABELS:
        raise DataError(
            f"expected one of {', '.join(LABELS)}, got the expression {name!r}; map it to one of these names"
        )
    return label
