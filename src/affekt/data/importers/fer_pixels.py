"""The pixels of FER2013, out of any of the tables it travels in.

`fer2013.csv` has the columns `emotion,pixels,Usage`; `icml_face_data.csv` has the same in another order and with spaces
before the names; `train.csv` has no `Usage`, `test.csv` no `emotion`. A `.tar` or `.tar.gz` that holds one of them is
read as a stream and never unpacked to disk.
"""

import csv
import io
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TextIO

import numpy as np
import polars as pl
from tqdm import tqdm

from affekt.errors import DataError
from affekt.faces.pictures import encode_png

SIDE = 48
"""Height and width of every FER2013 picture, in pixels."""
LABELS_BY_INDEX = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
"""FER2013's own order of its seven classes."""
SPLITS = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
"""What the competition's `Usage` is called here."""
TABLE_NAMES = ("fer2013.csv", "icml_face_data.csv", "fer2013.tar.gz", "fer2013.tar")
"""Names under which FER2013 is downloaded, tried in this order inside a folder."""

_SCHEMA = {"row": pl.Int64(), "emotion": pl.String(), "usage": pl.String(), "image": pl.Binary()}


def find_table(path: Path) -> Path:
    """Return the table to read: `path` itself, or the FER2013 table inside the folder `path`.

    Raises:
        DataError: there is none.
    """
    if path.is_file():
        return path
    for name in TABLE_NAMES:
        if (path / name).is_file():
            return path / name
    got = "a folder without one" if path.is_dir() else "no such file"
    raise DataError(f"expected {' or '.join(TABLE_NAMES)} at {path}, got {got}; give the path of your download")


def read_fer_table(path: Path) -> pl.DataFrame:
    """Read every row of a FER2013 table, in its order.

    Returns:
        `row` (its number, from 0), `emotion` (a name, null if the table does not say), `usage` (Training, PublicTest or
        PrivateTest; null where the table has no such column) and `image` (a 48x48 grey PNG, null where the pixels are
        not 2,304 whole numbers in 0-255).

    Raises:
        DataError: the file is missing, damaged, or has no `pixels` column, or an emotion or usage is unknown.
    """
    table = find_table(path)
    try:
        with _opened(table) as text:
            rows = list(_rows(csv.reader(text, skipinitialspace=True), table))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, tarfile.TarError, zlib.error) as error:
        raise DataError(f"expected a whole FER2013 table at {table}, got {error}; download it again") from error
    if not rows:
        raise DataError(f"expected rows of pixels in {table}, got none; download it again")
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


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
    position = {name: number for number, name in enumerate(columns)}
    progress = tqdm(records, desc="reading pixels", unit=" pictures", disable=None, leave=False)
    for row, record in enumerate(record for record in progress if record):
        if len(record) != len(columns):
            raise DataError(
                f"expected {len(columns)} fields in row {row} of {table}, got {len(record)}; download it again"
            )
        emotion = record[position["emotion"]].strip() if "emotion" in position else None
        usage = record[position["Usage"]].strip() if "Usage" in position else None
        yield row, _emotion(emotion, row, table), _usage(usage, row, table), _png(record[position["pixels"]])


def _emotion(index: str | None, row: int, table: Path) -> str | None:
    if not index:
        return None
    if not (index.isdecimal() and int(index) < len(LABELS_BY_INDEX)):
        raise DataError(f"expected an emotion in 0-6 in row {row} of {table}, got {index!r}; mend or drop this row")
    return LABELS_BY_INDEX[int(index)]


def _usage(usage: str | None, row: int, table: Path) -> str | None:
    if usage is not None and usage not in SPLITS:
        raise DataError(f"expected a Usage among {', '.join(SPLITS)} in row {row} of {table}, got {usage!r}; mend it")
    return usage


def _png(pixels: str) -> bytes | None:
    try:
        greys = bytes(map(int, pixels.split()))
    except ValueError:
        return None
    if len(greys) != SIDE * SIDE:
        return None
    return encode_png(np.frombuffer(greys, dtype=np.uint8).reshape(SIDE, SIDE))
