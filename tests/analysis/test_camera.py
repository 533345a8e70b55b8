"""Cameras: other sources of FFmpeg stand for one, through PyAV and through the `ffmpeg` program."""

import os
from contextlib import closing
from itertools import islice

import av
import numpy as np
import pytest

from affekt.analysis import video
from affekt.analysis.analyzer import Analyzer, load
from affekt.analysis.inputs import CAMERA
from affekt.analysis.video import read_frames
from affekt.errors import PictureError

PATTERN = "testsrc=size=64x48:rate=25"


@pytest.fixture
def drawn_camera(monkeypatch):
    """Let FFmpeg's own test picture stand for cameras; it never ends."""
    monkeypatch.setattr(video, "DEVICE_FORMATS", dict.fromkeys(video.DEVICE_FORMATS, "lavfi"))
    return CAMERA + PATTERN


@pytest.fixture
def filmed(tmp_path, monkeypatch):
    """Let a file of what a camera sends stand for it, in a PyAV that knows no cameras."""
    path = tmp_path / "filmed.avi"
    with av.open(path, "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for value in range(0, 250, 50):
            image_rgb = np.full((48, 64, 3), value, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image_rgb, format="rgb24")))
        container.mux(stream.encode())
    monkeypatch.setattr(video, "DEVICE_FORMATS", dict.fromkeys(video.DEVICE_FORMATS, "avi"))
    monkeypatch.setattr(av, "formats_available", av.formats_available - {"avi"})
    return CAMERA + str(path)


def test_a_camera_gives_frames_with_times_until_nobody_wants_more(drawn_camera):
    frames = list(islice(read_frames(drawn_camera), 60))
    assert [frame.number for frame in frames] == list(range(60))
    assert [frame.time_s for frame in frames] == pytest.approx([number / 25 for number in range(60)])
    assert frames[0].image_rgb.shape == (48, 64, 3)
    assert frames[0].image_rgb.std() > 50


def test_the_ffmpeg_program_passes_frames_and_times_on(filmed):
    pytest.importorskip("imageio_ffmpeg")
    with closing(read_frames(filmed)) as camera_frames:
        frames = list(islice(camera_frames, 5))
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16], abs=1e-3)
    assert [frame.image_rgb.mean() for frame in frames] == pytest.approx([0, 50, 100, 150, 200], abs=3)


def test_the_ffmpeg_program_ends_with_the_reading(filmed, monkeypatch):
    pytest.importorskip("imageio_ffmpeg")
    started = []

    class Noted(video.subprocess.Popen):
        def __init__(self, *arguments, **named):
            super().__init__(*arguments, **named)
            started.append(self)

    program = video._ffmpeg()
    monkeypatch.setattr(video, "_ffmpeg", lambda: program)
    monkeypatch.setattr(video.subprocess, "Popen", Noted)
    frames = read_frames(filmed)
    next(frames)
    frames.close()
    assert len(started) == 1
    assert started[0].returncode is not None


def unplugged(folder, last_line):
    """Write an `ffmpeg` that passes three frames on, says something, and fails; return the folder it is in."""
    with av.open(folder / "filmed.nut", "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 200, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    program = folder / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat {folder}/filmed.nut\necho '{last_line}' >&2\nexit 1\n")
    program.chmod(0o755)
    return program.parent


@pytest.mark.skipif(video.sys.platform == "win32", reason="the program is a shell script")
@pytest.mark.parametrize(
    ("last_line", "why"),
    [
        ("[video4linux2,v4l2 @ 0x1] ioctl(VIDIOC_DQBUF): No such device", "ioctl(VIDIOC_DQBUF): No such device"),
        ("", "it sends nothing more"),
    ],
)
def test_a_camera_that_goes_away_is_told_of_after_its_last_frame(tmp_path, monkeypatch, small_model, last_line, why):
    monkeypatch.setattr(video, "DEVICE_FORMATS", dict.fromkeys(video.DEVICE_FORMATS, "v4l2"))
    monkeypatch.setattr(av, "formats_available", av.formats_available - {"v4l2"})
    monkeypatch.setenv("PATH", str(unplugged(tmp_path, last_line)), prepend=os.pathsep)
    status = f"unreadable: the camera went away ({why}); its rows go as far as it was seen"
    rows = Analyzer(small_model).analyze("camera:0", faces="whole").select("frame", "status").rows()
    assert rows == [(0, "ok"), (1, "ok"), (2, "ok"), (None, status)]
    seen = load(small_model, stop_after_s=0.06).analyze("camera:0", faces="whole")
    assert seen["status"].to_list() == ["ok", "ok"]


def test_a_camera_of_pyavs_own_that_goes_away_is_told_alike(drawn_camera):
    frames = read_frames(f"{drawn_camera}:duration=0.1")
    assert len(list(islice(frames, 3))) == 3
    with pytest.raises(PictureError, match=r"the camera went away \(it sends nothing more\)"):
        next(frames)


def test_no_camera_says_why_and_what_to_do(filmed, tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    with pytest.raises(PictureError, match=r"no camera .*gone \(No such file or directory\).*; connect it, close the"):
        next(read_frames(f"{CAMERA}{tmp_path}/gone"))


def test_a_missing_camera_of_pyavs_own_is_told_alike(drawn_camera):
    with pytest.raises(PictureError, match=r"no camera nosuchfilter \(.+\); connect it, close the programs"):
        next(read_frames(f"{CAMERA}nosuchfilter"))


def test_without_the_program_it_says_what_to_install(filmed, monkeypatch):
    monkeypatch.setattr(video.shutil, "which", lambda name: None)
    monkeypatch.setitem(video.sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(PictureError, match=r'type: pip install .*\[camera\]", or sudo apt install ffmpeg'):
        next(read_frames(filmed))


def test_a_system_without_cameras_says_so(monkeypatch):
    monkeypatch.setattr(video.sys, "platform", "sunos5")
    with pytest.raises(PictureError, match="affekt knows no cameras on sunos5; record a video"):
        next(read_frames("camera:0"))


@pytest.mark.parametrize(
    ("device", "system", "address"),
    [
        ("0", "v4l2", "/dev/video0"),
        ("/dev/v4l/by-id/usb", "v4l2", "/dev/v4l/by-id/usb"),
        ("1", "avfoundation", "1"),
        ("Integrated Camera", "dshow", "video=Integrated Camera"),
    ],
)
def test_each_system_calls_cameras_its_own_way(device, system, address):
    assert video._address(device, system) == address


def test_a_number_on_windows_counts_the_cameras(monkeypatch):
    class Found:
        def __init__(self, description, *media_types):
            self.description, self.media_types = description, media_types

    found = [Found("Microphone", "audio"), Found("First", "video"), Found("Second", "video", "audio")]
    monkeypatch.setattr("av.device.enumerate_input_devices", lambda system: found)
    assert video._address("1", "dshow") == "video=Second"
    with pytest.raises(PictureError, match=r"no camera 2 \(2 connected\)"):
        video._address("2", "dshow")
