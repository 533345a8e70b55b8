"""`affekt predict PATH... --out faces.csv`: any pictures and videos become a table."""

import hashlib
import io
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from affekt.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    from affekt.inference.analyzer import Analyzer, Answer
    from affekt.inference.rows import Row
    from affekt.inference.summary import Summary


@dataclass(frozen=True, kw_only=True)
class PredictCommand:
    """Find the faces of pictures and videos and write their expressions, valence and arousal, a row a face.

    What cannot be read becomes a row that says why, and the exit code is then 1. Stop it, and the same command goes on
    where it was.
    """

    paths: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Pictures, videos, folders with all below, patterns in quotes, .txt lists, - for a list on standard input;
    camera:0 until Ctrl-C."""
    model: Path = Path("affekt")
    """A model that comes with affekt, or a model folder, as `affekt export` writes it."""
    out: Path = Path("-")
    """The table: .csv, .parquet or .jsonl; - prints csv, to be read by another program."""
    draw: Path | None = None
    """A folder for marked copies: boxes, expressions, and valence and arousal on a small circle."""
    timeline: Path | None = None
    """A folder for a picture and a page of each video: expressions, valence and arousal of each person over time."""
    every: str = "0s"
    """Time between the frames of a video that are looked at, as 0.2s; 0s takes all."""
    fps: float | None = None
    """The same as frames a second: 5 is --every 0.2s."""
    stop_after: str | None = None
    """How much of each video or camera is looked at, as 60s; without it, all, and a camera until Ctrl-C."""
    detect_every: int = 1
    """Look for faces on one frame of a video in so many, and follow them between: faster, and a little less exact."""
    smooth: str = "0.5s"
    """Time constant of the filter on each person's scores in a video; 0s leaves them as they are."""
    faces: Literal["auto", "yunet", "cascade", "whole"] = "auto"
    """Who finds the faces: YuNet, scikit-image's cascade, the first that can be had, or nobody: `whole` says that each
    picture is a face already."""
    longest_side: int = 640
    """Larger pictures are shrunk to this many pixels before faces are looked for; raise it for small faces."""
    runtime: Literal["auto", "onnxruntime", "openvino", "cuda"] = "auto"
    """What executes the model; auto takes the fastest that is installed, measured once for each model."""
    min_confidence: float = 0.0
    """Leave `emotion` empty where the best expression is less probable; the probabilities stay."""


def main(arguments: list[str]) -> None:
    """Run the command; exit with 1 where an input could not be read."""
    command = tyro.cli(PredictCommand, args=arguments, prog="affekt predict")
    from affekt.inference.analyzer import Analyzer
    from affekt.inference.inputs import find_inputs, is_camera
    from affekt.inference.summary import Summary
    from affekt.inference.table import check_ending

    printed = command.out == Path("-")
    if not printed:
        check_ending(command.out)
    analyzer = Analyzer(
        command.model,
        longest_side=command.longest_side,
        min_confidence=command.min_confidence,
        every_s=every_s(command),
        smooth_s=seconds(command.smooth, "--smooth"),
        runtime=command.runtime,
        stop_after_s=float("inf") if command.stop_after is None else seconds(command.stop_after, "--stop-after"),
        detect_every=command.detect_every,
    )
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # names of files need not be UTF-8
    inputs = find_inputs(command.paths, sys.stdin, copies=command.draw)
    _check_copies(command, inputs.names)
    summary = Summary(passed_over=inputs.passed_over)
    if any(map(is_camera, inputs.names)):
        _end_camera_on_interrupt(analyzer)
    if printed:
        _print_csv(command, analyzer, inputs.names, summary)
    else:
        _write_table(command, analyzer, inputs.names, summary)
        _write_videos(command, analyzer, inputs.names)
    if command.draw is not None:
        print(f"wrote marked copies into {command.draw}", file=sys.stderr)
    print("\n".join((*analyzer.notes, *summary.lines())), file=sys.stderr)
    if summary.failed:
        raise SystemExit(1)


