"""The benchmark of cuts: its films hold the cuts it says, and what it counts is what a count by hand gives."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import cuts

    return cuts


def test_found_false_and_spanning_are_counted_as_by_hand(script):
    shots = [1] * 50 + [2] * 50 + [3] * 50  # at 2 and 4 s
    rows = pl.DataFrame({"time_s": np.arange(150) / 25, "shot": shots, "track": [1] * 100 + [2] * 50})
    assert script.score(rows, [2.1, 4.0]) == (2, 0, 1)
    assert script.score(rows, [4.0]) == (1, 1, 0)
    assert script.score(rows, [1.0, 4.0, 5.0]) == (1, 1, 2)


@pytest.mark.parametrize("kind", ["another place", "nearer, same person", "dissolve", "black"])
def test_a_film_holds_its_cuts_and_moves_in_between(script, kind):
    random = np.random.default_rng(0)
    photos = [
        Image.fromarray(random.integers(0, 255, (6, 8, 3)).astype(np.uint8)).resize(script.PHOTO_SIZE) for _ in range(4)
    ]
    frames = list(script.film(script.Sets(photos[:2], photos[2:]), kind, 2, seed=1))
    begins = [number for number, (_, is_first) in enumerate(frames) if is_first]
    assert len(begins) == 2
    assert frames[0][0].shape == (script.HEIGHT, script.WIDTH, 3)
    change = [np.abs(one.astype(int) - other).mean() for (one, _), (other, _) in pairwise(frames)]
    assert min(change) > 0, "nothing stands still: the sensor has noise"
    if kind in ("another place", "nearer, same person"):
        assert sorted(np.argsort(change)[-2:] + 1) == begins
