"""One colour an expression, the same in every picture and report, legible on white and on black."""

from affekt.labels import LABELS

EXPRESSION_COLOURS: dict[str, str] = dict(
    zip(LABELS, ("#8a8f98", "#e0a100", "#2f74c0", "#3fb4d8", "#9a63c9", "#2f9e6e", "#d9503f", "#a5714a"), strict=True)
)
UNSURE = "#59636e"
"""Of a face whose expression is not named."""
