"""A csv file as text: what a cell becomes is decided where its meaning is known, not by a column's first rows."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from affekt.errors import DataError


def read_text_table(path: Path, what: str, instead: str, needed: Iterable[str] = ()) -> pl.DataFrame:
    """Read a csv file with a header, every column as text.

    Args:
        path: the file.
        what: what it should be, for an error, as in "a predictions table".
        instead: what to do if it is not, for an error.
        needed: names of columns that must be there.

    Returns:
        The table without the spaces around names and cells, which Kaggle's tables have; empty cells are null.

    Raises:
        DataError: it is missing, empty, not UTF-8, not a csv, lacks a column, or two columns have one name.
    """
    if not path.is_file():
        got = "a folder" if path.is_dir() else "no such file"
        raise DataError(f"expected {what} at {path}, got {got}; {instead}")
    try:
        table = pl.read_csv(path, infer_schema=False)
        _refuse_repeated(table.columns, path, what, instead)
        table = table.rename(str.strip)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"expected {what} in {path}, got {reason}; {instead}") from error
    if absent := [name for name in needed if name not in table.columns]:
        raise DataError(
            f"expected {what} in {path}, got no {', '.join(absent)} among {', '.join(table.columns)}; {instead}"
        )
    return table.with_columns(pl.all().str.strip_chars().replace("", None))


def _refuse_repeated(columns: list[str], path: Path, what: str, instead: str) -> None:
    # polars appends this to the second of two equal names.
    counts = Counter(re.sub(r"_duplicated_[0-9]+$", "", name).strip() for name in columns)
    repeated = [name for name, count in counts.items() if name and count > 1]
    if repeated:
        raise DataError(f"expected {what} in {path}, got several columns named {repeated[0]!r}; {instead}")
