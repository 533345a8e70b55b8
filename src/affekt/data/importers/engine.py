"""The import engine: opens every picture of a listing once, hashes its pixels and writes the manifest.

One process per core opens chunks of pictures and looks for faces where they are wanted; only hashes and boxes come
back. A ledger keeps finished chunks until the manifest is written, so that the same command continues a stopped one.
"""

import hashlib
import logging
import multiprocessing
import os
import re
import shlex
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import numpy as np
import polars as pl
from tyro.conf import arg

from affekt import __version__
from affekt.analysis.remote import ONE_SLASH, is_address, without_secrets
from affekt.analysis.table import change_of
from affekt.cores import core_count, prefetch
from affekt.data.importers.listing import NO_FACE, DataSet, ImportReport
from affekt.data.manifest import SCHEMA, is_manifest, pixel_sha256, to_manifest
from affekt.data.shards import Shards, is_in_tar
from affekt.data.splits import with_subjects
from affekt.errors import ConfigError, DataError, PictureError
from affekt.faces.detector_file import has_detector
from affekt.faces.pictures import read_rgb
from affekt.files import FILE_ENDINGS, refuse_input, write_parquet
from affekt.ledger import Ledger
from affekt.terminal import progress_bar

if TYPE_CHECKING:
    from affekt.faces.detection import FaceDetector

PICTURES_PER_CHUNK = 256
"""A stop loses at most twice as many opened pictures per process."""
LOOKED_AT = 24
"""Pictures by which it is told whether they show more than a face."""
CROPPED_FROM = 0.7
"""The share of a picture's shorter side that a face fills where the picture is a crop of it; in heads it is 0.6."""
PHOTOGRAPHS = (
    "The face is a small part of most pictures that were looked at. If they are photographs, import them with "
    "--faces yunet, so that a model learns from the crops of predict."
)

MADE_BY = "made_by"
"""In the metadata of a manifest: the command that made it, with its inputs."""
FOUND = ("box_xyxy", "landmarks_xy")
Opened = tuple[str | None, str | None, list[float] | None, list[list[float]] | None]
"""Hash of the pixels or None, why there is none, and the box and landmarks where the face was looked for."""
OPENED_SCHEMA = {"pixel_sha256": pl.String(), "problem": pl.String(), **{name: SCHEMA[name] for name in FOUND}}
Result = TypeVar("Result")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """How a data set is imported, whichever it is."""

    out: Path = Path("manifest.parquet")
    """The manifest to write; a hidden file beside it remembers an unfinished import."""
    faces: Literal["given", "yunet", "auto"] = "given"
    """given takes the data set's box, else the whole picture.
    yunet finds the face as predict does, the one on that box or the largest; pictures without a face are left out.
    auto is yunet where there are no boxes, and the face is a small part of most pictures; else given."""
    subject_pattern: str | None = None
    """Where the person stands in the pictures' names: '{subject}_*' reads anna in happy/anna_1.png."""
    jobs: Annotated[int | None, arg(metavar="N")] = None
    """Processes that open pictures; one per core if left out."""


