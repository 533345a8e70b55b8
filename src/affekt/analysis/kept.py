"""What earlier runs found of each input, known by its content: in the finished table, and in a stopped run's ledger.

A table's metadata names its inputs in their order, with each file's content and its number of rows. The ledger has the
same behind each input's rows. What an input's rows depend on besides its content is the same for a whole table, and
stands in the ledger where a run began to write.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import polars as pl

from affekt.analysis.inputs import shown
from affekt.analysis.remote import is_address, without_secrets
from affekt.analysis.rows import Answer, Row
from affekt.analysis.summary import counted
from affekt.analysis.table import ROWS_PER_PIECE, TABLE, change_of, open_table, pieces_of
from affekt.errors import DataError
from affekt.files import content_of, stamp
from affekt.ledger import Ledger

INPUTS = "inputs"
"""What a table's metadata calls the list of its inputs."""
RECORD = "input, rows, content, left out; behind a run's first input what rows depend on besides"
OF_NO_ROW = ("faces", "model", "model_revision", "crops", "notes", INPUTS, TABLE)
"""What is described of a run, but changes no row: the detector and the hashes of the model stand beside it."""
OF_VIDEOS, OF_PICTURES = ("every_s", "stop_after_s", "detect_every", "smooth_s"), ("lenient",)
MODEL = ("model_sha256", "card_sha256")


@dataclass(frozen=True)
class Unit:
    """What was found of one input, and where it stands."""

    name: str
    """Of the input today, without what is secret in it."""
    was: str
    """Its name in the rows."""
    content: list[Any] | None
    how: dict[str, str]
    """What its rows depend on besides."""
    place: int
    """Its first row in the table, or its first byte in the ledger."""
    rows: int | None = None
    """How many there are in the table; None in the ledger."""
    left_out: int = 0


@dataclass
class Counted:
    """What an input has in the table."""

    rows: int = 0
    left_out: int = 0
    is_read: bool = False


