"""Frames of moments: found by their times as they were read, or left out."""

import numpy as np
import pytest

from affekt.analysis.cut_faces import frames_at
from affekt.analysis.video import read_frames
from affekt.errors import PictureError

GREYS = [np.full((64, 96, 3), value, np.uint8) for value in range(0, 250, 10)]


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mpeg4"), ("a.mkv", "mpeg4"), ("a.avi", "mpeg4"), ("a.ts", "mpeg4")]
)
def test_frames_are_found_by_their_times_as_they_were_read(write_video, name, codec):
    # Ten seconds that begin at 3 s, each frame with a grey of its own, and a key frame every twelve.
    light = [np.full((64, 96, 3), value, np.uint8) for value in range(5, 255)]
    times_s = None if name.endswith("avi") else [3 + number / 25 for number in range(250)]
    path = str(write_video(light, name, times_s=times_s, codec=codec))
    greys = {frame.time_s: frame.image_rgb.mean() for frame in read_frames(path)}
    asked = [*greys][::17]
    found = dict(frames_at(path, asked))
    assert len(found) >= len(asked) - 1
    for time_s, image_rgb in found.items():
        assert image_rgb.mean() == pytest.approx(greys[time_s], abs=3)


def test_a_time_beyond_the_end_has_no_frame_and_no_file_is_said(write_video):
    path = str(write_video(GREYS))
    assert [time_s for time_s, _ in frames_at(path, [0.0, 0.4, 60.0])] == [0.0, 0.4]
    with pytest.raises(PictureError, match="no such file"):
        next(frames_at(f"{path}.gone", [0.0]))
    with pytest.raises(PictureError, match="an address"):
        next(frames_at("https://example.org/a.mp4", [0.0]))
