"""The import engine: opens every picture of a listing once, hashes its pixels and writes the manifest.

Where faces are wanted, they are looked for while the picture is open. Pictures are opened in chunks by one process a
core; only hashes and boxes come back. Finished chunks are kept as part files, so that the same command continues where
a stopped one ended. The parts go when the manifest is written.
"""

import multiprocessing
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl
from tqdm import tqdm

from affekt.cores import core_count
from affekt.data.importers.found_face import NO_FACE, FaceBoxes, detector, found_box
from affekt.data.importers.listing import Listing
from affekt.data.importers.parts import SCHEMA, Parts
from affekt.data.manifest import to_manifest, write_manifest
from affekt.errors import DataError, PictureError
from affekt.faces.pictures import pixel_sha256, read_rgb

PICTURES_A_CHUNK = 256
"""A stop loses at most this many opened pictures a process."""
NAMES_SHOWN = 3
"""So many unreadable pictures are named for each reason."""

Source = str | bytes
"""Path of a picture, or the encoded picture."""
Opened = tuple[str | None, str | None, list[float] | None]
"""Hash of the pixels or None, why there is none, and the box where the face was looked for."""


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What an import kept and left out."""

    path: Path
    """The manifest that was written."""
    manifest: pl.DataFrame
    """Its rows."""
    listing: Listing
    """What the importer found before any picture was opened."""
    unreadable: dict[str, tuple[str, ...]]
    """The paths of the pictures that could not be read, or in which no face was found, by reason."""
    resumed: int
    """Pictures that an earlier, stopped run had opened."""
    seconds: float
    """How long opening and writing took."""


def import_listing(
    listing: Listing,
    out: Path,
    jobs: int | None = None,
    pictures_a_chunk: int = PICTURES_A_CHUNK,
    faces: FaceBoxes = "given",
) -> ImportReport:
    """Open every picture of a listing, fill `pixel_sha256` and write the manifest whole.

    Unreadable pictures are left out and reported, and so are those without a face where it is looked for. Paths are
    made absolute.

    Args:
        listing: from an importer's `list_rows()`.
        out: the manifest to write.
        jobs: processes that open pictures; None is one a core.
        pictures_a_chunk: pictures opened between two part files.
        faces: `yunet` fills `box_xyxy` with the face that the detector finds, `given` leaves it as listed.

    Raises:
        DataError: there is nothing to import, a row breaks the manifest's contract, not one picture can be read, or the
            manifest cannot be written.
        ModelError: the detector is wanted and cannot be had.
        KeyboardInterrupt: stopped by the user; its message says how to continue.
    """
    started = time.monotonic()
    rows = _with_absolute_paths(to_manifest(listing.rows))
    if rows.is_empty():
        dropped = ", ".join(f"{reason}: {count:,}" for reason, count in listing.dropped.items()) or "no records"
        raise DataError(f"expected pictures to import, got none ({dropped}); check the path and the options")
    if faces == "yunet":
        detector()  # here first, so that a missing file ends nothing half-done and no two processes fetch it
    parts = Parts(out=out, rows=rows, pictures_a_chunk=pictures_a_chunk, faces=faces)
    parts.make_folder()
    resumed = open_missing(parts, jobs or core_count())
    opened = parts.collect()
    unreadable = _unreadable(rows, opened["problem"])
    filled = ["pixel_sha256", "box_xyxy"] if faces == "yunet" else ["pixel_sha256"]
    kept = rows.with_columns(opened[filled]).drop_nulls("pixel_sha256")
    if kept.is_empty():
        parts.remove()
        reason, names = next(iter(unreadable.items()))
        raise DataError(
            f"expected readable pictures, got none among {rows.height:,} ({names[0]}: {reason}); "
            "check that the data set is complete and in the folder you gave"
        )
    write_manifest(kept, out)
    parts.remove()
    seconds = time.monotonic() - started
    return ImportReport(
        path=out, manifest=kept, listing=listing, unreadable=unreadable, resumed=resumed, seconds=seconds
    )


def _with_absolute_paths(rows: pl.DataFrame) -> pl.DataFrame:
    absolute = [None if path is None else os.path.abspath(path) for path in rows["path"]]  # noqa: PTH100 - far faster
    return rows.with_columns(pl.Series("path", absolute, dtype=pl.String))


def _unreadable(rows: pl.DataFrame, problems: pl.Series) -> dict[str, tuple[str, ...]]:
    names = rows.select(problems, name=pl.coalesce("path", "source_id")).drop_nulls("problem")
    grouped = names.group_by("problem", maintain_order=True).agg("name")
    return {reason: tuple(paths) for reason, paths in grouped.iter_rows()}


def open_missing(parts: Parts, jobs: int) -> int:
    """Open the pictures of all chunks that no earlier run has finished, and keep each chunk when it is.

    Returns:
        How many pictures an earlier run had opened.

    Raises:
        DataError: a part cannot be written, or a process died.
        KeyboardInterrupt: stopped by the user; its message says how to continue.
    """
    missing = [chunk for chunk in parts.chunks if parts.read(chunk) is None]
    total = parts.rows.height
    resumed = total - sum(parts.chunk_rows(chunk).height for chunk in missing)
    done = resumed
    with tqdm(
        total=total, initial=resumed, desc="opening pictures", unit=" pictures", disable=None, leave=False
    ) as progress:
        try:
            for chunk, part in open_chunks(parts, missing, jobs):
                parts.write(chunk, part)
                done += part.height
                progress.update(part.height)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped with {done:,} of {total:,} pictures opened; run the same command to continue"
            ) from None
        except BrokenProcessPool as error:
            raise DataError(
                f"expected {jobs} processes to open pictures, got one that died, perhaps out of memory; "
                f"run the same command to continue, with --jobs {max(1, jobs // 2)}"
            ) from error
    return resumed


def open_chunks(parts: Parts, missing: list[int], jobs: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield the number and the opened pictures of each missing chunk, in the order in which they are finished."""
    if jobs == 1 or len(missing) <= 1:
        for chunk in missing:
            yield chunk, _as_part(open_pictures(*_to_open(parts, chunk)))
        return
    spawn = multiprocessing.get_context("spawn")  # a fork of polars' threads can hang
    pool = ProcessPoolExecutor(jobs, mp_context=spawn, initializer=_follow_parent)
    try:
        queue = iter(missing)
        pending: dict[Future[list[Opened]], int] = {}
        while True:
            for chunk in islice(queue, 2 * jobs - len(pending)):
                pending[pool.submit(open_pictures, *_to_open(parts, chunk))] = chunk
            if not pending:
                return
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                yield pending.pop(future), _as_part(future.result())
    finally:
        pool.shutdown(cancel_futures=True)


