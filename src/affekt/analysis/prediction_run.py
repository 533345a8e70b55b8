"""One run of `affekt.predict`: from inputs to a table, resumable, and what is drawn and told beside it."""

import logging
import signal
import sys
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import polars as pl

from affekt import __version__
from affekt.analysis.analyzer import Analyzer
from affekt.analysis.annotated_copies import AnnotatedCopies
from affekt.analysis.inputs import find_inputs, is_camera, is_video, told_of_passed_over
from affekt.analysis.kept import INPUTS, Kept
from affekt.analysis.options import AnalyzerOptions, FaceFinder, OutputOptions
from affekt.analysis.remote import without_secrets
from affekt.analysis.rows import Answer, table_schema
from affekt.analysis.summary import Summary, counted
from affekt.analysis.table import check_table, frame_of, refuse_lists, scan_table, write_table
from affekt.errors import ConfigError, DataError, PictureError
from affekt.files import remove_leftovers, sha256_of
from affekt.models.card import CARD_FILE, ONNX_FILE
from affekt.models.hub import revision_of
from affekt.terminal import progress_bar

logger = logging.getLogger(__name__)

GOES_ON = "the same call goes on"
BAR = "{percentage:3.0f}%|{bar}| {elapsed}, {remaining} left{postfix}"


class PredictionRun:
    """What one run reads, writes and counts."""

    def __init__(
        self,
        paths: str | Path | Iterable[str | Path],
        outputs: OutputOptions,
        model: str | Path,
        faces: FaceFinder,
        options: AnalyzerOptions,
    ) -> None:
        """Open the model and find the inputs; arguments and errors are those of `predict`."""
        typed = [paths] if isinstance(paths, str | bytes | Path) or not isinstance(paths, Iterable) else list(paths)
        if strangers := [type(path).__name__ for path in typed if not isinstance(path, str | Path)]:
            raise ConfigError(
                f"expected paths of pictures and videos, got {strangers[0]}; "
                "call affekt.analyze for pictures that are in memory"
            )
        outputs.check(options)
        if outputs.stream is not None and outputs.stream != "lsl":
            from affekt.analysis.stream import host_and_port

            host_and_port(outputs.stream)
        self.analyzer = Analyzer(model, options)
        found = find_inputs(map(str, typed), sys.stdin, copies=outputs.copies, fetch=options.fetch)
        self.names, self.passed_over = found
        self.copies = AnnotatedCopies(self.names, outputs)
        self._stream_to = outputs.stream
        self.faces: FaceFinder = faces
        self.origin = self.analyzer.session.card.valence_arousal_origin

    @cached_property
    def videos(self) -> frozenset[str]:
        """Those of the inputs that are videos or cameras; each is opened to find that out."""
        return frozenset(map(without_secrets, filter(is_video, self.names)))

    @cached_property
    def schema(self) -> pl.Schema:
        """The table's columns."""
        return schema_of(self.videos, self.analyzer)

    @cached_property
    def summary(self) -> Summary:
        """What has been counted so far."""
        return Summary(self.videos)

    def answers(self) -> Iterator[Answer]:
        """Yield the rows of each picture and each frame as they come, and keep none."""
        self.copies.check(has_table=False)
        yield from self._answers()
        self._report()

    def frame(self) -> pl.DataFrame:
        """Return the rows of all inputs."""
        return frame_of((row for answer in self.answers() for row in answer.rows), self.schema)

    def write(self, out: Path, *, csv_safe: bool = False, force: bool = False) -> pl.LazyFrame:
        """Write the table and, after it, what is drawn of whole videos; the ledger goes when all is there."""
        check_table(out, force=force, names=self.names)
        refuse_lists(out, self.schema)
        self.copies.check(has_table=True)
        described = describe(self.analyzer, self.faces) | self.copies.described
        kept = Kept(out, self.names, described, self.videos)
        if kept.gone and not force:
            count, other = counted(len(kept.gone), "file that is", "files that are"), f"{out.stem}-new{out.suffix}"
            raise ConfigError(
                f"expected a table of these inputs to write over, got one with rows of {count} gone, such as "
                f"{kept.gone[0]}, in {out}; to keep them name another table, such as {out.with_name(other)}, or to "
                "leave them out type: --force, force=True in Python"
            )
        for line in kept.told():
            logger.info("%s", line)
        with kept.ledger.writing(), _stop_told(kept):
            remove_leftovers(out.parent, ".*.tmp")
            for folder in self.copies.folders:
                remove_leftovers(folder)
            for _ in self._answers(kept):
                pass
            if self.copies.has_pictures:  # of what was kept, and should they be gone meanwhile
                for answer in kept.answers(self.names):
                    self._draw_picture(answer, kept)
            notes = "; ".join((*self.analyzer.notes, *self.summary.notes()))
            is_safe = csv_safe and out.suffix.lower() == ".csv"
            metadata = {**described, "notes": notes, INPUTS: kept.listed(self.names)}
            write_table(partial(kept.frames, self.names, self.schema), out, self.schema, metadata, is_safe)
            kept.written(self.names)
            logger.info("wrote %s", out)
            self._draw_videos(kept)
        kept.ledger.remove()
        self._report()
        return scan_table(out, self.schema)

    def _answers(self, kept: Kept | None = None) -> Iterator[Answer]:
        """Yield all answers, those that are kept first; each is counted, and the others are drawn and kept."""
        names = self.names
        if kept is not None:
            for answer in kept.answers(names):
                kept.count(answer.input, answer)
                self.summary.add(answer)
                yield answer
            names = [name for name in names if without_secrets(name) not in kept.units]
        waiting, name = iter(names), ""
        found = self.analyzer.answers(names, faces=self.faces, stills=self.copies.crops is not None)
        answers = _until_interrupted(found, names, self.analyzer)
        if self._stream_to is not None:
            from affekt.analysis.stream import streamed

            answers = streamed(answers, self._stream_to)
        for answer in with_progress(answers, len(self.names), len(self.names) - len(names)):
            name = name or next(waiting)
            self.copies.write_crops(answer)  # before its rows are kept: a run that goes on makes none again
            if kept is not None:
                kept.add(name, answer)
            self._draw_picture(answer, kept)
            self.summary.add(answer)
            yield answer
            name = "" if answer.ends else name

    def _draw_picture(self, answer: Answer, kept: Kept | None) -> None:
        if not self.copies.has_pictures or answer.input in self.videos:
            return
        try:
            self.copies.draw_picture(answer, "" if kept is None else kept.digest(answer.input))
        except PictureError as error:  # it is gone meanwhile
            if str(error) not in self.summary.not_drawn:
                self.summary.not_drawn.append(str(error))

    def _draw_videos(self, kept: Kept) -> None:
        """Draw what needs all rows of a video: its timeline and its annotated copy, if it is not there already."""
        videos = [name for name in self.copies.videos if not self.copies.is_drawn(name, kept.digest(name))]
        if not videos:
            return
        schema, stop_after_s = table_schema(self.analyzer.session.card.labels), self.analyzer.options.stop_after_s
        with progress_bar(total=len(videos), bar_format=BAR) as bar:
            for place, name in enumerate(videos):
                bar.set_postfix_str(f"drawing video {place + 1} of {len(videos)}")
                rows = (row for answer in kept.answers([name]) for row in answer.rows if row["frame"] is not None)
                moved = partial(_move_to, bar, place)
                try:
                    self.copies.draw_video(
                        name,
                        frame_of(rows, schema),
                        digest=kept.digest(name),
                        origin=self.origin,
                        stop_after_s=stop_after_s,
                        moved=moved,
                    )
                except DataError as error:  # the other copies are made
                    self.summary.not_drawn.append(str(error))
                moved(1.0)

    def _report(self) -> None:
        for line in self.copies.told():
            logger.info("%s", line)
        for note in self.analyzer.notes:
            logger.info("%s", note.partition(":")[0])
        for line in self.summary.lines(self.origin, told_of_passed_over(self.passed_over)):
            logger.info("%s", line)


