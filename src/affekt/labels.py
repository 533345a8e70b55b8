"""Labels: the names of the expressions that a data set or a model knows, their order, their columns and their colours.

Names cross file boundaries, indices never do.
"""

from collections.abc import Iterable

LABELS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
"""The eight expressions, in AffectNet's order: the labels of the models that come with affekt, and the usual ones."""

MOST_CHARACTERS = 40

EXPRESSION_COLOURS: dict[str, str] = dict(
    zip(LABELS, ("#8a8f98", "#e0a100", "#2f74c0", "#3fb4d8", "#9a63c9", "#2f9e6e", "#d9503f", "#a5714a"), strict=True)
)
"""One colour per expression, the same in every picture and report, legible on white and on black."""
OTHER_COLOURS = ("#e64997", "#889931", "#4949e6", "#35a635", "#a65b74", "#e649e6", "#576638", "#a386bf")
"""Colours of other labels than the eight, in the order in which these stand; after the last, the first comes again."""
UNSURE = "#59636e"
"""Colour of a face whose expression is not named."""


def is_label(name: object) -> bool:
    """Whether a name can be a label: of letters and signs that are seen, in lower case, neither long nor padded."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= MOST_CHARACTERS
        and name.isprintable()
        and name == name.strip().lower()
    )


def ordered_labels(names: Iterable[str]) -> tuple[str, ...]:
    """Return each name once: those of the eight in their order, then the others by alphabet.

    Example:
        >>> ordered_labels(["pain", "fear", "bored", "neutral", "pain"])
        ('neutral', 'fear', 'bored', 'pain')
    """
    rank = {label: place for place, label in enumerate(LABELS)}
    return tuple(sorted(set(names), key=lambda name: (rank.get(name, len(LABELS)), name)))


def probability_columns(labels: Iterable[str] = LABELS) -> tuple[str, ...]:
    """Return the names of the columns that hold the labels' probabilities in every table: `p_neutral` of `neutral`."""
    return tuple(f"p_{label}" for label in labels)


def labels_of_columns(columns: Iterable[str]) -> tuple[str, ...]:
    """Return the labels whose probabilities a table holds, by the names of its columns, in the labels' order."""
    return ordered_labels(name.removeprefix("p_") for name in columns if name.startswith("p_"))


def colours_of(labels: Iterable[str]) -> dict[str, str]:
    """Return the colour of each label: that of one of the eight, or the next of `OTHER_COLOURS`."""
    colours: dict[str, str] = {}
    for label in labels:
        others = len(colours.keys() - EXPRESSION_COLOURS.keys())
        colours[label] = EXPRESSION_COLOURS.get(label, OTHER_COLOURS[others % len(OTHER_COLOURS)])
    return colours


PROBABILITY_COLUMNS = probability_columns()
"""Those of the eight expressions."""
