"""The table of results: written as the work goes, continued where it was stopped, whole at the end.

Rows gather in a journal beside the table, one line an input; the table itself is made from it when all are there. A run
that was killed leaves the journal, and the same command goes on after its last whole line.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import polars as pl

from affekt.errors import ConfigError, DataError
from affekt.files import written_whole
from affekt.inference.rows import SCHEMA, Row

ENDINGS = (".csv", ".parquet", ".jsonl")


def check_ending(out: Path) -> None:
    """Refuse a table that no format belongs to.

    Raises:
        ConfigError: the name ends in none of the known endings.
    """
    if out.suffix.lower() not in ENDINGS:
        raise ConfigError(f"expected a table ending in {', '.join(ENDINGS)}, got {out}; type: --out {out.stem}.csv")


class Journal:
    """What is known of each input so far, on disk."""

    def __init__(self, out: Path, header: dict[str, Any]) -> None:
        """Find what an earlier run of the same command left; that of another command is dropped.

        Args:
            out: the table that will be made.
            header: everything the rows depend on; must be JSON.
        """
        self.path = out.with_name(f".{out.name}.journal")
        self._header = json.dumps(header)
        self.done = 0
        """Inputs whose rows are already there."""
        self._whole_bytes = 0
        if self.path.is_file():
            self._resume()

    def _resume(self) -> None:
        with self.path.open("rb") as file:
            if file.readline() != f"{self._header}\n".encode():
                return
            self._whole_bytes = file.tell()
            for line in file:
                # A kill can cut the last line short; its input is looked at again.
                if not line.endswith(b"\n"):
                    break
                self._whole_bytes += len(line)
                self.done += 1

    @contextmanager
    def opened(self) -> Iterator["Journal"]:
        """Open the journal for adding.

        Raises:
            DataError: it cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("r+b" if self._whole_bytes else "w+b") as file:
                file.truncate(self._whole_bytes)
                file.seek(self._whole_bytes)
                self._file: IO[bytes] = file
                if not self._whole_bytes:
                    file.write(f"{self._header}\n".encode())
                yield self
        except OSError as error:
            raise DataError(
                f"expected to write {self.path}, got {error.strerror or error}; free some space or choose another --out"
            ) from error

    def add(self, rows: list[Row]) -> None:
        """Add the rows of the next input, and hand them to the system at once."""
        self._file.write(json.dumps(rows).encode() + b"\n")
        self._file.flush()

    def rows(self) -> Iterator[list[Row]]:
        """Yield the rows of each input."""
        with self.path.open("rb") as file:
            file.readline()
            for line in file:
                yield json.loads(line)

    def finish(self, out: Path, metadata: dict[str, str]) -> None:
        """Make the table, whole or not at all, and delete the journal.

        Args:
            out: the table, its format by its ending.
            metadata: kept inside a Parquet file; for the others, which have no place for it, in a file beside them
                named as the W3C's "CSV on the Web" names it.

        Raises:
            DataError: the table cannot be written.
        """
        ending = out.suffix.lower()
        with written_whole(out) as temporary, TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
            flat = Path(folder) / "rows.jsonl"
            with flat.open("w", encoding="utf-8") as file:
                file.writelines(f"{json.dumps(row)}\n" for rows in self.rows() for row in rows)
            table = pl.scan_ndjson(flat, schema=SCHEMA)
            if ending == ".parquet":
                table.sink_parquet(temporary, metadata=metadata)
            elif ending == ".csv":
                table.sink_csv(temporary)
            else:
                table.sink_ndjson(temporary)
        if ending != ".parquet":
            with written_whole(out.with_name(f"{out.name}-metadata.json")) as temporary:
                temporary.write_text(json.dumps(metadata, indent=2) + "\n")
        self.path.unlink()
