"""The camera, faked from a film of a wandering face: followed, smoothed, and never sent anywhere."""

import io

import numpy as np
import polars as pl
import pytest

from affekt.analysis.rows import SCORES, SMOOTHED_SCHEMA
from affekt.analysis.smoothing import CausalSmoother
from affekt.analysis.tracking import FaceTracker
from affekt.labels import PROBABILITY_COLUMNS


@pytest.fixture(scope="module")
def followed(open_visit):
    """Let the camera run for a while, and return the visit and its table."""
    visit = open_visit()
    visit.tab.get_by_role("button", name="Start camera").click()
    visit.until_rows(25)
    visit.tab.get_by_role("button", name="Stop camera").click()
    yield visit, pl.read_csv(io.BytesIO(visit.saved().encode()), schema=SMOOTHED_SCHEMA)
    visit.context.close()


def test_the_face_is_followed(followed):
    visit, rows = followed
    assert set(rows["input"]) == {"camera-1"}
    assert rows["frame"].to_list() == list(range(len(rows)))
    assert (rows["status"] == "ok").all()
    tracker = FaceTracker()
    for row in rows.iter_rows(named=True):
        box = [row["x"], row["y"], row["x"] + row["width"], row["y"] + row["height"]]
        assert [row["track"] - 1] == tracker.update(np.array([box]), row["time_s"]).tolist()
    assert (rows["time_s"].diff().drop_nulls() > 0).all()
    assert rows["x"].max() - rows["x"].min() > 60
    assert visit.problems == []


def test_no_request_carries_a_picture(followed, address):
    visit, rows = followed
    assert len(rows) > 5
    assert len(visit.requests) > 10
    for request in visit.requests:
        assert request.method == "GET"
        assert request.post_data_buffer is None
        assert request.url.startswith((address, f"blob:{address}"))
        assert len(request.url) < 200
        assert not request.url.startswith(f"{address}v1/")


def test_scores_are_smoothed_as_python_smooths_them(followed):
    _, rows = followed
    smoother = CausalSmoother(0.5)
    for row in rows.iter_rows(named=True):
        probabilities = np.array([row[f"raw_{name}"] for name in PROBABILITY_COLUMNS])
        points = np.array([row["raw_valence"], row["raw_arousal"]])
        assert probabilities.sum() == pytest.approx(1, abs=1e-5)
        expected = smoother(row["track"], row["time_s"], probabilities, points)
        np.testing.assert_allclose([row[name] for name in SCORES], expected, atol=1e-5)
        assert row["confidence"] == max(row[name] for name in PROBABILITY_COLUMNS)


@pytest.mark.parametrize("apart_s", [1 / 15, 1.5])
def test_people_are_numbered_as_python_numbers_them(visit, apart_s):
    random = np.random.default_rng(1)
    frames = []
    for number in range(60):
        walkers = [(100 + 6 * number, 90), (460 - 6 * number, 120), (250, 300 + 2 * number)]
        boxes = [[x, y, x + 60, y + 70] for x, y in walkers]
        kept = [box for box in boxes if random.random() > 0.15]
        frames.append(
            (number * apart_s, (np.array(kept).reshape(-1, 4) + random.normal(0, 2, (len(kept), 4))).tolist())
        )
    found = visit(ready=False).tab.evaluate(
        """async (frames) => {
          const tracker = new (await import("/affect/tracking.js")).FaceTracker();
          return frames.map(([timeS, boxes]) => tracker.update(boxes, timeS));
        }""",
        frames,
    )
    tracker = FaceTracker()
    expected = [tracker.update(np.array(boxes).reshape(-1, 4), time_s).tolist() for time_s, boxes in frames]
    assert found == expected
    assert max(max(numbers, default=0) for numbers in found) >= 2


def test_a_camera_that_is_refused_is_explained(visit):
    def refuse(visit):
        visit.tab.add_init_script(
            "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError') }"
        )

    opened = visit(before=refuse)
    opened.tab.get_by_role("button", name="Start camera").click()
    opened.until_told("The camera was not allowed")
    assert opened.tab.get_by_role("button", name="Start camera").is_enabled()


def test_the_camera_gives_way_to_a_picture(visit, astronaut):
    opened = visit()
    opened.tab.get_by_role("button", name="Start camera").click()
    opened.until_rows(2)
    opened.choose(astronaut)
    opened.until_told("astronaut.png: 1 face")
    assert opened.tab.get_by_role("button", name="Start camera").is_visible()
    assert opened.tab.evaluate("document.getElementById('video').srcObject") is None
    rows = opened.rows()
    assert {row["input"] for row in rows} == {"camera-1", "astronaut.png"}
    assert rows[-1]["input"] == "astronaut.png"
    assert rows[-1]["frame"] == rows[-1]["track"] == rows[-1]["raw_p_fear"] == ""
