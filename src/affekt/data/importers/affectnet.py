"""AffectNet (Mollahosseini et al. 2017), both releases and copies in folders: which one it is, its layout tells.

The original release of 2017 has pictures in numbered folders and lists as csv. The release of March 2021 has cropped
faces, and four small npy files for each. More than a million files take minutes to read, so the cores share them, and a
ledger keeps what was read: an import that was stopped goes on where it was.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from tyro.conf import Positional

from affekt.cores import core_count
from affekt.data.importers.engine import run_in_processes
from affekt.data.importers.listing import Listing, with_face_boxes
from affekt.data.importers.names import name_labels
from affekt.data.importers.own import read_tree
from affekt.errors import DataError
from affekt.files import affekt_home
from affekt.labels import LABELS
from affekt.ledger import Ledger
from affekt.terminal import progress_bar

NO_EXPRESSION = {8: "none", 9: "uncertain", 10: "no face"}
"""Numbers of the 2017 lists that are no expression; training on them as three more classes is a known mistake."""
NO_TEST_SET = "There is no public test set: validation doubles as test, so choose models on a part of train."

BOX_COLUMNS = ("face_x", "face_y", "face_width", "face_height")
COLUMNS = ("subDirectory_filePath", *BOX_COLUMNS, "facial_landmarks", "expression", "valence", "arousal")
"""Of the 2017 lists, some of which have no header."""
NEEDED = [name for name in COLUMNS if name != "facial_landmarks"]
LISTS = {
    "manual": {"training.csv": "train", "validation.csv": "val"},
    "automatic": {"automatically_annotated.csv": "train"},
}
FOLDERS = {"manual": "Manually_Annotated", "automatic": "Automatically_Annotated"}
LIST_FOLDERS = ("", "Manually_Annotated_file_lists", "Automatically_annotated_file_list")
PUBLISHED_2017 = {"manual": {"train": 287_651, "val": 4_000}, "automatic": {}}
"""Rows that show one of the eight expressions."""
REMARKS_2017 = {
    "manual": (
        "The published counts are of rows with one of the eight expressions, of 414,800 and 5,500 rows in all.",
        NO_TEST_SET,
    ),
    "automatic": ("Labels were predicted by a network, not given by people.",),
}

SETS = {"train_set": "train", "val_set": "val"}
PUBLISHED_2021 = {"train": 287_651, "val": 3_999}
FACES_PER_CHUNK = 2048
Annotation = tuple[str, str, str, str]
"""Id, expression, valence and arousal, all as text."""


@dataclass(frozen=True, kw_only=True)
class AffectNet:
    """AffectNet: the 2017 release with csv lists, the 2021 release with npy annotations, or a copy in folders."""

    root: Positional[Path]
    """Folder that holds Manually_Annotated (2017), or train_set and val_set (2021).
    Or the folder that holds train and val, with folders 0 to 7 or of names."""
    release: Literal["auto", "2017", "2021", "folders"] = "auto"
    """Which release to read; auto goes by what lies in the folder."""
    lists: Literal["manual", "automatic"] = "manual"
    """Lists of the 2017 release: labels given by people, or predicted by a network."""
    cache: Path | None = None
    """Folder that keeps the 2021 annotations once read; by default annotations in AFFEKT_HOME or ~/.cache/affekt."""

    def list_rows(self) -> Listing:
        """List what the release's own files describe."""
        has_csv = bool(_find_lists(self.root, self.lists))
        has_npy = any((self.root / name / "annotations").is_dir() for name in SETS)
        folders = next((base for base in (self.root, self.root / "AffectNet") if (base / "train").is_dir()), None)
        if self.release == "folders" or (self.release == "auto" and folders and not (has_csv or has_npy)):
            return _list_folders((folders or self.root).resolve())
        if self.release == "auto" and has_csv == has_npy:
            raise DataError(
                f"expected one release of AffectNet in {self.root}, got both; choose a release (--release 2017 or 2021)"
                if has_csv
                else f"expected AffectNet in {self.root}, with Manually_Annotated/training.csv (2017), "
                "train_set/annotations (2021) or train/0, got none; give the folder that holds Manually_Annotated, "
                "train_set or train"
            )
        if self.release == "2017" or (self.release == "auto" and has_csv):
            return _list_2017(self.root, self.lists)
        return _list_2021(self.root, self.cache or affekt_home() / "annotations")


