import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.labels import LABELS
from drawn_faces.expressions import no_units, prototype_units, varied_units
from drawn_faces.geometry import (
    ACROSS,
    Eye,
    Mouth,
    brow,
    ellipse,
    eye,
    head_outline,
    mouth,
    nose_base_y,
    ribbon,
    smooth,
)
from drawn_faces.identity import Identity, random_identity

PERSON = Identity()
STEPS = np.linspace(0, 1, 6)


def opening(part: Eye) -> float:
    return float((part.lower[:, 1] - part.upper[:, 1]).max())


def brow_heights(emotion: str, intensity: float) -> tuple[float, float]:
    line = brow(PERSON, prototype_units(emotion, intensity), 0)
    return -float(line[0, 1]), -float(line[-2, 1])


def corner_lift(lips: Mouth) -> np.ndarray:
    """Return (2,): how far the left and right corner lie above the middle of the lips' line; negative if below."""
    middle = (lips.inner_top[len(ACROSS) // 2, 1] + lips.inner_bottom[len(ACROSS) // 2, 1]) / 2
    return middle - lips.corners[:, 1]


def rises(values: object) -> bool:
    return bool((np.diff(np.asarray(values)) > 0).all())


def test_a_smile_lifts_both_corners_the_more_the_stronger():
    lifts = np.array([corner_lift(mouth(PERSON, prototype_units("happiness", step))) for step in STEPS])
    assert rises(lifts[:, 0])
    assert rises(lifts[:, 1])


def test_sadness_lowers_both_corners_the_more_the_stronger():
    lifts = np.array([corner_lift(mouth(PERSON, prototype_units("sadness", step))) for step in STEPS])
    assert rises(-lifts[:, 0])
    assert rises(-lifts[:, 1])


@pytest.mark.parametrize("side", [0, 1])
def test_contempt_lifts_one_corner_more(side):
    lift = corner_lift(mouth(PERSON, prototype_units("contempt", 1.0, side)))
    assert lift[side] > lift[1 - side] + 0.08


@pytest.mark.parametrize("emotion", ["surprise", "fear"])
def test_mouth_eyes_and_brows_open(emotion):
    units = [prototype_units(emotion, step) for step in STEPS]
    assert rises([mouth(PERSON, each).opening for each in units])
    assert rises([opening(eye(PERSON, each, 1, (0.0, 0.0))) for each in units])
    assert rises([brow_heights(emotion, step)[0] for step in STEPS])


def test_surprise_opens_the_mouth_upright_and_fear_sideways():
    surprise, fear = (mouth(PERSON, prototype_units(emotion, 1.0)) for emotion in ("surprise", "fear"))
    assert surprise.opening > fear.opening
    assert np.ptp(surprise.top[:, 0]) < np.ptp(mouth(PERSON, no_units()).top[:, 0]) < np.ptp(fear.top[:, 0])


def test_anger_lowers_the_inner_brow_and_sadness_lifts_it_alone():
    rest, anger, sadness = brow_heights("neutral", 0.0), brow_heights("anger", 1.0), brow_heights("sadness", 1.0)
    assert anger[0] < rest[0] < sadness[0]
    assert sadness[0] - rest[0] > 3 * abs(sadness[1] - rest[1])


def test_anger_thins_the_lips():
    def height(emotion: str) -> float:
        lips = mouth(PERSON, prototype_units(emotion, 1.0))
        return float((lips.bottom[:, 1] - lips.top[:, 1]).max())

    assert height("anger") < 0.5 * height("neutral")


def test_disgust_lifts_the_nose_and_a_smile_narrows_the_eyes():
    rest = no_units()
    assert nose_base_y(PERSON, prototype_units("disgust", 1.0)) < nose_base_y(PERSON, rest)
    smiling = eye(PERSON, prototype_units("happiness", 1.0), 0, (0.0, 0.0))
    assert opening(smiling) < opening(eye(PERSON, rest, 0, (0.0, 0.0)))


def test_the_gaze_moves_the_iris():
    left, right = (eye(PERSON, no_units(), 0, (look, 0.0)).iris[0] for look in (-1.0, 1.0))
    assert left < right


def test_a_dropped_jaw_lengthens_the_head_only_below():
    rest, dropped = (head_outline(PERSON, prototype_units(emotion, 1.0)) for emotion in ("neutral", "surprise"))
    assert dropped[:, 1].max() > rest[:, 1].max() + 0.1
    assert dropped[:, 1].min() == rest[:, 1].min()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), emotion=st.sampled_from(LABELS), intensity=st.floats(0, 1))
def test_every_person_keeps_the_parts_in_order(seed, emotion, intensity):
    rng = np.random.default_rng(seed)
    person, units = random_identity(rng), varied_units(emotion, intensity, rng)
    lips = mouth(person, units)
    edges = np.stack([lips.top, lips.inner_top, lips.inner_bottom, lips.bottom])[..., 1]
    assert np.isfinite(edges).all()
    assert (np.diff(edges, axis=0) >= -1e-9).all()
    for side in (0, 1):
        part = eye(person, units, side, (0.0, 0.0))
        assert opening(part) > 0
        assert brow(person, units, side)[:, 1].max() < part.lower[:, 1].max()
    assert lips.bottom[:, 1].max() < head_outline(person, units)[:, 1].max()
    assert part.lower[:, 1].max() < nose_base_y(person, units) < lips.inner_bottom[:, 1].max()


def test_a_smooth_line_passes_its_points():
    corners = np.array([(0, 0), (1, 2), (3, 1), (4, 4)], dtype=float)
    np.testing.assert_allclose(smooth(corners, 5)[::5], corners, atol=1e-12)
    np.testing.assert_allclose(smooth(corners, 5, closed=True)[::5], corners, atol=1e-12)


def test_an_ellipse_has_its_centre_and_radii():
    outline = ellipse(2.0, 3.0, 4.0, 1.0)
    np.testing.assert_allclose(outline.mean(axis=0), (2, 3), atol=1e-12)
    np.testing.assert_allclose(np.ptp(outline, axis=0), (8, 2))


def test_a_ribbon_is_as_wide_as_asked():
    line = np.array([(0, 0), (1, 0), (2, 0)], dtype=float)
    np.testing.assert_allclose(ribbon(line, np.array([1.0, 2.0, 3.0]))[:, 1], (0.5, 1, 1.5, -1.5, -1, -0.5), atol=1e-8)
