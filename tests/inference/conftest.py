"""Generated videos."""

from fractions import Fraction

import av
import numpy as np
import pytest


@pytest.fixture
def write_video(tmp_path):
    """Return a function that encodes frames, shown at the times given, and returns the file."""

    def write(frames, name="video.mp4", times_s=None, codec="mpeg4"):
        path = tmp_path / name
        with av.open(path, "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height = frames[0].shape[1], frames[0].shape[0]
            stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
            stream.codec_context.time_base = Fraction(1, 1000)
            for number, image_rgb in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image_rgb), format="rgb24")
                frame.time_base = Fraction(1, 1000)
                frame.pts = round(1000 * (times_s[number] if times_s else number / 25))
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return write
