"""FER+: the pictures of FER2013 with ten taggers' votes each (Barsoum et al. 2016, github.com/microsoft/FERPlus).

Two forms are read. The two tables: FER2013's pixels joined with `fer2013new.csv` by row order, because the number in a
picture's name is not its row. The folders: `FER2013Train`, `FER2013Valid` and `FER2013Test`, each with PNG files and a
`label.csv`. The two forms carry different votes for 1,602 pictures, so the notes say which was read.

`votes` are the raw votes for the eight expressions divided by their sum: votes for unknown and for no face are left
out, and single votes stay. Single votes are removed only inside the rule that decides what is kept and named.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import polars as pl
from tyro.conf import Positional, arg

from affekt.data.csv_text import read_text_table
from affekt.data.importers.fer2013 import USAGES, find_table, read_pixel_table
from affekt.data.importers.listing import Listing
from affekt.data.importers.votes import CHOICES, NOTE, PUBLISHED, chosen, projected
from affekt.data.manifest import SCHEMA, has_empty_box
from affekt.errors import DataError
from affekt.labels import LABELS

FOLDERS = {"FER2013Train": "train", "FER2013Valid": "val", "FER2013Test": "test"}
"""The folders of the FERPlus repository and the splits they hold."""
WHOLE_PICTURE = [0.0, 0.0, 48.0, 48.0]
"""The box of every line of label.csv: the whole picture is the face."""


@dataclass(frozen=True, kw_only=True)
class FerPlus:
    """FER+: FER2013's pictures with ten taggers' votes each, eight expressions."""

    pixels: Annotated[Positional[Path], arg(metavar="PIXELS")]
    """FER2013: fer2013.tar.gz, fer2013.csv or icml_face_data.csv, or a folder with one of them.
    Or the folder that holds FER2013Train, FER2013Valid and FER2013Test."""
    labels: Annotated[Positional[Path | None], arg(metavar="[LABELS]")] = None
    """fer2013new.csv. Where it is left out, the one beside the pixels; the FER2013Train... folders have their own."""
    rule: Literal["majority", "probability", "crossentropy", "multi_target", "argmax"] = "majority"
    """How votes become one expression, or the picture is left out.
    majority is Microsoft's: more than half of the votes, single votes removed."""
    valence_arousal: Literal["none", "projected"] = "none"
    """projected: compute valence and arousal from the votes with published norms of the emotion words."""

    def list_rows(self) -> Listing:
        """Read pixels and votes, and keep what the rule keeps.

        Raises:
            DataError: a file is missing or damaged, or the two tables do not describe the same rows.
        """
        if any((self.pixels / folder).is_dir() for folder in FOLDERS):
            if self.labels is not None:
                raise DataError(
                    f"expected no label file with the folders in {self.pixels}, which have their own label.csv, got "
                    f"{self.labels}; leave it out, or give fer2013.csv instead of the folders"
                )
            folders = [self.pixels / folder for folder in FOLDERS if (self.pixels / folder).is_dir()]
            rows, label_file = pl.concat(_read_folder(folder) for folder in folders), "label.csv"
        else:
            table = find_table(self.pixels)
            rows, label_file = _read_tables(table, self.labels or table.with_name("fer2013new.csv")), "fer2013new.csv"
        rows, dropped = keep_agreed(rows, self.rule)
        notes = [f"Votes come from {label_file}; expressions are named by the rule {self.rule}."]
        if self.valence_arousal == "projected":
            rows = projected(rows)
            notes.append(NOTE)
        published = dict(zip(USAGES.values(), PUBLISHED[label_file, self.rule], strict=True))
        return Listing(rows=rows, dropped=dropped, published=published, notes=tuple(notes))


def read_label_table(path: Path) -> pl.DataFrame:
    """Read `fer2013new.csv`, in its order.

    Returns:
        `usage` (Training, PublicTest or PrivateTest), `name` (null for rows without a picture) and `counts` (10 votes,
        in the order of `CHOICES`).

    Raises:
        DataError: the file is missing, or its columns or votes are not FER+'s.
    """
    instead = "give its path after the pixels, or download it again"
    rows = read_text_table(path, "FER+'s fer2013new.csv", instead, needed=("Usage", "Image name", *CHOICES))
    expected = f"a Usage among {', '.join(USAGES)}"
    counts = _counts(rows, pl.col("Usage").is_in(list(USAGES)), expected, path, first_line=2)
    return rows.select(counts, usage="Usage", name="Image name")


def _counts(rows: pl.DataFrame, is_sound: pl.Expr, expected: str, path: Path, first_line: int) -> pl.Series:
    """Return the votes of rows that hold them as text; refuse rows without 10 votes, and those that are not sound."""
    votes = [pl.col(choice).cast(pl.Float64, strict=False) for choice in CHOICES]
    are_votes = pl.all_horizontal(vote.is_finite() & (vote >= 0) for vote in votes)
    broken = rows.select((~(is_sound & are_votes)).fill_null(value=True)).to_series().arg_true()
    if len(broken):
        raise DataError(
            f"expected {expected} and 10 votes in line {broken[0] + first_line} of {path}, got {rows.row(broken[0])}; "
            "download it again"
        )
    return rows.select(counts=pl.concat_arr(votes)).to_series()