def import_dataset(dataset: DataSet, options: ImportOptions) -> ImportReport:
    """Turn a data set on disk into a manifest, as `affekt data import` does; `print(report.text())` shows the report.

    The data set is an importer, as `FerPlus(pixels=Path("fer2013.tar.gz"))` of `affekt.data.importers.ferplus`. Each
    picture is opened once and hashed. Unreadable ones are left out and reported, and so are those without a face where
    it is looked for. Paths are made absolute. The message of a KeyboardInterrupt says how to continue.
    """
    if options.jobs is not None and options.jobs < 1:
        raise ConfigError(f"expected at least one process as jobs, got {options.jobs}; leave it out for one per core")
    command, inputs = _made_by(dataset)
    refuse_place(options.out, command, inputs)
    listing, started = dataset.list_rows(), time.monotonic()
    rows = to_manifest(listing.rows)
    if options.subject_pattern is not None:
        rows = with_subjects(rows, options.subject_pattern)
    # What lies in a tar has a name of the importer's, or an address.
    absolute = [each if each is None or is_in_tar(each) else os.path.abspath(each) for each in rows["path"]]  # noqa: PTH100  far faster
    rows = rows.with_columns(pl.Series("path", absolute, dtype=pl.String))
    if rows.is_empty():
        dropped = ", ".join(f"{reason}: {count:,}" for reason, count in listing.dropped.items()) or "no records"
        raise DataError(f"expected pictures to import, got none ({dropped}); check the path and the options")
    are_photographs = options.faces != "yunet" and shows_more_than_faces(rows)
    if options.faces == "auto":
        options = replace(options, faces="yunet" if are_photographs else "given")
        if are_photographs:
            _logger.info(
                "Most pictures show more than a face: faces are looked for, and pictures without one left out."
            )
        elif not has_detector():
            _logger.info("Each whole picture counts as the face. For photographs, first type: affekt setup")
    elif are_photographs:
        listing = replace(listing, notes=(*listing.notes, PHOTOGRAPHS))
    if options.faces == "yunet":
        detector()  # here first, so that a missing file ends nothing half-done and no two processes fetch it
    ledger = _ledger(rows, options)
    opened, resumed = _open_all(rows, ledger, options)
    problems = rows.select(opened["problem"], name=pl.coalesce("path", "source_id")).drop_nulls("problem")
    by_problem = problems.group_by("problem", maintain_order=True).agg("name")
    unreadable = {problem: tuple(names) for problem, names in by_problem.iter_rows()}
    filled = ["pixel_sha256", *FOUND] if options.faces == "yunet" else ["pixel_sha256"]
    kept = rows.with_columns(opened[filled]).drop_nulls("pixel_sha256")
    if kept.is_empty():
        ledger.remove()
        reason, names = next(iter(unreadable.items()))
        has_folder = isinstance(getattr(dataset, "pictures", ""), Path | None)
        starting = ", or name the folder that paths start from: --pictures FOLDER" if has_folder else ""
        raise DataError(
            f"expected readable pictures, got none among {rows.height:,} ({names[0]}: {reason}); "
            f"check that the data set is complete and in the folder you gave{starting}"
        )
    write_made(kept, options.out, command)
    ledger.remove()
    return ImportReport(options.out, kept, listing, unreadable, resumed, seconds=time.monotonic() - started)


def _made_by(dataset: DataSet) -> tuple[str, list[Path]]:
    """Return the command that imports a data set, as `made_by` does, and what it reads."""
    given = {name: value for name, value in vars(dataset).items() if name != "out"}
    inputs = [value for name, value in given.items() if name == "root" or isinstance(value, Path)]
    return made_by(f"import {type(dataset).__name__.lower()}", inputs), inputs


def made_by(verb: str, inputs: Iterable[str | Path]) -> str:
    """Return the command that makes a manifest of these inputs: whatever its options, it may make it anew."""
    return shlex.join(["affekt", "data", *verb.split(), *(_place(str(each)) for each in inputs)])


def _place(given: str) -> str:
    address = ONE_SLASH.sub(r"\1://", given, 1)
    return without_secrets(address) if is_address(address) else os.path.realpath(given)


def write_made(frame: pl.DataFrame, path: Path, command: str) -> None:
    """Write a manifest that says which command made it, as `write_manifest` does."""
    write_parquet(to_manifest(frame), path, {"affekt_version": __version__, MADE_BY: command})


def made_otherwise(path: Path, command: str) -> str:
    """Return in words what a file is that a command of `made_by` did not make; empty where it did, or none is there."""
    if not path.is_file() or not path.stat().st_size:
        return ""
    if not is_manifest(path):
        return "another file"
    made = pl.read_parquet_metadata(path).get(MADE_BY)
    return change_of(path) if made == command else f"one by {made}" if made else "one that it did not make"


