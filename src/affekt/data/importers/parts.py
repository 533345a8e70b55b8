"""The finished chunks of an import, kept as part files so that a stopped import can continue."""

import hashlib
import shutil
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import polars as pl

from affekt.data.importers.found_face import FaceBoxes
from affekt.data.manifest import write_table
from affekt.errors import DataError

SCHEMA = {"pixel_sha256": pl.String, "problem": pl.String, "box_xyxy": pl.Array(pl.Float32, 4)}
"""One row a picture: the hash of its pixels, or why it is left out, and its face where that was looked for."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The part files of one listing, in a hidden folder beside the manifest they will become.

    Their names start with a hash of the listing, so that parts of another listing are never taken for its own.
    """

    out: Path
    """The manifest that is being made."""
    rows: pl.DataFrame
    """The listing's rows."""
    pictures_a_chunk: int
    """How many rows a part covers; the last may cover fewer."""
    faces: FaceBoxes = "given"
    """Whether faces are looked for."""

    @property
    def folder(self) -> Path:
        """Where the part files are."""
        return self.out.with_name(f".{self.out.name}.parts")

    @property
    def chunks(self) -> range:
        """The numbers of all chunks."""
        return range(-(-self.rows.height // self.pictures_a_chunk))

    @cached_property
    def key(self) -> str:
        """Hash of the listing, the size of a chunk and where faces come from."""
        buffer = BytesIO()
        self.rows.write_ipc(buffer)
        digest = hashlib.sha256(f"{self.pictures_a_chunk} {self.faces}".encode())
        digest.update(buffer.getbuffer())
        return digest.hexdigest()[:16]

    def chunk_rows(self, chunk: int) -> pl.DataFrame:
        """Return the listing's rows in a chunk."""
        return self.rows.slice(chunk * self.pictures_a_chunk, self.pictures_a_chunk)

    def read(self, chunk: int) -> pl.DataFrame | None:
        """Return a finished chunk, one row a picture; None if it is not finished or its file is damaged."""
        try:
            part = pl.read_parquet(self._path(chunk))
        except (OSError, pl.exceptions.PolarsError):
            return None
        return part if part.height == self.chunk_rows(chunk).height and part.schema == SCHEMA else None

    def collect(self) -> pl.DataFrame:
        """Return all chunks, one row a picture, in the order of the listing.

        Raises:
            DataError: one is not finished.
        """
        parts = [part for chunk in self.chunks if (part := self.read(chunk)) is not None]
        if len(parts) < len(self.chunks):
            raise DataError(
                f"expected {len(self.chunks)} finished parts in {self.folder}, got {len(parts)}; "
                "run the same command again"
            )
        return pl.concat(parts)

    def write(self, chunk: int, part: pl.DataFrame) -> None:
        """Keep a finished chunk.

        Raises:
            DataError: the file cannot be written.
        """
        write_table(part, self._path(chunk))

    def make_folder(self) -> None:
        """Make the folder of the part files, which shows early whether the manifest can be written.

        Raises:
            DataError: it cannot be made.
        """
        if self.out.is_dir():
            raise DataError(
                f"expected a file to write, got the folder {self.out}; type: --out {self.out}/faces.parquet"
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f"expected to write {self.out}, got {error.strerror}; choose another place with --out"
            ) from error

    def remove(self) -> None:
        """Remove the folder with all parts in it; what cannot be removed is left there."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, chunk: int) -> Path:
        return self.folder / f"{self.key}-{chunk:06d}.parquet"
