"""The parts of one table: Parquet files of a folder, each written whole, and read in the order of the listing."""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from affekt.analysis.rows import table_schema
from affekt.errors import DataError
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
    """A folder of parts, into which several machines may write at a time."""

    def __init__(self, folder: str | Path) -> None:
        """Name the folder; it is made with its first part."""
        self.folder = Path(folder)

    def names(self) -> list[str]:
        """Return the parts that are there, in the order of the listing."""
        try:
            return sorted(path.name for path in self.folder.iterdir() if NAME.fullmatch(path.name))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise DataError(
                f"expected a folder of parts, got {self.folder} ({error.strerror}); name the folder that was out"
            ) from error

    def write(self, name: str, rows: pl.DataFrame, metadata: dict[str, str]) -> None:
        """Write a part whole or not at all; another process may write the same one."""
        content = io.BytesIO()
        rows.write_parquet(content, metadata=metadata)
        with written_whole(self.folder / name) as temporary:
            temporary.write_bytes(content.getbuffer())

    def remove(self, name: str) -> None:
        """Delete a part, if it is still there."""
        (self.folder / name).unlink(missing_ok=True)

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
        return table_schema(labels_of_columns(columns) or LABELS, smoothed="raw_valence" in columns)

    def _content(self, name: str) -> io.BytesIO:
        return io.BytesIO((self.folder / name).read_bytes())
