"""The table that `affekt predict` wrote, as predictions of a manifest's rows: which face is meant, where is none."""

import os

import polars as pl

from affekt.errors import DataError
from affekt.evaluation.figures import DIMENSIONS

SIDES = ("x", "y", "width", "height")


def as_predictions(
    results: pl.DataFrame, manifest: pl.DataFrame, split: str, floor: pl.DataFrame, name: str
) -> tuple[pl.DataFrame, str]:
    """Return results as predictions of a split's rows, and a note on the pictures without an answer.

    A picture is found by its path, else by its name in the manifest, else by its file's name alone where that is
    unique. Of several faces the one counts that overlaps the manifest's box most or, where it has none, the largest.
    Where no face was found, the answer is the floor's, which knows how often each expression is: nobody is helped by
    leaving out what the detector missed. Raises DataError for results of videos, of none of the split's rows, or not of
    all.
    """
    if "frame" in results.columns and results["frame"].cast(pl.Int64, strict=False).fill_null(0).max() not in (0, None):
        raise DataError(
            f"expected results of pictures in {name}, got frames of a video; predict the manifest's pictures"
        )
    rows = manifest.filter(split=split)
    named = results.with_columns(key=pl.Series(_keys(results, manifest), dtype=pl.Int64))
    keyed = manifest.with_columns(key=pl.int_range(pl.len(), dtype=pl.Int64)).filter(split=split)
    scores = [column for column in results.columns if column.startswith("p_") or column in DIMENSIONS]
    numbers = [*SIDES, *scores]
    faces = named.filter(pl.col("status") == "ok").with_columns(pl.col(numbers).cast(pl.Float64, strict=False))
    joined = faces.join(keyed.select("key", "source", "source_id", "box_xyxy"), on="key")
    if joined.is_empty():
        raise DataError(
            f"expected results of the {rows.height:,} rows of the split {split!r} in {name}, got none with a face, the "
            f"first input being {results['input'][0]!r}; predict the manifest's pictures, as {rows['path'][0]}"
        )
    unasked = keyed.join(named, on="key", how="anti")
    if len(unasked):
        raise DataError(
            f"expected a row of {name} for each of the {rows.height:,} pictures of the split {split!r}, got none for "
            f"{len(unasked):,}, such as {unasked['path'][0]}; predict these too, or leave them out of the manifest"
        )
    best = joined.sort(_fit(), descending=True, nulls_last=True).unique("key", keep="first", maintain_order=True)
    found = best.select("source", "source_id", *scores)
    missing = floor.join(found, on=["source", "source_id"], how="anti")
    columns = {column: missing[column] if column in missing.columns else None for column in scores}
    unknown = [pl.lit(value).alias(column) if value is None else value for column, value in columns.items()]
    filled = missing.select("source", "source_id", *unknown)
    if any(column.startswith("p_") for column in scores):
        filled = filled.with_columns(pl.col("^p_.*$").fill_null(0.0))
    note = (
        f"{name}: no face was found in {missing.height:,} of {rows.height:,} pictures, which are answered by the floor."
        if missing.height
        else ""
    )
    return pl.concat([found, filled.cast(found.schema)]), note


def _fit() -> pl.Expr:
    """Return how well a face fits its row: the overlap with the box as a share of both, or the face's area."""
    left, top, right, bottom = (pl.col("box_xyxy").arr.get(edge) for edge in range(4))
    width, height = (
        (pl.min_horizontal(end, pl.col(start) + pl.col(size)) - pl.max_horizontal(begin, pl.col(start))).clip(0)
        for begin, end, start, size in ((left, right, "x", "width"), (top, bottom, "y", "height"))
    )
    area = pl.col("width") * pl.col("height")
    both = (right - left) * (bottom - top) + area - width * height
    return pl.when(pl.col("box_xyxy").is_null()).then(area).otherwise(width * height / both)


def _keys(results: pl.DataFrame, manifest: pl.DataFrame) -> list[int | None]:
    """Return the number of the manifest's row that each input is, None where it is none."""
    by_path = {path: row for row, path in enumerate(manifest["path"]) if path is not None}
    by_id = {name: row for row, name in enumerate(manifest["source_id"])}
    by_file: dict[str, int | None] = {}
    for row, name in enumerate(manifest["source_id"]):
        file = name.rpartition("/")[2]
        by_file[file] = None if file in by_file else row
    found = []
    for name in results["input"]:
        # An apostrophe keeps a spreadsheet from taking a name for a formula.
        name = name.removeprefix("'") if name.startswith(("'=", "'+", "'-", "'@")) else name
        place = by_path.get(os.path.abspath(name))  # noqa: PTH100  far faster
        found.append(place if place is not None else by_id.get(name, by_file.get(os.path.basename(name))))  # noqa: PTH119
    return found
