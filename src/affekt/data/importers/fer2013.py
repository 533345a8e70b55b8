"""FER2013 with its own seven labels (Goodfellow et al. 2013): a table of pixels, or Kaggle's folders of pictures."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl
from tyro.conf import Positional

from affekt.data.importers.fer_pixels import SPLITS, find_table, read_fer_table
from affekt.data.importers.listing import Listing
from affekt.errors import DataError
from affekt.faces.pictures import PICTURE_ENDINGS
from affekt.labels import canonical_label

FOLDERS = ("train", "test")
"""Kaggle's folders; each holds a folder an expression."""
PUBLISHED = {"train": 28_709, "val": 3_589, "test": 3_589}
PUBLISHED_FOLDERS = {"train": 28_709, "test": 7_178}


@dataclass(frozen=True, kw_only=True)
class Fer2013:
    """FER2013: 48x48 grey faces with its own seven labels (no contempt)."""

    path: Positional[Path]
    """fer2013.tar.gz as downloaded, fer2013.csv, icml_face_data.csv, train.csv, or a folder with one of them.
    Or the folder that holds Kaggle's train/ and test/ with a folder an expression."""

    def list_rows(self) -> Listing:
        """Read the table, or list the pictures of the folders.

        Raises:
            DataError: nothing of FER2013 is there, or it is damaged.
        """
        if any((self.path / folder).is_dir() for folder in FOLDERS):
            return list_folders(self.path)
        return list_table(find_table(self.path))


def list_table(table: Path) -> Listing:
    """List the rows of a table of pixels; PublicTest is `val` and PrivateTest is `test`.

    A table without a Usage column is one split: the one it is named after (train.csv, val.csv, test.csv), else train.

    Raises:
        DataError: the table is missing or damaged.
    """
    pixels = read_fer_table(table)
    notes = []
    published = PUBLISHED
    split = pl.col("usage").replace(SPLITS)
    if pixels["usage"].is_null().all():
        name = table.stem if table.stem in PUBLISHED else "train"
        split, published = pl.lit(name), {}
        notes.append(f"{table.name} has no Usage column: all its rows are in the split {name}.")
    if pixels["emotion"].is_null().all():
        notes.append(f"{table.name} has no emotions: its rows carry no label.")
    kept = pixels.drop_nulls("image").select(
        "image",
        "emotion",
        split=split,
        source=pl.lit("fer2013"),
        source_id=pl.format("row{}", pl.col("row").cast(pl.String).str.zfill(5)),
    )
    broken = pixels.height - kept.height
    dropped = {"pixels are not 48x48 greys": broken} if broken else {}
    return Listing(rows=kept, dropped=dropped, published=published, notes=tuple(notes))


def list_folders(base: Path) -> Listing:
    """List Kaggle's pictures, which are read in place. Expressions come from the folders' names, never their order.

    Folders without pictures, and those whose names start with a dot or an @ as systems name theirs, are passed over.

    Raises:
        DataError: a folder with pictures is not named after an expression, or there are no pictures.
    """
    rows = [row for split in FOLDERS if (base / split).is_dir() for row in _folder_rows(base, split)]
    if not rows:
        raise DataError(
            f"expected pictures in {base}/train/angry and its neighbours, got none; give the folder that holds train/"
        )
    columns = ["path", "split", "source_id", "emotion"]
    frame = pl.DataFrame(rows, schema=columns, orient="row").with_columns(source=pl.lit("fer2013"))
    note = (
        "test holds PublicTest and PrivateTest merged, so there is no validation split and results do not compare with "
        "those on PrivateTest; carve a validation split out of train."
    )
    return Listing(rows=frame, published=PUBLISHED_FOLDERS, notes=(note,) if (base / "test").is_dir() else ())


def _folder_rows(base: Path, split: str) -> list[tuple[str, str, str, str]]:
    rows = []
    for folder in sorted(path for path in (base / split).iterdir() if path.is_dir() and path.name[0] not in ".@"):
        pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_ENDINGS)
        if pictures:
            emotion = _emotion(folder, base)
            rows += [(str(path), split, f"{split}/{folder.name}/{path.name}", emotion) for path in pictures]
    return rows


def _emotion(folder: Path, base: Path) -> str:
    try:
        return canonical_label(folder.name)
    except DataError:
        raise DataError(
            f"expected a folder named after an expression, as angry or happy, got {folder}; rename it or move it away, "
            f"or type: affekt data import folder {base} --map {folder.name}=anger"
        ) from None
