"""Every input as a stream of things to look at: a picture is one, a video one a frame."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from affekt.analysis.inputs import is_video
from affekt.errors import ConfigError, PictureError

if TYPE_CHECKING:
    from affekt.analysis.video import Frame

Picture = str | Path | np.ndarray | Image.Image


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Which frames of a video or a camera are looked at."""

    every_s: float = 0.0
    """Time between them; 0 takes all."""
    stop_after_s: float = float("inf")
    """Frames shown later are left out."""
    detect_every: int = 1
    """Faces are looked for on one frame of so many; between, they are followed."""


@dataclass(frozen=True, eq=False)
class Sight:
    """A picture, a frame of a video, or the news that there is nothing more to see of an input."""

    name: str
    """The input's path as it was given; of what has none, its position."""
    picture: "Picture | Frame | None" = None
    """Path, (height, width, 3) uint8 RGB, a Pillow picture, or a video's frame; None where there is nothing to see."""
    frame: int | None = None
    """Number of the frame in its video."""
    time_s: float | None = None
    """When the frame is shown."""
    problem: str | None = None
    """Why there is nothing to look at, unless it is the end of a video."""
    ends: bool = True
    """Whether this is the last of its input."""
    share: float = 1.0
    """How much of its input has been seen with this, 0-1; 0 until the end where nobody knows how long it is."""
    detects: bool = True
    """Whether faces are looked for; where not, those of the frames before are followed."""


def sights(pictures: Iterable[Picture], sampling: Sampling, stop: Event) -> Iterator[Sight]:
    """Yield what there is to look at, input by input.

    Args:
        pictures: paths of pictures and videos, cameras, or arrays and Pillow pictures, called by their position.
        sampling: the frames of videos that are wanted.
        stop: ends the video or camera under way once it is set, and is cleared then.

    Raises:
        ConfigError: something is neither of these.
    """
    for number, picture in enumerate(pictures):
        if not isinstance(picture, Picture):
            raise ConfigError(
                f"expected pictures as paths, RGB arrays or Pillow pictures, got {type(picture).__name__}; "
                "open encoded bytes with PIL.Image.open(io.BytesIO(data))"
            )
        is_named = isinstance(picture, str | Path)
        name = str(picture) if is_named else str(number)
        if is_named and is_video(name):
            yield from _frames(name, sampling, stop)
        else:
            yield Sight(name, picture)


def _frames(name: str, sampling: Sampling, stop: Event) -> Iterator[Sight]:
    from affekt.analysis.video import read_frames

    stop.clear()
    try:
        with closing(read_frames(name, every_s=sampling.every_s)) as frames:
            for place, frame in enumerate(frames):
                if stop.is_set() or frame.time_s >= sampling.stop_after_s:
                    break
                share = min(1.0, frame.time_s / min(frame.length_s, sampling.stop_after_s))
                detects = place % sampling.detect_every == 0
                yield Sight(name, frame, frame.number, frame.time_s, ends=False, share=share, detects=detects)
    except PictureError as error:
        yield Sight(name, problem=str(error).removeprefix(f"{name}: "))
    else:
        yield Sight(name)