class Kept:
    """The units that serve a run: of an input whose content, and what its rows depend on, are the same as now."""

    def __init__(self, out: Path, names: Sequence[str], how: dict[str, str], videos: Collection[str]) -> None:
        """Look through the table and its ledger for each input; `videos` are those of the names that are videos.

        A file that has another name now is found by its content, if nothing has its old name. An input whose file is
        gone keeps what was found of it, if it is among the names.
        """
        self.ledger = Ledger(out, {"record": RECORD})
        self._out, self._how, self._videos = out, how, videos
        self._table, found = _in_table(out)
        of_table = list(found.values())
        self.units: dict[str, Unit] = {}
        """By the input's name now; those of inputs that are still to be looked at come with `add`."""
        self._anew = Counter[str]()
        found |= _in_ledger(self.ledger)
        here = set(map(without_secrets, names))
        moved = {tuple(unit.content): unit for unit in found.values() if unit.content and unit.name not in here}
        self._stamps = {content[:2] for content in moved}
        self._contents = set[tuple[Any, ...]]()
        """Of units whose files are there, under their name or another."""
        self._has_crops = "crops" not in how or any(Path(how["crops"]).rglob("*.png"))
        for name in names:
            if unit := self._fitting(name, found, moved):
                self.units[unit.name] = unit
        lost = (unit for unit in of_table if unit.name not in here and tuple(unit.content or ()) not in self._contents)
        self.gone = [unit.name for unit in lost if not Path(unit.name).exists()]
        """Inputs of the table that are not among the names, and whose rows cannot be computed again."""
        self.inputs, self.at_first = len(names), len(self.units)
        self.done = self.at_first
        """Inputs whose rows are all kept by now."""
        self._untold = [how]
        self._counted: dict[str, Counted] = defaultdict(Counted)
        if all(unit.rows is not None for unit in self.units.values()):
            self.ledger.forget()

    def _fitting(self, name: str, found: dict[str, Unit], moved: dict[tuple[Any, ...], Unit]) -> Unit | None:
        """Return the unit of an input; count why, if there is one that does not fit."""
        told = without_secrets(name)
        unit, is_same_name = found.get(told), told in found
        content = content_of(name) if is_same_name or tuple(stamp(name) or ()) in self._stamps else None
        if unit is None and content is not None:
            unit = moved.get(tuple(content))
        if unit is None:
            return None
        self._contents.add(tuple(content or ()))
        if content != unit.content and not (is_same_name and content is None):
            self._anew["changed since"] += is_same_name
            return None
        if why := self._difference(unit.how, told):
            self._anew[why] += 1
            return None
        return replace(unit, name=told)

    def _difference(self, then: dict[str, str], name: str) -> str:
        """Return in words how what the rows depend on was another then; nothing if it is the same."""
        before, now = (_of_rows(each, name, name in self._videos) for each in (then, self._how))
        words = [
            f"{key} {before.get(key, 'unset')} before, {now.get(key, 'unset')} now"
            for key in sorted(before.keys() | now.keys())
            if key not in MODEL and before.get(key) != now.get(key)
        ]
        if any(before.get(key) != now.get(key) for key in MODEL):
            was, is_now = (each.get("model", "none") for each in (then, self._how))
            words.insert(0, f"model {was if was != is_now else 'of other files'} before, {is_now} now")
        if "crops" in self._how and not (self._has_crops and then.get("crops") == self._how["crops"]):
            words.append("crops are made while an input is read")
        return "; ".join(words)

    def told(self) -> Iterator[str]:
        """Yield what a person is told at the start, a sentence each."""
        if old := self.ledger.is_of_another_job:
            yield f"starting anew: another version of affekt left {self.ledger.path}, which this one cannot go on with"
        if self.ledger.units:
            yield f"going on after {self.at_first} of {self.inputs} inputs"
        elif self.at_first:
            yield f"keeping {self.at_first} of {self.inputs} inputs as they are in {self._out}"
        elif self._table is None and self._out.is_file() and self._out.stat().st_size and not old:
            yield f"computing all anew: {self._out} does not say which files it was made from, or was changed"
        if self.gone:
            count = counted(len(self.gone), "file that is", "files that are")
            yield f"leaving out rows of {count} gone, such as {self.gone[0]}"
        for why, count in self._anew.most_common():
            yield f"computing {counted(count, 'input')} anew: {why}"

    def add(self, name: str, answer: Answer) -> None:
        """Add an answer of an input; only inside `ledger.writing`."""
        told = without_secrets(name)
        unit = self.units.setdefault(told, Unit(told, told, None, self._how, self.ledger.place))
        content, untold = (content_of(name), self._untold) if answer.ends else (None, [])
        self.ledger.add([told, answer.rows, content, answer.left_out, *untold], ends_unit=answer.ends)
        if answer.ends:
            self.units[told], self._untold = replace(unit, content=content), []
            self.done += 1
        self.count(told, answer)

    def count(self, name: str, answer: Answer) -> None:
        """Count the rows of an input, for `listed`."""
        found = self._counted[name]
        found.rows += len(answer.rows)
        found.left_out += answer.left_out
        found.is_read = found.is_read or any(row["status"] in ("ok", "no_face") for row in answer.rows)

    def listed(self, names: Iterable[str]) -> str:
        """Return the list of inputs for the metadata of their table, once the rows of all are counted.

        Without their content, and so looked at anew, are those of which nothing was read, and tables of pictures, whose
        rows may name others.
        """
        return json.dumps([self._line(self.units[told]) for told in map(without_secrets, names)], separators=(",", ":"))

    def _line(self, unit: Unit) -> list[Any]:
        found = self._counted[unit.name]
        is_known = found.is_read and not unit.name.lower().endswith(".parquet")
        return [unit.name, unit.content if is_known else None, found.rows, found.left_out]

    def frames(self, names: Iterable[str], schema: pl.Schema) -> Iterator[pl.DataFrame]:
        """Yield the rows of inputs as frames."""
        return pieces_of((row for answer in self.answers(names) for row in answer.rows), schema)

    def written(self, names: Iterable[str]) -> None:
        """Look for all rows in the table from now on, for it has been written."""
        (self._table, _), place = open_table(self._out), 0
        for told in map(without_secrets, names):
            found = self._counted[told]
            moved = {"was": told, "place": place, "rows": found.rows, "left_out": found.left_out}
            self.units[told] = replace(self.units[told], **moved)
            place += found.rows

    def digest(self, name: str) -> str:
        """Return what tells the rows of an input from others; empty where its file is gone."""
        unit = self.units[without_secrets(name)]
        if unit.content is None:
            return ""
        described = [unit.content, _of_rows(self._how, unit.name, unit.name in self._videos)]
        return blake2b(json.dumps(described).encode(), digest_size=8).hexdigest()

    def answers(self, names: Iterable[str]) -> Iterator[Answer]:
        """Yield what was found of inputs, each called as it is called now; those that are still to be looked at not."""
        stretch: list[Unit] = []
        for unit in (self.units[told] for told in map(without_secrets, names) if told in self.units):
            if stretch and unit.place != stretch[-1].place + (stretch[-1].rows or 0):
                yield from self._of_table(stretch)
                stretch = []
            if unit.rows is None:
                yield from self._of_ledger(unit)
            else:
                stretch.append(unit)
        if stretch:
            yield from self._of_table(stretch)

    def _of_ledger(self, unit: Unit) -> Iterator[Answer]:
        for (_, rows, _, left_out, *_), ends in self.ledger.records(unit.place):
            yield Answer(unit.name, [_called(row, unit) for row in rows], ends, left_out=left_out)
            if ends:
                return

    def _of_table(self, units: list[Unit]) -> Iterator[Answer]:
        """Yield the answers of units that stand one behind the other in the table."""
        assert self._table is not None, "units have rows in a table alone"
        stretch = self._table.slice(units[0].place, sum(unit.rows or 0 for unit in units))
        pieces = stretch.collect_batches(chunk_size=ROWS_PER_PIECE, maintain_order=True)
        rows = (row for piece in pieces for row in piece.iter_rows(named=True))
        for unit in units:
            for _, frame in groupby(islice(rows, unit.rows), key=lambda row: (row["input"], row["frame"])):
                yield Answer(unit.name, [_called(self._checked(row, unit), unit) for row in frame], ends=False)
            yield Answer(unit.name, [], ends=True, left_out=unit.left_out)

    def _checked(self, row: Row, unit: Unit) -> Row:
        if shown(unit.was) not in (row["input"] or ""):
            raise DataError(
                f"expected rows of {unit.was} in {self._out}, got some of {row['input']}: it was changed by another "
                "program; name another table, or delete this one to compute all anew"
            )
        return row


