"""What an import says when it ends: what was kept, beside what was published, what was left out, and what is next."""

import textwrap
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from affekt.data.check import count_emotions, emotion_table
from affekt.data.importers.listing import Listing
from affekt.data.splits import ordered_splits
from affekt.text_table import Cell, text_table

NAMES_SHOWN = 3
"""So many unreadable pictures are named for each reason."""
NO_FACE = "no face found"
"""The reason for which a picture is left out that can be read and shows no face."""


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What an import kept and left out."""

    path: Path
    """The manifest that was written."""
    manifest: pl.DataFrame
    """Its rows."""
    listing: Listing
    """What the importer found before any picture was opened."""
    unreadable: dict[str, tuple[str, ...]]
    """The paths of the pictures that could not be read, or in which no face was found, by reason."""
    resumed: int
    """Pictures that an earlier, stopped run had opened."""
    seconds: float
    """How long opening and writing took."""

    def text(self) -> str:
        """Lay the report out as plain text, in blocks parted by blank lines."""
        blocks = [
            self._headline(),
            self._split_table(),
            emotion_table(count_emotions(self.manifest)),
            self._valence_arousal_table(),
            self._left_out(),
            "\n".join(textwrap.fill(f"Note: {note}", 100, subsequent_indent="      ") for note in self.listing.notes),
            f"Next, look for leaks and bad labels:\n  affekt data check {self.path}",
        ]
        return "\n\n".join(block for block in blocks if block)

    def _headline(self) -> str:
        sources = ", ".join(self.manifest["source"].unique(maintain_order=True))
        size = self.path.stat().st_size
        size_text = f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"
        resumed = f" ({self.resumed:,} were opened by an earlier run)" if self.resumed else ""
        return (
            f"{self.path}: {self.manifest.height:,} pictures of {sources}, {size_text}, "
            f"in {self.seconds:,.1f} s{resumed}"
        )

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
        rows: list[tuple[Cell, ...]] = [
            (", ".join(origins) or "origin unknown", "rows", "mean", "std", "min", "max"),
        ]
        for name in ("valence", "arousal"):
            values = known[name].to_numpy()
            spread = values.std(ddof=1) if len(values) > 1 else 0.0
            figures = (f"{values.mean():+.2f}", f"{spread:.2f}", f"{values.min():+.2f}", f"{values.max():+.2f}")
            rows.append((name, known.height, *figures))
        return text_table(rows)

    def _left_out(self) -> str:
        rows: list[tuple[str, int]] = list(self.listing.dropped.items())
        for reason, names in self.unreadable.items():
            rows.append((reason if reason == NO_FACE else f"unreadable: {reason}", len(names)))
        if not rows:
            return "left out: nothing"
        lines = [text_table([("left out", sum(count for _, count in rows)), *rows])]
        for reason, names in self.unreadable.items():
            more = ", ..." if len(names) > NAMES_SHOWN else ""
            lines.append(f"{reason}: {', '.join(names[:NAMES_SHOWN])}{more}")
        return "\n".join(lines)
