"""Faces keep their numbers through motion, occlusion and crossing paths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.analysis.tracking import FaceTracker

FPS = 25


def box(x, y, side=50.0):
    return [x - side / 2, y - side / 2, x + side / 2, y + side / 2]


def follow(frames, **options):
    """Return the numbers of each frame, given as lists of boxes 1/25 s apart."""
    tracker = FaceTracker(**options)
    return [tracker.update(np.array(boxes).reshape(-1, 4), time / FPS).tolist() for time, boxes in enumerate(frames)]


def test_two_faces_that_cross_keep_their_numbers():
    frames = [[box(100 + 6 * t, 100), box(400 - 6 * t, 110)] for t in range(50)]
    assert follow(frames) == [[0, 1]] * 50


def test_they_keep_them_when_one_hides_the_other_and_boxes_change_places():
    frames = []
    for t in range(50):
        there, back = box(100 + 6 * t, 100), box(400 - 6 * t, 110)
        hidden = abs(6 * t - (300 - 6 * t)) < 40
        frames.append([there] if hidden else [back, there])
    numbers = follow(frames)
    assert numbers[0] == [0, 1]
    assert numbers[-1] == [0, 1]
    assert {number for frame in numbers for number in frame} == {0, 1}


def test_a_face_that_is_hidden_for_a_moment_comes_back_as_itself_and_later_as_another():
    frames = [[box(100 + 4 * t, 100)] if t < 10 or t > 20 else [] for t in range(30)]
    assert follow(frames)[-1] == [0]
    assert follow(frames, longest_gap_s=0.2)[-1] == [1]


@pytest.mark.parametrize("every_s", [1.04, 2, 60])
def test_however_far_apart_the_looks_are_who_stays_keeps_the_number(every_s):
    tracker = FaceTracker()
    looks = [
        [box(100, 100), box(400, 100)],
        [box(110, 96), box(390, 104)],
        [box(104, 100)],
        [box(100, 101), box(400, 100)],
    ]
    numbers = [tracker.update(np.array(boxes), place * every_s).tolist() for place, boxes in enumerate(looks)]
    assert numbers == [[0, 1], [0, 1], [0], [0, 2]]


def test_after_a_long_time_somebody_elsewhere_is_somebody_else():
    tracker = FaceTracker()
    assert [tracker.update(np.array([box(x, 100)]), 60.0 * x).item() for x in (100, 400)] == [0, 1]


def test_the_box_of_a_face_that_slips_behind_another_shrinks_and_it_is_known_again():
    frames = []
    for t in range(100):
        front, behind = 120 + 10 * t, 1110 - 10 * t
        left, right = behind - 45, behind + 45
        # What the front face leaves to see of the one behind it.
        if abs(front - behind) < 90:
            left, right = (front + 45, right) if behind > front else (left, front - 45)
        seen = right - left >= 72
        frames.append([box(front, 100, 90), *([[left, 55, right, 145]] if seen else [])])
    numbers = follow(frames)
    assert [len(frame) for frame in frames].count(1) > 6
    assert {number for frame in numbers for number in frame} == {0, 1}
    assert numbers[-1] == [0, 1]


def test_a_jump_across_the_picture_is_another_person():
    assert follow([[box(100, 100)], [box(400, 100)]]) == [[0], [1]]


def test_a_much_larger_face_in_the_same_place_is_another_person():
    assert follow([[box(100, 100, 30)], [box(100, 100, 150)]]) == [[0], [1]]


def test_numbers_start_anew_with_each_tracker():
    assert follow([[box(1, 1)]]) == follow([[box(9, 9)]]) == [[0]]


@given(count=st.integers(1, 6), steps=st.integers(2, 20), seed=st.integers(0, 1000), speed=st.floats(0, 200, width=32))
def test_steady_faces_far_apart_are_never_mixed_up(count, steps, seed, speed):
    generator = np.random.default_rng(seed)
    direction = generator.uniform(-speed, speed, (count, 2)) / FPS
    starts = np.arange(count)[:, None] * [600.0, 0.0]
    tracker = FaceTracker()
    for step in range(steps):
        order = generator.permutation(count)
        centres = (starts + direction * step)[order]
        numbers = tracker.update(np.array([box(x, y, 80) for x, y in centres]), step / FPS)
        if step == 0:
            named = dict(zip(order, numbers, strict=True))
        assert [named[face] for face in order] == numbers.tolist()


def test_frames_without_faces_and_equal_times_are_no_problem():
    tracker = FaceTracker()
    assert tracker.update(np.zeros((0, 4)), 0.0).shape == (0,)
    assert tracker.update(np.array([box(10, 10)]), 0.0).tolist() == [0]
    assert tracker.update(np.array([box(11, 10)]), 0.0).tolist() == [0]


@pytest.mark.parametrize("every", [2, 10])
def test_frames_a_millisecond_apart_make_no_leaps(every):
    tracker = FaceTracker()
    random = np.random.default_rng(0)
    for step in range(100):
        time_s = (step - 1) / FPS + 0.001 if step % every == 1 else step / FPS
        slip = random.normal(0, 1.5, 2)
        assert tracker.update(np.array([box(100 + 83 * time_s + slip[0], 100 + slip[1])]), time_s).tolist() == [0]


@pytest.mark.parametrize("size", [0.0, 1e-3])
def test_a_box_without_area_is_tracked_too(size):
    assert follow([[box(10, 10, size)], [box(10, 10, size)]]) == [[0], [0]]


def test_between_searches_faces_are_followed_where_they_move():
    tracker = FaceTracker()
    for t in range(0, 60, 3):
        tracker.update(np.array([box(100 + 6 * t, 100), box(900 - 3 * t, 300, side=90)]), t / FPS)
    boxes, numbers = tracker.follow(58 / FPS)
    assert numbers.tolist() == [0, 1]
    assert boxes == pytest.approx(np.array([box(448, 100), box(726, 300, side=90)]), abs=3)


def test_only_faces_that_the_last_search_found_are_followed():
    tracker = FaceTracker()
    assert tracker.follow(0.0)[0].shape == (0, 4)
    tracker.update(np.array([box(100, 100), box(400, 100)]), 0.0)
    tracker.update(np.array([box(400, 100)]), 1 / FPS)
    assert tracker.follow(2 / FPS)[1].tolist() == [1]


NOTHING = np.zeros(0)