def _name_expressions(rows: pl.DataFrame, origin: str) -> tuple[pl.DataFrame, dict[str, int], tuple[str, ...]]:
    """Turn the text columns `expression`, `valence` and `arousal` into labels; points outside [-1, 1] become null.

    Return the rows that show one of the eight expressions, how many were left out by reason, and notes.
    """
    names = {float(number): label for number, label in enumerate(LABELS)}
    number, valence, arousal = (
        pl.col(name).str.strip_chars().cast(pl.Float64, strict=False) for name in ("expression", "valence", "arousal")
    )
    rows = rows.with_columns(
        number.replace_strict(names, default=None, return_dtype=pl.String).alias("emotion"),
        pl.when(number.is_finite()).then(number).alias("expression"),
        pl.when(valence.is_between(-1, 1)).then(valence).alias("valence"),
        pl.when(arousal.is_between(-1, 1)).then(arousal).alias("arousal"),
    )
    dropped: dict[str, int] = {}
    for value, count in rows.filter(pl.col("emotion").is_null())["expression"].value_counts(sort=True).iter_rows():
        why = "unreadable" if value is None else f"{value:g} ({NO_EXPRESSION.get(value, 'unknown')})"
        dropped[f"expression {why}"] = count
    rows = rows.drop_nulls("emotion").drop("expression")
    known = pl.any_horizontal(pl.col("valence", "arousal").is_not_null())
    rows = rows.with_columns(pl.when(known).then(pl.lit(origin)).alias("valence_arousal_origin"))
    nulls = rows.filter(pl.any_horizontal(pl.col("valence", "arousal").is_null())).height
    note = f"Valence or arousal is -2 or otherwise outside [-1, 1] in {nulls:,} kept rows: null there."
    return rows, dropped, (note,) if nulls else ()


def _list_folders(base: Path) -> Listing:
    """List a copy in folders, [split/]label/picture, as on Kaggle and the hubs."""
    rows, dropped = read_tree(base)
    numbers = {str(number): label for number, label in enumerate(LABELS)}
    is_numbered = rows["emotion"].is_in(list(numbers)).any()
    rows, notes = name_labels(rows, "emotion", numbers, f"folders of {base}")
    if is_numbered:
        notes.append("Folders 0 to 7 are read in AffectNet's order. A copy need not keep it: look at some of each.")
    notes.append("Such copies carve splits of their own: figures on them do not compare with those on AffectNet's val.")
    return Listing(rows=rows.with_columns(source=pl.lit("affectnet")), dropped=dropped, notes=tuple(notes))


def _list_2017(root: Path, lists: str) -> Listing:
    """List the rows of the csv lists; the root may also be `Manually_Annotated` or `Automatically_Annotated` itself."""
    found = _find_lists(root, lists)
    wanted = f"{FOLDERS[lists]}_Images"
    bases = [base for base in (root / FOLDERS[lists], root) if base.is_dir()]
    folders = [folder for base in bases for folder in sorted(base.iterdir()) if folder.name.lower() == wanted.lower()]
    pictures = next((folder.resolve() for folder in folders if folder.is_dir()), None)
    if len(found) < len(LISTS[lists]) or pictures is None:
        raise DataError(
            f"expected {FOLDERS[lists]}/{wanted} and {' and '.join(LISTS[lists])} under {root}, got "
            f"{', '.join(path.name for path in found) or 'no list'} and {pictures or 'no pictures'}; give the folder "
            f"that holds {FOLDERS[lists]}, as in: affekt data import affectnet AffectNet --out affectnet.parquet"
        )
    rows = pl.concat([_read_list(path).with_columns(split=pl.lit(split)) for path, split in found.items()])
    listed = len(rows)
    rows, dropped, notes = _name_expressions(rows, "rated" if lists == "manual" else "predicted")
    left, top, width, height = (pl.col(name).cast(pl.Float32, strict=False) for name in BOX_COLUMNS)
    box = pl.concat_arr(left, top, left + width, top + height)
    boxed = rows.with_columns(box_xyxy=pl.when((width >= 1) & (height >= 1)).then(box))
    rows, dropped["no face box (a width or height below 1)"] = with_face_boxes(boxed)
    unique = rows.unique("subDirectory_filePath", keep="first", maintain_order=True)
    dropped["picture listed again (the first row is kept)"] = len(rows) - len(unique)
    rows = unique.select(
        pl.exclude("subDirectory_filePath", *BOX_COLUMNS),
        path=pl.lit(f"{pictures}/") + pl.col("subDirectory_filePath"),
        source=pl.lit("affectnet" if lists == "manual" else "affectnet-automatic"),
        source_id="subDirectory_filePath",
    )
    notes = (f"AffectNet 2017, {lists} lists, {listed:,} rows.", *notes, *REMARKS_2017[lists])
    return Listing(rows=rows, dropped=dropped, published=PUBLISHED_2017[lists], notes=notes)


def _find_lists(root: Path, lists: str) -> dict[Path, str]:
    """Return the csv lists that are there, each with its split; they lie in any of the places copies put them."""
    places = [base / folder for base in (root / FOLDERS[lists], root) for folder in LIST_FOLDERS]
    found = {name: [place / name for place in places if (place / name).is_file()] for name in LISTS[lists]}
    return {paths[0]: LISTS[lists][name] for name, paths in found.items() if paths}


