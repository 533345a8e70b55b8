"""What is made beside the table: marked copies of pictures and videos, and timelines of videos."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile

import polars as pl

from affekt.analysis.drawing import drawn_path, write_drawn
from affekt.analysis.inputs import is_below, is_camera, is_video, place_below
from affekt.analysis.rows import Row
from affekt.errors import ConfigError
from affekt.faces.pictures import read_rgb


class Copies:
    """Where the marked copy and the timeline of each input go, each to a place of its own."""

    def __init__(self, names: tuple[str, ...], *, draw: Path | None, timeline: Path | None) -> None:
        """Find the inputs whose copies would take each other's place; a checksum tells all but the first apart.

        Args:
            names: all inputs.
            draw: the folder of marked copies; None makes none.
            timeline: the folder of timelines; None makes none.
        """
        self.names = names
        self.draw = draw
        self.timeline = timeline
        wanted = draw is not None or timeline is not None
        self._files = list(filter(os.path.isfile, names)) if wanted else []
        first: dict[Path, str] = {}
        self._told_apart = {name for name in self._files if first.setdefault(_marked_path(Path(), name), name) != name}

    @property
    def videos(self) -> tuple[str, ...]:
        """Videos and cameras among the inputs, each once: what is made of them needs all their rows."""
        return tuple(dict.fromkeys(filter(is_video, self.names)))

    def check(self, *, has_table: bool) -> None:
        """Refuse what cannot be made, or would be written over its original, before any work is done.

        Raises:
            ConfigError: a copy of a camera, or of a video without a table, is wanted; a copy would take its original's
                place; or a folder cannot be written.
        """
        if self.draw is not None and any(map(is_camera, self.names)):
            raise ConfigError(
                "expected pictures and videos with --draw, got a camera; record a video of it and name that"
            )
        if not has_table and (self.timeline is not None or (self.draw is not None and self.videos)):
            raise ConfigError(
                "expected a table with --timeline, or with --draw and a video, got csv to standard output; "
                "type: --out faces.parquet"
            )
        if self.draw is not None:
            for name in self._files:
                if is_below(name, self.draw) or is_below(name, self._place(self.draw, name)):
                    raise ConfigError(
                        f"expected --draw to name a folder for copies alone, got {self.draw}, where {name} is to be "
                        "looked at; type: --draw marked"
                    )
            _check_folder(self.draw, "--draw marked")
        if self.timeline is not None and self.videos:
            _check_folder(self.timeline, "--timeline overview")

    def draw_picture(self, name: str, rows: list[Row], *, only_missing: bool = False) -> None:
        """Write the marked copy of a picture, if copies are wanted and these rows are a picture's that could be read.

        Args:
            name: the picture's path.
            rows: its rows.
            only_missing: whether a copy that is there is left as it is.

        Raises:
            PictureError: the picture cannot be read any more.
            DataError: the copy cannot be written.
        """
        is_picture = rows and rows[0]["time_s"] is None and not rows[0]["status"].startswith("unreadable")
        if self.draw is None or not is_picture:
            return
        place = self._place(self.draw, name)
        if not (only_missing and place.is_file()):
            # Decoded a second time, so that no picture waits in memory for its answer.
            write_drawn(read_rgb(name), rows, place)

    def draw_video(self, name: str, rows: pl.LazyFrame, *, stop_after_s: float, moved: Callable[[float], None]) -> None:
        """Write the marked copy of a video, if copies are wanted and a frame of it could be read.

        Args:
            name: the video's path.
            rows: those of its frames.
            stop_after_s: frames shown later were not looked at, and are left out.
            moved: told again and again how much of the video has been copied, 0-1.

        Raises:
            PictureError: the video cannot be read any more.
            DataError: the copy cannot be written.
        """
        from affekt.analysis.marked_video import MARKED_COLUMNS, write_marked_video

        if self.draw is None:
            return
        # Only the columns that are needed: an hour of video is many rows.
        marked = rows.select(MARKED_COLUMNS).collect()
        if not marked.is_empty():
            write_marked_video(name, marked, self._place(self.draw, name), stop_after_s=stop_after_s, moved=moved)

    def write_timeline(self, name: str, rows: pl.LazyFrame, *, origin: str | None) -> str:
        """Write the timeline of a video, if timelines are wanted.

        Args:
            name: the video's path.
            rows: those of its frames.
            origin: of valence and arousal, as in the model's card.

        Returns:
            What was written, or why nothing was; empty where no timelines are wanted.

        Raises:
            DataError: a file cannot be written.
        """
        from affekt.analysis.timeline import TIMELINE_COLUMNS, write_timelines

        if self.timeline is None:
            return ""
        seen = rows.select(TIMELINE_COLUMNS).collect()
        if seen.is_empty():
            return f"no timeline of {name}: not one frame of it was read"
        told_apart = name in self._told_apart
        written = write_timelines(name, seen, self.timeline, origin=origin, told_apart=told_apart)
        return f"wrote {' and '.join(map(str, written))}" if written else f"no timeline of {name}: nobody stays in it"

    def _place(self, folder: Path, name: str) -> Path:
        return _marked_path(folder, name, told_apart=name in self._told_apart)


def _marked_path(folder: Path, name: str, *, told_apart: bool = False) -> Path:
    if is_video(name):
        return place_below(folder, name, ".mp4", told_apart=told_apart)
    return drawn_path(folder, name, told_apart=told_apart)


def _check_folder(folder: Path, example: str) -> None:
    """Make a folder, and refuse one that cannot be made or written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(
            f"expected a folder that can be written, got {folder} ({error.strerror}); type: {example}"
        ) from error
