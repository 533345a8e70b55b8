"""The parts of one table: Parquet files of a folder, each written whole, and read in the order of the listing."""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from affekt.analysis.remote import ONE_SLASH, filesystem, is_address, why, without_secrets
from affekt.analysis.rows import FEATURES, table_schema
from affekt.errors import ConfigError, DataError
from affekt.files import written_whole
from affekt.labels import LABELS, labels_of_columns

NAME = re.compile(r"part-\d{12}(-[0-9a-f]{8}){2}\.parquet")


def part_name(first: int, job: str, inputs: str) -> str:
    """Return what a part is called, by its first input's place, its job and its inputs: in the order of the listing."""
    return f"part-{first:012d}-{job[:8]}-{inputs[:8]}.parquet"


def first_input(part: str) -> int:
    """Return the place, in the listing, of a part's first input."""
    return int(part.split("-")[1])


def is_of_job(part: str, job: str) -> bool:
    """Whether a part is called as those of a job are."""
    return part.split("-")[2] == job[:8]


class Parts:
    """A folder of parts, on a disk or at an address, into which several machines may write at a time."""

    def __init__(self, folder: str | Path) -> None:
        """Name the folder; it is made with its first part."""
        self.folder = str(folder)
        if ONE_SLASH.match(self.folder):
            meant = ONE_SLASH.sub(r"\1://", self.folder, 1)
            raise ConfigError(
                f"expected a folder, or an address with two slashes, got {self.folder}; type: {meant}, in Python as "
                "text and not as a Path"
            )
        self._files, self._place = filesystem(self.folder) if is_address(self.folder) else (None, self.folder)

    def names(self) -> list[str]:
        """Return the parts that are there, in the order of the listing."""
        try:
            with self._told("a folder of parts that can be read"):
                if self._files is not None:
                    self._files.invalidate_cache()
                    there = self._files.ls(self._place, detail=False)
                else:
                    there = [path.name for path in Path(self._place).iterdir()]
        except FileNotFoundError:
            return []
        return sorted(name for name in (place.rpartition("/")[2] for place in there) if NAME.fullmatch(name))

    def write(self, name: str, rows: pl.DataFrame, metadata: dict[str, str]) -> None:
        """Write a part whole or not at all; another process may write the same one."""
        content = io.BytesIO()
        rows.write_parquet(content, metadata=metadata)
        if self._files is not None:
            with self._told("a folder that can be written"):
                self._files.pipe_file(f"{self._place}/{name}", content.getvalue())
        else:
            with written_whole(Path(self._place, name)) as temporary:
                temporary.write_bytes(content.getbuffer())

    def remove(self, name: str) -> None:
        """Delete a part."""
        with self._told("a folder that can be written"):
            if self._files is not None:
                self._files.rm_file(f"{self._place}/{name}")
            else:
                Path(self._place, name).unlink(missing_ok=True)

    def metadata(self, name: str) -> dict[str, str]:
        """Return what travels inside a part."""
        found = pl.read_parquet_metadata(self._content(name))
        return {key: value for key, value in found.items() if key != "ARROW:schema"}

    def frames(self, names: Iterable[str], schema: pl.Schema) -> Iterator[pl.DataFrame]:
        """Yield the rows of some parts, one part behind the other; columns that a part has not are empty."""
        for name in names:
            rows = pl.read_parquet(self._content(name))
            missing = [
                pl.lit(None, kind).alias(column) for column, kind in schema.items() if column not in rows.columns
            ]
            yield rows.with_columns(missing).select(schema.names())

    def scan(self, names: Sequence[str]) -> pl.LazyFrame:
        """Return the rows of some parts as a lazy frame, which reads one part at a time."""
        schema = self.schema(names)

        def source(
            columns: list[str] | None, predicate: pl.Expr | None, most: int | None, _: int | None
        ) -> Iterator[pl.DataFrame]:
            for rows in self.frames(names, schema):
                rows = rows if predicate is None else rows.filter(predicate)
                rows = rows if columns is None else rows.select(columns)
                yield rows if most is None else rows.head(most)
                most = None if most is None else max(0, most - len(rows))

        return register_io_source(source, schema=schema)

    def schema(self, names: Iterable[str]) -> pl.Schema:
        """Return the columns of all rows: those of a table with videos, if one of the parts has them."""
        columns = {column for name in names for column in pl.read_parquet_schema(self._content(name))}
        labels, has = labels_of_columns(columns) or LABELS, columns.__contains__
        return table_schema(labels, smoothed=has("raw_valence"), details=has("outside"), features=has(FEATURES))

    def _content(self, name: str) -> io.BytesIO:
        place = f"{self._place}/{name}"
        with self._told("a part that can be read"):
            return io.BytesIO(Path(place).read_bytes() if self._files is None else self._files.cat_file(place))

    @contextmanager
    def _told(self, expected: str) -> Iterator[None]:
        """Raise in one sentence what a disk or a library raises; that a folder is not there yet is for the caller."""
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:  # each library has errors of its own
            raise DataError(
                f"expected {expected} at {self}, got an error ({why(error)}); check the place, and who may use it"
            ) from None

    def __str__(self) -> str:
        """Return the folder as it may be told."""
        return without_secrets(self.folder)
