"""Frames of a video or a camera with the time at which each is shown, upright and with square pixels, through PyAV.

PyAV's wheels know the cameras of macOS and Windows. Those for Linux are built without V4L2; there the `ffmpeg` program
reads the camera and passes its frames on, as they are, with their times.
"""

import math
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, cast

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.stream import Disposition

from affekt.analysis.inputs import CAMERA, is_camera
from affekt.analysis.remote import is_address, opened
from affekt.errors import PictureError, install
from affekt.faces.pictures import BREAKS_OFF, absent, refuse_pipe

MAX_FRAME_PIXELS = 35_651_584
"""Of the largest frame in the highest level, 6.2, of HEVC, and of AV1: a decoder holds several of them at once."""
GRACE_S = 5e-4
"""Time bases round: a frame that is due at 0.2 s may be shown at 0.1999."""
LENGTH_IN_HEADER = ("mov", "matroska")
"""Formats whose files say at their beginning how long they are; of others FFmpeg guesses it."""
SHORTER_S = 1.0
"""Headers round, and round up."""
LONGEST_PIXEL = 4
"""Pixels longer than this in one direction are a mistake of the file, and taken for square; anamorphic film has 2."""
DEVICE_FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""FFmpeg's name of each system's interface to cameras."""
CAMERA_OPTIONS = {"avfoundation": {"framerate": "30"}}
"""Macs refuse AVFoundation's own default of 29.97 frames per second."""
PACKETS = "nut"
"""A container that takes any codec, raw frames too, and needs no end."""
AT_ONCE = {"probesize": "32", "analyzeduration": "0"}
"""FFmpeg would look at seconds of a stream to learn what is in it, which its header says."""
STOPPING_S = 5.0
"""How long `ffmpeg` may take to let go of the camera before it is killed."""


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
    pixel_aspect: Fraction = Fraction(1)
    """Width of a pixel by its height, as stored: 64:45 on a European DVD in 16:9."""

    @property
    def image_rgb(self) -> np.ndarray:
        """Return (height, width, 3) uint8 as players show it: with square pixels, and turned.

        The direction in which pixels are longer is stretched and the other kept, so that nothing is lost.
        """
        return self._converted(*self._shown_size)

    def shrunk(self, longest_side: int) -> np.ndarray:
        """Return what players show with at most so many pixels along its longest side.

        FFmpeg averages them before it converts colours, which takes a third of the time that it takes afterwards.
        """
        width, height = self._shown_size
        if (scale := longest_side / max(width, height)) >= 1:
            return self.image_rgb
        return self._converted(max(1, round(width * scale)), max(1, round(height * scale)), interpolation="AREA")

    def _converted(self, width: int, height: int, interpolation: str = "BILINEAR") -> np.ndarray:
        # FFmpeg would start threads for each frame anew, while all cores have frames of their own.
        size = {"width": width, "height": height, "interpolation": interpolation}
        return _upright(self.decoded.to_ndarray(format="rgb24", **size, threads=1), self.decoded)

    @property
    def _shown_size(self) -> tuple[int, int]:
        width = round(self.decoded.width * max(self.pixel_aspect, Fraction(1)))
        return width, round(self.decoded.height / min(self.pixel_aspect, Fraction(1)))


def read_frames(name: str, *, every_s: float = 0.0) -> Generator[VideoFrame, None, None]:
    """Decode a video frame by frame, in constant memory.

    Packets that cannot be decoded are passed over; of a video, not of a camera, the last thing told is that some were.
    Where times go back, as in recordings that were joined, the frame is taken for the next one after the one before.

    Raises:
        PictureError: not one frame could be decoded; or, after the last frame, the camera went away.
        IncompleteVideo: after the last frame, where packets were passed over or the file breaks off.
    """
    with _opened_camera(name) if is_camera(name) else opened_file(name) as container:
        stream = shown_stream(container)
        # Threads that decode frame by frame return each late, which a camera must not. They also make up what is
        # damaged anew each time, and a file shall give one table. Without a thread of its own it does.
        stream.thread_type = "SLICE" if is_camera(name) else "NONE"
        rate = float(stream.average_rate or 25)
        length_s = (container.duration or math.inf) / av.time_base
        aspect = pixel_aspect(stream)
        number, start_s, time_s, due_s = -1, None, 0.0, 0.0
        losses = Losses()
        for frame in decoded_frames(container, stream, losses):
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
            yield VideoFrame(number, time_s, length_s, frame, aspect)
        if number < 0:
            raise PictureError("a video without a frame that can be decoded")
        # Of the first packets of a camera some are often broken, and nothing is lost with them.
        if not is_camera(name) and (problem := losses.problem(container)):
            raise IncompleteVideo(problem)


