"""Cameras, through the system's own interface to them.

PyAV's wheels know the cameras of macOS and Windows. Those for Linux are built without V4L2; there the `ffmpeg` program
reads the camera and passes its frames on, as they are, with their times.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import av
from av.container import InputContainer
from av.error import FFmpegError

from affekt.analysis.inputs import CAMERA
from affekt.errors import PictureError

DEVICE_FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""FFmpeg's name of each system's interface."""
OPTIONS = {"avfoundation": {"framerate": "30"}}
"""Macs refuse AVFoundation's own default of 29.97 frames per second."""
PACKETS = "nut"
"""A container that takes any codec, raw frames too, and needs no end."""
AT_ONCE = {"probesize": "32", "analyzeduration": "0"}
"""FFmpeg would look at seconds of a stream to learn what is in it, which its header says."""
STOPPING_S = 5.0
"""How long `ffmpeg` may take to let go of the camera before it is killed."""


@contextmanager
def opened_camera(name: str) -> Iterator[InputContainer]:
    """Open `camera:0`, or `camera:` and what the system calls it: `/dev/video2`, or its name on macOS and Windows.

    A camera has no end: who has seen enough leaves it by an exception, as closing a generator raises one. Where its
    frames were read to their end, the camera went away, and a PictureError says so.
    """
    device = name.removeprefix(CAMERA)
    system = DEVICE_FORMATS.get(sys.platform)
    if system is None:
        raise PictureError(f"affekt knows no cameras on {sys.platform}; record a video and name it")
    address = _address(device, system)
    if system in av.formats_available:
        try:
            container = av.open(address, format=system, options=OPTIONS.get(system, {}))
        except (FFmpegError, OSError) as error:
            raise _absent(device, error.strerror or str(error)) from error
        with container:
            yield container
            raise _gone("it sends nothing more")
    else:
        with _through_ffmpeg(device, address, system) as container:
            yield container


@contextmanager
def _through_ffmpeg(device: str, address: str, system: str) -> Iterator[InputContainer]:
    command = [_ffmpeg(), "-v", "error", "-nostdin", "-f", system, "-i", address]
    command += ["-c:v", "copy", "-flush_packets", "1", "-f", PACKETS, "-"]
    with tempfile.TemporaryFile() as told:
        # In a session of its own, Ctrl-C reaches us alone, and what was filmed before it is not lost.
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, start_new_session=True)
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
                process.wait()
            assert process.stdout is not None
            process.stdout.close()


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
            "cameras need the ffmpeg program here; type: pip install 'affekt[camera]', or sudo apt install ffmpeg"
        ) from None


def _address(device: str, system: str) -> str:
    """Return what FFmpeg calls a camera that is named by its number, or by its name."""
    if system == "v4l2":
        return f"/dev/video{device}" if device.isdigit() else device
    if system == "dshow":
        return f"video={_directshow_name(int(device)) if device.isdigit() else device}"
    return device


def _directshow_name(number: int) -> str:
    from av.device import enumerate_input_devices

    cameras = [found.description for found in enumerate_input_devices("dshow") if "video" in found.media_types]
    if number >= len(cameras):
        raise _absent(str(number), f"{len(cameras)} connected")
    return cameras[number]


def _gone(why: str) -> PictureError:
    return PictureError(f"the camera went away ({why}); its rows go as far as it was seen")


def _absent(device: str, why: str) -> PictureError:
    there = sorted(path.name.removeprefix("video") for path in Path("/dev").glob("video*"))
    others = f"; there are {', '.join(f'{CAMERA}{number}' for number in there)}" if there else ""
    return PictureError(
        f"no camera {device} ({why}){others}; connect it, close the programs that use it, and let this one use it"
    )