def _called(row: Row, unit: Unit) -> Row:
    """Return a row with the name that its input has now; members of an archive keep what stands behind it."""
    was, now = shown(unit.was), shown(unit.name)
    before, found, behind = row["input"].partition(was)
    return {**row, "input": now + behind} if found and (before or was != now) else row


def _of_rows(how: dict[str, str], name: str, is_video: bool) -> dict[str, str]:
    """Return what the rows of an input depend on, of all that is described."""
    others = (*OF_NO_ROW, *(OF_PICTURES if is_video else OF_VIDEOS), *(() if is_address(name) else ("fetch",)))
    return {key: value for key, value in how.items() if key not in others}


def _in_ledger(ledger: Ledger) -> dict[str, Unit]:
    found, how = dict[str, Unit](), dict[str, str]()
    for place, (name, _, content, _, *told) in ledger.ends():
        how = told[0] if told else how
        found[name] = Unit(name, name, content, how, place)
    return found


def _in_table(out: Path) -> tuple[pl.LazyFrame | None, dict[str, Unit]]:
    """Return a finished table, and its inputs of which something was read; None where it is not as it was written."""
    try:
        table, how = open_table(out)
        rows = table.select(pl.len()).collect().item()
        inputs = json.loads(how[INPUTS])
    except (pl.exceptions.PolarsError, OSError, ValueError, KeyError):
        return None, {}
    if change_of(out, is_latest=True) or sum(count for _, _, count, _ in inputs) != rows:
        return None, {}
    how = {key: value for key, value in how.items() if key not in (INPUTS, "notes", "ARROW:schema")}
    found, place = dict[str, Unit](), 0
    for name, content, count, left_out in inputs:
        if content is not None:
            found[name] = Unit(name, name, content, how, place, count, left_out)
        place += count
    return table, found
