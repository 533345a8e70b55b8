"""What the names of expressions in a data set mean: labels of affekt, labels of its own, or nothing."""

import shlex
from collections.abc import Iterable

import polars as pl

from affekt.errors import ConfigError, DataError, nearest
from affekt.labels import LABELS, MOST_CHARACTERS, is_label

SKIP = "skip"
"""Maps a name to nothing: its pictures are left out and counted."""
ALIASES = {
    **dict.fromkeys(("happy", "joy"), "happiness"),
    **dict.fromkeys(("fearful", "scared"), "fear"),
    "sad": "sadness",
    "surprised": "surprise",
    "disgusted": "disgust",
    "angry": "anger",
    "contemptuous": "contempt",
}
"""Other names of the expressions, in lower case."""
NO_EXPRESSION = ("none", "uncertain", "unknown", "unsure", "nf", "no face", "other", SKIP)
"""Names that usually say that there is no expression: whether they are labels is asked, not guessed."""
PLACEHOLDER = "LABEL"
"""What stands in an advice for the label that only a person knows."""
NEAR = 0.85
"""So alike, by difflib's ratio, a name and one of the eight that it may be this one, misspelt."""


def canonical_label(name: str) -> str:
    """Return the label that a name means, whatever its case: one of the eight, also by an alias, or the name itself.

    Numbers, names that usually say that there is no expression, and those that look like one of the eight misspelt are
    refused: what they mean must be said.
    """
    label = ALIASES.get(_key(name), _key(name))
    if label in LABELS:
        return label
    is_own = is_label(label) and label not in NO_EXPRESSION and any(map(str.isalpha, label))
    if _near(name) or not is_own:
        pair = shlex.quote(f"{_key(name) or 'NAME'}={_likely_label(name)}")
        raise DataError(
            f"expected the name of an expression, of letters and up to {MOST_CHARACTERS} characters, got {name!r}; map "
            f"it to one, as in: --map {pair}"
        )
    return label


def _near(name: str) -> str:
    """Return the name of one of the eight that this one may be, misspelt; empty where there is none."""
    return nearest(ALIASES.get(_key(name), _key(name)), [*LABELS, *ALIASES], cutoff=NEAR)


def _likely_label(name: str) -> str:
    """Return what an advice proposes for a name that `canonical_label` refuses."""
    if near := _near(name):
        return ALIASES.get(near, near)
    return SKIP if _key(name) in NO_EXPRESSION else PLACEHOLDER


def parse_map(pairs: Iterable[str]) -> dict[str, str]:
    """Read pairs as `wütend=anger`: each name, in lower case, with a label or `SKIP`; `none=none` makes it a label."""
    mapping: dict[str, str] = {}
    for pair in pairs:
        name, equals, label = pair.rpartition("=")
        if not equals or not name:
            raise ConfigError(f"expected name=label in map, got {pair!r}; as in --map angry=anger unsure=skip")
        if label == PLACEHOLDER:
            known = f"{', '.join(LABELS)} or {SKIP}"
            raise ConfigError(f"expected what {name} means in place of {label}, got {pair!r}; type one of {known}")
        if _key(name) in mapping:
            raise ConfigError(f"expected each name once in map, got {name!r} twice; leave one of them out")
        means_itself = _key(name) == _key(label) != SKIP and is_label(_key(label))
        try:
            mapping[_key(name)] = _key(label) if means_itself or _key(label) == SKIP else canonical_label(label)
        except DataError as error:
            raise ConfigError(f"{error}; map {name!r} to {SKIP} to leave its pictures out (in {pair!r})") from error
    return mapping


def name_labels(rows: pl.DataFrame, column: str, mapping: dict[str, str], where: str) -> tuple[pl.DataFrame, list[str]]:
    """Replace a data set's own names for expressions by labels: by the map first, then by `canonical_label`.

    Return the rows with a label or `SKIP` in the column, null where it was null, and what the user should know: the
    meaning of each name, and which labels are the data set's own. The error about unclear names says `where` they are.
    """
    labels: dict[str, str] = {}
    unclear: dict[str, str] = {}
    for name in sorted(rows[column].drop_nulls().unique()):
        try:
            labels[name] = mapping.get(_key(name)) or canonical_label(name)
        except DataError:
            unclear[name] = _likely_label(name)
    if unclear:
        listed = ", ".join(map(repr, list(unclear)[:20])) + (" ..." if len(unclear) > 20 else "")
        name, meant = next(iter(unclear.items()))
        given, left_out, itself = (shlex.quote(f"{name}={label}") for label in (meant, SKIP, name))
        raise DataError(
            f"expected names of expressions among the {where}, got {listed}; say with map what each means, as in: "
            f"--map {given}; {left_out} leaves it out, {itself} makes it a label of its own"
        )
    named = rows.with_columns(pl.col(column).replace_strict(labels, return_dtype=pl.String))
    notes = [f"Expressions are read as {', '.join(f'{name} = {label}' for name, label in labels.items())}."]
    own = [label for label in dict.fromkeys(labels.values()) if label not in (*LABELS, SKIP)]
    if own:
        notes.append(
            f"Labels of its own, beside affekt's eight: {', '.join(own)}. If one means one of the eight, say so, as in "
            f"--map {shlex.quote(f'{own[0]}={PLACEHOLDER}')}."
        )
    return named, notes if labels else []


def _key(name: str) -> str:
    return name.strip().lower()