def _to_open(parts: Parts, chunk: int) -> tuple[list[Source], list[list[float] | None] | None]:
    rows = parts.chunk_rows(chunk)
    sources = [path if image is None else image for path, image in rows.select("path", "image").iter_rows()]
    return sources, rows["box_xyxy"].to_list() if parts.faces == "yunet" else None


def _as_part(opened: list[Opened]) -> pl.DataFrame:
    return pl.DataFrame(opened, schema=SCHEMA, orient="row")


def _follow_parent() -> None:
    """Leave Ctrl-C to the parent, and end when the parent ends, be it killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def open_pictures(sources: list[Source], boxes: list[list[float] | None] | None) -> list[Opened]:
    """Open pictures one by one.

    Args:
        sources: paths or encoded pictures.
        boxes: the data set's box of each, in pixels, if faces are to be looked for; None looks for none.
    """
    if boxes is None:
        return [(*_read(source)[1:], None) for source in sources]
    return [_find(source, box) for source, box in zip(sources, boxes, strict=True)]


def _find(source: Source, given_xyxy: list[float] | None) -> Opened:
    image_rgb, digest, problem = _read(source)
    if image_rgb is None:
        return None, problem, None
    box = found_box(image_rgb, given_xyxy)
    return (None, NO_FACE, None) if box is None else (digest, None, box)


def _read(source: Source) -> tuple[np.ndarray | None, str | None, str | None]:
    """Return a picture and the hash of its pixels, or why it is unreadable."""
    try:
        image_rgb = read_rgb(source)
    except PictureError as error:
        name = "encoded picture" if isinstance(source, bytes) else source
        # Numbers in brackets, as in "truncated (12 bytes not processed)", would make every picture a reason of its own.
        return None, None, re.sub(r"\s*\(.*\)", "", str(error).removeprefix(f"{name}: "))
    return image_rgb, pixel_sha256(image_rgb), None
