"""A ledger: a file of records that a long job adds to, so that the job goes on where it was stopped."""

import errno
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

from affekt.errors import DataError

if sys.platform != "win32":
    import fcntl

FORMAT = 1
"""Stands in the first line: a ledger in another format is one of another job."""
_ENDS_UNIT, _GOES_ON = b".", b"+"
"""First byte of a record's line: whether a unit ends with the record, or goes on."""


class Ledger:
    """The records of one job, in a hidden file beside what the job makes.

    Its first line says what all records depend on. Each further line is a record, and says whether a unit of work ends
    with it: a picture is a unit of one record, a video a unit of many. What a kill cuts short is dropped, back to the
    last whole unit, and done again.
    """

    def __init__(self, out: Path, header: dict[str, Any], *, instead: str = "choose another file") -> None:
        """Find what an earlier run of the same job left: the ledger of `faces.csv` is `.faces.csv.ledger`.

        The header is everything that the records depend on, as JSON; a ledger with another header is overwritten.
        """
        self._out, self._instead = out, instead
        self.path = out.with_name(f".{out.name}.ledger")
        self._header = json.dumps({"ledger": FORMAT, **header}).encode() + b"\n"
        self.units = 0
        """Units whose records are all there."""
        self.is_of_another_job = False
        """Whether a ledger with another header was found; its records are not used."""
        self.place = 0
        """Where the next unit begins, in bytes of the file."""
        self._file: IO[bytes] | None = None
        if self.path.is_file():
            self._find_whole_units()

    def forget(self) -> None:
        """Forget all units: none of them is of use."""
        self.units = self.place = 0

    def _find_whole_units(self) -> None:
        with self.path.open("rb") as file:
            if (first := file.readline()) != self._header:
                # A kill can cut the first line short, too.
                self.is_of_another_job = first.endswith(b"\n")
                return
            self.place = read = len(first)
            for line in file:
                if not (line.startswith((_ENDS_UNIT, _GOES_ON)) and line.endswith(b"\n")):
                    return
                read += len(line)
                if line.startswith(_ENDS_UNIT):
                    self.place = read
                    self.units += 1

    @contextmanager
    def writing(self) -> Iterator[Self]:
        """Open the ledger for adding, behind its last whole unit; while it is open, no other run can."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Neither mode cuts anything off before it is known that nobody else writes.
            with self.path.open("r+b" if self.place else "ab") as file:
                self._lock(file)
                file.truncate(self.place)
                file.seek(self.place)
                if not self.place:
                    self.place = file.write(self._header)
                self._file = file
                yield self
        except OSError as error:
            is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            instead = (
                f"free some space and type the same again, which keeps what is done, or {self._instead}"
                if is_full
                else self._instead
            )
            raise DataError(f"expected to write {self._out}, got {error.strerror or error}; {instead}") from error
        finally:
            self._file = None

    def _lock(self, file: IO[bytes]) -> None:
        """Keep other runs out, where the system can, until the file is closed or this process ends, however it ends."""
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"expected to be the only run that writes {self._out}, got another; wait for it or {self._instead}"
            ) from None
        except OSError:  # some file systems of networks know no locks
            pass

    def add(self, record: object, *, ends_unit: bool = True) -> None:
        """Add a record, anything that JSON holds, and hand it to the system at once; only inside `writing`."""
        assert self._file is not None, "records are added inside writing()"
        self._file.write((_ENDS_UNIT if ends_unit else _GOES_ON) + json.dumps(record).encode() + b"\n")
        self._file.flush()
        if ends_unit:
            self.place = self._file.tell()
            self.units += 1

    def records(self, start: int = 0) -> Iterator[tuple[Any, bool]]:
        """Yield the records of all whole units, as they were added, and whether each ends its unit.

        `start` is the place of the unit to begin with.
        """
        for _, line in self._lines(start):
            yield json.loads(line[1:]), line.startswith(_ENDS_UNIT)

    def ends(self) -> Iterator[tuple[int, Any]]:
        """Yield the place of each whole unit, and the record that ends it."""
        begins = None
        for place, line in self._lines():
            begins = place if begins is None else begins
            if line.startswith(_ENDS_UNIT):
                yield begins, json.loads(line[1:])
                begins = None

    def _lines(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        if not self.units:
            return
        with self.path.open("rb") as file:
            place = len(file.readline())
            if start:
                place = file.seek(start)
            while place < self.place:
                line = file.readline()
                yield place, line
                place += len(line)

    def remove(self) -> None:
        """Delete the ledger: the job is done, and the same job begins anew."""
        self.path.unlink(missing_ok=True)
