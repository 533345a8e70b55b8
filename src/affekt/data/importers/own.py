"""A data set of your own: a tree of folders, each named after the expression its pictures show, or any csv."""

import os
import re
import shlex
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import polars as pl
from tyro.conf import Positional

from affekt.data.importers.listing import Listing
from affekt.data.importers.names import SKIP, name_labels, parse_map
from affekt.data.importers.scales import likely_scale, scale_ends, scale_notes
from affekt.data.manifest import HAS_EMPTY_BOX, SCHEMA, SPLIT_NAMES
from affekt.data.text_table import read_text_table, refuse_other_case
from affekt.errors import DataError
from affekt.faces.kinds import is_picture_named
from affekt.files import folders_below, is_litter

LABEL_TABLE = "labels.csv"
COLUMNS = ("path", "emotion", "valence", "arousal", "split", "subject")
"""Of the manifest's columns, those that an option of the same name may look for under another name."""

NO_UTF8 = re.compile("[\udc80-\udcff]")
"""What stands in a path for each byte that is none of UTF-8."""
RESULT_COLUMNS = {"input", "face", "status"}
"""A table with these was written by `affekt predict`."""
RESULT_BOX = ("x", "y", "width", "height")


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder tree, [split/]expression/picture: folders are known by name, never by their order."""

    root: Positional[Path]
    """Folder that holds a folder for each expression, and train, val and test around these or in each of them."""
    map: tuple[str, ...] = ()
    """What folder names mean, as in `--map wut=anger 0=neutral blurred=skip`; numbers need it, happy does not.
    Names that are none of the eight, such as bored, are labels of the data set's own."""
    split: str = "train"
    """Split of all pictures where the tree has no train, val or test folders."""
    labels: Literal["folder", "csv"] = "folder"
    """Which expression counts if the folder holds a file labels.csv, with the columns `pth` (a picture's path) and
    `label`, as some copies of data sets have: that of its folder or that of the csv, for the two may disagree."""
    source: str | None = None
    """Name of the data set; by default the root folder's."""

    def list_rows(self) -> Listing:
        """List the pictures in the tree."""
        root = self.root.resolve()
        mapping = parse_map(self.map)
        tree, dropped = read_tree(root, self.split)
        tree, notes = name_labels(tree, "emotion", mapping, f"folders of {root}")
        if (root / LABEL_TABLE).is_file() or self.labels == "csv":
            tree, note = _with_table(tree, root / LABEL_TABLE, mapping, self.labels)
            notes.append(note)
        dropped[f"not in {LABEL_TABLE}"] = tree["emotion"].null_count()
        dropped["mapped to skip"] = tree.filter(pl.col("emotion") == SKIP).height
        rows = tree.filter(pl.col("emotion") != SKIP).with_columns(source=pl.lit(self.source or root.name))
        return Listing(rows=rows, dropped=dropped, notes=tuple(notes))


def read_tree(root: Path, split: str = "train") -> tuple[pl.DataFrame, dict[str, int]]:
    """Find the pictures in folders, or in folders of train, val and test; without these, all are of the given split.

    Returns:
        `path`, `source_id` (the path below the root, with slashes), `split` and `emotion` (the name of the folder, as
        it is) of each picture, sorted; how many files were left out, by reason.

    Raises:
        DataError: there is no picture in a folder, or only some are in folders of splits inside their expression's.
    """
    names, dropped = pictures_below(root)
    named = [entry.name for entry in root.iterdir() if entry.name.lower() in SPLIT_NAMES and entry.is_dir()]
    splits = {name: SPLIT_NAMES[name.lower()] for name in named}
    rows: list[tuple[str, str, str]] = []
    for name in names:
        parts = name.split("/")[:-1]
        if splits and parts[:1] and parts[0] not in splits:
            dropped[f"in {parts[0]}, beside {' and '.join(sorted(splits))}"] += 1
        elif len(parts) <= bool(splits):
            dropped["in no expression's folder"] += 1
        else:
            rows.append((name, splits.get(parts[0], split), parts[bool(splits)]))
    if not rows:
        raise DataError(
            f"expected pictures in folders named after expressions under {root}, got none; give the folder that holds "
            "them, as in: affekt data import folder faces --out manifest.parquet"
        )
    tree = pl.DataFrame(rows, schema=["source_id", "split", "emotion"], orient="row")
    if not splits:
        tree = _with_inner_splits(tree, root)
    return tree.with_columns(path=pl.lit(f"{root}/") + pl.col("source_id")), dict(dropped)


