"""Any csv with named columns: a path to each picture, and what is known about it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl
from tyro.conf import Positional

from affekt.data.importers.listing import SKIP, Listing, name_labels, parse_map
from affekt.data.manifest import SCHEMA, SPLIT_NAMES, has_empty_box, read_text_table
from affekt.errors import ConfigError, DataError

COLUMNS = ("path", "emotion", "valence", "arousal", "split", "subject")
"""Of the manifest's columns, those that an option of the same name may look for under another name."""


@dataclass(frozen=True, kw_only=True)
class Csv:
    """Any csv with named columns; one that has affekt's own column name needs no option."""

    root: Positional[Path]
    """The csv file, with a header."""
    pictures: Path | None = None
    """Folder that the paths start from; by default the csv's own."""
    path_column: str | None = None
    """Column with the path of each picture; by default `path`."""
    emotion_column: str | None = None
    """Column with the expression's name; by default `emotion`, where there is one."""
    valence_column: str | None = None
    """Column with valence; by default `valence`, where there is one."""
    arousal_column: str | None = None
    """Column with arousal; by default `arousal`, where there is one."""
    split_column: str | None = None
    """Column with the split; by default `split`, where there is one."""
    subject_column: str | None = None
    """Column with the person; by default `subject`, where there is one."""
    box_columns: tuple[str, str, str, str] | None = None
    """Four columns with the face box in pixels; without them the whole picture is the face."""
    box_layout: Literal["xyxy", "xywh"] = "xyxy"
    """`xyxy` is left, top, right, bottom; `xywh` is left, top, width, height."""
    groups: tuple[str, ...] = ()
    """Further columns to keep as group attributes, as in `--groups age gender`."""
    map: tuple[str, ...] = ()
    """What the expressions' names mean, as in `--map wut=anger 0=neutral unsure=skip`; numbers always need it."""
    scale: float = 1.0
    """Largest valence and arousal there can be, which becomes 1: 10 for ratings in [-10, 10]."""
    missing: float | None = None
    """Value that says valence or arousal is unknown, as in `--missing -2`."""
    split: str = "train"
    """Split of rows for which the csv names none."""
    source: str | None = None
    """Name of the data set; by default the csv's name."""

    def __post_init__(self) -> None:
        """Refuse a scale that cannot divide."""
        if not self.scale > 0:
            raise ConfigError(f"expected --scale above 0, got {self.scale}; type 10 for ratings in [-10, 10]")

    def list_rows(self) -> Listing:
        """Read the csv."""
        instead = "mend it, or type another path after: affekt data import csv"
        table = read_text_table(self.root, "a csv with a header", instead)
        columns = {name: self._column(table, name) for name in COLUMNS}
        if columns["path"] is None or all(columns[name] is None for name in ("emotion", "valence", "arousal")):
            raise DataError(
                f"expected a column of paths and one of emotion, valence or arousal in {self.root}, got "
                f"{', '.join(table.columns)}; name them with --path-column, --emotion-column, --valence-column ..."
            )
        named = {name: pl.col(column) if column else pl.lit(None, pl.String) for name, column in columns.items()}
        rows = table.select(*self._boxes(table), *self._groups(table), **named)
        rows, meanings = name_labels(rows, "emotion", parse_map(self.map), f"expressions in {self.root}")
        rows = rows.with_columns(self._rating(rows, "valence"), self._rating(rows, "arousal"))
        rated = pl.any_horizontal(pl.col("valence", "arousal").is_not_null())
        folder = (self.pictures or self.root.parent).resolve()
        split = pl.col("split").str.to_lowercase().replace_strict(SPLIT_NAMES, default=pl.col("split"))
        rows = rows.with_columns(
            split.fill_null(self.split).alias("split"),
            pl.lit(self.source or self.root.stem).alias("source"),
            pl.col("path").alias("source_id"),
            pl.col("path").map_elements(lambda path: str(folder / path), return_dtype=pl.String),
            pl.when(rated).then(pl.lit("rated")).alias("valence_arousal_origin"),
        )
        with_path = rows.filter(pl.col("path").is_not_null())
        wanted = with_path.filter(pl.col("emotion").ne_missing(SKIP))
        unique = wanted.unique("source_id", keep="first", maintain_order=True)
        dropped = {
            "no path": len(rows) - len(with_path),
            "mapped to skip": len(with_path) - len(wanted),
            "path listed again (the first row is kept)": len(wanted) - len(unique),
        }
        notes = [f"Expressions are read as {meanings}."] if meanings else []
        if self.scale != 1:
            notes.append(f"Valence and arousal are divided by {self.scale:g}.")
        return Listing(rows=unique, dropped=dropped, notes=tuple(notes))

    def _column(self, table: pl.DataFrame, name: str) -> str | None:
        asked: str | None = getattr(self, f"{name}_column")
        if asked is not None and asked not in table.columns:
            raise DataError(
                f"expected the column {asked!r} in {self.root}, got {', '.join(table.columns)}; "
                f"name one of these with --{name}-column"
            )
        return asked or (name if name in table.columns else None)

    def _rating(self, rows: pl.DataFrame, name: str) -> pl.Series:
        numbers = _numbers(rows, name, self.root)
        if self.missing is not None:
            numbers = numbers.set(numbers == self.missing, None)
        scaled = (numbers / self.scale).alias(name)
        wrong = (~scaled.is_between(-1, 1)).arg_true()
        if len(wrong):
            raise DataError(
                f"expected {name} in [-{self.scale:g}, {self.scale:g}], got {numbers[wrong[0]]:g} in row "
                f"{wrong[0] + 1} of {self.root} ({len(wrong):,} such rows); say the range as in --scale 10, or which "
                "value means unknown as in --missing -2"
            )
        return scaled

    def _boxes(self, table: pl.DataFrame) -> list[pl.Series]:
        if self.box_columns is None:
            return []
        absent = [name for name in self.box_columns if name not in table.columns]
        if absent:
            raise DataError(
                f"expected the box columns {', '.join(absent)} in {self.root}, got {table.columns}; name others"
            )
        left, top, right, bottom = (_numbers(table, name, self.root) for name in self.box_columns)
        if self.box_layout == "xywh":
            right, bottom = left + right, top + bottom
        edges = pl.DataFrame({"left": left, "top": top, "right": right, "bottom": bottom})
        known = pl.any_horizontal(pl.all().is_not_null())
        boxes = edges.select(box_xyxy=pl.when(known).then(pl.concat_list(pl.all()).list.to_array(4)))
        wrong = boxes.select(has_empty_box()).to_series().arg_true()
        if len(wrong):
            raise DataError(
                f"expected face boxes with an area, got {edges.row(wrong[0])} in row {wrong[0] + 1} of {self.root} "
                f"({len(wrong):,} such rows); mend it, leave all four empty, or say --box-layout xywh or xyxy"
            )
        return boxes.get_columns()

    def _groups(self, table: pl.DataFrame) -> list[str]:
        wrong = [name for name in self.groups if name not in table.columns or name in SCHEMA]
        if wrong:
            raise DataError(
                f"expected further columns of {self.root} in --groups, got {', '.join(wrong)}; choose among "
                f"{', '.join(name for name in table.columns if name not in SCHEMA)}"
            )
        return list(self.groups)


def _numbers(rows: pl.DataFrame, name: str, path: Path) -> pl.Series:
    numbers = rows[name].cast(pl.Float64, strict=False).fill_nan(None)
    wrong = (numbers.is_null() & rows[name].str.to_lowercase().ne_missing("nan") & rows[name].is_not_null()).arg_true()
    if len(wrong):
        raise DataError(
            f"expected numbers in {name} of {path}, got {rows[name][wrong[0]]!r} in row {wrong[0] + 1}; "
            "mend it or leave it empty"
        )
    return numbers