def schema_of(videos: Collection[str], analyzer: Analyzer) -> pl.Schema:
    """Return the columns of a table of an analyzer, with or without videos among its inputs."""
    return analyzer.schema(smoothed=bool(analyzer.options.smooth_s and videos))


def describe(analyzer: Analyzer, faces: FaceFinder) -> dict[str, str]:
    """Return what the rows of an analyzer depend on besides the pictures."""
    folder, detector, card = analyzer.folder, analyzer.detector(faces), analyzer.session.card
    options = {"faces": faces, **asdict(analyzer.options), "valence_arousal_origin": card.valence_arousal_origin}
    del options["runtime"], options["threads"]  # others may go on where one was stopped
    if not analyzer.options.fetch:
        del options["fetch"]
    return {
        "affekt_version": __version__,
        "model": card.name,
        **({"model_revision": revision} if (revision := revision_of(folder)) else {}),
        "card_sha256": sha256_of(folder / CARD_FILE),
        "model_sha256": sha256_of(folder / ONNX_FILE),
        "detector": "whole" if detector is None else detector.name,
        **{name: str(value) for name, value in options.items() if value not in (None, float("inf"))},
    }


def _until_interrupted(answers: Iterator[Answer], names: Sequence[str], analyzer: Analyzer) -> Iterator[Answer]:
    """Let the first Ctrl-C end a camera, so that its rows are kept; the second stops affekt as everywhere.

    It may come before the camera's first frame is answered, so it is waited for once the input before is done.
    """
    usual = signal.getsignal(signal.SIGINT)

    def end(signal_number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        analyzer.stop()

    def begin(name: str | None) -> None:
        signal.signal(signal.SIGINT, end if name is not None and is_camera(name) else usual)

    # Python takes signals in its main thread alone.
    if threading.current_thread() is not threading.main_thread() or not any(map(is_camera, names)):
        yield from answers
        return
    waiting, is_told = iter(names), False
    begin(next(waiting))
    try:
        for answer in answers:
            if is_camera(answer.input) and not (answer.ends or is_told):
                logger.info("the camera runs until Ctrl-C")
                is_told = True
            yield answer
            if answer.ends:
                begin(next(waiting, None))
                is_told = False
    finally:
        signal.signal(signal.SIGINT, usual)


def with_progress(answers: Iterator[Answer], total: int, done: int) -> Iterator[Answer]:
    """Show how many of all inputs are done while their answers pass."""
    faces = 0
    with progress_bar(total=total, initial=done, bar_format=BAR) as bar:
        for answer in answers:
            faces += sum(row["status"] == "ok" for row in answer.rows)
            done += answer.ends
            rate = faces / max(bar.format_dict["elapsed"], 1e-3)
            bar.set_postfix_str(f"{done} of {total} inputs, {rate:.0f} faces/s", refresh=False)
            _move_to(bar, done, 0.0 if answer.ends else answer.share)
            yield answer


def _move_to(bar: Any, done: int, share: float) -> None:  # noqa: ANN401  tqdm's bar
    bar.update(done + share - bar.n)


@contextmanager
def _stop_told(kept: Kept) -> Iterator[None]:
    """Let Ctrl-C, or what else ends the process, say what is kept."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise type(stop)(f"stopped; {kept.done} of {kept.inputs} inputs are kept, and {GOES_ON}") from None
