"""A table of results as a file, or a folder of them: written whole, in constant memory; and rows as frames."""

import glob
import json
import os
import re
import shlex
import shutil
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from affekt.analysis.archives import is_archive
from affekt.analysis.inputs import shown
from affekt.analysis.remote import is_address, without_secrets
from affekt.analysis.rows import FEATURES, Row, table_schema, without_formulas
from affekt.errors import ConfigError, DataError
from affekt.files import refuse_input, sha256_of, write_text, written_whole
from affekt.labels import labels_of_columns

FORMATS = {
    ".csv": (pl.LazyFrame.sink_csv, pl.scan_csv),
    ".parquet": (pl.LazyFrame.sink_parquet, pl.scan_parquet),
    ".jsonl": (pl.LazyFrame.sink_ndjson, pl.scan_ndjson),
}
"""How a table is written and read, by the ending of its name."""
OWN_COLUMNS = {"input", "face", "emotion", "confidence", "status"}
"""A table with these is one of results."""
TABLE = "table_sha256"
"""In the metadata beside a table: its hash and, for a kill between the two files, that of the table it replaces."""
PARTITIONS = ("emotion", "status", "reliable")
"""Columns of few values, by which a table may be divided into files."""
ROWS_PER_PIECE = 10_000
"""Rows of a table that are in memory at once."""


def check_table(out: Path, *, force: bool = False, names: Collection[str] | None = None, are_here: bool = True) -> None:
    """Refuse a table that no format belongs to, or in whose place a folder is, or a file that affekt did not write.

    Where the inputs are given, a table of affekt's own that has other inputs as well is refused, too. Among these count
    only those whose files are still there, but if the inputs need not be on this machine, all.
    """
    if is_address(str(out).replace(":/", "://", 1)):
        shards = "for a folder of Parquet files there type: --shard 1/1, or shard='1/1' in Python"
        if str(out).startswith("http"):  # where nothing can be written
            shards = f"write it here and copy it; type: --out {shlex.quote(out.name)}"
        raise ConfigError(f"expected a table on a disk as out, got an address, {out.name}; {shards}")
    if out.is_dir():
        named = shlex.quote(str(out / "faces.csv"))
        raise ConfigError(f"expected a table, got a folder called {out}; name a file, such as {named}")
    if out.parent == Path("/dev") or (out.exists() and not out.is_file()):
        raise ConfigError(f"expected a table, got the device {out}; to print rows, type: --out - (no out in Python)")
    if out.suffix.lower() not in FORMATS:
        plain = out.with_suffix("")  # of f.csv.gz
        called = shlex.quote(str(plain if plain.suffix.lower() in FORMATS else out.with_suffix(".csv")))
        raise ConfigError(f"expected a table ending in {', '.join(FORMATS)}, got {out}; call it {called}")
    nearest = next(parent for parent in out.absolute().parents if parent.exists())
    if not nearest.is_dir():
        raise ConfigError(f"expected a folder to write {out.name} into, got a file, {nearest}; choose another folder")
    if not os.access(nearest, os.W_OK):
        raise ConfigError(f"expected a folder that can be written for {out.name}, got {nearest}; choose another folder")
    refuse_input(out, [name for name in names or () if name.lower().endswith(out.suffix.lower())])
    if force:
        return
    if out.suffix.lower() != ".parquet" and metadata_file(out).exists() and not _said_beside(out):
        raise ConfigError(
            f"expected metadata of affekt's own to write over beside {out}, got another file, {metadata_file(out)}; "
            f"name another table, such as {_other(out)}, or type: --force, force=True "
            "in Python"
        )
    if not out.is_file() or not out.stat().st_size:
        return
    if not os.access(out, os.R_OK | os.W_OK):
        raise ConfigError(f"expected a table that you may read and write, got {out}; check who may, or name another")
    if not is_own(out):
        raise ConfigError(
            f"expected a table of affekt's own to write over, got another file, {out}; name another, such as "
            f"{_other(out, 'faces')}, or type: --force, force=True in Python"
        )
    if changed := change_of(out):
        raise ConfigError(
            f"expected {out} as affekt wrote it, got {changed}; to keep it, name another table, such as "
            f"{_other(out)}, or type: --force, force=True in Python"
        )
    if names is not None and (lost := _lost_inputs(out, names, are_here=are_here)):
        raise ConfigError(
            f"expected a table of these inputs to write over, got one with {len(lost):,} more, such as {lost[0]}, in "
            f"{out}; name another, such as {_other(out)}, or type: --force, "
            "force=True in Python"
        )