def refuse_place(out: Path, command: str, inputs: Iterable[Path], option: str = "--out") -> None:
    """Say at once, not after the work, that no manifest of a command can be written there, or over other data."""
    name = option.removeprefix("--").replace("-", "_")
    if out.is_dir():
        made = out.with_name(f"{out.resolve().name}.parquet") if out.name else out / "manifest.parquet"
        raise DataError(f"expected a file as {name}, got the folder {out}; type: {option} {shlex.quote(str(made))}")
    if out.suffix.lower() in FILE_ENDINGS - {".parquet"}:
        made = shlex.quote(str(out.with_suffix(".parquet")))
        raise ConfigError(f"expected a manifest ending in .parquet as {name}, got {out}; type: {option} {made}")
    if blocking := next((folder for folder in out.parents if folder.is_file()), None):
        raise DataError(f"expected a folder for {out}, got the file {blocking}; choose another {name} ({option})")
    refuse_input(out, inputs, option)
    if got := made_otherwise(out, command):
        other = shlex.quote(str(out.with_name(f"{out.stem}-manifest.parquet")))
        raise ConfigError(
            f"expected a manifest by {command} to write over as {name}, got {got}, {out}; name another: "
            f"{option} {other}"
        )


def _ledger(rows: pl.DataFrame, options: ImportOptions) -> Ledger:
    """Return the ledger of this listing; one record per chunk, in their order: what came of each of its pictures."""
    listing = hashlib.sha256(rows.write_ipc(None).getbuffer()).hexdigest()
    ledger = Ledger(options.out, {"listing": listing, "faces": options.faces, "in chunks of": PICTURES_PER_CHUNK})
    if ledger.is_of_another_job:
        _logger.info("The unfinished import to %s was of other rows or options: this one starts anew.", options.out)
    return ledger


def _open_all(rows: pl.DataFrame, ledger: Ledger, options: ImportOptions) -> tuple[pl.DataFrame, int]:
    """Return what came of each picture, in the order of the rows, and how many of them an earlier run had opened."""
    opened: list[Opened] = [picture for chunk, _ in ledger.records() for picture in chunk]
    resumed = len(opened)
    chunks = list(_chunks(rows[resumed:]))
    finds = options.faces == "yunet"
    calls = ((_sources(chunk), chunk["box_xyxy"].to_list() if finds else None) for chunk in chunks)
    jobs = max(1, min(options.jobs or core_count(), len(chunks)))
    progress = progress_bar(total=rows.height, initial=resumed, description="opening pictures", unit="pictures")
    with ledger.writing(), progress:
        try:
            for pictures in run_in_processes(open_pictures, calls, jobs):
                ledger.add(pictures)
                opened += pictures
                progress.update(len(pictures))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped with {len(opened):,} of {rows.height:,} pictures opened; run the same command to continue"
            ) from None
    return pl.DataFrame(opened, schema=OPENED_SCHEMA, orient="row"), resumed


