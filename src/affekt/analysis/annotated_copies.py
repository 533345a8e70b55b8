"""What is drawn beside the table: where each copy and timeline goes, and whether it may go there."""

import logging
import os
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile

import polars as pl
from PIL import Image

from affekt.analysis.archives import is_archive
from affekt.analysis.inputs import called, is_below, is_camera, is_video, place_below
from affekt.analysis.options import HidingMethod, OutputOptions
from affekt.analysis.remote import is_address, without_secrets
from affekt.analysis.rows import Answer
from affekt.errors import ConfigError
from affekt.faces.kinds import is_copy
from affekt.files import claim, written_whole

logger = logging.getLogger(__name__)

MARKED = "marked"
TIMELINE_ENDINGS = ("svg", "html")
CROP_ENDING = ".png"
JPEG_QUALITY = 92
JPEG_LONGEST_SIDE = 65_500
"""Pixels that a JPEG may have along a side, in the library that all use; larger pictures are shrunk to it."""


class AnnotatedCopies:
    """The annotated copies, those without faces, and the timelines of all inputs, each in a place of its own."""

    def __init__(self, names: tuple[str, ...], outputs: OutputOptions) -> None:
        """Find the inputs whose copies would take each other's place; a checksum tells all but the first apart.

        Without a folder of copies, or of timelines, none are made.
        """
        self._names = names
        self._how: HidingMethod = outputs.hide_how
        self._shows_faces = outputs.timeline_faces and outputs.hide_faces is None
        self.summary = None if outputs.summary is None else Path(outputs.summary)
        wanted = (outputs.draw, outputs.hide_faces, outputs.crops, outputs.timeline)
        self.marked, self.hidden, self.crops, self.timelines = (
            None if folder is None else Path(folder) for folder in wanted
        )
        self.folders = [Path(folder) for folder in wanted if folder is not None]
        self._files = list(filter(os.path.isfile, names)) if self.folders else []
        first: dict[Path, str] = {}
        self._told_apart: set[str] = set()
        self._told_apart = {name for name in self._files if first.setdefault(self._place(Path(), name), name) != name}

    @property
    def described(self) -> dict[str, str]:
        """What can be made only while an input is read, and where."""
        return {} if self.crops is None else {"crops": str(self.crops)}

    def told(self) -> Iterator[str]:
        """Yield what a person is told at the end, a sentence each."""
        if self.marked is not None:
            yield f"wrote annotated copies into {self.marked}"
        if self.hidden is not None:
            yield f"wrote copies without the faces that were found into {self.hidden}; check them for others"
        if self.crops is not None:
            yield f"wrote the crops of faces into {self.crops}"

    @property
    def has_pictures(self) -> bool:
        """Whether copies are made."""
        return (self.marked, self.hidden) != (None, None)

    @property
    def videos(self) -> tuple[str, ...]:
        """Videos and cameras of which something is drawn, each once: that needs all their rows."""
        if (self.marked, self.hidden, self.timelines) == (None, None, None):
            return ()
        return tuple(dict.fromkeys(filter(is_video, self._names)))

    @cached_property
    def _titles(self) -> dict[str, str]:
        return called({without_secrets(name) for name in self.videos})

    def check(self, *, has_table: bool) -> None:
        """Refuse what cannot be made, or would be written over its original, before any work is done."""
        copies = [folder for folder in (self.marked, self.hidden, self.crops) if folder is not None]
        if any(folder is not None for folder in (self.marked, self.hidden)):
            if any(map(is_camera, self._names)):
                raise ConfigError("expected pictures and videos to draw on, got a camera; record a video and name it")
            strange = next((name for name in self._names if is_address(name) or is_archive(name)), None)
            if strange is not None:
                raise ConfigError(
                    f"expected files to draw on, got {without_secrets(strange)}; leave out draw and hide_faces, or "
                    "unpack it"
                )
        if not has_table and (self.timelines is not None or self.summary is not None or self.videos):
            what = "timelines and copies of videos" if self.summary is None else "a summary"
            raise ConfigError(
                f"expected a table beside {what}, got no file to write it to; "
                "type: --out faces.parquet, or out='faces.parquet' in Python"
            )
        if self.timelines is not None and not self.videos:
            raise ConfigError("expected a video to draw a timeline of, got none; leave out timeline (--timeline)")
        for folder in copies:
            for name in self._files:
                if is_below(name, folder) or is_below(name, self._place(folder, name)):
                    raise ConfigError(
                        f"expected a folder for copies alone to draw into, got {folder}, where {name} is to be "
                        f"looked at; choose another, such as {folder}-new"
                    )
            _check_folder(folder)
        crops = () if self.crops is None else self.crops.rglob(f"*_face*{CROP_ENDING}")
        drawn = (self._place(folder, name) for folder, _ in self._copies() for name in self._files)
        if foreign := next((path for path in chain(crops, drawn) if path.is_file() and not is_copy(path)), None):
            raise ConfigError(
                f"expected copies and crops of affekt's own to write over, got another file, {foreign}; name another "
                "folder, or move that file"
            )
        if self.timelines is not None:
            _check_folder(self.timelines)
            pages = (self._pages(self.timelines, name).values() for name in self.videos)
            claim(self.timelines, chain.from_iterable(pages), "timeline")
        if self.summary is not None:
            _check_folder(self.summary)

    def _pages(self, folder: Path, name: str) -> dict[str, Path]:
        """Return where the timelines of a video go, by their endings."""
        told_apart = name in self._told_apart
        return {ending: place_below(folder, name, f".{ending}", told_apart=told_apart) for ending in TIMELINE_ENDINGS}

    def write_crops(self, answer: Answer) -> None:
        """Write the crop of each face of a picture or frame, if crops are wanted."""
        if self.crops is None or not answer.stills:
            return
        told_apart = answer.input in self._told_apart
        for row in answer.rows:
            if row["face"] is None:  # whoever was followed into the next shot is not there
                continue
            time = "" if row["time_s"] is None else f"_{row['time_s']:013.6f}s"
            ending = f"{time}_face{row['face']}{CROP_ENDING}"
            place = place_below(self.crops, answer.input, ending, told_apart=told_apart)
            with written_whole(place) as temporary:
                temporary.write_bytes(answer.stills[row["face"] - 1])

    def draw_picture(self, answer: Answer, digest: str = "") -> None:
        """Write the copies of a picture as JPEG, if copies are wanted and the picture could be read.

        `digest` tells its rows from others; a copy that is there, and says that it was made of them, stays.
        """
        rows = answer.rows
        if not rows or rows[0]["time_s"] is not None or rows[0]["status"].startswith("unreadable"):
            return
        for folder, kind in self._copies():
            place = self._place(folder, answer.input)
            if digest and _comment(place) == f"{kind} {digest}":
                continue
            from affekt.analysis.drawing import draw
            from affekt.analysis.hiding import hide_faces

            # Decoded a second time, so that no picture waits in memory for its answer.
            copy = draw(answer.input, rows) if kind == MARKED else hide_faces(answer.input, rows, how=self._how)
            copy.thumbnail((JPEG_LONGEST_SIDE, JPEG_LONGEST_SIDE))
            with written_whole(place) as temporary:
                copy.save(temporary, "JPEG", quality=JPEG_QUALITY, comment=f"{kind} {digest}")

    def _copies(self) -> Iterator[tuple[Path, str]]:
        """Yield the folders of copies, each with what is done to the faces there."""
        for folder, kind in ((self.marked, MARKED), (self.hidden, self._how)):
            if folder is not None:
                yield folder, kind

    def is_drawn(self, name: str, digest: str) -> bool:
        """Whether all copies of a video are there, made of these rows, and no timeline is wanted."""
        copies = ((self._place(folder, name), kind) for folder, kind in self._copies())
        return self.timelines is None and all(_comment(place) == f"{kind} {digest}" for place, kind in copies)

    def draw_video(
        self,
        name: str,
        rows: pl.DataFrame,
        *,
        digest: str,
        origin: str | None,
        stop_after_s: float,
        moved: Callable[[float], None],
    ) -> None:
        """Write the timeline of a video as `write_timelines` does, and its copies as `annotated_video` does."""
        from affekt.analysis.annotated_video import write_annotated_video
        from affekt.analysis.timeline import SHORTEST_S, write_timelines

        if self.timelines is not None:
            title, places = self._titles[without_secrets(name)], self._pages(self.timelines, name)
            video = name if self._shows_faces and not is_camera(name) else None
            written = write_timelines(title, rows, places, origin=origin, video=video)
            why = "not one frame of it was read" if rows.is_empty() else f"nobody is followed for {SHORTEST_S:g} s"
            logger.info(f"wrote {' and '.join(map(str, written))}" if written else f"no timeline of {name}: {why}")
        for folder, kind in self._copies():
            place, comment = self._place(folder, name), f"{kind} {digest}"
            if rows.is_empty() or _comment(place) == comment:
                continue
            how = None if kind == MARKED else self._how
            told = {"stop_after_s": stop_after_s, "moved": moved, "comment": comment}
            write_annotated_video(name, rows, place, hide_how=how, **told)

    def _place(self, folder: Path, name: str) -> Path:
        told_apart = name in self._told_apart
        ending, as_they_are = (".mp4", (".mp4",)) if is_video(name) else (".jpg", (".jpg", ".jpeg"))
        if Path(name).suffix.lower() in as_they_are and not told_apart:
            ending = ""  # the copy is called as its original is
        return place_below(folder, name, ending, told_apart=told_apart)


def _comment(copy: Path) -> str:
    """Return what a copy says of itself: what was done to the faces, and the digest of its rows; empty without one."""
    if not copy.is_file():
        return ""
    import av
    from av.error import FFmpegError

    try:
        if copy.suffix.lower() == ".mp4":
            with av.open(copy) as video:
                return video.metadata.get("comment", "")
        with Image.open(copy) as picture:
            return picture.info.get("comment", b"").decode("latin-1")
    except (OSError, FFmpegError):
        return ""


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
