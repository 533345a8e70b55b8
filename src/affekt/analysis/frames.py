"""Whatever people have, as a stream of frames to look at: a picture is one frame, a video many, one after another."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from threading import Event
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image

from affekt.analysis.inputs import is_video, nothing_found, resolve
from affekt.analysis.options import AnalyzerOptions
from affekt.errors import ConfigError, PictureError
from affekt.faces.pictures import Decoded

if TYPE_CHECKING:
    from affekt.analysis.video import VideoFrame

Picture = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | np.ndarray
"""A path, encoded bytes, an open binary file, a Pillow picture, or an array; a path may be a video's or a camera."""
PATH = (str, os.PathLike)
ENCODED = (bytes, bytearray, memoryview)
PICTURE = (*PATH, *ENCODED, Image.Image, np.ndarray)


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture, a frame of a video, or the news that an input has no further frames."""

    name: str
    """The input's path as it was given; of what has none, its position."""
    picture: "str | bytes | Image.Image | np.ndarray | Decoded | VideoFrame | None" = None
    """What is decoded, or is already; None where there is nothing to see."""
    number: int | None = None
    """Of the frame in its video; None for a picture."""
    time_s: float | None = None
    """When the frame is shown, from the first one on."""
    problem: str | None = None
    """Why there is nothing to look at."""
    is_end_of_video: bool = False
    """Whether it is only said that a video has no further frames."""
    ends: bool = True
    """Whether this is the last of its input."""
    share: float = 1.0
    """How much of its input has been seen with this, 0-1; 0 until the end where nobody knows how long it is."""
    detects: bool = True
    """Whether faces are looked for; where not, those of the frames before are followed."""


def each_picture(given: "Picture | Iterable[Picture]") -> Iterator[Picture]:
    """Yield one by one the pictures and videos that are meant.

    Paths are resolved as `affekt predict` resolves them: folders, patterns and lists of paths stand for what they hold.
    A batch, an array (pictures, height, width, channels), stands for its pictures.
    """
    found, empty, passed_over = False, [], Counter[str]()
    for thing in cast("Iterable[Picture]", [given] if _is_one(given) else given):
        if isinstance(thing, PATH):
            pictures: Iterable[Picture] = resolve(str(thing), passed_over=passed_over)
            empty += [] if pictures else [str(thing)]
        else:
            pictures = thing if isinstance(thing, np.ndarray) and thing.ndim == 4 else [thing]
        for picture in pictures:
            found = True
            yield picture
    if empty and not found:
        raise nothing_found(empty, passed_over)


def _is_one(given: Any) -> bool:  # noqa: ANN401  anything may arrive here
    if isinstance(given, np.ndarray) and given.dtype.kind in "OU":  # several paths, for instance
        return False
    return isinstance(given, PICTURE) or hasattr(given, "read") or not isinstance(given, Iterable)


def frames_of(pictures: Iterable[Picture], options: AnalyzerOptions, stop: Event) -> Iterator[Frame]:
    """Yield what there is to look at, input by input; what has no path is called by its position.

    Once `stop` is set, the video or camera under way ends; the next one clears it.
    """
    for position, picture in enumerate(pictures):
        if isinstance(picture, PATH):
            name = str(picture)
            if is_video(name):
                yield from _video_frames(name, options, stop)
            else:
                yield Frame(name, name)
        elif isinstance(picture, PICTURE):
            yield Frame(str(position), bytes(picture) if isinstance(picture, ENCODED) else picture)
        elif hasattr(picture, "read"):
            yield _file_frame(str(position), picture)
        else:
            raise ConfigError(
                "expected pictures as paths, encoded bytes, files opened in binary mode, Pillow pictures or arrays, "
                f"got {type(picture).__name__}; convert it, for instance with numpy.asarray"
            )


def _file_frame(name: str, file: IO[bytes]) -> Frame:
    try:
        content = file.read()
    except (OSError, ValueError) as error:
        return Frame(name, problem=getattr(error, "strerror", None) or str(error))
    if not isinstance(content, bytes):
        raise ConfigError("expected a file opened in binary mode, got one in text mode; type: open(path, 'rb')")
    return Frame(name, content)


def _video_frames(name: str, options: AnalyzerOptions, stop: Event) -> Iterator[Frame]:
    from affekt.analysis.video import read_frames

    stop.clear()
    try:
        with closing(read_frames(name, every_s=options.every_s)) as frames:
            for place, frame in enumerate(frames):
                if stop.is_set() or frame.time_s >= options.stop_after_s:
                    break
                share = min(1.0, frame.time_s / min(frame.length_s, options.stop_after_s))
                detects = place % options.detect_every == 0
                yield Frame(name, frame, frame.number, frame.time_s, ends=False, share=share, detects=detects)
    except PictureError as error:
        yield Frame(name, problem=str(error).removeprefix(f"{name}: "))
    else:
        yield Frame(name, is_end_of_video=True)