def _with_inner_splits(tree: pl.DataFrame, root: Path) -> pl.DataFrame:
    """Return the rows of a tree with their splits where these are inside the expressions: happy/train/1.png."""
    inner = tree["source_id"].str.extract("^[^/]+/([^/]+)/").str.to_lowercase()
    split = inner.replace_strict(SPLIT_NAMES, default=None, return_dtype=pl.String)
    if split.null_count() and split.count():
        inside, outside = (tree.filter(mask)["source_id"] for mask in (split.is_not_null(), split.is_null()))
        raise DataError(
            f"expected the pictures of each expression in folders such as train and test, or of none, got "
            f"{len(inside):,} in such folders ({inside[0]}) and {len(outside):,} elsewhere ({outside[0]}) in {root}; "
            "move these into train, or rename the folders that are no splits"
        )
    return tree.with_columns(split=split.fill_null(tree["split"]))


def pictures_below(root: Path) -> tuple[list[str], Counter[str]]:
    """Find the pictures anywhere below a folder: their paths below it, with slashes; and how many files are left out.

    Raises DataError where there is no such folder.
    """
    if not root.is_dir():
        raise DataError(
            f"expected a folder of pictures at {root}, got {'a file' if root.exists() else 'no such folder'}; "
            "check the path, as in: affekt data import folder faces --out manifest.parquet"
        )
    names, dropped = list[str](), Counter[str]()
    for place, files, is_left in folders_below(str(root), locked := []):
        parts = Path(place).relative_to(root).parts
        for file in sorted(files):
            path = os.path.join(place, file)  # noqa: PTH118  a str keeps odd names
            if not is_picture_named(path):
                dropped["not a picture by its ending"] += not (is_left or is_litter(file) or file.endswith(".csv"))
            elif is_left or is_litter(file):
                dropped["hidden, thumbnail or checkpoint files"] += 1
            elif NO_UTF8.search(path):
                dropped["path not in UTF-8: no manifest can hold it"] += 1
            else:
                names.append("/".join((*parts, file)))
    dropped["folders that may not be read"] += len(locked)
    return names, dropped


def _with_table(tree: pl.DataFrame, path: Path, mapping: dict[str, str], labels: str) -> tuple[pl.DataFrame, str]:
    """Compare the folders' labels with the table's, and use the ones asked for."""
    what = "a csv with the columns pth and label"
    instead = "mend or move it, or choose labels of the folders (--labels folder)"
    table = read_text_table(path, what, instead, needed=("pth", "label"))
    table = table.select(source_id="pth", listed="label").drop_nulls().unique("source_id")
    table, _ = name_labels(table, "listed", mapping, f"labels of {path}")
    both = tree.join(table, on="source_id", how="left", maintain_order="left")
    differing = both.select((pl.col("emotion") != pl.col("listed")).sum()).item()
    absent = both["listed"].null_count()
    note = f"Folder and {path.name} disagree for {differing:,} pictures, {absent:,} are not listed: {labels} was used."
    return both.with_columns(emotion="listed" if labels == "csv" else "emotion").drop("listed"), note