def _chunks(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Cut rows where a chunk is full, but within a tar, which is read in one go."""
    number = Shards(rows["path"]).number.clip(min=-1)
    for _, run in rows.group_by(pl.Series(number).rle_id(), maintain_order=True):
        size = PICTURES_PER_CHUNK if number[0] < 0 else run.height
        number = number[run.height :]
        yield from (run[start : start + size] for start in range(0, run.height, size))


def _sources(rows: pl.DataFrame) -> list[str | bytes]:
    return [path if image is None else image for path, image in rows.select("path", "image").iter_rows()]


def run_in_processes(function: Callable[..., Result], calls: Iterable[tuple[Any, ...]], jobs: int) -> Iterator[Result]:
    """Call a function with each tuple of arguments, in some processes, or in this one if one is enough; in order."""
    if jobs == 1:
        yield from starmap(function, calls)
        return
    spawn = multiprocessing.get_context("spawn")  # a fork of polars' threads can hang
    pool = ProcessPoolExecutor(jobs, mp_context=spawn, initializer=_follow_parent)
    try:
        yield from prefetch(pool, partial(_call, function), calls, most=2 * jobs)
    except BrokenProcessPool as error:
        raise DataError(
            f"expected {jobs} processes to do the work, got one that died, perhaps out of memory; "
            f"run the same command to continue, with fewer jobs (--jobs {max(1, jobs // 2)})"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _call(function: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
    return function(*arguments)


def _follow_parent() -> None:
    """Leave Ctrl-C to the parent, and end when the parent ends, be it killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def open_pictures(sources: list[str | bytes], boxes: list[list[float] | None] | None) -> list[Opened]:
    """Open paths or encoded pictures; look for the face on the data set's box of each, or for none without `boxes`."""
    opened = dict[int, Opened]()
    paths = pl.Series([None if isinstance(source, bytes) else source for source in sources], dtype=pl.String)
    for place, found in Shards(paths).read(np.arange(len(sources))):
        source = found or sources[place]
        try:
            image_rgb = read_rgb(source)
        except PictureError as error:
            name = "encoded picture" if isinstance(source, bytes) else source
            # Numbers in brackets, as in "truncated (12 bytes missing)", would make every picture a reason of its own.
            opened[place] = None, re.sub(r"\s*\(.*\)", "", str(error).removeprefix(f"{name}: ")), None, None
            continue
        box, landmarks = (None, None) if boxes is None else found_face(image_rgb, boxes[place])
        is_found = boxes is None or box is not None
        opened[place] = (pixel_sha256(image_rgb), None, box, landmarks) if is_found else (None, NO_FACE, None, None)
    return [opened[place] for place in range(len(sources))]


def shows_more_than_faces(rows: pl.DataFrame) -> bool:
    """Return whether most pictures without a box show much more than a face, by some of them; False without a detector.

    Pictures in archives are not looked at.
    """
    if not has_detector():
        return False
    boxless = rows.filter(pl.col("box_xyxy").is_null())
    fills = list[float]()
    for source in _sources(boxless[:: max(1, boxless.height // LOOKED_AT)]):
        if isinstance(source, str) and is_in_tar(source):
            continue
        with suppress(PictureError):
            image_rgb = read_rgb(source)
            boxes = detector().first_look(image_rgb).box_xyxy
            fills += [float((boxes[:, 2:] - boxes[:, :2]).max()) / min(image_rgb.shape[:2])] if len(boxes) else []
    return bool(fills) and float(np.median(fills)) < CROPPED_FROM


@cache
def detector() -> "FaceDetector":
    """Return this process's detector, the one of predict, so that models learn from the crops they will meet."""
    from affekt.faces.detection import FaceDetector

    return FaceDetector()


def found_face(
    image_rgb: np.ndarray, given_xyxy: list[float] | None
) -> tuple[list[float], list[list[float]]] | tuple[None, None]:
    """Find box and landmarks of the face that a picture's labels are of; None where there is no such face.

    It is the largest face or, where the data set gives a box, the one that overlaps it most (intersection over union).
    """
    faces = detector().detect(image_rgb)
    boxes = faces.box_xyxy
    if not len(boxes):
        return None, None
    fit = _area(boxes)
    if given_xyxy is not None:
        given = np.asarray(given_xyxy)
        shared = _area(np.hstack([np.maximum(boxes[:, :2], given[:2]), np.minimum(boxes[:, 2:], given[2:])]))
        fit = shared / (fit + _area(given) - shared)
    best = int(fit.argmax())
    return (boxes[best].tolist(), faces.landmarks_xy[best].tolist()) if fit[best] > 0 else (None, None)


def _area(box_xyxy: np.ndarray) -> np.ndarray:
    return np.prod(np.clip(box_xyxy[..., 2:] - box_xyxy[..., :2], 0, None), axis=-1)