def pixel_aspect(stream: av.VideoStream) -> Fraction:
    """Return the width of a stream's pixels by their height, 1 where the file says what cannot be."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return aspect if 1 / LONGEST_PIXEL <= aspect <= LONGEST_PIXEL else Fraction(1)


@dataclass
class Losses:
    """What is known of a video's packets."""

    passed_over: int = 0
    """Packets that could not be decoded."""
    made_up: int = 0
    """Frames in which the decoder made up what was damaged."""
    last_s: float = 0.0
    """Until when the last packet lasts, of whatever stream: sound may go on without pictures."""
    breaks_off: bool = False
    """Whether the file could not be read to its end."""

    def problem(self, container: InputContainer) -> str | None:
        """Return what is missing, if anything is, in words that do not depend on how much."""
        says_length = container.format.name.startswith(LENGTH_IN_HEADER)
        promised_s = (container.duration or 0) / av.time_base if says_length else 0.0
        if self.breaks_off or self.last_s < promised_s - SHORTER_S:
            return BREAKS_OFF
        if self.passed_over:
            return "some of it could not be decoded; its rows leave that out"
        if self.made_up:
            return "some of its frames are damaged; their rows go by what the decoder made up"
        return None


def _upright(image_rgb: np.ndarray, decoded: av.VideoFrame) -> np.ndarray:
    """Turn and mirror a frame as its display matrix says, to the nearest quarter turn."""
    matrix = decoded.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return image_rgb
    # A pixel at (x, y) is shown at (a x + c y, b x + d y), the axes from the upper left corner.
    (a, b, _), (c, d, _), _ = np.frombuffer(bytes(matrix), np.int32).reshape(3, 3).tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        image_rgb, a, d = image_rgb.swapaxes(0, 1), c, b
    return np.ascontiguousarray(image_rgb[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def shown_stream(container: InputContainer) -> av.VideoStream:
    """Return the pictures that players show: the default stream, else the first, and never a cover."""
    streams = [stream for stream in container.streams.video if Disposition.attached_pic not in stream.disposition]
    if not streams:
        raise PictureError("a video without pictures")
    stream = next((stream for stream in streams if Disposition.default in stream.disposition), streams[0])
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_FRAME_PIXELS:
        raise PictureError(f"{width}x{height} pixels, over the limit of {MAX_FRAME_PIXELS:,} for videos")
    # Frames may grow on the way. FFmpeg counts the edges that codecs add.
    stream.codec_context.options = {"max_pixels": str(MAX_FRAME_PIXELS * 9 // 8)}
    return stream


@contextmanager
def opened_file(name: str) -> Iterator[InputContainer]:
    """Open a video for decoding; a PictureError says why it cannot be."""
    with ExitStack() as stack:
        try:
            # FFmpeg decodes the first frames to learn what is in it.
            options = {"max_pixels": str(MAX_FRAME_PIXELS * 9 // 8)}
            source = stack.enter_context(opened(name)) if is_address(name) else _file_for_ffmpeg(name)
            container = av.open(source, "r", metadata_errors="replace", options=options)
            stack.enter_context(container)
        except FileNotFoundError:
            raise PictureError(absent(name)) from None
        except InvalidDataError as error:
            raise PictureError("not a video, or one without its beginning or end") from error
        except EOFError:
            raise PictureError("a video without a frame that can be decoded") from None
        except (FFmpegError, OSError, ValueError) as error:
            raise PictureError(getattr(error, "strerror", None) or str(error)) from error
        yield container


def _file_for_ffmpeg(name: str) -> str:
    refuse_pipe(name)
    if Path(name).stat().st_size == 0:
        raise PictureError("an empty file")
    # Without the prefix FFmpeg takes what stands before a colon for a protocol.
    return f"file:{name}"


def decoded_frames(container: InputContainer, stream: av.VideoStream, losses: Losses) -> Iterator[av.VideoFrame]:
    """Yield the frames of a stream from where its container is, and count what is lost in `losses`."""
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
        if not packet.size and packet.dts is not None:  # a frame that repeats the one before; the decoder would end
            continue
        try:
            for frame in cast("list[av.VideoFrame]", packet.decode()):
                losses.made_up += frame.is_corrupt
                yield frame
        except FFmpegError:
            losses.passed_over += 1


@contextmanager
def _opened_camera(name: str) -> Iterator[InputContainer]:
    """Open `camera:0`, or `camera:` and what the system calls it: `/dev/video2`, or its name on macOS and Windows.

    A camera has no end: who has seen enough leaves it by an exception, as closing a generator raises one. Where its
    frames were read to their end, the camera went away, and a PictureError says so.
    """
    device = name.removeprefix(CAMERA)
    system = DEVICE_FORMATS.get(sys.platform)
    if system is None:
        raise PictureError(f"affekt knows no cameras on {sys.platform}; record a video and name it")
    address = _address(device, system)
    if system not in av.formats_available:
        with _through_ffmpeg(device, address, system) as container:
            yield container
        return
    try:
        container = av.open(address, format=system, options=CAMERA_OPTIONS.get(system, {}))
    except (FFmpegError, OSError) as error:
        raise _absent(device, error.strerror or str(error)) from error
    with container:
        yield container
        raise _gone("it sends nothing more")


@contextmanager
def _through_ffmpeg(device: str, address: str, system: str) -> Iterator[InputContainer]:
    command = [_ffmpeg(), "-v", "error", "-nostdin", "-f", system, "-i", address]
    command += ["-c:v", "copy", "-flush_packets", "1", "-f", PACKETS, "-"]
    # In a session of its own, Ctrl-C reaches us alone, and what was filmed before it is not lost.
    with (
        tempfile.TemporaryFile() as told,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, start_new_session=True) as process,
    ):
        try:
            try:
                container = av.open(process.stdout, "r", format=PACKETS, options=AT_ONCE)
            except (FFmpegError, OSError) as error:
                raise _absent(device, _last_line(told) or str(error)) from error
            with container:
                yield container
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STOPPING_S)
                raise _gone(_last_line(told) or "it sends nothing more")
        finally:
            process.terminate()
            try:
                process.wait(STOPPING_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _last_line(told: IO[bytes]) -> str:
    """Return the last that the program said, without the part of it that says it, or nothing."""
    told.seek(0)
    lines = told.read().decode(errors="replace").strip().splitlines()
    return re.sub(r"^(\[[^]]*\] |Error opening input files: )", "", lines[-1]) if lines else ""


def _ffmpeg() -> str:
    """Return the program: the system's own, or the one that `affekt[camera]` brings."""
    if found := shutil.which("ffmpeg"):
        return found
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return get_ffmpeg_exe()
    except (ModuleNotFoundError, RuntimeError):
        raise PictureError(
            f"cameras need the ffmpeg program here; type: {install('camera')}, or sudo apt install ffmpeg"
        ) from None


def _address(device: str, system: str) -> str:
    """Return what FFmpeg calls a camera that is named by its number, or by its name."""
    if system == "v4l2":
        return f"/dev/video{device}" if device.isdigit() else device
    if system != "dshow":
        return device
    if device.isdigit():
        from av.device import enumerate_input_devices

        cameras = [found.description for found in enumerate_input_devices("dshow") if "video" in found.media_types]
        if int(device) >= len(cameras):
            raise _absent(device, f"{len(cameras)} connected")
        device = cameras[int(device)]
    return f"video={device}"


def _gone(why: str) -> PictureError:
    return PictureError(f"the camera went away ({why}); its rows go as far as it was seen")


def _absent(device: str, why: str) -> PictureError:
    there = sorted(path.name.removeprefix("video") for path in Path("/dev").glob("video*"))
    others = f"; there are {', '.join(f'{CAMERA}{number}' for number in there)}" if there else ""
    return PictureError(
        f"no camera {device} ({why}){others}; connect it, close the programs that use it, and let this one use it"
    )
