"""Yaw, pitch and roll: exact of a turned mean face, close of other faces, and right on drawn heads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from affekt.faces.trust import MEAN_FACE, pose_of


def seen(yaw, pitch, roll, face=MEAN_FACE, side=40.0):
    """Return (5, 2) landmarks of a face that is turned, nods and tilts, from afar."""
    # To the right, down and away: a turn to the right is one about the axis that points down, against its screw.
    turned = Rotation.from_euler("yxz", [-yaw, -pitch, roll], degrees=True).apply(face)
    return turned[:, :2] * side + (120, 90)


@given(yaw=st.floats(-80, 80), pitch=st.floats(-80, 80), roll=st.floats(-179, 179), side=st.floats(1, 1000))
def test_the_mean_face_is_seen_as_it_is_turned(yaw, pitch, roll, side):
    found = pose_of(seen(yaw, pitch, roll, side=side)[None])
    np.testing.assert_allclose(found, [[yaw, pitch, roll]], atol=1e-6)


@pytest.mark.parametrize(("turn", "axis", "moves"), [((30, 0, 0), 0, 1), ((0, 30, 0), 1, -1)])
def test_a_nose_moves_to_the_right_with_yaw_and_up_with_pitch(turn, axis, moves):
    eyes_and_nose = seen(*turn)
    assert np.sign(eyes_and_nose[2, axis] - seen(0, 0, 0)[2, axis]) == moves


def test_a_tilt_clockwise_is_a_positive_roll():
    right_eye, left_eye = seen(0, 0, 20)[:2]
    assert left_eye[1] > right_eye[1]  # the person's left eye is at the picture's right


def test_other_faces_with_slipped_landmarks_are_known_within_some_degrees():
    random, errors = np.random.default_rng(0), []
    for _ in range(2000):
        pose = random.uniform((-40, -25, -40), (40, 25, 40))
        face = MEAN_FACE + random.normal(0, 0.05, (5, 3)) * (1, 1, 1.5)
        landmarks = seen(*pose, face=face) + random.normal(0, 1.0, (5, 2))
        errors.append(pose_of(landmarks[None])[0] - pose)
    assert (np.abs(errors).mean(axis=0) < (6, 6, 3)).all()
    assert (np.abs(np.mean(errors, axis=0)) < 1).all()


def test_without_landmarks_nothing_is_known():
    landmarks = np.stack([np.full((5, 2), np.nan), np.zeros((5, 2)), seen(10, 0, 0)])
    found = pose_of(landmarks)
    assert np.isnan(found[:2]).all()
    assert found[2, 0] == pytest.approx(10)
    assert pose_of(np.zeros((0, 5, 2))).shape == (0, 3)