def _read_tables(table: Path, label_table: Path) -> pl.DataFrame:
    """Put pixels and votes side by side by row order; refuse tables that row order does not join."""
    labels = read_label_table(label_table)
    pixels = read_pixel_table(table)
    if pixels.height != labels.height:
        raise DataError(
            f"expected as many rows in {table} as in {label_table}, got {pixels.height:,} and {labels.height:,}; "
            "give the two files that belong together"
        )
    differ = (pixels["usage"] != labels["usage"]).arg_true()
    if len(differ):
        row = differ[0]
        raise DataError(
            f"expected the same Usage in row {row} of {table} and {label_table}, got {pixels['usage'][row]} and "
            f"{labels['usage'][row]}; give the two files that belong together, in their original order"
        )
    _refuse_shuffled(pixels, labels, table, label_table)
    return labels.select("name", "counts", pixels["image"], split=pl.col("usage").replace(USAGES))


def _refuse_shuffled(pixels: pl.DataFrame, labels: pl.DataFrame, table: Path, label_table: Path) -> None:
    agree = (pixels["emotion"] == chosen(labels["counts"], "majority")).drop_nulls()
    # In their order FER2013's classes agree with FER+'s in about 80 % of rows, in any other order in about 20 %.
    if len(agree) >= 200 and agree.sum() < 0.4 * len(agree):
        raise DataError(
            f"expected the rows of {table} in the order of {label_table}, got classes that agree in only "
            f"{agree.sum() / len(agree):.0%} of them; give fer2013.csv with its rows in their original order"
        )


def _read_folder(folder: Path) -> pl.DataFrame:
    """Read the `label.csv` of a FER+ folder; the pictures stay where they are."""
    table = folder / "label.csv"
    if not table.is_file():
        raise DataError(f"expected label.csv in {folder}, got none; copy it from the FERPlus repository")
    columns = pl.Schema([(name, pl.String()) for name in ("name", "box", *CHOICES)])
    try:
        # A byte that is not UTF-8 can only be in a name, whose picture is then not found and counted.
        rows = pl.read_csv(table, has_header=False, schema=columns, encoding="utf8-lossy")
    except pl.exceptions.PolarsError as error:
        raise DataError(f"expected a name, a box and 10 votes in {table}, got {error}; download it again") from error
    edges = pl.col("box").str.extract_all("[^(), ]+").list.eval(pl.element().cast(pl.Float64, strict=False))
    is_box = (edges.list.len() == 4) & (edges.list.drop_nulls().list.len() == 4)
    counts = _counts(rows, is_box, "a name, a box", table, first_line=1)
    return rows.select(
        counts,
        path=pl.lit(f"{folder}/") + pl.col("name"),
        name="name",
        split=pl.lit(FOLDERS[folder.name]),
        box_xyxy=pl.when(edges != WHOLE_PICTURE).then(edges.list.to_array(4)),
    )


def keep_agreed(rows: pl.DataFrame, rule: str) -> tuple[pl.DataFrame, dict[str, int]]:
    """Apply a counting rule and name what is left.

    Of rows that share a name the last is kept: in the FER+ folders its picture has overwritten the earlier one's.

    Args:
        rows: `name`, `counts`, `split` and `path` or `image`, with or without `box_xyxy`.
        rule: a name in `RULES`.

    Returns:
        Manifest rows, and how many were dropped by reason.
    """
    rows = rows.with_columns(emotion=chosen(rows["counts"], rule))
    reasons = {
        "no image name in the label file": pl.col("name").is_null(),
        "image name used again by a later row": ~pl.col("name").is_last_distinct(),
        "pixels are not 48x48 greys": pl.col("image").is_null() if "image" in rows.columns else pl.lit(False),
        "face box without an area": has_empty_box() if "box_xyxy" in rows.columns else pl.lit(False),
        f"votes do not agree enough for {rule}": pl.col("emotion").is_null(),
        "unknown won the votes": pl.col("emotion") == "unknown",
        "no face won the votes": pl.col("emotion") == "NF",
    }
    first = pl.coalesce(pl.when(broken).then(pl.lit(reason)) for reason, broken in reasons.items())
    rows = rows.with_columns(first.alias("reason"))
    dropped = dict(rows["reason"].value_counts().iter_rows())
    kept = rows.filter(pl.col("reason").is_null())
    votes = kept["counts"].to_numpy()[:, [CHOICES.index(label) for label in LABELS]]
    votes = pl.Series("votes", votes / votes.sum(axis=1, keepdims=True), dtype=SCHEMA["votes"])
    kept = kept.with_columns(votes, source=pl.lit("ferplus"), source_id=pl.col("name"))
    return kept.drop("name", "counts", "reason"), {reason: dropped.get(reason, 0) for reason in reasons}
