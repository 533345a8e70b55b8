"""What is drawn beside the table: where each annotated copy and timeline goes, and whether it may go there."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile

import polars as pl

from affekt.analysis.archives import is_archive
from affekt.analysis.drawing import draw
from affekt.analysis.inputs import is_below, is_camera, is_video, place_below
from affekt.analysis.remote import is_address, without_secrets
from affekt.analysis.rows import Answer
from affekt.errors import ConfigError
from affekt.files import written_whole

logger = logging.getLogger(__name__)

JPEG_QUALITY = 92
JPEG_LONGEST_SIDE = 65_500
"""Pixels that a JPEG may have along a side, in the library that all use; larger pictures are shrunk to it."""


class AnnotatedCopies:
    """The annotated copies and the timelines of all inputs, each in a place of its own."""

    def __init__(self, names: tuple[str, ...], *, folder: Path | None, timelines: Path | None) -> None:
        """Find the inputs whose copies would take each other's place; a checksum tells all but the first apart.

        Without a folder of copies, or of timelines, none are made.
        """
        self._names, self.folder, self.timelines = names, folder, timelines
        self._files = [] if folder is None and timelines is None else list(filter(os.path.isfile, names))
        first: dict[Path, str] = {}
        self._told_apart: set[str] = set()
        self._told_apart = {name for name in self._files if first.setdefault(self._place(Path(), name), name) != name}

    @property
    def videos(self) -> tuple[str, ...]:
        """Videos and cameras of which something is drawn, each once: that needs all their rows."""
        if self.folder is None and self.timelines is None:
            return ()
        return tuple(dict.fromkeys(filter(is_video, self._names)))

    def check(self, *, has_table: bool) -> None:
        """Refuse what cannot be made, or would be written over its original, before any work is done."""
        if self.folder is not None:
            if any(map(is_camera, self._names)):
                raise ConfigError("expected pictures and videos to draw on, got a camera; record a video and name it")
            strange = next((name for name in self._names if is_address(name) or is_archive(name)), None)
            if strange is not None:
                raise ConfigError(
                    f"expected files to draw on, got {without_secrets(strange)}; leave out draw, or unpack it"
                )
        if not has_table and (self.timelines is not None or self.videos):
            raise ConfigError(
                "expected a table beside timelines and copies of videos, got no file to write it to; "
                "type: --out faces.parquet, or out='faces.parquet' in Python"
            )
        if self.folder is not None:
            for name in self._files:
                if is_below(name, self.folder) or is_below(name, self._place(self.folder, name)):
                    raise ConfigError(
                        f"expected a folder for copies alone to draw into, got {self.folder}, where {name} is to be "
                        "looked at; choose another, such as marked"
                    )
            _check_folder(self.folder)
        if self.timelines is not None and self.videos:
            _check_folder(self.timelines)

    def draw_picture(self, answer: Answer, *, only_missing: bool = False) -> None:
        """Write the annotated copy of a picture as JPEG, if copies are wanted and the picture could be read."""
        rows = answer.rows
        is_picture = rows and rows[0]["time_s"] is None and not rows[0]["status"].startswith("unreadable")
        if self.folder is None or not is_picture:
            return
        place = self._place(self.folder, answer.input)
        if only_missing and place.is_file():
            return
        # Decoded a second time, so that no picture waits in memory for its answer.
        copy = draw(answer.input, rows)
        copy.thumbnail((JPEG_LONGEST_SIDE, JPEG_LONGEST_SIDE))
        with written_whole(place) as temporary:
            copy.save(temporary, "JPEG", quality=JPEG_QUALITY)

    def draw_video(
        self, name: str, rows: pl.DataFrame, *, origin: str | None, stop_after_s: float, moved: Callable[[float], None]
    ) -> None:
        """Write the timeline of a video as `write_timelines` does, and its copy as `write_annotated_video` does."""
        from affekt.analysis.annotated_video import write_annotated_video
        from affekt.analysis.timeline import write_timelines

        if self.timelines is not None:
            told_apart = name in self._told_apart
            written = write_timelines(name, rows, self.timelines, origin=origin, told_apart=told_apart)
            why = "not one frame of it was read" if rows.is_empty() else "nobody stays in it"
            logger.info(f"wrote {' and '.join(map(str, written))}" if written else f"no timeline of {name}: {why}")
        if self.folder is not None and not rows.is_empty():
            write_annotated_video(name, rows, self._place(self.folder, name), stop_after_s=stop_after_s, moved=moved)

    def _place(self, folder: Path, name: str) -> Path:
        told_apart = name in self._told_apart
        ending, as_they_are = (".mp4", (".mp4",)) if is_video(name) else (".jpg", (".jpg", ".jpeg"))
        if Path(name).suffix.lower() in as_they_are and not told_apart:
            ending = ""  # the copy is called as its original is
        return place_below(folder, name, ending, told_apart=told_apart)


def _check_folder(folder: Path) -> None:
    """Make a folder, and refuse one that cannot be made or written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(
            f"expected a folder that can be written, got {folder} ({error.strerror}); choose another"
        ) from error
