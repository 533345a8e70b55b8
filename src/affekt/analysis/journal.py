"""The table of results: written as the work goes, continued where it was stopped, whole at the end.

Rows gather in a journal beside the table, a line for each picture and each frame; the table is made from it when all
are there. A run that was killed leaves the journal, and the same command goes on after the last whole input: a video
that was cut short is begun again, since who is who in it depends on all its frames. The journal goes when what is made
from the table is there too.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import polars as pl

from affekt.analysis.analyzer import Answer
from affekt.errors import ConfigError, DataError
from affekt.files import written_whole

if sys.platform != "win32":
    import fcntl

_ENDS, _GOES_ON = b".", b"+"
"""First letter of a line: the last of its input, or not."""
ROWS_A_PIECE = 10_000
ENDINGS = (".csv", ".parquet", ".jsonl")


def check_ending(out: Path) -> None:
    """Refuse a table that no format belongs to, or that a folder stands in the place of.

    Raises:
        ConfigError: the name ends in none of the known endings, or is a folder's.
    """
    if out.suffix.lower() not in ENDINGS:
        raise ConfigError(f"expected a table ending in {', '.join(ENDINGS)}, got {out}; type: --out {out.stem}.csv")
    if out.is_dir():
        raise ConfigError(f"expected a table, got a folder called {out}; type: --out {out / 'faces.csv'}")


def scan(table: Path, schema: pl.Schema) -> pl.LazyFrame:
    """Open a finished table without reading it into memory."""
    scanners = {".csv": pl.scan_csv, ".jsonl": pl.scan_ndjson}
    ending = table.suffix.lower()
    return scanners[ending](table, schema=schema) if ending in scanners else pl.scan_parquet(table)


class Journal:
    """What is known of each input so far, on disk."""

    def __init__(self, out: Path, header: dict[str, Any]) -> None:
        """Find what an earlier run of the same command left; that of another command is dropped.

        Args:
            out: the table that will be made.
            header: everything the rows depend on; must be JSON.
        """
        self._out = out
        self.path = out.with_name(f".{out.name}.journal")
        self._header = json.dumps(header)
        self.done = 0
        """Inputs whose rows are all there already."""
        self._whole_bytes = 0
        if self.path.is_file():
            self._resume()

    def _resume(self) -> None:
        with self.path.open("rb") as file:
            if file.readline() != f"{self._header}\n".encode():
                return
            self._whole_bytes = read = file.tell()
            for line in file:
                # A kill can cut the last line short.
                if not line.endswith(b"\n"):
                    break
                read += len(line)
                if line.startswith(_ENDS):
                    self._whole_bytes = read
                    self.done += 1

    @contextmanager
    def opened(self) -> Iterator["Journal"]:
        """Open the journal for adding.

        Raises:
            DataError: it cannot be written, or another run is writing it.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Neither cuts anything off before it is known that nobody else writes.
            with self.path.open("r+b" if self._whole_bytes else "ab") as file:
                self._lock(file)
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

    def _lock(self, file: IO[bytes]) -> None:
        """Keep other runs out, where the system can, until the file is closed or this process ends, however it ends."""
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"expected to be the only run that writes {self._out}, got another; wait for it or choose another --out"
            ) from None
        except OSError:  # some file systems of networks know no locks
            pass

    def add(self, answer: Answer) -> None:
        """Add the next answer, and hand it to the system at once."""
        mark = _ENDS if answer.ends else _GOES_ON
        self._file.write(mark + json.dumps([answer.input, answer.rows]).encode() + b"\n")
        self._file.flush()
        if answer.ends:
            self._whole_bytes = self._file.tell()

    def answers(self) -> Iterator[Answer]:
        """Yield what the journal holds of whole inputs."""
        with self.path.open("rb") as file:
            file.readline()
            while file.tell() < self._whole_bytes:
                line = file.readline()
                yield Answer(*json.loads(line[len(_ENDS) :]), ends=line.startswith(_ENDS))

    def _pieces(self, folder: Path) -> Iterator[Path]:
        """Write the rows into files of a few megabytes, at least one: polars holds a whole file in memory."""
        rows = (row for answer in self.answers() for row in answer.rows)
        for number in count():
            path = folder / f"{number:06d}.jsonl"
            with path.open("w", encoding="utf-8") as file:
                file.writelines(f"{json.dumps(row)}\n" for row in islice(rows, ROWS_A_PIECE))
            if number and not path.stat().st_size:
                return
            yield path

    def finish(self, out: Path, schema: pl.Schema, metadata: dict[str, str]) -> None:
        """Make the table, whole or not at all; the journal stays, for what is still made from the table.

        Args:
            out: the table, its format by its ending.
            schema: the table's columns.
            metadata: kept inside a Parquet file; for the others, which have no place for it, in a file beside them
                named as the W3C's "CSV on the Web" names it.

        Raises:
            DataError: the table cannot be written.
        """
        ending = out.suffix.lower()
        with written_whole(out) as temporary, TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
            table = pl.scan_ndjson(list(self._pieces(Path(folder))), schema=schema)
            if ending == ".parquet":
                table.sink_parquet(temporary, metadata=metadata)
            elif ending == ".csv":
                table.sink_csv(temporary)
            else:
                table.sink_ndjson(temporary)
        if ending != ".parquet":
            with written_whole(out.with_name(f"{out.name}-metadata.json")) as temporary:
                temporary.write_text(json.dumps(metadata, indent=2) + "\n")

    def remove(self) -> None:
        """Delete the journal: the work is done, and the same command begins anew."""
        self.path.unlink(missing_ok=True)
