"""FER2013 with its own seven labels (Goodfellow et al. 2013): a table of pixels, or Kaggle's folders of pictures.

`fer2013.csv` has the columns `emotion,pixels,Usage`; `icml_face_data.csv` has the same in another order and with spaces
before the names; `train.csv` has no `Usage`, `test.csv` no `emotion`. A `.tar` or `.tar.gz` that holds one of them is
read as a stream and never unpacked to disk.
"""

import csv
import io
import shlex
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TextIO

import numpy as np
import polars as pl
from tyro.conf import Positional

from affekt.data.importers.listing import Listing
from affekt.data.importers.names import ALIASES
from affekt.data.importers.own import read_tree
from affekt.data.manifest import encode_png
from affekt.errors import DataError
from affekt.terminal import progress_bar

SIDE = 48
"""Height and width of every FER2013 picture, in pixels."""
LABELS_BY_INDEX = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
"""FER2013's own order of its seven classes."""
USAGES = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
"""The competition's `Usage`, and the split it is here."""
TABLE_NAMES = ("fer2013.csv", "icml_face_data.csv", "fer2013.tar.gz", "fer2013.tar")
"""Names under which FER2013 is downloaded, tried in this order inside a folder."""
FOLDERS = ("train", "test")
"""Kaggle's folders; each holds a folder for each expression."""
PUBLISHED = {"train": 28_709, "val": 3_589, "test": 3_589}
PUBLISHED_FOLDERS = {"train": 28_709, "test": 7_178}
MERGED_TEST = (
    "test holds PublicTest and PrivateTest merged, so there is no validation split and results do not compare with "
    "those on PrivateTest; carve a validation split out of train."
)


@dataclass(frozen=True, kw_only=True)
class Fer2013:
    """FER2013: 48x48 grey faces with its own seven labels (no contempt)."""

    path: Positional[Path]
    """fer2013.tar.gz as downloaded, fer2013.csv, icml_face_data.csv, train.csv, or a folder with one of them.
    Or the folder that holds Kaggle's train/ and test/ with a folder for each expression."""

    def list_rows(self) -> Listing:
        """Read the table, or list the pictures of the folders."""
        if any((self.path / folder).is_dir() for folder in FOLDERS):
            return _list_folders(self.path)
        return _list_table(find_table(self.path))


def _list_table(table: Path) -> Listing:
    """List the rows of a table of pixels.

    A table without a Usage column is one split: the one it is named after (train.csv, val.csv, test.csv), else train.
    """
    pixels = read_pixel_table(table)
    split, published, notes = pl.col("usage").replace(USAGES), PUBLISHED, list[str]()
    if pixels["usage"].is_null().all():
        name = table.stem if table.stem in PUBLISHED else "train"
        split, published = pl.lit(name), {}
        notes.append(f"{table.name} has no Usage column: all its rows are in the split {name}.")
    if pixels["emotion"].is_null().all():
        notes.append(f"{table.name} has no emotions: its rows carry no label.")
    numbered = pl.format("row{}", pl.col("row").cast(pl.String).str.zfill(5))
    kept = pixels.drop_nulls("image")
    rows = kept.select("image", "emotion", split=split, source=pl.lit("fer2013"), source_id=numbered)
    dropped = {"pixels are not 48x48 greys": pixels.height - kept.height}
    return Listing(rows=rows, dropped=dropped, published=published, notes=tuple(notes))


def _list_folders(base: Path) -> Listing:
    """List Kaggle's pictures, which are read in place. Expressions come from the folders' names, never their order."""
    rows, dropped = read_tree(base.resolve())
    labels = rows["emotion"].str.strip_chars().str.to_lowercase().replace(ALIASES)
    unknown = rows["emotion"].filter(~labels.is_in(LABELS_BY_INDEX)).unique().sort()
    if len(unknown):
        raise DataError(
            f"expected folders of FER2013's seven expressions in {base}, got {', '.join(map(repr, unknown))}; rename "
            f"or move them, or type: affekt data import folder {shlex.quote(str(base))} --map "
            + shlex.quote(f"{unknown[0]}=LABEL")
        )
    rows = rows.with_columns(labels)
    notes = (MERGED_TEST,) if (base / "test").is_dir() else ()
    rows = rows.with_columns(source=pl.lit("fer2013"))
    return Listing(rows=rows, dropped=dropped, published=PUBLISHED_FOLDERS, notes=notes)


