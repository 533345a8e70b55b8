"""An annotated copy of a video."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt.analysis.analyzer import Analyzer
from affekt.analysis.annotated_video import _fitted, write_annotated_video
from affekt.analysis.rows import SCHEMA, empty_row
from affekt.analysis.video import read_frames
from affekt.errors import PictureError

GREY = np.full((121, 161, 3), 100, np.uint8)


def rows(frames):
    box = {"x": 40.0, "y": 40.0, "width": 60.0, "height": 60.0, "emotion": "happiness", "confidence": 0.9, "track": 0}
    found = [{**empty_row("v.mp4", "ok"), "frame": frame, "time_s": frame / 25, "face": 0, **box} for frame in frames]
    return pl.DataFrame(found, schema=SCHEMA)


def marked(image_rgb):
    return bool((np.abs(image_rgb.astype(int) - 100).max(axis=2) > 60).sum() > 50)


def test_the_copy_has_the_frames_and_times_of_the_original_and_marks_where_faces_are(write_video, tmp_path):
    times_s = [0.0, 0.04, 0.2, 0.5, 0.54]
    path = write_video([GREY[:120, :160]] * 5, times_s=times_s)
    unmarked = pl.DataFrame([{**empty_row("v.mp4", "no_face"), "frame": frame} for frame in (0, 4)], schema=SCHEMA)
    write_annotated_video(
        str(path), pl.concat([unmarked, rows([1, 2, 3])]).sort("frame"), tmp_path / "deep" / "copy.mp4"
    )
    copy = list(read_frames(str(tmp_path / "deep" / "copy.mp4")))
    assert [frame.time_s for frame in copy] == pytest.approx(times_s, abs=2e-3)
    assert [marked(frame.image_rgb) for frame in copy] == [False, True, True, True, False]


def test_the_copy_lasts_as_long_as_its_last_frame(write_video, tmp_path):
    path = write_video([GREY[:120, :160]] * 10, name="v.mkv", times_s=[0, 0.1, 0.2, 0.9, 1, 1.1, 1.9, 2, 2.5, 3.5])
    last = list(read_frames(str(path)))[-1].decoded
    shares = []
    write_annotated_video(str(path), rows(range(10)), tmp_path / "copy.mp4", moved=shares.append)
    assert shares == pytest.approx([number / 9 for number in range(10)])
    with av.open(tmp_path / "copy.mp4") as container:
        stream = container.streams.video[0]
        length_s = float(stream.duration * stream.time_base)
    assert last.duration > 0
    assert length_s == pytest.approx(3.5 + float(last.duration * last.time_base), abs=1e-3)


def test_frames_passed_over_keep_the_last_marks_and_odd_sides_lose_a_pixel(write_video, tmp_path):
    path = write_video([GREY] * 6, codec="ffv1", name="odd.mkv")
    write_annotated_video(str(path), rows([2]), tmp_path / "copy.mp4")
    copy = list(read_frames(str(tmp_path / "copy.mp4")))
    assert [marked(frame.image_rgb) for frame in copy] == [False, False, True, True, True, True]
    assert copy[0].image_rgb.shape == (120, 160, 3)


def test_the_copy_ends_where_looking_ended(write_video, tmp_path):
    path = write_video([GREY[:120, :160]] * 25)
    write_annotated_video(str(path), rows(range(5)), tmp_path / "copy.mp4", stop_after_s=0.2)
    assert [marked(frame.image_rgb) for frame in read_frames(str(tmp_path / "copy.mp4"))] == [True] * 5


def test_frames_at_one_time_are_copied_one_after_the_other(write_video, tmp_path, monkeypatch):
    frames = [
        replace(frame, time_s=0.04 * (place // 2))
        for place, frame in enumerate(read_frames(str(write_video([GREY[:120, :160]] * 6))))
    ]
    monkeypatch.setattr("affekt.analysis.annotated_video.read_frames", lambda name: iter(frames))
    write_annotated_video("video.mp4", rows([0]), tmp_path / "copy.mp4")
    copy = [frame.time_s for frame in read_frames(str(tmp_path / "copy.mp4"))]
    assert copy == pytest.approx([0, 0, 0.04, 0.04, 0.08, 0.08], abs=1e-3)


def test_a_video_that_went_away_leaves_nothing_behind(tmp_path):
    with pytest.raises(PictureError, match="no such file"):
        write_annotated_video(str(tmp_path / "gone.mp4"), rows([0]), tmp_path / "copy.mp4")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("aspect", "width"), [(Fraction(64, 45), 1024), (Fraction(1), 720)])
def test_a_video_whose_pixels_are_not_square_is_marked_as_it_is_shown(small_model, tmp_path, aspect, width):
    path, copy = str(tmp_path / "dvd.mkv"), tmp_path / "copy.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 720, 576, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        grey = np.full((576, 720, 3), 100, np.uint8)
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    found = Analyzer(small_model).analyze(path, faces="whole")
    assert found.select("x", "y", "width", "height").unique().rows() == [(0, 0, width, 576)]
    write_annotated_video(path, rows(range(3)).with_columns(x=pl.lit(width - 200.0)), copy)
    image_rgb = next(read_frames(str(copy))).image_rgb
    assert image_rgb.shape == (576, width, 3)
    columns = np.flatnonzero((np.abs(image_rgb[40:100].astype(int) - 100).max(axis=2) > 60).any(axis=0))
    assert columns[0] == pytest.approx(width - 200, abs=4)


def test_frames_of_another_size_are_drawn_whole():
    large = Image.fromarray(np.full((240, 160, 3), 200, np.uint8))
    fitted = np.asarray(_fitted(large, 160, 120))
    assert fitted.shape == (120, 160, 3)
    assert fitted[:, 40:120].min() == 200
    assert fitted[:, :39].max() == fitted[:, 121:].max() == 0
    assert np.asarray(_fitted(large, 160, 240)).min() == 200
