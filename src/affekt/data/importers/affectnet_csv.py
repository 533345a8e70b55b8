"""AffectNet's original release (2017): pictures in numbered folders and lists as csv."""

from pathlib import Path

import polars as pl

from affekt.data.importers.affectnet_labels import name_expressions
from affekt.data.importers.listing import Listing
from affekt.errors import DataError

COLUMNS: tuple[str, ...] = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
NEEDED = [name for name in COLUMNS if name != "facial_landmarks"]

LISTS = {
    "manual": {"training.csv": "train", "validation.csv": "val"},
    "automatic": {"automatically_annotated.csv": "train"},
}
FOLDERS = {"manual": "Manually_Annotated", "automatic": "Automatically_Annotated"}
LIST_FOLDERS = ("", "Manually_Annotated_file_lists", "Automatically_annotated_file_list")
PUBLISHED = {"manual": {"train": 287_651, "val": 4_000}, "automatic": {}}
"""Rows that show one of the eight expressions."""


def find_lists(root: Path, lists: str) -> dict[Path, str]:
    """Return the csv lists that are there, each with its split; they lie in any of the places copies put them."""
    bases = (root / FOLDERS[lists], root)
    places = [base / folder for base in bases for folder in LIST_FOLDERS]
    found = {}
    for name, split in LISTS[lists].items():
        path = next((place / name for place in places if (place / name).is_file()), None)
        if path is not None:
            found[path] = split
    return found


def list_csv_release(root: Path, lists: str) -> Listing:
    """List the rows of the csv release.

    Faces without a box of at least one pixel are left out: a null box would say that the whole picture is the face,
    which is wrong for these uncropped pictures.

    Args:
        root: the folder that holds `Manually_Annotated` or `Automatically_Annotated`, or one of these two.
        lists: `manual` or `automatic`.

    Raises:
        DataError: a list or the pictures' folder is missing, or a list has other columns.
    """
    found = find_lists(root, lists)
    pictures = _pictures_folder(root, lists)
    if len(found) < len(LISTS[lists]) or pictures is None:
        expected = " and ".join(LISTS[lists])
        raise DataError(
            f"expected {FOLDERS[lists]}/{FOLDERS[lists]}_Images and {expected} under {root}, got "
            f"{', '.join(path.name for path in found) or 'no list'} and {pictures or 'no pictures'}; give the folder "
            f"that holds {FOLDERS[lists]}, as in: affekt data import affectnet AffectNet --out affectnet.parquet"
        )
    rows = pl.concat([_read_list(path).with_columns(split=pl.lit(split)) for path, split in found.items()])
    listed = len(rows)
    rows, dropped, notes = name_expressions(rows, "rated" if lists == "manual" else "predicted")
    rows, without_box = _with_boxes(rows)
    unique = rows.unique("subDirectory_filePath", keep="first", maintain_order=True)
    dropped["no face box (a width or height below 1)"] = without_box
    dropped["picture listed again (the first row is kept)"] = len(rows) - len(unique)
    name = pl.col("subDirectory_filePath")
    return Listing(
        rows=unique.select(
            (pl.lit(f"{pictures}/") + name).alias("path"),
            "split",
            pl.lit("affectnet" if lists == "manual" else "affectnet-automatic").alias("source"),
            name.alias("source_id"),
            "emotion",
            "valence",
            "arousal",
            "valence_arousal_origin",
            "box_xyxy",
        ),
        dropped={reason: count for reason, count in dropped.items() if count},
        published=PUBLISHED[lists],
        notes=(f"AffectNet 2017, {lists} lists, {listed:,} rows.", *notes, *_remarks(lists)),
    )


def _remarks(lists: str) -> tuple[str, ...]:
    if lists == "automatic":
        return ("Labels were predicted by a network, not given by people.",)
    return (
        "The published counts are of rows with one of the eight expressions, of 414,800 and 5,500 rows in all.",
        "There is no public test set: validation doubles as test, so choose models on a part of train.",
    )


def _pictures_folder(root: Path, lists: str) -> Path | None:
    wanted = f"{FOLDERS[lists]}_Images".lower()
    for base in (root / FOLDERS[lists], root):
        if base.is_dir():
            for folder in sorted(base.iterdir()):
                if folder.name.lower() == wanted and folder.is_dir():
                    return folder.resolve()
    return None


def _read_list(path: Path) -> pl.DataFrame:
    with path.open(encoding="utf-8-sig") as file:
        first = [name.strip() for name in file.readline().split(",")]
    has_header = COLUMNS[0] in first
    names = first if has_header else list(COLUMNS)
    if not set(NEEDED) <= set(names) or (not has_header and len(first) != len(COLUMNS)):
        raise DataError(
            f"expected the columns {', '.join(COLUMNS)} in {path}, got {', '.join(first[:9])}; "
            "give AffectNet's own list, or use: affekt data import csv"
        )
    read = sorted(names.index(name) for name in NEEDED)
    try:
        rows = pl.read_csv(
            path, has_header=has_header, columns=read, infer_schema=False, truncate_ragged_lines=True, quote_char=None
        )
    except pl.exceptions.PolarsError as error:
        raise DataError(f"expected a csv list in {path}, got {error}; unpack or download it again") from error
    rows.columns = [names[index] for index in read]
    return rows.select(pl.col(NEEDED).str.strip_chars()).filter(pl.col("subDirectory_filePath").is_not_null())


def _with_boxes(rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    left, top, width, height = (pl.col(name).cast(pl.Float32, strict=False) for name in NEEDED[1:5])
    boxed = rows.with_columns(
        pl.concat_list(left, top, left + width, top + height).list.to_array(4).alias("box_xyxy")
    ).filter((width >= 1) & (height >= 1) & left.is_finite() & top.is_finite())
    return boxed, len(rows) - len(boxed)
