"""A copy of a video with its faces marked, frame by frame, at the times of the original; without its sound."""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import groupby, takewhile
from pathlib import Path

import av
import polars as pl
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from affekt.errors import DataError
from affekt.files import written_whole
from affekt.inference.drawing import draw_rows
from affekt.inference.rows import Row
from affekt.inference.video import Frame, IncompleteVideo, read_frames

MARKED_COLUMNS = (
    *("frame", "track", "x", "y", "width", "height"),
    *("status", "emotion", "confidence", "valence", "arousal"),
)
TIME_BASE = Fraction(1, 90_000)
CODECS = {"libx264": {"crf": "20", "preset": "veryfast"}, "mpeg4": {"q": "4"}}
"""Encoders in the order of preference: an FFmpeg without x264 has the other."""


def write_marked_video(name: str, rows: pl.DataFrame, out: Path, *, stop_after_s: float = float("inf")) -> None:
    """Write the copy as MP4, whole or not at all. Frames that were passed over keep the marks of the last one seen.

    Args:
        name: the video's path.
        rows: its rows in the order of frames, at least the columns in MARKED_COLUMNS.
        out: the file to write.
        stop_after_s: frames shown later were not looked at, and are left out.

    Raises:
        PictureError: the video cannot be read any more.
        DataError: the copy cannot be written.
    """
    # Frame by frame, for a table as dictionaries takes ten times its memory.
    found = ((number, list(part)) for number, part in groupby(rows.iter_rows(named=True), lambda row: row["frame"]))
    following = next(found, None)
    marks: list[Row] = []
    pts = -1
    with written_whole(out) as temporary:
        try:
            with av.open(temporary, "w", format="mp4") as container:
                stream = None
                for frame in takewhile(lambda frame: frame.time_s < stop_after_s, _frames(name)):
                    if following is not None and following[0] == frame.number:
                        marks, following = following[1], next(found, None)
                    image = draw_rows(frame.image_rgb, marks)
                    if stream is None:
                        stream = _stream(container, image.width // 2 * 2, image.height // 2 * 2)
                    picture = av.VideoFrame.from_image(image.crop((0, 0, stream.width, stream.height)))
                    # No two frames of an MP4 may be shown at the same time.
                    pts = max(pts + 1, round(frame.time_s / TIME_BASE))
                    picture.time_base, picture.pts = TIME_BASE, pts
                    container.mux(stream.encode(picture))
                if stream is not None:
                    container.mux(stream.encode())
        except FFmpegError as error:
            raise DataError(f"expected to write {out}, got {error.strerror}; leave --draw out for {name}") from error


def _frames(name: str) -> Iterator[Frame]:
    """Yield all frames that there are; the table says what is missing."""
    with suppress(IncompleteVideo):
        yield from read_frames(name)


def _stream(container: OutputContainer, width: int, height: int) -> VideoStream:
    """Add the first encoder that this FFmpeg has; 4:2:0 wants even sides."""
    codec = next(codec for codec in CODECS if codec in av.codecs_available)
    stream = container.add_stream(codec, rate=30, options=CODECS[codec])
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.codec_context.time_base = TIME_BASE
    return stream
