"""`affekt predict PATH... --out faces.csv`: any pictures and videos become a table."""

import hashlib
import io
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from affekt.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl
    from tqdm import tqdm

    from affekt.analysis.analyzer import Analyzer, Answer
    from affekt.analysis.annotated_copies import Copies
    from affekt.analysis.summary import Summary


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
    from affekt.analysis.analyzer import load
    from affekt.analysis.annotated_copies import Copies
    from affekt.analysis.inputs import find_inputs
    from affekt.analysis.journal import check_ending
    from affekt.analysis.summary import Summary

    printed = command.out == Path("-")
    if not printed:
        check_ending(command.out)
    analyzer = load(
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
    copies = Copies(inputs.names, draw=command.draw, timeline=command.timeline)
    copies.check(has_table=not printed)
    summary = Summary(inputs.passed_over, analyzer.session.card.valence_arousal_origin)
    signal.signal(signal.SIGTERM, _leave)
    if printed:
        _print_csv(command, analyzer, copies, summary)
    else:
        _write_table(command, analyzer, copies, summary)
    if command.draw is not None:
        print(f"wrote marked copies into {command.draw}", file=sys.stderr)
    if command.timeline is not None and not copies.videos:
        print("--timeline is of videos, and none is among the inputs", file=sys.stderr)
    print("\n".join(summary.lines()), file=sys.stderr)
    if summary.failed:
        raise SystemExit(1)


def _leave(signal_number: int, frame: object) -> None:
    """Leave as after an error, so that half a file is removed: what ends a process asks no destructor."""
    raise SystemExit(128 + signal_number)


def _until_interrupted(answers: "Iterator[Answer]", analyzer: "Analyzer") -> "Iterator[Answer]":
    """Let the first Ctrl-C end a camera, so that its table is finished; the second stops affekt as everywhere."""
    from tqdm import tqdm

    from affekt.analysis.inputs import is_camera

    def end(signal_number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        analyzer.stop()

    usual = signal.getsignal(signal.SIGINT)
    filming = False
    for answer in answers:
        if not filming and any(is_camera(row["input"]) and row["time_s"] is not None for row in answer.rows):
            filming = True
            signal.signal(signal.SIGINT, end)
            tqdm.write("the camera runs until Ctrl-C", file=sys.stderr)
        if filming and answer.ends:
            filming = False
            signal.signal(signal.SIGINT, usual)
        yield answer


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


def _print_csv(command: PredictCommand, analyzer: "Analyzer", copies: "Copies", summary: "Summary") -> None:
    import polars as pl

    schema = _schema(analyzer, copies)
    print(",".join(schema), flush=True)
    for answer in _answers(command, analyzer, copies.names, 0):
        summary.add(answer)
        copies.draw_picture(answer.input, answer.rows)
        print(pl.DataFrame(answer.rows, schema=schema).write_csv(include_header=False), end="", flush=True)


def _schema(analyzer: "Analyzer", copies: "Copies") -> "pl.Schema":
    from affekt.analysis.rows import SCHEMA, SMOOTHED_SCHEMA

    return SMOOTHED_SCHEMA if analyzer.options.smooth_s and copies.videos else SCHEMA


def _write_table(command: PredictCommand, analyzer: "Analyzer", copies: "Copies", summary: "Summary") -> None:
    """Write the table and, from it, the copies and timelines of videos; the journal goes when all is there."""
    from affekt.analysis.journal import Journal

    described = description(command, analyzer)
    names = copies.names
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()
    # Where a run goes on, the copies of what is done already are there, and are this model's.
    draw = None if command.draw is None else str(command.draw)
    journal = Journal(command.out, {**described, "inputs_sha256": digest, "draw": draw})
    if journal.done:
        print(f"going on after {journal.done} of {len(names)} inputs", file=sys.stderr)
        for answer in journal.answers():
            summary.add(answer)
            copies.draw_picture(answer.input, answer.rows, only_missing=True)
    with journal.opened():
        for answer in _answers(command, analyzer, names, journal.done):
            summary.add(answer)
            copies.draw_picture(answer.input, answer.rows)
            journal.add(answer)
        notes = "; ".join((*analyzer.notes, *summary.notes()))
        journal.finish(command.out, _schema(analyzer, copies), {**described, "notes": notes})
        print(f"wrote {command.out}", file=sys.stderr)
        _write_videos(command, analyzer, copies)
    journal.remove()


def _answers(command: PredictCommand, analyzer: "Analyzer", names: tuple[str, ...], done: int) -> "Iterator[Answer]":
    """Yield the answers to the inputs that are left, while a bar moves."""
    answers = analyzer.answers(names[done:], faces=command.faces)
    return _with_progress(_until_interrupted(answers, analyzer), len(names), done)


def _write_videos(command: PredictCommand, analyzer: "Analyzer", copies: "Copies") -> None:
    """Make what needs all rows of a video: its timeline and its marked copy."""
    import polars as pl

    from affekt.analysis.inputs import shown
    from affekt.analysis.journal import scan

    if (command.timeline is None and command.draw is None) or not copies.videos:
        return
    origin = analyzer.session.card.valence_arousal_origin
    table = scan(command.out, _schema(analyzer, copies))
    with _bar(len(copies.videos)) as bar:
        for place, name in enumerate(copies.videos):
            bar.set_postfix_str(f"drawing video {place + 1} of {len(copies.videos)}")
            rows = table.filter(pl.col("input") == shown(name), pl.col("frame").is_not_null())
            if told := copies.write_timeline(name, rows, origin=origin):
                bar.write(told, file=sys.stderr)
            moved = partial(_move_to, bar, place)
            copies.draw_video(name, rows, stop_after_s=analyzer.options.stop_after_s, moved=moved)
            moved(1.0)


def _move_to(bar: "tqdm", place: int, share: float) -> None:
    bar.update(place + share - bar.n)


def description(command: PredictCommand, analyzer: "Analyzer") -> dict[str, str]:
    """Return what the rows depend on besides the pictures."""
    from affekt import __version__
    from affekt.models.card import CARD_FILE, ONNX_FILE, model_folder

    folder = model_folder(command.model)
    detector = analyzer.detector(command.faces)
    files = (folder / CARD_FILE, folder / ONNX_FILE)
    card_sha256, model_sha256 = (hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    names = ("faces", "longest_side", "min_confidence", "every", "fps", "stop_after", "detect_every", "smooth")
    options: dict[str, Any] = {name: getattr(command, name) for name in names}
    options["valence_arousal_origin"] = analyzer.session.card.valence_arousal_origin
    return {
        "affekt_version": __version__,
        "model": analyzer.session.card.name,
        "card_sha256": card_sha256,
        "model_sha256": model_sha256,
        "detector": "whole" if detector is None else detector.name,
        **{name: str(value) for name, value in options.items() if value is not None},
    }


def _bar(total: int, done: int = 0) -> "tqdm":
    from tqdm import tqdm

    shown = "{percentage:3.0f}%|{bar}| {elapsed}, {remaining} left{postfix}"
    # None hides the bar where nobody looks: standard error is not a terminal.
    return tqdm(total=total, initial=done, miniters=0, bar_format=shown, leave=False, disable=None)


def _with_progress(answers: "Iterator[Answer]", total: int, done: int) -> "Iterator[Answer]":
    faces = 0
    with _bar(total, done) as bar:
        for answer in answers:
            faces += sum(row["status"] == "ok" for row in answer.rows)
            done += answer.ends
            rate = faces / max(bar.format_dict["elapsed"], 1e-3)
            bar.set_postfix_str(f"{done} of {total} inputs, {rate:.0f} faces/s", refresh=False)
            bar.update(done + (0 if answer.ends else answer.share) - bar.n)
            yield answer
