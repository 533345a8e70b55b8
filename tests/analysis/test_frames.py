"""Whatever people have, as a stream of frames."""

import io
from pathlib import Path
from threading import Event

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt.analysis.frames import bytes_held, each_picture, frames_of
from affekt.analysis.inputs import find_inputs
from affekt.analysis.options import AnalyzerOptions
from affekt.cluster.predict import predict
from affekt.errors import ConfigError, DataError

GREYS = [np.full((48, 64, 3), 8 * number, np.uint8) for number in range(25)]


@pytest.mark.parametrize("stop_after_s", [float("inf"), 0.6])
def test_a_video_tells_how_much_of_it_has_been_seen(write_video, stop_after_s):
    options = AnalyzerOptions(stop_after_s=stop_after_s)
    seen = [frame.share for frame in frames_of([str(write_video(GREYS))], options, Event())]
    length_s = min(1.0, stop_after_s)
    np.testing.assert_allclose(seen[:-1], np.arange(len(seen) - 1) / 25 / length_s, atol=0.05)
    assert seen[-1] == 1


def named(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return path


def names(given):
    return [frame.name for frame in frames_of(each_picture(given), AnalyzerOptions(), Event())]


def test_folders_patterns_and_lists_stand_for_what_they_hold_wherever_they_come(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("faces/b.png", "faces/below/a.jpg", "c.png"):
        named(tmp_path / name, GREYS[3])
    (tmp_path / "faces" / "notes.md").touch()
    (tmp_path / "list.txt").write_text("c.png\n\ngone.png\n")
    of_folder = ["faces/b.png", "faces/below/a.jpg"]
    assert names("faces") == names(Path("faces")) == names(["faces"]) == of_folder
    assert names("faces/**/*g") == names("f*s/**/*g") == of_folder
    assert names("*.txt") == ["list.txt"]
    assert names("list.txt") == ["c.png", "gone.png"]
    # The same rule as the command's.
    for typed in ("faces", "faces/**", "list.txt", "gone/*.png"):
        assert names(typed) == list(find_inputs([typed])[0])
    assert names(["c.png", GREYS[0], "faces", GREYS[1]]) == ["c.png", "1", *of_folder, "4"]


def test_nothing_at_all_is_said_at_the_end_and_an_empty_folder_among_others_is_passed_over(tmp_path):
    (tmp_path / "notes.md").touch()
    with pytest.raises(DataError, match=rf"got none in {tmp_path} \(passed over 1 file not named like pictures"):
        names([tmp_path])
    assert names([tmp_path, GREYS[0]]) == ["0"]
    assert names([]) == []


def test_batches_are_their_pictures_and_arrays_of_paths_are_paths(tmp_path):
    batch = np.stack(GREYS[:3])
    assert names(batch) == ["0", "1", "2"]
    assert names([GREYS[0], batch, GREYS[1]]) == ["0", "1", "2", "3", "4"]
    paths = [str(named(tmp_path / f"{number}.png", grey)) for number, grey in enumerate(GREYS[:2])]
    for several in (np.array(paths), np.array(paths, dtype=object), pl.Series(paths), tuple(paths), iter(paths)):
        assert names(several) == paths


def test_open_files_are_read_where_they_stand(tmp_path):
    path = named(tmp_path / "a.png", GREYS[5])
    with path.open("rb") as file:
        [frame] = frames_of([file], AnalyzerOptions(), Event())
    assert (frame.name, frame.picture) == ("0", path.read_bytes())
    [closed] = frames_of([file], AnalyzerOptions(), Event())
    assert closed.problem == "read of closed file"
    with pytest.raises(ConfigError, match=r"in binary mode, got one in text mode; type: open\(path, 'rb'\)"):
        list(frames_of([io.StringIO("a")], AnalyzerOptions(), Event()))


def test_addresses_are_said_not_to_be_fetched():
    for address in ("https://example.org/face.jpg", "s3://bucket/a.mp4"):
        (frame,) = frames_of([address], AnalyzerOptions(), Event())
        assert frame.problem == "an address, which is read only with --fetch (fetch=True in Python)"


def test_a_live_stream_is_not_said_to_be_fetched(small_model):
    for address in ("rtsp://me:word@camera/1", "RTSP://camera/1", "udp://host:5000"):
        (frame,) = frames_of([address], AnalyzerOptions(), Event())
        assert frame.problem == "a live stream, which affekt does not read; record a video of it and name that"
    with pytest.raises(ConfigError, match=r"got rtsp://camera/1, a live stream, .*; record a video of it") as refused:
        predict("rtsp://me:word@camera/1", model=small_model, fetch=True)
    assert "word" not in str(refused.value)


def test_of_pictures_that_wait_the_bytes_are_known_and_of_paths_nothing(write_video):
    def held(picture):
        (frame,) = frames_of([picture], AnalyzerOptions(), Event())
        return bytes_held(frame)

    assert held("a.jpg") == 0
    assert held(b"1234") == 4
    assert held(GREYS[0]) == GREYS[0].nbytes
    assert held(Image.new("RGB", (30, 20))) == 2 * 600
    frames = list(frames_of([str(write_video(GREYS[:2]))], AnalyzerOptions(), Event()))
    assert [bytes_held(frame) for frame in frames] == [2 * 64 * 48] * 2 + [0]


def test_of_a_video_one_frame_a_second_is_looked_at_again(write_video):
    path = str(write_video(GREYS * 3))
    frames = [frame for frame in frames_of([path], AnalyzerOptions(), Event()) if not frame.is_end_of_input]
    assert [frame.time_s for frame in frames if frame.looks_again] == pytest.approx([0, 1, 2], abs=0.05)
    (picture,) = frames_of([GREYS[0]], AnalyzerOptions(), Event())
    assert picture.looks_again