def find_table(path: Path) -> Path:
    """Return the table to read: `path` itself, or the FER2013 table inside the folder `path`."""
    if path.is_file():
        return path
    for name in TABLE_NAMES:
        if (path / name).is_file():
            return path / name
    got = "a folder without one" if path.is_dir() else "no such file"
    raise DataError(f"expected {' or '.join(TABLE_NAMES)} at {path}, got {got}; give the path of your download")


def read_pixel_table(table: Path) -> pl.DataFrame:
    """Read every row of a FER2013 table, in its order.

    Returns:
        `row` (its number, from 0), `emotion` (a name, null if the table does not say), `usage` (Training, PublicTest or
        PrivateTest; null where the table has no such column) and `image` (a 48x48 grey PNG, null where the pixels are
        not 2,304 whole numbers in 0-255).
    """
    try:
        with _opened(table) as text:
            rows = list(_rows(csv.reader(text, skipinitialspace=True), table))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, tarfile.TarError, zlib.error) as error:
        raise DataError(f"expected a whole FER2013 table at {table}, got {error}; download it again") from error
    if not rows:
        raise DataError(f"expected rows of pixels in {table}, got none; download it again")
    schema = {"row": pl.Int64, "emotion": pl.String, "usage": pl.String, "image": pl.Binary}
    return pl.DataFrame(rows, schema=schema, orient="row")


@contextmanager
def _opened(table: Path) -> Iterator[TextIO]:
    if not table.name.endswith((".tar", ".tar.gz", ".tgz")):
        with table.open(encoding="utf-8-sig", newline="") as text:
            yield text
        return
    with tarfile.open(table, "r:*") as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            if member.isfile() and name.endswith(".csv") and not name.startswith("."):
                content = archive.extractfile(member)
                assert content is not None
                yield io.TextIOWrapper(content, encoding="utf-8-sig", newline="")
                return
    raise DataError(f"expected fer2013.csv inside {table}, got no csv file; download it again")


def _rows(records: Iterator[list[str]], table: Path) -> Iterator[tuple[int, str | None, str | None, bytes | None]]:
    columns = [name.strip() for name in next(records, [])]
    if "pixels" not in columns:
        raise DataError(
            f"expected a column 'pixels' in {table}, got {', '.join(columns)[:80]}; give fer2013.csv or its archive"
        )
    progress = progress_bar(records, description="reading pixels", unit="pictures")
    for row, record in enumerate(record for record in progress if record):
        where = f"in row {row} of {table}"
        if len(record) != len(columns):
            raise DataError(f"expected {len(columns)} fields {where}, got {len(record)}; download it again")
        fields = dict(zip(columns, map(str.strip, record), strict=True))
        emotion, usage = fields.get("emotion"), fields.get("Usage")
        if emotion and not (emotion.isdecimal() and int(emotion) < len(LABELS_BY_INDEX)):
            raise DataError(f"expected an emotion in 0-6 {where}, got {emotion!r}; mend or drop this row")
        if usage is not None and usage not in USAGES:
            raise DataError(f"expected a Usage among {', '.join(USAGES)} {where}, got {usage!r}; mend it")
        yield row, LABELS_BY_INDEX[int(emotion)] if emotion else None, usage, _png(fields["pixels"])


def _png(pixels: str) -> bytes | None:
    try:
        greys = bytes(map(int, pixels.split()))
        return encode_png(np.frombuffer(greys, dtype=np.uint8).reshape(SIDE, SIDE))
    except ValueError:  # no numbers from 0 to 255, or not so many
        return None
