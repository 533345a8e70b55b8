"""AffectNet's release of March 2021: cropped faces, and four small npy files for each.

More than a million files take minutes to read, so the cores share them, and what was read is kept in parts: an import
that was stopped goes on where it was.
"""

import hashlib
import os
import signal
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl
from tqdm import tqdm

from affekt.data.importers.affectnet_labels import name_expressions
from affekt.data.importers.listing import Listing
from affekt.data.manifest import write_table
from affekt.errors import DataError

SETS = {"train_set": "train", "val_set": "val"}
PUBLISHED = {"train": 287_651, "val": 3_999}
PICTURES_A_PART = 2048
ANNOTATION_SCHEMA: dict[str, type[pl.String]] = dict.fromkeys(("id", "expression", "valence", "arousal"), pl.String)

Annotation = tuple[str, str, str, str]
"""id, expression, valence and arousal, as the files have them: text."""


def list_npy_release(root: Path, cache: Path) -> Listing:
    """List the rows of the npy release.

    Args:
        root: the folder that holds `train_set` and `val_set`.
        cache: where annotations are kept once read, outside the data set, which may be read-only.

    Raises:
        DataError: there is no annotated set, its pictures are missing, or the cache cannot be written.
    """
    folders = [root / name for name in SETS if (root / name / "annotations").is_dir()]
    if not folders:
        raise DataError(
            f"expected train_set/annotations and val_set/annotations under {root}, got neither; give the folder that "
            "holds both, as in: affekt data import affectnet AffectNet --out affectnet.parquet"
        )
    listed = [_list_set(folder.resolve(), cache) for folder in folders]
    dropped: dict[str, int] = {}
    for _, reasons in listed:
        for reason, count in reasons.items():
            dropped[reason] = dropped.get(reason, 0) + count
    rows, no_expression, notes = name_expressions(pl.concat([rows for rows, _ in listed]), "rated")
    absent = [name for name in SETS if root / name not in folders]
    return Listing(
        rows=rows.drop("id"),
        dropped={reason: count for reason, count in (dropped | no_expression).items() if count},
        published=PUBLISHED,
        notes=(
            "AffectNet 2021: faces are already cropped, so the whole picture is the face.",
            *notes,
            *(f"{name} is not there." for name in absent),
            f"Annotations are kept in {cache}; delete that folder to read them afresh.",
            "There is no public test set: validation doubles as test, so choose models on a part of train.",
        ),
    )


def _list_set(folder: Path, cache: Path) -> tuple[pl.DataFrame, dict[str, int]]:
    # Ids are not contiguous: what is in the folder counts, never a range.
    ids = sorted(name.removesuffix("_exp.npy") for name in _names(folder / "annotations") if name.endswith("_exp.npy"))
    images = folder / "images"
    if not images.is_dir():
        raise DataError(f"expected the pictures in {images}, got no such folder; unpack them beside the annotations")
    pictures = {Path(name).stem: name for name in _names(images)}
    annotations = read_annotations(folder / "annotations", [name for name in ids if name in pictures], cache)
    rows = annotations.with_columns(
        (pl.lit(f"{images}/") + pl.col("id").replace_strict(pictures, return_dtype=pl.String)).alias("path"),
        pl.lit(SETS[folder.name]).alias("split"),
        pl.lit("affectnet").alias("source"),
        (pl.lit(f"{folder.name}/") + pl.col("id")).alias("source_id"),
    )
    annotated = len(set(ids) & pictures.keys())
    return rows, {
        "annotation without a picture": len(ids) - annotated,
        "picture without an annotation": len(pictures) - annotated,
        "annotation unreadable": annotated - len(rows),
    }


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def read_annotations(folder: Path, ids: list[str], cache: Path) -> pl.DataFrame:
    """Read the npy annotations of the given ids, using what an earlier import left in the cache.

    Args:
        folder: where `<id>_exp.npy`, `<id>_val.npy` and `<id>_aro.npy` lie.
        ids: the faces wanted.
        cache: parts are kept here, apart for each folder and what was unpacked into it; what could not be read is not
            kept.

    Returns:
        `id`, `expression`, `valence`, `arousal` as text, in the order of `ids`, without those that cannot be read.

    Raises:
        DataError: the cache cannot be written.
    """
    # A folder's time changes with the files that are put into it: another download at the same place is read afresh.
    unpacked = f"{folder} {folder.stat().st_mtime_ns}"
    parts = cache / hashlib.sha256(unpacked.encode()).hexdigest()[:16]
    there = sorted(parts.glob("*.parquet"))
    kept = [part for path in there if (part := _read_part(path)) is not None]
    known = set[str]().union(*(part["id"] for part in kept))
    todo = [name for name in ids if name not in known]
    chunks = [todo[start : start + PICTURES_A_PART] for start in range(0, len(todo), PICTURES_A_PART)]
    with tqdm(total=len(todo), desc=f"annotations of {folder.parent.name}", unit=" faces", disable=None) as progress:
        for number, (chunk, annotations) in enumerate(zip(chunks, _read_chunks(folder, chunks), strict=True)):
            part = pl.DataFrame(annotations, schema=ANNOTATION_SCHEMA, orient="row")
            write_table(part, parts / f"{len(there) + number:06d}.parquet")
            kept.append(part)
            progress.update(len(chunk))
    empty = pl.DataFrame(schema=ANNOTATION_SCHEMA)
    wanted = pl.DataFrame({"id": ids}, schema={"id": pl.String})
    return wanted.join(pl.concat([empty, *kept]).unique("id"), on="id", how="inner", maintain_order="left")


def _read_part(path: Path) -> pl.DataFrame | None:
    """Return a kept part, or None where its file is damaged: its annotations are read again."""
    try:
        part = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError):
        return None
    return part if part.schema == ANNOTATION_SCHEMA else None


def _read_chunks(folder: Path, chunks: list[list[str]]) -> Iterator[list[Annotation]]:
    read = partial(read_chunk, str(folder))
    if len(chunks) < 2:
        yield from map(read, chunks)
        return
    # Spawned, because a forked copy of a process with polars' threads can hang.
    with get_context("spawn").Pool(initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)) as pool:
        yield from pool.imap(read, chunks)


def read_chunk(folder: str, ids: list[str]) -> list[Annotation]:
    """Read the annotations of some faces, without those that have a file missing or damaged."""
    annotations = []
    for name in ids:
        try:
            expression, valence, arousal = (
                _read_value(f"{folder}/{name}_{part}.npy") for part in ("exp", "val", "aro")
            )
        except (OSError, ValueError, EOFError):
            continue
        annotations.append((name, expression, valence, arousal))
    return annotations


def _read_value(path: str) -> str:
    # The values are unicode strings in these files, which needs no pickle.
    return str(np.load(path, allow_pickle=False).item())
