"""A job of many machines: the listing, cut into pieces by bytes, and the part of the table that each piece becomes."""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import polars as pl

from affekt.analysis.analyzer import Analyzer
from affekt.analysis.archives import is_archive
from affekt.analysis.inputs import is_camera, is_video
from affekt.analysis.options import FaceFinder
from affekt.analysis.prediction_run import describe, schema_of
from affekt.analysis.remote import is_elsewhere, remote_stamp
from affekt.analysis.rows import Answer, Row
from affekt.analysis.table import ROWS_PER_PIECE
from affekt.cluster.parts import Parts, first_input, is_of_job, part_name
from affekt.errors import ConfigError
from affekt.files import stamp

COST_OF_AN_INPUT = 300_000
"""Bytes of JPEG that are decoded in about the time in which the faces of a picture are found and read."""
COST_OF_A_PIECE = 2**29
"""About half a minute of one core."""
COST_OF_MANY = 8
"""How much longer a byte of a video or an archive is worked at than one of a picture: many pictures lie in it."""
FEWEST_PIECES, MOST_PIECES = 256, 65_536
"""A small job is cut finer, so that many machines have work, and a huge one more coarsely, so that parts stay few."""
LEAST_OF_A_PIECE = 2**24
"""About a second: to begin a piece costs Ray some milliseconds, whatever is in it."""

REQUESTS_AT_ONCE = 32


@dataclass(frozen=True)
class Piece:
    """Inputs that stand one behind the other in the listing, for one process to look at."""

    first: int
    """Place of the first of them in the listing."""
    names: tuple[str, ...]
    part: str
    """Name of the part that it becomes; it changes with the job, and with each of these files."""
    was_there: bool
    """Whether one of the inputs could be found where the job was planned."""


@dataclass(frozen=True)
class Job:
    """What all machines that work on a job have in common."""

    described: dict[str, str]
    """What the rows depend on besides the pictures."""
    faces: FaceFinder
    inputs: int
    key: str
    """Of all that the rows depend on but for what is in the files: what is described, and the listing."""


def planned(names: Sequence[str], analyzer: Analyzer, faces: FaceFinder) -> tuple[Job, list[Piece]]:
    """Cut a listing into pieces: the same ones on every machine that finds the same files of the same sizes.

    Raises ConfigError where a camera is among the inputs.
    """
    if any(map(is_camera, names)):
        raise ConfigError("expected files for several machines, got a camera; leave out shard and engine")
    described = describe(analyzer, faces)
    job = Job(described, faces, len(names), _digest([described, list(names)]))
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:  # of addresses; the disk answers at once
        stamps = list(pool.map(lambda name: remote_stamp(name) if is_elsewhere(name) else stamp(name), names))
    pieces = list[Piece]()
    for start, stop in cut(list(map(_cost, names, stamps))):
        part = part_name(start, job.key, _digest(stamps[start:stop]))
        pieces.append(Piece(start, tuple(names[start:stop]), part, was_there=any(stamps[start:stop])))
    return job, pieces


def _cost(name: str, found: Sequence[Any] | None) -> int:
    size = found[0] if found else 0
    return COST_OF_AN_INPUT + size * (COST_OF_MANY if is_video(name) or is_archive(name) else 1)


def cut(costs: Sequence[int]) -> list[tuple[int, int]]:
    """Return where pieces of about the same cost start and stop; an input begins the share that it falls into.

    Example:
        >>> cut([10**6, 10**6, 10**9, 10**6])
        [(0, 3), (3, 4)]
    """
    total = max(1, sum(costs))
    pieces = max(min(FEWEST_PIECES, total / LEAST_OF_A_PIECE), total / COST_OF_A_PIECE)
    share = total / max(1, min(MOST_PIECES, pieces))
    shares = [math.floor(before / share) for before in accumulate(costs, initial=0)]
    starts = [place for place in range(len(costs)) if not place or shares[place] != shares[place - 1]]
    return list(zip(starts, [*starts[1:], len(costs)], strict=False))


def still_to_do(pieces: Sequence[Piece], job: Job, parts: Parts) -> list[Piece]:
    """Return the pieces whose parts are not there; raises ConfigError where those of another job are."""
    there = parts.names()
    if strangers := [name for name in there if not is_of_job(name, job.key)]:
        raise ConfigError(
            f"expected a folder for the parts of this job, got {len(strangers):,} of another in {parts}, which "
            "had other inputs, options, model or affekt; choose another folder"
        )
    done = set(there)
    return [piece for piece in pieces if piece.part not in done]


def write_parts(pieces: Sequence[Piece], job: Job, analyzer: Analyzer, parts: Parts) -> Iterator[Answer]:
    """Look at the inputs of pieces in one stream; write the part of each as soon as its last input has ended.

    Yields the answers as they come. A part from before one of its inputs changed is removed.
    """
    there = parts.names()
    answers = analyzer.answers((name for piece in pieces for name in piece.names), faces=job.faces)
    for piece in pieces:
        schema = schema_of(list(filter(is_video, piece.names)), analyzer)
        frames, rows, left = list[pl.DataFrame](), list[Row](), len(piece.names)
        while left:
            answer = next(answers)
            rows += answer.rows
            left -= answer.ends
            if len(rows) >= ROWS_PER_PIECE or not left:
                frames.append(pl.DataFrame(rows, schema=schema))
                rows = []
            yield answer
        table = pl.concat(frames)
        parts.write(piece.part, table, _metadata(piece, job, table, analyzer.notes))
        for name in there:
            if first_input(name) == piece.first and name != piece.part:
                parts.remove(name)


def _metadata(piece: Piece, job: Job, rows: pl.DataFrame, notes: Sequence[str]) -> dict[str, str]:
    """Return what travels inside a part: how it came about, its place in the job, and what was found."""
    counts = {
        "first_input": piece.first,
        "inputs": len(piece.names),
        "inputs_of_job": job.inputs,
        "faces_found": rows.filter(status="ok").height,
        "unreadable": rows.filter(pl.col("status").str.starts_with("unreadable")).height,
    }
    place = {"job": job.key, **{name: str(count) for name, count in counts.items()}}
    return {**job.described, **place, "notes": "; ".join(notes)}


def _digest(thing: object) -> str:
    return hashlib.sha256(json.dumps(thing).encode()).hexdigest()
