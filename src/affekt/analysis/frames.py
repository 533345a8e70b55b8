"""Whatever people have, as a stream of frames: pictures, and those of videos, cameras and archives."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Event
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image

from affekt.analysis.archives import is_archive, members
from affekt.analysis.inputs import is_video, nothing_found, resolve
from affekt.analysis.options import AnalyzerOptions
from affekt.analysis.remote import is_elsewhere, refusal, without_secrets
from affekt.errors import ConfigError, PictureError
from affekt.faces.pictures import read_picture, rgb_of_image
from affekt.faces.pixels import Decoded, rgb_of_array

if TYPE_CHECKING:
    from affekt.analysis.video import VideoFrame

Picture = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | np.ndarray
"""A path, encoded bytes, an open binary file, a Pillow picture, or an array; a path may be a video's or a camera."""
SECOND_LOOK_EVERY_S = 1.0
"""Of a video's frames only one in so many seconds is looked at again: where nobody is, that costs three more looks."""
PATH = (str, os.PathLike)
ENCODED = (bytes, bytearray, memoryview)
PICTURE = (*PATH, *ENCODED, Image.Image, np.ndarray)


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture, a frame of a video, or the news that an input has no further frames."""

    name: str
    """The input's path as it was given, an address without what is secret in it; of what has no path, its position."""
    picture: "str | bytes | Image.Image | np.ndarray | Decoded | VideoFrame | None" = None
    """What is decoded, or is already; None where there is nothing to see."""
    number: int | None = None
    """Of the frame in its video; None for a picture, 0 for the first of an animation."""
    time_s: float | None = None
    """When the frame is shown, from the first one on."""
    problem: str | None = None
    """Why there is nothing to look at."""
    is_end_of_input: bool = False
    """Whether it is only said that a video has no further frames, or an archive no further pictures."""
    ends: bool = True
    """Whether this is the last of its input."""
    share: float = 1.0
    """How much of its input has been seen with this, 0-1; 0 until the end where nobody knows how long it is."""
    detects: bool = True
    """Whether faces are looked for; where not, those of the frames before are followed."""
    read_at: float | None = None
    """Clock time at which a frame of a video or camera was read, in seconds since 1970, UTC."""
    looks_again: bool = True
    """Whether a second look follows where the first finds nobody."""
    is_lenient: bool = False
    """Whether a picture that breaks off is read as far as it goes; then its problem is that it breaks off."""


def each_picture(given: "Picture | Iterable[Picture]", *, fetch: bool = False) -> Iterator[Picture]:
    """Yield one by one the pictures and videos that are meant.

    Paths are resolved as `affekt predict` resolves them: folders, patterns and lists of paths stand for what they hold.
    A batch, an array (pictures, height, width, channels), stands for its pictures.
    """
    found, empty, passed_over = False, [], Counter[str]()
    for thing in cast("Iterable[Picture]", [given] if _is_one(given) else given):
        if isinstance(thing, PATH):
            pictures: Iterable[Picture] = resolve(str(thing), passed_over=passed_over, fetch=fetch)
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
            if is_elsewhere(name) and not options.fetch:
                yield Frame(without_secrets(name), problem=refusal(name))
            elif is_archive(name):
                yield from _member_frames(name, options)
            elif is_video(name):
                yield from _video_frames(name, options, stop)
            else:
                yield Frame(without_secrets(name), name, is_lenient=options.lenient)
        elif isinstance(picture, PICTURE):
            given = bytes(picture) if isinstance(picture, ENCODED) else picture
            yield Frame(str(position), given, is_lenient=options.lenient)
        elif hasattr(picture, "read"):
            yield replace(_file_frame(str(position), picture), is_lenient=options.lenient)
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


def _member_frames(name: str, options: AnalyzerOptions) -> Iterator[Frame]:
    for member in members(name):
        is_refused = isinstance(member.picture, str) and is_elsewhere(member.picture) and not options.fetch
        picture, problem = (None, refusal(str(member.picture))) if is_refused else (member.picture, member.problem)
        seen = Frame(member.name, picture, problem=problem, ends=False, share=0.0)
        yield replace(seen, is_lenient=options.lenient)
    yield Frame(without_secrets(name), is_end_of_input=True)


def _video_frames(name: str, options: AnalyzerOptions, stop: Event) -> Iterator[Frame]:
    from affekt.analysis.video import read_frames

    stop.clear()
    shown = without_secrets(name)
    try:
        with closing(read_frames(name, every_s=options.every_s)) as frames:
            next_look_s = 0.0
            for place, frame in enumerate(frames):
                if stop.is_set() or frame.time_s >= options.stop_after_s:
                    break
                share = min(1.0, frame.time_s / min(frame.length_s, options.stop_after_s))
                detects = place % options.detect_every == 0
                if looks_again := detects and frame.time_s >= next_look_s:
                    next_look_s = frame.time_s + SECOND_LOOK_EVERY_S
                seen = Frame(shown, frame, frame.number, frame.time_s, ends=False, share=share, read_at=time.time())
                yield replace(seen, detects=detects, looks_again=looks_again)
    except PictureError as error:
        yield Frame(shown, problem=str(error).removeprefix(f"{shown}: "))
    else:
        yield Frame(shown, is_end_of_input=True)


def bytes_held(frame: Frame) -> int:
    """Return how much memory a frame takes until its faces are found; nothing where only its path is known."""
    picture = frame.picture
    if isinstance(picture, bytes):
        return len(picture)
    if isinstance(picture, np.ndarray):
        return picture.nbytes
    decoded: Any = getattr(picture, "decoded", picture)
    return 2 * decoded.width * decoded.height if hasattr(decoded, "width") else 0


def decode(
    picture: "str | bytes | Image.Image | np.ndarray | Decoded | VideoFrame",
    take: Callable[[float], None] = lambda pixels: None,
    *,
    is_lenient: bool = False,
    halved_from: int | None = None,
) -> Decoded:
    """Return a picture's pixels, whatever it is; `take` is told of their number before a file is decoded.

    Of a JPEG file with at least `halved_from` pixels along its longer side they may be those of half its size.
    """
    if isinstance(picture, str | bytes):
        return read_picture(picture, before=take, is_lenient=is_lenient, halved_from=halved_from)
    if isinstance(picture, Image.Image):
        return Decoded(rgb_of_image(picture), animated=False)
    if isinstance(picture, Decoded):
        return picture
    if isinstance(picture, np.ndarray):
        return Decoded(rgb_of_array(picture), animated=False)
    return Decoded(picture.image_rgb, animated=False, shrink=picture.shrunk)
