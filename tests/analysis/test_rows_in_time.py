"""Rows of videos: no track and no smoothed score spans a cut, and a camera's rows wait for nothing."""

import numpy as np
import polars as pl
import pytest

from affekt.analysis import analyzer as analyzer_module
from affekt.analysis.analyzer import load
from affekt.analysis.detected_faces import DetectedFaces
from affekt.analysis.frames import Frame
from affekt.analysis.rows import Answer, no_face_row
from affekt.analysis.rows_in_time import RowsInTime
from affekt.analysis.shots import small_copy
from affekt.faces.detection import Faces

SIDE = 64


class OneFace:
    """Stands for a detector: one face, always in the same place."""

    def __init__(self, **options):
        self.options = options

    def detect(self, image_rgb, **_):
        box = np.array([[16, 16, 48, 48]], np.float32)
        return Faces(box, np.zeros((1, 5, 2), np.float32), np.array([0.9], np.float32))


@pytest.fixture(autouse=True)
def one_face(monkeypatch):
    monkeypatch.setattr(analyzer_module, "FaceDetector", OneFace)
    monkeypatch.setattr(analyzer_module, "core_count", lambda: 1)


def shot(seed, light, frames):
    """Return frames of a wall, with a square as dark or light as the face that it stands for."""
    blocks = np.random.default_rng(seed).integers(0, 255, (4, 4, 3)).astype(np.uint8)
    wall = blocks.repeat(SIDE // 4, 0).repeat(SIDE // 4, 1)
    wall[12:52, 12:52] = light
    return [wall] * frames


def test_a_cut_ends_each_track_and_nothing_is_smoothed_across_it(small_model, write_video):
    path = write_video([*shot(0, 255, 40), *shot(1, 0, 40), *shot(2, 255, 40)])
    table = load(small_model).analyze(path)
    assert table["frame"].to_list() == list(range(120))
    assert table["shot"].to_list() == table["track"].to_list() == [1] * 40 + [2] * 40 + [3] * 40
    assert table["emotion"].to_list() == ["happiness"] * 40 + ["neutral"] * 40 + ["happiness"] * 40
    assert (table["valence"] - table["raw_valence"]).abs().max() < 0.05


def test_numbers_go_on_over_cuts_and_start_anew_with_the_next_video(small_model, write_video):
    first = write_video([*shot(0, 255, 30), *shot(1, 0, 30)], "first.mp4")
    table = load(small_model, smooth_s=0).analyze([first, write_video(shot(2, 9, 30), "second.mp4")])
    assert table["track"].to_list() == [1] * 30 + [2] * 30 + [1] * 30
    assert table["shot"].to_list() == [1] * 30 + [2] * 30 + [1] * 30


def test_nobody_is_followed_into_another_shot(small_model, write_video):
    table = load(small_model, detect_every=4).analyze(write_video([*shot(0, 255, 30), *shot(1, 0, 30)]))
    away = table.filter(status="no_face")
    assert away["frame"].to_list() == [30, 31]
    assert away["shot"].to_list() == [2, 2]
    assert table.filter(pl.col("frame") >= 32)["track"].to_list() == [2] * 28


def test_an_onset_is_where_it_is_in_the_raw_scores(small_model, write_video):
    # The square turns so little lighter that the frame stays the same shot.
    frames = [*shot(0, 118, 40), *shot(0, 138, 40)]
    table = load(small_model).analyze(write_video(frames))
    assert table["shot"].n_unique() == 1
    raw = table["raw_p_happiness"] > table["raw_p_neutral"]
    assert raw.to_list() == [False] * 40 + [True] * 40
    assert (table["emotion"] == "happiness").to_list() == raw.to_list()


def test_before_a_camera_each_row_comes_at_once_and_follows_by_63_percent():
    rows_in_time, scores = RowsInTime(0.5), []
    for time_s, valence in ((0.0, 0.0), (0.5, 1.0)):
        frame = Frame("camera:0", number=0, time_s=time_s, ends=False)
        found = DetectedFaces(frame, *(np.zeros(0) for _ in range(4)))
        row = no_face_row(frame) | {"status": "ok", "track": 0, "valence": valence, "arousal": 0.0}
        (answer,) = rows_in_time.add(found, Answer(frame.name, [row], ends=False))
        scores += [(row["shot"], row["track"], row["valence"], row["raw_valence"]) for row in answer.rows]
    assert scores == [(1, 1, 0.0, 0.0), (1, 1, pytest.approx(1 - np.exp(-1)), 1.0)]


@pytest.mark.parametrize(("smooth_s", "final_with_s"), [(0.5, 3.0), (0.0, 2.0)])
def test_a_row_is_final_when_its_shot_and_its_later_neighbours_are_known(smooth_s, final_with_s):
    """The example of RowsInTime."""
    rows_in_time, small = RowsInTime(smooth_s), small_copy(shot(0, 255, 1)[0])
    for number in range(8):
        time_s = 0.5 * number
        frame = Frame("clip.mp4", number=number, time_s=time_s, ends=False)
        found = DetectedFaces(frame, *(np.zeros(0) for _ in range(4)), small=small)
        row = no_face_row(frame) | {"status": "ok", "track": 0, "valence": 0.5, "arousal": 0.0}
        complete = list(rows_in_time.add(found, Answer(frame.name, [row], ends=False)))
        if complete:
            break
    assert time_s == final_with_s
    assert complete[0].rows[0]["time_s"] == 0
