"""What every importer returns: the rows it found, before any picture is opened."""

from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Rows of one data set as its own files describe them."""

    rows: pl.DataFrame
    """Manifest columns, `pixel_sha256` left out: it is filled when the pictures are opened."""
    dropped: dict[str, int] = field(default_factory=dict)
    """How many records were left out, by reason, as in `{"expression 9 (uncertain)": 34}`."""
    published: dict[str, int] = field(default_factory=dict)
    """Row counts known from publications, by split, to print beside what was found."""
    notes: tuple[str, ...] = ()
    """Sentences the user should read: which rule was used, what is projected, what to beware of."""
