"""A tree of folders, each named after the expression its pictures show."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl
from tyro.conf import Positional

from affekt.data.importers.listing import SKIP, Listing, name_labels, parse_map
from affekt.data.manifest import SPLIT_NAMES, read_text_table
from affekt.errors import DataError
from affekt.faces.pictures import PICTURE_ENDINGS

LABEL_TABLE = "labels.csv"
PASSED_OVER = (".", "@", "__MACOSX")
"""What the names of folders begin with that systems leave among pictures."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder tree, [split/]expression/picture: folders are known by name, never by their order."""

    root: Positional[Path]
    """Folder that holds a folder for each expression, or train, val and test that hold them."""
    map: tuple[str, ...] = ()
    """What folder names mean, as in `--map wut=anger 0=neutral blurred=skip`; numbers need it, happy does not."""
    split: str = "train"
    """Split of all pictures where the tree has no train, val or test folders."""
    labels: Literal["folder", "csv"] = "folder"
    """Which expression counts where a labels.csv with pth and label lies in the root: in some copies they disagree."""
    source: str | None = None
    """Name of the data set; by default the root folder's."""

    def list_rows(self) -> Listing:
        """List the pictures in the tree."""
        root = self.root.resolve()
        mapping = parse_map(self.map)
        tree, dropped = read_tree(root, self.split)
        tree, meanings = name_labels(tree, "emotion", mapping, f"folders of {root}")
        notes = [f"Folders are read as {meanings}."]
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
    """
    top = sorted(entry.name for entry in os.scandir(root) if entry.is_dir()) if root.is_dir() else []
    splits = {name: SPLIT_NAMES[name.lower()] for name in top if name.lower() in SPLIT_NAMES}
    labels_at = 1 if splits else 0
    rows: list[tuple[str, str, str]] = []
    dropped = Counter[str]()
    for place, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(PASSED_OVER))
        parts = Path(place).relative_to(root).parts
        for file in sorted(files):
            if not file.lower().endswith(PICTURE_ENDINGS) or file.startswith("."):
                dropped["not a picture by its ending"] += not file.endswith(".csv")
            elif splits and parts[:1] and parts[0] not in splits:
                dropped[f"in {parts[0]}, beside {' and '.join(splits)}"] += 1
            elif len(parts) <= labels_at:
                dropped["in no expression's folder"] += 1
            else:
                rows.append(("/".join((*parts, file)), splits.get(parts[0], split), parts[labels_at]))
    if not rows:
        raise DataError(
            f"expected pictures in folders named after expressions under {root}, got none; give the folder that holds "
            "them, as in: affekt data import folder faces --out faces.parquet"
        )
    tree = pl.DataFrame(rows, schema=["source_id", "split", "emotion"], orient="row")
    return tree.with_columns(path=pl.lit(f"{root}/") + pl.col("source_id")), dict(dropped)


def _with_table(tree: pl.DataFrame, path: Path, mapping: dict[str, str], labels: str) -> tuple[pl.DataFrame, str]:
    """Compare the folders' labels with the table's, and use the ones asked for."""
    what = "a csv with the columns pth and label"
    table = read_text_table(path, what, "mend or move it, or type: --labels folder", needed=("pth", "label"))
    table = table.select(source_id="pth", listed="label").drop_nulls().unique("source_id")
    table, _ = name_labels(table, "listed", mapping, f"labels of {path}")
    both = tree.join(table, on="source_id", how="left", maintain_order="left")
    differing = both.select((pl.col("emotion") != pl.col("listed")).sum()).item()
    absent = both["listed"].null_count()
    note = f"Folder and {path.name} disagree for {differing:,} pictures, {absent:,} are not listed: {labels} was used."
    return both.with_columns(emotion="listed" if labels == "csv" else "emotion").drop("listed"), note
