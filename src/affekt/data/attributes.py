"""Attributes of the pictures that a data set does not bring itself: age, gender, skin tone, pose, whatever is known."""

from pathlib import Path

import polars as pl

from affekt.data.csv_text import read_text_table
from affekt.errors import DataError


def with_attributes(manifest: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Join the columns of a csv to a manifest as group attributes; rows of neither side need a partner in the other.

    Args:
        manifest: the manifest.
        path: a csv with `source_id`, with `source` too where data sets share names, and one further column or more.

    Returns:
        The manifest, in its order, with the csv's further columns as text, null where the csv has no such row.

    Raises:
        DataError: the file cannot be read, a column is missing or one of the manifest's own, a name comes twice, or no
            row of the manifest is named.
    """
    table = read_text_table(path, "a csv of attributes", "write source_id,age,gender in it")
    keys = [name for name in ("source", "source_id") if name in table.columns]
    further = [name for name in table.columns if name not in keys]
    taken = [name for name in further if name in manifest.columns]
    if "source_id" not in keys or not further or taken:
        raise DataError(
            f"expected source_id and columns of other names than the manifest's in {path}, got "
            f"{', '.join(table.columns)}; rename {', '.join(taken) or 'the column that names the pictures'}"
        )
    if table.select(pl.struct(keys).is_duplicated().any()).item():
        twice = table.filter(pl.struct(keys).is_duplicated())["source_id"][0]
        raise DataError(f"expected each picture once in {path}, got {twice!r} twice; keep one row of it")
    if manifest.join(table, on=keys, how="semi").is_empty():
        raise DataError(
            f"expected names as in the manifest, such as {manifest['source_id'][0]!r}, in {path}, got "
            f"{table['source_id'][0] if len(table) else 'no rows'!r}; write the manifest's source_id"
        )
    return manifest.join(table, on=keys, how="left", maintain_order="left")
