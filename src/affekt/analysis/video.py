"""Frames of a video or a camera with the time at which each is shown, upright, through PyAV."""

import math
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError

from affekt.analysis.camera import opened_camera
from affekt.analysis.inputs import is_camera
from affekt.errors import PictureError
from affekt.faces.pictures import refuse_pipe

GRACE_S = 5e-4
"""Time bases round: a frame that is due at 0.2 s may be shown at 0.1999."""
LENGTH_IN_HEADER = ("mov", "matroska")
"""Formats whose files say at their beginning how long they are; of others FFmpeg guesses it."""
SHORTER_S = 1.0
"""Headers round, and round up."""


class IncompleteVideo(PictureError):
    """All frames of a video that there are were given, and there should have been more."""


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """One frame of a video."""

    number: int
    """Counted from 0 over all frames of the video, those passed over included."""
    time_s: float
    """Presentation time from the video's first frame on; never less than that of the frame before."""
    length_s: float
    """How long the video says it is; infinite for a camera, and where it does not say."""
    decoded: av.VideoFrame
    """As the codec left it, which is a third of the memory, and another thread can convert it."""

    @property
    def image_rgb(self) -> np.ndarray:
        """Return (height, width, 3) uint8, turned as players turn it."""
        image_rgb = self.decoded.to_ndarray(format="rgb24")
        return np.ascontiguousarray(np.rot90(image_rgb, self.decoded.rotation // 90 % 4))


def read_frames(name: str, *, every_s: float = 0.0) -> Generator[VideoFrame, None, None]:
    """Decode a video frame by frame, in constant memory.

    Packets that cannot be decoded are passed over; of a video, not of a camera, the last thing told is that some were.
    Where times go back, as in recordings that were joined, the frame is taken for the next one after the one before.

    Raises:
        PictureError: not one frame could be decoded; or, after the last frame, the camera went away.
        IncompleteVideo: after the last frame, where packets were passed over or the file breaks off.
    """
    with _opened(name) as container:
        if not container.streams.video:
            raise PictureError("a video without pictures")
        stream = container.streams.video[0]
        # Threads that decode frame by frame return each a few frames late, which a camera must not.
        stream.thread_type = "SLICE" if is_camera(name) else "AUTO"
        rate = float(stream.average_rate or 25)
        length_s = (container.duration or math.inf) / av.time_base
        number, start_s, time_s, due_s = -1, None, 0.0, 0.0
        losses = _Losses()
        for frame in _decoded(container, stream, losses):
            number += 1
            shown_s = float(frame.time) if frame.time is not None else number / rate
            start_s = shown_s if start_s is None else start_s
            if shown_s - start_s < time_s - GRACE_S:  # recordings that were joined, each with its own beginning
                start_s = shown_s - (time_s + 1 / rate)
            time_s = max(time_s, shown_s - start_s)
            if every_s and time_s < due_s - GRACE_S:
                continue
            if every_s:
                due_s = (math.floor((time_s + GRACE_S) / every_s) + 1) * every_s
            yield VideoFrame(number, time_s, length_s, frame)
        if number < 0:
            raise PictureError("a video without a frame that can be decoded")
        # Of the first packets of a camera some are often broken, and nothing is lost with them.
        if not is_camera(name) and (problem := losses.problem(container)):
            raise IncompleteVideo(problem)


@dataclass
class _Losses:
    """What is known of a video's packets."""

    passed_over: int = 0
    """Packets that could not be decoded."""
    last_s: float = 0.0
    """Until when the last packet lasts, of whatever stream: sound may go on without pictures."""
    breaks_off: bool = False
    """Whether the file could not be read to its end."""

    def problem(self, container: InputContainer) -> str | None:
        """Return what is missing, if anything is, in words that do not depend on how much."""
        says_length = container.format.name.startswith(LENGTH_IN_HEADER)
        promised_s = (container.duration or 0) / av.time_base if says_length else 0.0
        if self.breaks_off or self.last_s < promised_s - SHORTER_S:
            return "breaks off before its end; its rows go as far as it could be read"
        if self.passed_over:
            return "some of it could not be decoded; its rows leave that out"
        return None


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
        raise PictureError("not a video, or one without its beginning or end") from error
    except EOFError:
        raise PictureError("a video without a frame that can be decoded") from None
    except (FFmpegError, OSError, ValueError) as error:
        raise PictureError(getattr(error, "strerror", None) or str(error)) from error


def _decoded(container: InputContainer, stream: av.VideoStream, losses: _Losses) -> Iterator[av.VideoFrame]:
    packets = container.demux()
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except FFmpegError:  # what was decoded before stands
            losses.breaks_off = True
            return
        if packet.pts is not None and packet.time_base is not None:
            losses.last_s = max(losses.last_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream.index != stream.index:  # those that flush a stream carry its number nowhere else
            continue
        try:
            yield from cast("list[av.VideoFrame]", packet.decode())
        except FFmpegError:
            losses.passed_over += 1