def _read_list(path: Path) -> pl.DataFrame:
    with path.open(encoding="utf-8-sig") as file:
        first = [name.strip() for name in file.readline().split(",")]
    has_header = COLUMNS[0] in first
    names: list[str] = first if has_header else list(COLUMNS)
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


def _list_2021(root: Path, cache: Path) -> Listing:
    """List the faces of the npy annotations; the cache is outside the data set, which may be read-only."""
    folders = [root / name for name in SETS if (root / name / "annotations").is_dir()]
    if not folders:
        raise DataError(
            f"expected train_set/annotations and val_set/annotations under {root}, got neither; give the folder that "
            "holds both, as in: affekt data import affectnet AffectNet --out affectnet.parquet"
        )
    dropped: Counter[str] = Counter()
    rows, no_expression, notes = _name_expressions(
        pl.concat([_list_set(folder.resolve(), cache, dropped) for folder in folders]), "rated"
    )
    notes = (
        "AffectNet 2021: faces are already cropped, so the whole picture is the face.",
        *notes,
        *(f"{name} is not there." for name in SETS if root / name not in folders),
        f"Annotations are kept in {cache}; delete that folder to read them afresh.",
        NO_TEST_SET,
    )
    dropped.update(no_expression)
    return Listing(rows=rows.drop("id"), dropped=dropped, published=PUBLISHED_2021, notes=notes)


def _list_set(folder: Path, cache: Path, dropped: Counter[str]) -> pl.DataFrame:
    """List the faces of one set that have a picture and an annotation, and count the others in `dropped`."""
    images, annotations = folder / "images", folder / "annotations"
    # Ids are not contiguous: what is in the folder counts, never a range.
    ids = sorted(path.name.removesuffix("_exp.npy") for path in annotations.glob("*_exp.npy"))
    if not images.is_dir():
        raise DataError(f"expected the pictures in {images}, got no such folder; unpack them beside the annotations")
    pictures = {path.stem: path.name for path in images.iterdir()}
    both = [name for name in ids if name in pictures]
    rows = read_annotations(annotations, both, cache)
    dropped["annotation without a picture"] += len(ids) - len(both)
    dropped["picture without an annotation"] += len(pictures) - len(both)
    dropped["annotation unreadable"] += len(both) - len(rows)
    return rows.with_columns(
        (pl.lit(f"{images}/") + pl.col("id").replace_strict(pictures, return_dtype=pl.String)).alias("path"),
        pl.lit(SETS[folder.name]).alias("split"),
        pl.lit("affectnet").alias("source"),
        (pl.lit(f"{folder.name}/") + pl.col("id")).alias("source_id"),
    )


def read_annotations(folder: Path, ids: list[str], cache: Path) -> pl.DataFrame:
    """Read the npy annotations of the given ids, in their order, without those that cannot be read.

    The cache has a ledger for each folder, with what an earlier import has read.
    """
    # A folder's time changes with the files that are put into it: another download at the same place is read afresh.
    header = {"annotations": str(folder), "unpacked": folder.stat().st_mtime_ns}
    name = hashlib.sha256(bytes(folder)).hexdigest()[:16]
    ledger = Ledger(cache / name, header, instead="choose another cache (--cache)")
    known: dict[str, Annotation] = {row[0]: row for rows, _ in ledger.records() for row in rows}
    todo = [name for name in ids if name not in known]
    chunks = [(str(folder), todo[start : start + FACES_PER_CHUNK]) for start in range(0, len(todo), FACES_PER_CHUNK)]
    if chunks:
        progress = progress_bar(total=len(todo), description=f"annotations of {folder.parent.name}", unit="faces")
        with ledger.writing(), progress:
            read = run_in_processes(read_chunk, chunks, min(core_count(), len(chunks)))
            for (_, asked), rows in zip(chunks, read, strict=True):
                ledger.add(rows)
                known |= {row[0]: row for row in rows}
                progress.update(len(asked))
    rows = [known[name] for name in ids if name in known]
    schema = pl.Schema({name: pl.String() for name in ("id", "expression", "valence", "arousal")})
    return pl.DataFrame(rows, schema=schema, orient="row")


def read_chunk(folder: str, ids: list[str]) -> list[Annotation]:
    """Read the annotations of some faces, without those that have a file missing or damaged."""
    annotations = []
    for name in ids:
        try:
            # The values are unicode strings in these files, which needs no pickle.
            expression, valence, arousal = (
                str(np.load(f"{folder}/{name}_{part}.npy", allow_pickle=False).item()) for part in ("exp", "val", "aro")
            )
        except (OSError, ValueError, EOFError):
            continue
        annotations.append((name, expression, valence, arousal))
    return annotations
