"""Every input as a stream of things to look at: a picture is one, a video one a frame."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affekt.errors import PictureError
from affekt.inference.inputs import is_video

Picture = str | Path | np.ndarray


@dataclass(frozen=True, eq=False)
class Sight:
    """A picture, a frame of a video, or the news that there is nothing more to see of an input."""

    name: str
    """What the rows call the input."""
    picture: Picture | None = None
    """Path or (height, width, 3) uint8 RGB; None where there is nothing to look at."""
    frame: int | None = None
    """Number of the frame in its video."""
    time_s: float | None = None
    """When the frame is shown."""
    problem: str | None = None
    """Why there is nothing to look at, unless it is the end of a video."""
    ends: bool = True
    """Whether this is the last of its input."""


def sights(pictures: Iterable[Picture], *, every_s: float) -> Iterator[Sight]:
    """Yield what there is to look at, input by input.

    Args:
        pictures: paths of pictures and videos, or arrays, which are called by their position.
        every_s: time between the frames of a video; 0 takes all.
    """
    for number, picture in enumerate(pictures):
        name = str(number) if isinstance(picture, np.ndarray) else str(picture)
        if not isinstance(picture, np.ndarray) and is_video(name):
            yield from _frames(name, every_s)
        else:
            yield Sight(name, picture)


def _frames(name: str, every_s: float) -> Iterator[Sight]:
    from affekt.inference.video import read_frames

    try:
        for frame in read_frames(name, every_s=every_s):
            yield Sight(name, frame.image_rgb, frame.number, frame.time_s, ends=False)
    except PictureError as error:
        yield Sight(name, problem=str(error))
    else:
        yield Sight(name)
