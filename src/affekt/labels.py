"""The eight expressions, in AffectNet's order, and their colours.

Names cross file boundaries, indices never do.
"""

LABELS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")


PROBABILITY_COLUMNS = tuple(f"p_{label}" for label in LABELS)

EXPRESSION_COLOURS: dict[str, str] = dict(
    zip(LABELS, ("#8a8f98", "#e0a100", "#2f74c0", "#3fb4d8", "#9a63c9", "#2f9e6e", "#d9503f", "#a5714a"), strict=True)
)
"""One colour per expression, the same in every picture and report, legible on white and on black."""
UNSURE = "#59636e"
"""Colour of a face whose expression is not named."""
