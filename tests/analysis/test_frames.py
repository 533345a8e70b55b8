"""Inputs as a stream of things to look at."""

from threading import Event

import numpy as np
import pytest

from affekt.analysis.frames import Sampling, sights

GREYS = [np.full((48, 64, 3), 8 * number, np.uint8) for number in range(25)]


@pytest.mark.parametrize("stop_after_s", [float("inf"), 0.6])
def test_a_video_tells_how_much_of_it_has_been_seen(write_video, stop_after_s):
    seen = [sight.share for sight in sights([str(write_video(GREYS))], Sampling(stop_after_s=stop_after_s), Event())]
    length_s = min(1.0, stop_after_s)
    np.testing.assert_allclose(seen[:-1], np.arange(len(seen) - 1) / 25 / length_s, atol=0.05)
    assert seen[-1] == 1
