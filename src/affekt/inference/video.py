"""Frames of a video with the time at which each is shown, upright, through PyAV."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError

from affekt.errors import PictureError

GRACE_S = 5e-4
"""Time bases round: a frame that is due at 0.2 s may be shown at 0.1999."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame."""

    number: int
    """Counted from 0 over all frames of the video, those passed over included."""
    time_s: float
    """Presentation time from the video's first frame on."""
    image_rgb: np.ndarray
    """(height, width, 3) uint8, turned as players turn it."""


def read_frames(path: str, *, every_s: float = 0.0) -> Iterator[Frame]:
    """Decode a video frame by frame, in constant memory. Packets that cannot be decoded are passed over.

    Args:
        path: the file.
        every_s: leave this much time between frames; 0 gives all.

    Raises:
        PictureError: the file is missing or not a video, has no picture stream, or not one frame could be decoded.
    """
    try:
        container = av.open(path)
    except FileNotFoundError:
        raise PictureError("no such file") from None
    except FFmpegError as error:
        raise PictureError(f"not a video ({error.strerror})") from error
    with container:
        if not container.streams.video:
            raise PictureError("a video without pictures")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
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
            yield Frame(number, time_s, _upright(frame))
        if number < 0:
            raise PictureError("a video without a frame that can be decoded")


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


def _upright(frame: av.VideoFrame) -> np.ndarray:
    image_rgb = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(image_rgb, frame.rotation // 90 % 4))