@dataclass(frozen=True, kw_only=True)
class Csv:
    """Any csv with named columns; one that has affekt's own column names, or is affekt predict's, needs no option."""

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
    """What the expressions' names mean, as in `--map wut=anger 0=neutral unsure=skip`; numbers always need it. Names
    that are none of the eight, such as bored, are labels of the data set's own."""
    scale: float | str = 1.0
    """Lowest and highest rating there can be, which become -1 and 1: `1-9` for ratings from 1 to 9. A single number
    is the highest of a scale around 0: 10 for ratings from -10 to 10."""
    missing: float | None = None
    """Value that says valence or arousal is unknown, as in `--missing -2`."""
    split: str = "train"
    """Split of rows for which the csv names none."""
    source: str | None = None
    """Name of the data set; by default the csv's name."""

    def __post_init__(self) -> None:
        """Refuse a scale that cannot divide."""
        scale_ends(self.scale)

    def list_rows(self) -> Listing:
        """Read the csv."""
        instead = "mend it, or type another path after: affekt data import csv"
        table = read_text_table(self.root, "a csv with a header", instead)
        if self.path_column is None and set(table.columns) >= RESULT_COLUMNS and "path" not in table.columns:
            return self._of_results(table)
        listing = self._listing(table)
        points = pl.concat([listing.rows[name].alias("points") for name in ("valence", "arousal")]).drop_nulls()
        return replace(listing, notes=(*listing.notes, *scale_notes(points.to_numpy(), self.scale)))

    def _of_results(self, table: pl.DataFrame) -> Listing:
        """Read the table that `affekt predict` wrote: what a model said is the label, and the box the face's."""
        is_boxed = all(name in table.columns and table[name].count() for name in RESULT_BOX)
        box = RESULT_BOX if is_boxed else None
        how = replace(self, path_column="input", box_columns=box, box_layout="xywh", pictures=self.pictures or Path())
        of_pictures = table.filter(pl.col("time_s").is_null()) if "time_s" in table.columns else table
        if of_pictures.is_empty():
            raise DataError(
                f"expected faces of pictures in {self.root}, got those of videos alone; for crops of these, "
                f"type: affekt predict {shlex.quote(table['input'][0] or 'VIDEO')} --crops faces"
            )
        faces = of_pictures.filter(pl.col("status") == "ok")
        listing = how._listing(faces)
        rows = listing.rows.with_columns(pl.col("valence_arousal_origin").replace("rated", "predicted"))
        note = f"{self.root} is what a model said of these pictures: its labels are predictions, and nobody's rating."
        dropped = {
            "of a video": len(table) - len(of_pictures),
            "no face, or unreadable": len(of_pictures) - len(faces),
            **listing.dropped,
        }
        return replace(listing, rows=rows, dropped=dropped, notes=(note, *listing.notes))

    def _listing(self, table: pl.DataFrame) -> Listing:
        rows = table.select(*self._boxes(table), *self._groups(table), **self._named(table))
        rows, notes = name_labels(rows, "emotion", parse_map(self.map), f"expressions in {self.root}")
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
        return Listing(rows=unique, dropped=dropped, notes=tuple(notes))

    def _named(self, table: pl.DataFrame) -> dict[str, pl.Expr]:
        """Return each of `COLUMNS` as the csv has it, null where it has none."""
        asked: dict[str, str | None] = {name: getattr(self, f"{name}_column") for name in COLUMNS}
        for name, column in asked.items():
            if column is not None and column not in table.columns:
                raise DataError(
                    f"expected the column {column!r} in {self.root}, got {', '.join(table.columns)}; "
                    f"name one of these as {name}_column (--{name}-column)"
                )
        columns = {name: column or (name if name in table.columns else None) for name, column in asked.items()}
        if columns["path"] is None or not any(columns[name] for name in ("emotion", "valence", "arousal")):
            refuse_other_case(table.columns, ("path", "emotion", "valence", "arousal"), str(self.root))
            raise DataError(
                f"expected a column of paths and one of emotion, valence or arousal in {self.root}, got "
                f"{', '.join(table.columns)}; name them with path_column (--path-column), emotion_column ..."
            )
        return {name: pl.col(column) if column else pl.lit(None, pl.String) for name, column in columns.items()}

    def _rating(self, rows: pl.DataFrame, name: str) -> pl.Series:
        numbers = self._numbers(rows, name)
        if self.missing is not None:
            numbers = numbers.set(numbers == self.missing, None)
        low, high = scale_ends(self.scale)
        scaled = ((numbers - (low + high) / 2) / ((high - low) / 2)).alias(name).clip(-1, 1)  # ends that were rounded
        wrong = (~numbers.is_between(low, high)).arg_true()
        if len(wrong):
            raise DataError(
                f"expected {name} in [{low:g}, {high:g}], got {numbers[wrong[0]]:g} in row "
                f"{wrong[0] + 1} of {self.root} ({len(wrong):,} in all); set scale, as in --scale "
                f"{likely_scale(numbers.drop_nulls().to_numpy())}, or missing to the value that means unknown, as in "
                "--missing -2"
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
        left, top, right, bottom = (self._numbers(table, name) for name in self.box_columns)
        if self.box_layout == "xywh":
            right, bottom = left + right, top + bottom
        edges = pl.DataFrame({"left": left, "top": top, "right": right, "bottom": bottom})
        known = pl.any_horizontal(pl.all().is_not_null())
        boxes = edges.select(box_xyxy=pl.when(known).then(pl.concat_list(pl.all()).list.to_array(4)))
        wrong = boxes.select(HAS_EMPTY_BOX).to_series().arg_true()
        if len(wrong):
            raise DataError(
                f"expected face boxes with an area, got {edges.row(wrong[0])} in row {wrong[0] + 1} of {self.root} "
                f"({len(wrong):,} in all); mend it, leave all four empty, or set box_layout (--box-layout xywh)"
            )
        return boxes.get_columns()

    def _groups(self, table: pl.DataFrame) -> list[str]:
        further = [name for name in table.columns if name not in SCHEMA]
        if wrong := [name for name in self.groups if name not in further]:
            raise DataError(
                f"expected further columns of {self.root} in groups, got {', '.join(wrong)}; choose among "
                f"{', '.join(further)}"
            )
        return list(dict.fromkeys(self.groups))

    def _numbers(self, rows: pl.DataFrame, name: str) -> pl.Series:
        numbers, text = rows[name].cast(pl.Float64, strict=False).fill_nan(None), rows[name]
        wrong = (numbers.is_null() & text.is_not_null() & (text.str.to_lowercase() != "nan")).arg_true()
        if len(wrong):
            raise DataError(
                f"expected numbers in {name} of {self.root}, got {text[wrong[0]]!r} in row {wrong[0] + 1}; "
                "mend it or leave it empty"
            )
        return numbers