def _other(out: Path, more: str = "new") -> str:
    return shlex.quote(str(out.with_stem(f"{out.stem}-{more}")))


def refuse_lists(out: str | Path, schema: pl.Schema) -> None:
    """Refuse csv, which has no lists, for a table with features; raises ConfigError."""
    if FEATURES in schema and Path(out).suffix.lower() not in (".parquet", ".jsonl"):
        raise ConfigError(
            f"expected a table that holds lists for features, got {out}; type: --out faces.parquet, or "
            "out='faces.parquet' in Python, or leave out --features"
        )


def check_data_set(out: Path, column: str) -> None:
    """Refuse a column of many values, and a place for the data set where something is, or an address."""
    if column not in PARTITIONS:
        raise ConfigError(f"expected {', '.join(PARTITIONS)} to divide a table by, got {column}; type: --by emotion")
    if is_address(str(out).replace(":/", "://", 1)):
        raise ConfigError(
            f"expected a folder on a disk as out, got an address, {out.name}; leave out --by (by in Python): the parts "
            "themselves may lie at an address"
        )
    if out.exists():
        raise ConfigError(
            f"expected the name of a new folder as out, got {out}, which is there; type: --out "
            f"{shlex.quote(f'{out.stem}-by-{column}')}"
        )


def write_data_set(
    frames: Callable[[], Iterator[pl.DataFrame]], out: Path, column: str, schema: pl.Schema, metadata: dict[str, str]
) -> None:
    """Write frames of rows as Parquet files in one folder per value of a column, whole or not at all.

    The folders are named as Hive names them, `emotion=anger`, which DuckDB and polars read as a column.
    """
    source = register_io_source(lambda *_: frames(), schema=schema)  # of the whole table: as above
    unfinished = out.with_name(f".{out.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a call that was killed
    try:
        source.sink_parquet(pl.PartitionBy(unfinished, key=column), metadata=metadata, mkdir=True)
        unfinished.replace(out)
    except OSError as error:
        raise DataError(
            f"expected to write {out}, got {error.strerror or error}; free some space or choose another folder"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def scan_data_set(folder: Path, schema: pl.Schema, column: str) -> pl.LazyFrame:
    """Open a finished data set without reading it into memory; its rows stand value by value."""
    files = f"{glob.escape(str(folder))}/**/*.parquet"
    return pl.scan_parquet(files, hive_schema={column: schema[column]}).select(schema.names())


def is_own(table: Path) -> bool:
    """Whether a file has the columns of a table of results, whichever affekt wrote it."""
    try:
        return set(_scan(table).collect_schema()) >= OWN_COLUMNS
    except (pl.exceptions.PolarsError, OSError):
        return False


def change_of(table: Path, *, is_latest: bool = False) -> str:
    """Return in words what says that a table is not as affekt wrote it; empty where nothing does.

    With `is_latest` it must be the one that the metadata beside it is of, not the one before that, which a kill left.
    A table beside the metadata of an older affekt, which held no hash, is taken as it is.
    """
    if table.suffix.lower() == ".parquet":
        with table.open("rb") as file:
            file.seek(-8, os.SEEK_END)
            footer_bytes = int.from_bytes(file.read(4), "little")
            file.seek(-8 - footer_bytes, os.SEEK_END)
            # It holds the metadata, which some programs keep, and the name of the program that wrote the file.
            is_own = {b"affekt_version", b"Polars"} <= {*re.findall(b"affekt_version|Polars", file.read())}
        return "" if is_own else "one that another program wrote"
    if not (said := _said_beside(table)):
        return f"one without its {metadata_file(table).name}, which says how it came about"
    hashes = said.get(TABLE, "").split()[: 1 if is_latest else None]
    return "one that was changed since" if hashes and sha256_of(table) not in hashes else ""


def _said_beside(table: Path) -> dict[str, str]:
    """Return what affekt's metadata beside a table says; nothing where there are none, or somebody else's."""
    try:
        said = json.loads(metadata_file(table).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) and "affekt_version" in said else {}


def _lost_inputs(table: Path, names: Collection[str], *, are_here: bool) -> list[str]:
    """Return the inputs of a table of results that are not among others, sorted, as `check_table` counts them."""
    if any(name.lower().endswith(".parquet") for name in names):
        return []  # its rows may name any picture
    # All of csv as text: a name of digits alone is no number.
    options: dict[str, Any] = {"infer_schema": False} if table.suffix.lower() == ".csv" else {}
    try:
        there = _scan(table, **options).select(pl.col("input").unique()).collect()["input"].drop_nulls()
    except pl.exceptions.PolarsError:
        return ["rows that cannot be read"]
    told = {shown(without_secrets(name)) for name in names} | {*names}
    members = tuple(f"{shown(without_secrets(name))}/" for name in names if is_archive(name))
    # The apostrophe is that of --csv-safe.
    missing = (each for each in there if each not in told and each.removeprefix("'") not in told)
    lost = (each for each in missing if not each.removeprefix("'").startswith(members))
    lost = sorted(each for each in lost if not are_here or is_address(each) or Path(each.removeprefix("'")).exists())
    if are_here and lost:  # the same files may have been typed another way
        places = {os.path.realpath(name) for name in names if "\0" not in name}
        lost = [each for each in lost if is_address(each) or os.path.realpath(each.removeprefix("'")) not in places]
    return lost


def write_table(
    frames: Callable[[], Iterator[pl.DataFrame]],
    out: Path,
    schema: pl.Schema,
    metadata: dict[str, str],
    csv_safe: bool = False,
) -> None:
    """Write frames of rows, one behind the other, as one table, whole or not at all, in constant memory.

    A Parquet file holds the metadata; the others, which have no place for it, get a file beside them.
    """

    def pieces(*_: object) -> Iterator[pl.DataFrame]:  # of the whole table: a sink asks for all rows and columns
        return map(without_formulas, frames()) if csv_safe else frames()

    sink, _ = FORMATS[out.suffix.lower()]
    inside = {"metadata": metadata} if sink is pl.LazyFrame.sink_parquet else {}
    try:
        with written_whole(out) as temporary:
            sink(register_io_source(pieces, schema=schema), temporary, **inside)
            if not inside:
                hashes = [sha256_of(table) for table in (temporary, out) if table.is_file()]
                said = {**metadata, TABLE: " ".join(dict.fromkeys(hashes))}
                write_text(metadata_file(out), json.dumps(said, indent=2) + "\n")
    except DataError:
        if not (inside or out.is_file()):
            metadata_file(out).unlink(missing_ok=True)
        raise


def scan_table(table: Path, schema: pl.Schema) -> pl.LazyFrame:
    """Open a finished table without reading it into memory."""
    return _scan(table) if table.suffix.lower() == ".parquet" else _scan(table, schema=schema)


def open_table(table: Path) -> tuple[pl.LazyFrame, dict[str, str]]:
    """Open any table of results, each known column with its type, and what its metadata says of the run that made it.

    Raises:
        polars.exceptions.PolarsError, OSError, ValueError: it cannot be read.
    """
    frame = _scan(table)
    if table.suffix.lower() == ".parquet":
        return frame, pl.read_parquet_metadata(table)
    names, how = frame.collect_schema().names(), dict[str, Any]()
    if len(names) == 1 and ";" in names[0]:  # as spreadsheets save csv where the comma is the decimal mark
        how = {"separator": ";", "decimal_comma": True}
        names = _scan(table, **how).collect_schema().names()
    known = table_schema(labels_of_columns(names), smoothed=True, details=True, features=True)
    frame = _scan(table, schema_overrides={name: known[name] for name in names if name in known}, **how)
    return frame, _said_beside(table)


def metadata_file(table: Path) -> Path:
    """Return where the metadata of a csv or jsonl lies, as the W3C's "CSV on the Web" has it."""
    return table.with_name(f"{table.name}-metadata.json")


def _scan(table: Path, **options: Any) -> pl.LazyFrame:  # noqa: ANN401  of the format
    _, scan = FORMATS[table.suffix.lower()]
    return scan(glob.escape(str(table)), **options)  # polars takes a name for a pattern


def pieces_of(rows: Iterator[Row], schema: pl.Schema) -> Iterator[pl.DataFrame]:
    """Yield rows as frames of some thousands."""
    while piece := list(islice(rows, ROWS_PER_PIECE)):
        yield pl.DataFrame(piece, schema=schema)


def frame_of(rows: Iterator[Row], schema: pl.Schema) -> pl.DataFrame:
    """Return rows as a frame."""
    # In pieces, for rows as dictionaries take ten times the memory of a frame.
    return pl.concat([pl.DataFrame(schema=schema), *pieces_of(rows, schema)])
