"""What an importer finds on disk before any picture is opened, and the report of an import."""

import shlex
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import polars as pl

from affekt.data.check import count_emotions, emotion_table
from affekt.data.manifest import HAS_EMPTY_BOX, ordered_splits
from affekt.terminal import Cell, text_table

NAMES_SHOWN = 3
"""So many unreadable pictures are named for each reason."""
NO_FACE = "no face found"
"""The reason for which a picture is left out that can be read and shows no face."""


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
        """List the rows that its files describe, without opening pictures."""
        ...


def with_face_boxes(rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return the rows whose face box has an area, and how many have none, for pictures that show more than the face.

    A null box would say that the whole picture is the face.
    """
    boxed = rows.filter(pl.col("box_xyxy").is_not_null() & ~HAS_EMPTY_BOX)
    return boxed, len(rows) - len(boxed)


@dataclass(frozen=True)
class ImportReport:
    """What an import kept and left out."""

    path: Path
    manifest: pl.DataFrame
    listing: Listing
    unreadable: dict[str, tuple[str, ...]]
    """The paths of the pictures that could not be read, or in which no face was found, by reason."""
    resumed: int
    """Pictures that an earlier, stopped run had opened."""
    seconds: float

    def text(self) -> str:
        """Lay the report out as plain text, in blocks parted by blank lines."""
        megabytes, count = self.path.stat().st_size / 1e6, f"{self.manifest.height:,}"
        size = f"{megabytes:,.1f} MB" if megabytes >= 1 else f"{1000 * megabytes:,.1f} kB"
        sources = ", ".join(self.manifest["source"].unique(maintain_order=True))
        resumed = f" ({self.resumed:,} were opened by an earlier run)" if self.resumed else ""
        blocks = [
            f"{self.path}: {count} pictures of {sources}, {size}, in {self.seconds:,.1f} s{resumed}",
            self._split_table(),
            emotion_table(count_emotions(self.manifest)),
            self._valence_arousal_table(),
            self._left_out(),
            "\n".join(textwrap.fill(f"Note: {note}", 100, subsequent_indent="      ") for note in self.listing.notes),
            f"Next, look for leaks and bad labels:\n  {shlex.join(['affekt', 'data', 'check', str(self.path)])}",
        ]
        return "\n\n".join(block for block in blocks if block)

    def _split_table(self) -> str:
        kept, published = dict(self.manifest["split"].value_counts().iter_rows()), self.listing.published
        rows: list[tuple[Cell, ...]] = [("split", "kept", "published")]
        rows += [(name, kept.get(name, 0), published.get(name, "-")) for name in ordered_splits({*kept, *published})]
        rows.append(("total", self.manifest.height, sum(published.values())))
        return text_table(rows if published else [row[:2] for row in rows])

    def _valence_arousal_table(self) -> str:
        known = self.manifest.drop_nulls(["valence", "arousal"])
        if known.is_empty():
            return ""
        origins = known["valence_arousal_origin"].drop_nulls().unique(maintain_order=True)
        rows: list[tuple[Cell, ...]] = [(", ".join(origins) or "origin unknown", "rows", "mean", "std", "min", "max")]
        for name in ("valence", "arousal"):
            values = known[name].to_numpy()
            spread = values.std(ddof=1) if len(values) > 1 else 0.0
            figures = (f"{values.mean():+.2f}", f"{spread:.2f}", f"{values.min():+.2f}", f"{values.max():+.2f}")
            rows.append((name, known.height, *figures))
        return text_table(rows)

    def _left_out(self) -> str:
        rows, lines = list(self.listing.dropped.items()), list[str]()
        for reason, names in self.unreadable.items():
            rows.append((reason if reason == NO_FACE else f"unreadable: {reason}", len(names)))
            more = ", ..." if len(names) > NAMES_SHOWN else ""
            lines.append(f"{reason}: {', '.join(names[:NAMES_SHOWN])}{more}")
        if not rows:
            return "left out: nothing"
        return "\n".join([text_table([("left out", sum(count for _, count in rows)), *rows]), *lines])
