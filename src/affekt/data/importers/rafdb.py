"""RAF-DB, basic expressions (Li, Deng and Du 2017): the download's own layout and Kaggle's folders.

Labels count from 1: read as if from 0, every face is taught a wrong expression.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl
from tyro.conf import Positional

from affekt.data.importers.listing import Listing, with_face_boxes
from affekt.data.importers.own import read_tree
from affekt.data.manifest import SCHEMA
from affekt.data.text_table import read_text_table
from affekt.errors import DataError

EXPRESSIONS = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
"""In RAF-DB's order, which starts at 1."""
PUBLISHED = {"train": 12_271, "test": 3_068}
LIST_FILE = "list_patition_label.txt"
"""The name is misspelled in the download."""
NO_VALIDATION = "RAF-DB has no validation split: choose models on a part of train."


@dataclass(frozen=True, kw_only=True)
class RafDb:
    """RAF-DB, seven basic expressions: the download's `basic` folder, or Kaggle's `DATASET`."""

    root: Positional[Path]
    """Folder that holds EmoLabel and Image, or basic, which holds them.
    Or the folder that holds train and test (or valid), with folders 1 to 7."""
    pictures: Literal["aligned", "original"] = "aligned"
    """Faces aligned and cropped to 100 px, or the original pictures with their face boxes; Kaggle has aligned ones."""

    def list_rows(self) -> Listing:
        """List the pictures with their expressions."""
        for base in (self.root, self.root / "basic"):
            if (base / "EmoLabel" / LIST_FILE).is_file():
                return _list_download(base.resolve(), self.pictures)
        for base in (self.root, self.root / "DATASET"):
            if (base / "train" / "1").is_dir() and any((base / name).is_dir() for name in ("test", "valid", "val")):
                return _list_folders(base.resolve())
        raise DataError(
            f"expected EmoLabel/{LIST_FILE} or train/1 ... test/7 under {self.root}, got neither; give the folder that "
            "holds them, as in: affekt data import rafdb RAF-DB/basic --out rafdb.parquet"
        )


def _list_download(base: Path, pictures: str) -> Listing:
    path, folder = base / "EmoLabel" / LIST_FILE, base / "Image" / pictures
    if not folder.is_dir():
        raise DataError(f"expected the pictures in {folder}, got no such folder; unpack Image/{pictures}.zip there")
    # A damaged line is counted below, whatever bytes are in it.
    lines = [line.split() for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines()]
    listed = [
        (fields[0].removesuffix(".jpg"), fields[1])
        for fields in lines
        if len(fields) == 2 and fields[0].startswith(("train_", "test_"))
    ]
    rows = pl.DataFrame(listed, schema={"source_id": pl.String, "emotion": pl.String}, orient="row")
    rows = rows.with_columns(
        _named(rows["emotion"], path),
        path=pl.lit(f"{folder}/") + pl.col("source_id") + pl.lit("_aligned.jpg" if pictures == "aligned" else ".jpg"),
        split=pl.col("source_id").str.split("_").list.first(),
        source=pl.lit("rafdb"),
    )
    dropped = {"line is not a picture's name and its label": sum(map(bool, lines)) - len(listed)}
    if pictures == "original":
        places = base / "Annotation" / "boundingbox"
        if not places.is_dir():
            raise DataError(
                f"expected face boxes in {places}, got no such folder; unpack it, or choose the aligned pictures "
                "(--pictures aligned)"
            )
        boxes = [_read_box(places / f"{name}_boundingbox.txt") for name in rows["source_id"]]
        rows, dropped["no face box"] = with_face_boxes(
            rows.with_columns(box_xyxy=pl.Series(boxes, dtype=SCHEMA["box_xyxy"]))
        )
    notes = (f"RAF-DB basic, {pictures} pictures.", NO_VALIDATION)
    return Listing(rows=rows, dropped=dropped, published=PUBLISHED, notes=notes)


def _read_box(path: Path) -> list[float] | None:
    try:
        left, top, right, bottom = map(float, path.read_text(encoding="utf-8-sig").split())
    except (FileNotFoundError, ValueError):
        return None
    return [left, top, right, bottom]


def _list_folders(base: Path) -> Listing:
    rows, dropped = read_tree(base)
    rows = rows.with_columns(
        _named(rows["emotion"], base),
        source=pl.lit("rafdb"),
        source_id=pl.col("source_id").str.extract(r"([^/]*?)(?:_aligned)?\.[^./]*$"),
    )
    notes = [f"RAF-DB as Kaggle's folders, aligned pictures from {base}.", NO_VALIDATION]
    if "test" not in rows["split"]:
        notes[1] = "RAF-DB has no validation split: what is named so here may be its test split."
    name = pl.col("path").str.extract("([^/]*)$")
    both = rows.join(_read_kaggle_labels(base), left_on=name, right_on="name", how="inner")
    if differing := both.filter(pl.col("emotion") != pl.col("listed")).height:
        notes.append(f"Folder and csv label differ for {differing:,} pictures: the folder was used.")
    return Listing(rows=rows, dropped=dropped, published=PUBLISHED, notes=tuple(notes))


def _read_kaggle_labels(base: Path) -> pl.DataFrame:
    tables = [pl.DataFrame(schema={"name": pl.String, "listed": pl.String})]
    for path in (folder / f"{split}_labels.csv" for folder in (base, base.parent) for split in PUBLISHED):
        if path.is_file():
            instead = "download it again, or move it away"
            table = read_text_table(path, "a csv of pictures and labels", instead)
            if table.width < 2:
                raise DataError(
                    f"expected columns of pictures and labels in {path}, got {', '.join(table.columns)}; {instead}"
                )
            names, numbers = table.get_columns()[:2]
            tables.append(pl.DataFrame({"name": names, "listed": _named(numbers, path)}))
    return pl.concat(tables).unique("name", keep="last")


def _named(numbers: pl.Series, where: Path) -> pl.Series:
    """Turn numbers from 1 to 7, as text, into names of expressions."""
    names = {str(number): name for number, name in enumerate(EXPRESSIONS, start=1)}
    unknown = numbers.filter(~numbers.is_in(list(names)).fill_null(value=False))
    if len(unknown):
        raise DataError(
            f"expected a label from 1 (surprise) to 7 (neutral), got {unknown[0]!r} in {where}; if labels were "
            "renumbered, import with: affekt data import csv --help"
        )
    return numbers.replace_strict(names, return_dtype=pl.String)