def _check_copies(command: PredictCommand, names: tuple[str, ...]) -> None:
    """Refuse copies of what cannot be read a second time or would be overwritten, before any work is done.

    Raises:
        ConfigError: a copy of a camera, or of a video without a table, is wanted, or one in its original's place.
    """
    from affekt.inference.drawing import drawn_path
    from affekt.inference.inputs import is_below, is_camera, is_video

    if command.draw is not None and any(map(is_camera, names)):
        raise ConfigError("expected pictures and videos with --draw, got a camera; record a video of it and name that")
    needs_table = command.timeline is not None or (command.draw is not None and any(map(is_video, names)))
    if command.out == Path("-") and needs_table:
        raise ConfigError(
            "expected a table with --timeline, or with --draw and a video, got csv to standard output; "
            "type: --out faces.parquet"
        )
    if command.draw is None:
        return
    for name in filter(os.path.isfile, names):
        if is_below(name, command.draw) or is_below(name, drawn_path(command.draw, name)):
            raise ConfigError(
                f"expected --draw to name a folder for copies alone, got {command.draw}, where {name} is to be "
                "looked at; type: --draw marked"
            )


def _end_camera_on_interrupt(analyzer: "Analyzer") -> None:
    """Let the first Ctrl-C end the camera, so that its table is finished; the second stops affekt as everywhere."""

    def end(signal_number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        analyzer.stop()

    signal.signal(signal.SIGINT, end)
    print("the camera runs until Ctrl-C", file=sys.stderr)


def every_s(command: PredictCommand) -> float:
    """Return the time between frames that --every or --fps asks for; 0 takes all.

    Raises:
        ConfigError: both were given, or one is out of its range.
    """
    if command.fps is None:
        return seconds(command.every, "--every")
    if seconds(command.every, "--every"):
        raise ConfigError(f"expected --every or --fps, got both; leave out --every {command.every}")
    if not 0 < command.fps < float("inf"):
        raise ConfigError(f"expected --fps above 0 frames a second, got {command.fps}; type: --fps 5")
    return 1 / command.fps


def seconds(text: str, option: str) -> float:
    """Read a time such as 0.2s or 200ms.

    Raises:
        ConfigError: it is none.
    """
    number, factor = (text[:-2], 1e-3) if text.endswith("ms") else (text.removesuffix("s"), 1.0)
    try:
        time_s = float(number) * factor
    except ValueError:
        time_s = -1.0
    if not 0 <= time_s < float("inf"):
        raise ConfigError(f"expected a time such as 0.2s or 200ms, got {text!r}; type: {option} 0.2s")
    return time_s


def _print_csv(command: PredictCommand, analyzer: "Analyzer", names: tuple[str, ...], summary: "Summary") -> None:
    import polars as pl

    schema = _schema(analyzer, names)
    print(",".join(schema), flush=True)
    place = 0
    for answer in _with_progress(analyzer.answers(names, faces=command.faces), len(names), 0):
        summary.add(answer)
        _draw(command, names[place], answer.rows)
        place += answer.ends
        print(pl.DataFrame(answer.rows, schema=schema).write_csv(include_header=False), end="", flush=True)


def _schema(analyzer: "Analyzer", names: tuple[str, ...]) -> "pl.Schema":
    from affekt.inference.inputs import is_video
    from affekt.inference.rows import SCHEMA, SMOOTHED_SCHEMA

    return SMOOTHED_SCHEMA if analyzer.smooth_s and any(map(is_video, names)) else SCHEMA


def _write_table(command: PredictCommand, analyzer: "Analyzer", names: tuple[str, ...], summary: "Summary") -> None:
    from affekt.inference.table import Journal

    described = description(command, analyzer)
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()
    journal = Journal(command.out, {**described, "inputs_sha256": digest})
    if journal.done:
        print(f"going on after {journal.done} of {len(names)} inputs", file=sys.stderr)
        for answer in journal.answers():
            summary.add(answer)
    with journal.opened():
        place = journal.done
        left = analyzer.answers(names[place:], faces=command.faces)
        for answer in _with_progress(left, len(names), place):
            summary.add(answer)
            _draw(command, names[place], answer.rows)
            journal.add(answer)
            place += answer.ends
    notes = "; ".join((*analyzer.notes, *summary.notes()))
    journal.finish(command.out, _schema(analyzer, names), {**described, "notes": notes})
    print(f"wrote {command.out}", file=sys.stderr)


def _write_videos(command: PredictCommand, analyzer: "Analyzer", names: tuple[str, ...]) -> None:
    """Make what needs all rows of a video: its timeline and its marked copy."""
    import polars as pl

    from affekt.inference.inputs import is_video, place_below, shown
    from affekt.inference.marked_video import MARKED_COLUMNS, write_marked_video
    from affekt.inference.table import scan
    from affekt.inference.timeline import TIMELINE_COLUMNS, write_timelines

    if command.timeline is None and command.draw is None:
        return
    for name in dict.fromkeys(filter(is_video, names)):
        # Only the columns that are needed, of the frames that could be read: an hour of video is many rows.
        table = scan(command.out, _schema(analyzer, names))
        rows = table.filter(pl.col("input") == shown(name), pl.col("frame").is_not_null())
        if command.timeline is not None:
            written = write_timelines(name, rows.select(TIMELINE_COLUMNS).collect(), command.timeline)
            told = (
                f"wrote {' and '.join(map(str, written))}" if written else f"no timeline of {name}: nobody stays in it"
            )
            print(told, file=sys.stderr)
        if command.draw is not None:
            marked = rows.select(MARKED_COLUMNS).collect()
            if not marked.is_empty():
                place = place_below(command.draw, name, ".mp4")
                write_marked_video(name, marked, place, stop_after_s=analyzer.sampling.stop_after_s)


def _draw(command: PredictCommand, name: str, rows: "list[Row]") -> None:
    from affekt.faces.pictures import read_rgb
    from affekt.inference.drawing import drawn_path, write_drawn

    is_picture = rows and rows[0]["time_s"] is None and not rows[0]["status"].startswith("unreadable")
    if command.draw is None or not is_picture:
        return
    # Decoded a second time, so that no picture waits in memory for its answer.
    write_drawn(read_rgb(name), rows, drawn_path(command.draw, name))


def description(command: PredictCommand, analyzer: "Analyzer") -> dict[str, str]:
    """Return what the rows depend on besides the pictures."""
    from affekt import __version__
    from affekt.models.card import CARD_FILE, ONNX_FILE
    from affekt.models.shipped import model_folder

    folder = model_folder(command.model)
    detector = analyzer.detector(command.faces)
    files = (folder / CARD_FILE, folder / ONNX_FILE)
    card_sha256, model_sha256 = (hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    names = ("faces", "longest_side", "min_confidence", "every", "fps", "stop_after", "detect_every", "smooth")
    options: dict[str, Any] = {name: getattr(command, name) for name in names}
    return {
        "affekt_version": __version__,
        "model": analyzer.session.card.name,
        "card_sha256": card_sha256,
        "model_sha256": model_sha256,
        "detector": "whole" if detector is None else detector.name,
        **{name: str(value) for name, value in options.items() if value is not None},
    }


def _with_progress(answers: "Iterator[Answer]", total: int, done: int) -> "Iterator[Answer]":
    from tqdm import tqdm

    faces = 0
    shown = "{percentage:3.0f}%|{bar}| {elapsed}, {remaining} left{postfix}"
    # None hides the bar where nobody looks: standard error is not a terminal.
    with tqdm(total=total, initial=done, miniters=0, bar_format=shown, leave=False, disable=None) as bar:
        for answer in answers:
            faces += sum(row["status"] == "ok" for row in answer.rows)
            done += answer.ends
            rate = faces / max(bar.format_dict["elapsed"], 1e-3)
            bar.set_postfix_str(f"{done} of {total} inputs, {rate:.0f} faces/s", refresh=False)
            bar.update(done + (0 if answer.ends else answer.share) - bar.n)
            yield answer
