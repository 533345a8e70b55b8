"""Pictures inside a file: in a tar or zip archive, read as a stream, or in the rows of a Parquet table."""

import lzma
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import polars as pl

from affekt.analysis.remote import DATA, MOST_BYTES, from_base64, is_address, opened, without_secrets
from affekt.errors import PictureError
from affekt.faces.kinds import is_picture_ending
from affekt.faces.pictures import absent
from affekt.files import is_litter

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
"""WebDataset's shards are such files, too."""
ARCHIVE_ENDINGS = (*TAR_ENDINGS, ".zip", ".parquet")
IMAGE_COLUMNS = (
    *("image", "img", "picture", "jpg", "png", "bytes", "url", "image_url"),
    *("path", "image_path", "filepath", "file", "filename", "file_name"),
)
"""What columns of tables are called that hold pictures, or say where they are; the first that is not empty counts."""
ENCODED = re.compile(r"(/9j/|iVBORw0KGgo|R0lGOD|UklGR)[A-Za-z0-9+/\s]{64}")
"""How JPEG, PNG, GIF and WebP begin in base64; hardly a path does."""
ROWS_AT_ONCE = 64
BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError)


@dataclass(frozen=True, eq=False)
class Member:
    """A picture in an archive or a table, or why there is none."""

    name: str
    picture: bytes | str | None = None
    """Encoded, or where it is."""
    problem: str | None = None


def is_archive(name: str) -> bool:
    """Whether a file holds pictures, by its ending."""
    return without_secrets(name).partition("?")[0].lower().endswith(ARCHIVE_ENDINGS)


def members(name: str) -> Iterator[Member]:
    """Yield the pictures of an archive or a table in their order, in constant memory.

    Members of an archive that are not named like pictures are passed over. Where it breaks off, the last says so.
    """
    shown, seen = without_secrets(name), False
    ending = shown.partition("?")[0].lower()
    try:
        for member in _of_table(name) if ending.endswith(".parquet") else _of_archive(name, ending.endswith(".zip")):
            seen = True
            yield member
    except PictureError as error:
        yield Member(shown, problem=str(error).removeprefix(f"{shown}: "))
    except FileNotFoundError:
        yield Member(shown, problem=absent(shown))
    except PermissionError as error:
        yield Member(shown, problem=error.strerror or "not allowed")
    except BROKEN:
        yield Member(shown, problem="broken off: what comes after is missing" if seen else "not an archive that opens")
    else:
        if not seen:
            yield Member(shown, problem="no picture in it")


def _of_archive(name: str, is_zip: bool) -> Iterator[Member]:
    with opened(name) as file:
        for inner, size, read in _in_zip(file) if is_zip else in_tar(file):
            path = PurePosixPath(inner)
            if not is_picture_ending(path.suffix.lower()) or any(map(is_litter, path.parts)):
                continue
            called = f"{without_secrets(name)}/{inner}"
            if size > MOST_BYTES:
                yield Member(called, problem=f"over the limit of {MOST_BYTES:,} bytes")
                continue
            try:
                yield Member(called, read())
            # What zipfile raises of a password, of a packing that it does not know, and of damage.
            except (RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error):
                yield Member(called, problem="encrypted, damaged, or packed in a way that is not known")


def in_tar(file: Any) -> Iterator[tuple[str, int, Any]]:  # noqa: ANN401  file objects of many libraries
    """Yield the name, the size and what reads the content of each file in a tar, which is read as a stream."""
    with tarfile.open(fileobj=file, mode="r|*") as opened_tar:
        archive: Any = opened_tar
        for member in archive:
            archive.members = []  # which it would keep for ever
            if member.isfile():
                yield member.name, member.size, archive.extractfile(member).read


def _in_zip(file: Any) -> Iterator[tuple[str, int, Any]]:  # noqa: ANN401  as above
    with zipfile.ZipFile(file) as archive:
        for member in (each for each in archive.infolist() if not each.is_dir()):
            # It never gives more bytes than it says that there are, whatever is packed.
            yield member.filename, member.file_size, lambda member=member: archive.read(member)


def _of_table(name: str) -> Iterator[Member]:
    try:
        table = pl.scan_parquet(name, glob=False)
        there = table.collect_schema().names()
        columns = [each for column in IMAGE_COLUMNS for each in there if each.lower() == column]
        if not columns:
            raise PictureError(f"a table without a column {', '.join(IMAGE_COLUMNS[:3])} or {IMAGE_COLUMNS[-1]}")
        for start in range(0, table.select(pl.len()).collect().item(), ROWS_AT_ONCE):
            rows = table.select(columns).slice(start, ROWS_AT_ONCE).collect().rows()
            yield from (_of_row(name, start + place, cells) for place, cells in enumerate(rows))
    except pl.exceptions.PolarsError:  # its text may hold the whole address
        raise PictureError("not a Parquet table that opens") from None


def _of_row(table: str, row: int, cells: tuple[Any, ...]) -> Member:
    """Return what a row holds: bytes, a place, or, as the library `datasets` writes it, a structure of both."""
    called = f"{without_secrets(table)}#{row}"
    values = (cell.get("bytes") or cell.get("path") if isinstance(cell, dict) else cell for cell in cells)
    value = next((value for value in values if isinstance(value, bytes | str) and value), None)
    if isinstance(value, str) and (value.startswith(DATA) or ENCODED.match(value)):
        try:
            return Member(called, from_base64(value))
        except ValueError:
            return Member(called, problem="not in base64")
    if not isinstance(value, str):
        return Member(called, value, None if value else "no picture in this row")
    folder = table.rpartition("/")[0] if is_address(table) else os.path.dirname(table)  # noqa: PTH120  keeps odd names
    # As a list's paths: from the folder that one works in, or from the table's own.
    beside, is_here = os.path.join(folder, value), not is_address(table) and os.path.lexists(value)  # noqa: PTH118
    is_beside = not is_address(value) and not is_here and (is_address(table) or os.path.lexists(beside))
    place = beside if is_beside else value
    return Member(without_secrets(place), place)
