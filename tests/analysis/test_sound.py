"""The sound of an annotated copy."""

from fractions import Fraction

import av
import numpy as np
import polars as pl
import pytest

from affekt.analysis.annotated_video import write_annotated_video
from affekt.analysis.rows import SCHEMA, empty_row
from affekt.analysis.sound import sound_writer

GREY = np.full((120, 160, 3), 100, np.uint8)


def heard_s(path):
    """Return when the beep begins and ends."""
    with av.open(path) as container:
        parts = [(part.time, part.sample_rate, part.to_ndarray()[0]) for part in container.decode(audio=0)]
    peak = max(np.abs(loud).max() for _, _, loud in parts)
    heard = [time_s + np.flatnonzero(np.abs(loud) > peak / 4) / rate for time_s, rate, loud in parts]
    return np.concatenate(heard).min(), np.concatenate(heard).max()


@pytest.mark.parametrize(("codec", "rate", "layout"), [("aac", 44_100, "stereo"), ("pcm_s16le", 96_000, "mono")])
def test_the_copy_has_the_sound_of_the_original_at_its_times(tmp_path, codec, rate, layout):
    path, beep_s = str(tmp_path / "spoken.mkv"), (0.5, 0.6)
    with av.open(path, "w") as container:
        pictures = container.add_stream("mpeg4", rate=25)
        pictures.width, pictures.height = 160, 120
        sound = container.add_stream(codec, rate=rate, layout=layout)
        resampler = av.AudioResampler(format=sound.format, layout=layout, rate=rate)
        time_s = np.arange(rate) / rate
        wave = np.sin(2000 * np.pi * time_s) * ((time_s >= beep_s[0]) & (time_s < beep_s[1])) * 20_000
        for number in range(25):
            # The film begins 0.48 s after its clock.
            picture = av.VideoFrame.from_ndarray(GREY, format="rgb24")
            picture.pts, picture.time_base = number * 40 + 480, Fraction(1, 1000)
            container.mux(pictures.encode(picture))
        frame = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), rate * 48 // 100
        for part in resampler.resample(frame):
            container.mux(sound.encode(part))
        container.mux([*sound.encode(), *pictures.encode()])
    unmarked = pl.DataFrame([{**empty_row(path, "no_face"), "frame": 0}], schema=SCHEMA)
    write_annotated_video(path, unmarked, tmp_path / "copy.mp4", stop_after_s=0.8)
    with av.open(tmp_path / "copy.mp4") as copy:
        assert (copy.streams.video[0].codec.name, copy.streams.audio[0].codec.name) == ("mpeg4", "aac")
        assert float(copy.streams.audio[0].duration * copy.streams.audio[0].time_base) == pytest.approx(0.8, abs=0.05)
    original = heard_s(path)
    assert original == pytest.approx((0.98, 1.08), abs=0.03)
    assert heard_s(tmp_path / "copy.mp4") == pytest.approx([time_s - 0.48 for time_s in original], abs=5e-3)


def test_what_has_no_sound_that_can_be_decoded_adds_none(write_video, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    for path in (write_video([GREY] * 3), tmp_path / "text.mp4"):
        with av.open(tmp_path / "copy.mp4", "w") as copy:
            sound_writer(str(path), copy, start_s=0.0, end_s=1.0)(1.0)
            assert not copy.streams
