"""Frames of a video or a camera with the time at which each is shown, upright, through PyAV."""

import math
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError

from affekt.errors import PictureError
from affekt.faces.pictures import refuse_pipe
from affekt.inference.camera import opened_camera
from affekt.inference.inputs import is_camera

GRACE_S = 5e-4
"""Time bases round: a frame that is due at 0.2 s may be shown at 0.1999."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame."""

    number: int
    """Counted from 0 over all frames of the video, those passed over included."""
    time_s: float
    """Presentation time from the video's first frame on."""
    decoded: av.VideoFrame
    """As the codec left it, which is a third of the memory, and another thread can convert it."""

    @property
    def image_rgb(self) -> np.ndarray:
        """Return (height, width, 3) uint8, turned as players turn it."""
        image_rgb = self.decoded.to_ndarray(format="rgb24")
        return np.ascontiguousarray(np.rot90(image_rgb, self.decoded.rotation // 90 % 4))


def read_frames(name: str, *, every_s: float = 0.0) -> Generator[Frame, None, None]:
    """Decode a video frame by frame, in constant memory. Packets that cannot be decoded are passed over.

    Args:
        name: the file, or a camera as `opened_camera` takes it.
        every_s: leave this much time between frames; 0 gives all.

    Raises:
        PictureError: the file is missing or not a video, has no picture stream, or not one frame could be decoded; or
            there is no such camera.
    """
    with _opened(name) as container:
        if not container.streams.video:
            raise PictureError("a video without pictures")
        stream = container.streams.video[0]
        # Threads that decode frame by frame return each a few frames late, which a camera must not.
        stream.thread_type = "SLICE" if is_camera(name) else "AUTO"
        number, start_s, due_s = -1, None, 0.0
        for frame in _decoded(container, stream):
            number += 1
            shown_s = float(frame.time) if frame.time is not None else number / float(stream.average_rate or 25)
            start_s = shown_s if start_s is None else start_s
            time_s = shown_s - start_s
            if every_s and time_s < due_s - GRACE_S:
                continue
            if every_s:
                due_s = (math.floor((time_s + GRACE_S) / every_s) + 1) * every_s
            yield Frame(number, time_s, frame)
        if number < 0:
            raise PictureError("a video without a frame that can be decoded")


def _opened(name: str) -> AbstractContextManager[InputContainer]:
    if is_camera(name):
        return opened_camera(name)
    try:
        refuse_pipe(name)
        if Path(name).stat().st_size == 0:
            raise PictureError("an empty file")
        # Without the prefix FFmpeg takes what stands before a colon for a protocol.
        return av.open(f"file:{name}", metadata_errors="replace")
    except FileNotFoundError:
        raise PictureError("no such file") from None
    except InvalidDataError as error:
        raise PictureError(f"not a video ({error.strerror})") from error
    except (FFmpegError, OSError, ValueError) as error:
        raise PictureError(getattr(error, "strerror", None) or str(error)) from error


def _decoded(container: InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except FFmpegError:  # the file breaks off here: what was decoded before stands
            return
        try:
            yield from packet.decode()
        except FFmpegError:  # one broken packet
            continue
