"""What an importer finds on disk before any picture is opened: rows, what was left out, and what names mean."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from affekt.data.manifest import has_empty_box
from affekt.errors import ConfigError, DataError
from affekt.labels import ALIASES, LABELS, canonical_label

SKIP = "skip"
"""Maps a name to nothing: its pictures are left out and counted."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Rows of one data set as its own files describe them."""

    rows: pl.DataFrame
    """Manifest columns, `pixel_sha256` left out: it is filled when the pictures are opened."""
    dropped: dict[str, int] = field(default_factory=dict)
    """How many records were left out, by reason, as in `{"expression 9 (uncertain)": 34}`; never 0."""
    published: dict[str, int] = field(default_factory=dict)
    """Row counts known from publications, by split, to print beside what was found."""
    notes: tuple[str, ...] = ()
    """Sentences the user should read: which rule was used, what is projected, what to beware of."""

    def __post_init__(self) -> None:
        """Forget the reasons for which nothing was left out."""
        object.__setattr__(self, "dropped", {reason: count for reason, count in self.dropped.items() if count})


class DataSet(Protocol):
    """A data set on disk: a dataclass whose fields are its options."""

    def list_rows(self) -> Listing:
        """List the rows that its files describe, without opening pictures.

        Raises:
            DataError: the data set is not there, not whole, or damaged.
        """
        ...


def with_face_boxes(rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Leave out rows without a face box that has an area, for pictures that show more than the face.

    A null box would say that the whole picture is the face.

    Returns:
        The rows with a box, and how many have none.
    """
    boxed = rows.filter(pl.col("box_xyxy").is_not_null() & ~has_empty_box())
    return boxed, len(rows) - len(boxed)


def parse_map(pairs: Iterable[str]) -> dict[str, str]:
    """Read `name=label` pairs.

    Args:
        pairs: as in `("wütend=anger", "0=neutral", "blurred=skip")`.

    Returns:
        Each name, in lower case, with one of the eight labels or `SKIP`.

    Raises:
        ConfigError: a pair has no `=`, its label is unknown, or a name comes twice.
    """
    mapping: dict[str, str] = {}
    for pair in pairs:
        name, equals, label = pair.rpartition("=")
        if not equals or not name:
            raise ConfigError(f"expected name=label, got {pair!r}; type for example: --map angry=anger 0=neutral")
        if _key(name) in mapping:
            raise ConfigError(f"expected each name once in --map, got {name!r} twice; leave one of them out")
        try:
            mapping[_key(name)] = SKIP if _key(label) == SKIP else canonical_label(label)
        except DataError as error:
            raise ConfigError(f"{error}, or to {SKIP!r}, in {pair!r}") from error
    return mapping


def name_labels(
    rows: pl.DataFrame, column: str, mapping: dict[str, str], where: str, instead: str = "say what each means, as in:"
) -> tuple[pl.DataFrame, str]:
    """Replace a data set's own names for expressions: by the map first, then by affekt's names and their aliases.

    Args:
        rows: with the names in the column; null stays null.
        column: its name.
        mapping: what `parse_map` returned.
        where: said in the error, as in "folders of faces/".
        instead: said in the error before the option `--map`.

    Returns:
        The rows with one of the eight labels or `SKIP` in the column; the meaning of each name, as a text.

    Raises:
        DataError: a name is known to neither; the message lists all such names.
    """
    known = {label: label for label in LABELS} | ALIASES | mapping
    names = sorted(rows[column].drop_nulls().unique())
    unknown = [name for name in names if _key(name) not in known]
    if unknown:
        listed = ", ".join(map(repr, unknown[:20])) + (" ..." if len(unknown) > 20 else "")
        raise DataError(
            f"expected names of expressions among the {where}, got {listed}; {instead} "
            f"--map {unknown[0]}=anger, or {unknown[0]}={SKIP} to leave it out"
        )
    labels = {name: known[_key(name)] for name in names}
    named = rows.with_columns(pl.col(column).replace_strict(labels, return_dtype=pl.String))
    return named, ", ".join(f"{name} = {label}" for name, label in labels.items())


def _key(name: str) -> str:
    return name.strip().lower()
