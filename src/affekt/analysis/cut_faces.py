"""Small pictures of faces for pages, cut out of the frames of videos, which are found by their times."""

import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from affekt.analysis.inputs import is_address
from affekt.analysis.video import (
    GRACE_S,
    Losses,
    VideoFrame,
    decoded_frames,
    opened_file,
    pixel_aspect,
    shown_stream,
)
from affekt.errors import PictureError
from affekt.faces.pictures import thumbnail

SOUGHT_S = 3.0
"""A frame that is this much later is sought; one that is nearer is reached sooner by decoding on."""
MISSED_S = 0.1
"""A frame that was found this much later is another one: some files cannot be sought in."""
SIDE, MARGIN = 112, 0.3
"""Pixels of a face on the page, and how much more than its box is shown."""


def frames_at(name: str, times_s: Iterable[float]) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (time_s, (height, width, 3) uint8) of frames of a file, by their times as `read_frames` counts them.

    The times ascend. Frames are sought, so that a few of a long video cost little. What cannot be found is left out.
    Raises PictureError where not one frame can be decoded, and for an address, which is not asked again.
    """
    if is_address(name):
        raise PictureError(f"{name}: an address")
    with opened_file(name) as container:
        stream = shown_stream(container)
        stream.thread_type = "AUTO"
        aspect, frames = pixel_aspect(stream), decoded_frames(container, stream, Losses())
        if (frame := next(frames, None)) is None:
            raise PictureError("a video without a frame that can be decoded")
        start_s = float(frame.time or 0.0)
        for time_s in times_s:
            due_s = start_s + time_s - GRACE_S
            if frame is None or due_s - float(frame.time or 0.0) > SOUGHT_S:
                with suppress(FFmpegError):  # then what comes next is decoded
                    container.seek(round(due_s * av.time_base))
                frames = decoded_frames(container, stream, Losses())
                frame = next(frames, None)
            while frame is not None and float(frame.time or 0.0) < due_s:
                frame = next(frames, None)
            if frame is not None and float(frame.time or 0.0) - due_s < MISSED_S:
                yield time_s, VideoFrame(0, time_s, math.inf, frame, aspect).image_rgb


def cut_face(image_rgb: np.ndarray, row: dict[str, Any]) -> str:
    """Return the face of a row of results as a data URI, with some margin."""
    left, top, width, height = (row[name] for name in ("x", "y", "width", "height"))
    # Around what fills the picture there is nothing to show.
    margin = MARGIN if (1 + MARGIN) * max(width, height) <= min(image_rgb.shape[:2]) else 0.0
    return thumbnail(image_rgb, np.array([left, top, left + width, top + height]), side=SIDE, margin=margin)
