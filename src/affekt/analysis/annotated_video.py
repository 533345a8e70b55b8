"""A copy of a video with its faces marked or hidden, frame by frame, at the original's times, and with its sound."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import groupby, takewhile
from pathlib import Path

import av
import polars as pl
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream
from PIL import Image, ImageOps

from affekt.analysis.drawing import draw
from affekt.analysis.hiding import FacesInTime, cover
from affekt.analysis.options import HidingMethod
from affekt.analysis.rows import Row
from affekt.analysis.sound import sound_writer
from affekt.analysis.video import IncompleteVideo, VideoFrame, read_frames
from affekt.errors import DataError
from affekt.files import written_whole

TIME_BASE = Fraction(1, 60_000)
"""Of all usual rates a frame is a whole number; MPEG-4 takes no finer one than 1/65,535 s."""
QUALITY = 4
"""FFmpeg's scale of MPEG-4, 1 to 31 from the best on."""


def write_annotated_video(
    name: str,
    rows: pl.DataFrame,
    out: Path,
    *,
    hide_how: HidingMethod | None = None,
    stop_after_s: float = float("inf"),
    moved: Callable[[float], None] = lambda done: None,
    comment: str = "",
) -> None:
    """Write the copy with marks or, where it is said how faces are hidden, without faces, whole or not at all.

    The rows come in the order of frames; frames that were passed over keep the marks of the one before. Frames shown
    after `stop_after_s` were not looked at, and are left out. `moved` is told after each frame how much of the video
    has been copied, 0-1; the file carries the comment.

    Its pictures are MPEG-4 and its sound AAC, which FFmpeg encodes itself: x264 and x265 are under the GPL, and other
    encoders make what the players of macOS and Windows refuse.
    """
    last_number = rows["frame"].max() or 1
    assert isinstance(last_number, int)
    frames = _frames_until(stop_after_s, name)
    shown = _marked_frames(rows, frames) if hide_how is None else _hidden_frames(FacesInTime(rows), frames, hide_how)
    stream, write_sound, pts, length_s = None, lambda until_s: None, -1, 0.0
    packets: list[Packet] = []
    with written_whole(out) as temporary:
        try:
            with av.open(temporary, "w", format="mp4") as container:
                container.metadata["comment"] = comment
                for frame, image in shown:
                    if stream is None:
                        stream = _stream(container, max(2, image.width // 2 * 2), max(2, image.height // 2 * 2))
                        start_s = float(frame.decoded.time or 0) - frame.time_s
                        write_sound = sound_writer(name, container, start_s=start_s, end_s=stop_after_s)
                    picture = av.VideoFrame.from_image(_fitted(image, stream.width, stream.height))
                    # No two frames of an MP4 may be shown at the same time.
                    pts = max(pts + 1, round(frame.time_s / TIME_BASE))
                    picture.time_base, picture.pts = TIME_BASE, pts
                    write_sound(frame.time_s)
                    container.mux(packets)
                    packets = stream.encode(picture)
                    length_s = float(frame.decoded.duration * (frame.decoded.time_base or 0))
                    moved(min(1.0, frame.number / last_number))
                for packet in [*packets, *(stream.encode() if stream is not None else ())]:
                    packet.duration = round(length_s / TIME_BASE)  # the others last until the next one
                    container.mux(packet)
                write_sound(float("inf"))
        except (FFmpegError, ValueError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            raise DataError(f"expected to write {out}, got {why}; draw no copy of {name}") from error


def _frames_until(stop_after_s: float, name: str) -> Iterator[VideoFrame]:
    """Yield all frames that there are; the table says what is missing."""
    with suppress(IncompleteVideo):
        yield from takewhile(lambda frame: frame.time_s < stop_after_s, read_frames(name))


def _hidden_frames(
    faces: FacesInTime, frames: Iterable[VideoFrame], how: HidingMethod
) -> Iterator[tuple[VideoFrame, Image.Image]]:
    for frame in frames:
        image = Image.fromarray(frame.image_rgb)
        cover(image, faces.boxes_xyxy(frame.time_s), how)
        yield frame, image


def _marked_frames(rows: pl.DataFrame, frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, Image.Image]]:
    # Frame by frame, for a table as dictionaries takes ten times its memory.
    by_frame = groupby(rows.iter_rows(named=True), lambda row: row["frame"])
    found = ((number, list(marks)) for number, marks in by_frame)
    following = next(found, None)
    marks: list[Row] = []
    for frame in frames:
        if following is not None and following[0] == frame.number:
            marks, following = following[1], next(found, None)
        yield frame, draw(Image.fromarray(frame.image_rgb), marks)


def _fitted(image: Image.Image, width: int, height: int) -> Image.Image:
    """Cut off an odd row or column; a frame of another size than the first is drawn whole, on black."""
    if abs(image.width - width) > 1 or abs(image.height - height) > 1:
        return ImageOps.pad(image, (width, height))
    return image.crop((0, 0, width, height))


def _stream(container: OutputContainer, width: int, height: int) -> VideoStream:
    """Add the pictures; 4:2:0 wants even sides."""
    stream = container.add_stream("mpeg4", rate=30)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.codec_context.time_base = TIME_BASE
    stream.codec_context.qmin = stream.codec_context.qmax = QUALITY
    return stream
