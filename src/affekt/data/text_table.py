"""Tables that people write: csv files are read as text, in whatever way a spreadsheet saved them."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from affekt.errors import DataError, first_line
from affekt.files import is_utf16

OF_POLARS = {
    "more fields than defined": "a line with more cells than its first line has",
    "empty CSV": "an empty file",
    "invalid utf-8": "text that is not UTF-8 (in Excel, save it as: CSV UTF-8)",
    "could not parse": "a cell with an open quotation mark",
}
"""What polars says of a text that is no table, and what it means."""


def read_text_table(path: Path, what: str, instead: str, needed: Iterable[str] = ()) -> pl.DataFrame:
    """Read a csv file with a header as text: what a cell becomes is decided where its meaning is known.

    Semicolons may stand between the cells, as where the comma is the decimal mark, or tabs, as in Excel's "Unicode
    text", which is UTF-16. Spaces around names and cells, which Kaggle's tables have, are left out; empty cells are
    null. Errors say `what` the file should be, as in "a predictions table", and what to do `instead`; the `needed`
    columns must be there, and rows.
    """
    refuse_absent(path, what, instead)
    try:
        text = path.read_text(encoding="utf-16").encode() if is_utf16(path) else path.read_bytes()
        header = text.partition(b"\n")[0]
        separator = next((mark for mark in (",", ";", "\t") if mark.encode() in header), ",")
        table = pl.read_csv(text, infer_schema=False, separator=separator)
        # polars appends this to the second of two equal names.
        counts = Counter(re.sub(r"_duplicated_[0-9]+$", "", name).strip() for name in table.columns)
        if repeated := [name for name, count in counts.items() if name and count > 1]:
            raise DataError(f"expected {what} in {path}, got several columns named {repeated[0]!r}; {instead}")
        table = table.rename(str.strip)
    except (pl.exceptions.PolarsError, OSError, UnicodeError) as error:
        reason = first_line(error)
        got = next((plain for words, plain in OF_POLARS.items() if words in reason), reason)
        raise DataError(f"expected {what} in {path}, got {got}; {instead}") from error
    if absent := [name for name in needed if name not in table.columns]:
        refuse_other_case(table.columns, absent, str(path))
        raise DataError(
            f"expected {what} in {path}, got no {', '.join(absent)} among {', '.join(table.columns)}; {instead}"
        )
    table = table.with_columns(pl.all().str.strip_chars().replace("", None))
    if table.is_empty():
        raise DataError(f"expected {what} in {path}, got its header alone; {instead}")
    again = table.select(pl.all_horizontal(pl.col(name) == name for name in table.columns)).to_series().arg_true()
    if len(again):
        raise DataError(f"expected one table in {path}, got its header again in row {again[0] + 1}; take that row out")
    return table


def refuse_absent(path: Path, what: str, instead: str) -> None:
    """Refuse a path of no file; raises DataError."""
    if not path.is_file():
        got = "a folder" if path.is_dir() else "no such file"
        raise DataError(f"expected {what} at {path}, got {got}; {instead}")


def refuse_other_case(columns: Iterable[str], wanted: Iterable[str], where: str) -> None:
    """Refuse a column that is only in capitals or small letters another than the wanted one; raises DataError."""
    small = {name.strip().lower(): name for name in columns}
    for name in wanted:
        if name not in columns and name in small:
            raise DataError(f"expected a column {name} in {where}, got {small[name]}; rename it to {name}")
