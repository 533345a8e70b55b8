"""Scores along a track are smoothed: without a lag in files, by what was before a camera."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from affekt.analysis.smoothing import CausalSmoother, MedianSmoother

NOTHING = np.zeros(0)
FPS = 25


def smoothed(values, reach_s, times_s=None):
    """Return (frames, 2) points after the running median."""
    times_s = np.arange(len(values)) / FPS if times_s is None else times_s
    smoother = MedianSmoother(reach_s)
    for time_s, value in zip(times_s, values, strict=True):
        smoother.add(1, time_s, NOTHING, np.asarray(value, float))
    return np.array([smoother.smoothed(1, time_s, 0) for time_s in times_s])


@given(
    onset=st.integers(1, 49),
    before=st.floats(-1, 1),
    after=st.floats(-1, 1),
    seed=st.integers(0, 100),
    even=st.booleans(),
)
def test_an_onset_stays_in_its_frame_however_unequal_its_sides(onset, before, after, seed, even):
    steps_s = np.full(50, 0.04) if even else np.random.default_rng(seed).exponential(0.04, 50)
    values = np.where(np.arange(50) < onset, before, after)[:, None].repeat(2, axis=1)
    np.testing.assert_array_equal(smoothed(values, 0.5, np.cumsum(steps_s)), values)


def test_what_lasts_for_less_than_the_reach_vanishes_and_what_lasts_longer_stays():
    short, long = np.zeros((60, 2)), np.zeros((60, 2))
    short[20:32], long[20:33] = 1, 1
    assert not smoothed(short, 0.5).any()
    np.testing.assert_array_equal(smoothed(long, 0.5), long)


def test_inside_a_track_it_is_the_running_median_of_scipy():
    values = np.random.default_rng(0).normal(size=(80, 2))
    expected = np.stack([scipy.signal.medfilt(column, 11) for column in values.T], axis=1)
    np.testing.assert_array_equal(smoothed(values, 5 / FPS)[5:-5], expected[5:-5])


@given(seed=st.integers(0, 10_000), reach_s=st.floats(0, 1))
def test_medians_of_probabilities_are_probabilities_too(seed, reach_s):
    smoother, drawn = MedianSmoother(reach_s), np.random.default_rng(seed).dirichlet(np.full(8, 0.1), 9)
    for step, p in enumerate(drawn):
        smoother.add(0, step / FPS, p, NOTHING)
    smooth = np.array([smoother.smoothed(0, step / FPS, 8) for step in range(9)])
    assert (smooth >= 0).all()
    np.testing.assert_allclose(smooth.sum(axis=1), 1)
    np.testing.assert_allclose(smooth[[0, -1]], drawn[[0, -1]])


def test_a_step_has_moved_by_63_percent_after_the_time_constant():
    smoother = CausalSmoother(0.5)
    smoother(0, 0.0, NOTHING, np.array([0.0, -1.0]))
    assert smoother(0, 0.5, NOTHING, np.array([1.0, 0.0])) == pytest.approx([1 - np.exp(-1), -np.exp(-1)])


@given(cuts=st.lists(st.floats(0.01, 0.99), max_size=8, unique=True))
def test_how_often_a_constant_answer_is_seen_changes_nothing(cuts):
    smoother = CausalSmoother(0.5)
    smoother(0, 0.0, NOTHING, np.array([0.0, 0.0]))
    for time_s in sorted(cuts):
        smoother(0, time_s, NOTHING, np.array([1.0, 1.0]))
    assert smoother(0, 1.0, NOTHING, np.array([1.0, 1.0]))[0] == pytest.approx(1 - np.exp(-2))


@given(seed=st.integers(0, 10_000), constant_s=st.floats(0, 5))
def test_probabilities_stay_probabilities(seed, constant_s):
    smoother = CausalSmoother(constant_s)
    for step, p in enumerate(np.random.default_rng(seed).dirichlet(np.full(8, 0.1), 5)):
        smooth = smoother(0, step / 25, p, NOTHING)
        assert smooth.shape == (8,)
        assert (smooth >= 0).all()
        assert smooth.sum() == pytest.approx(1)


def test_zero_seconds_leaves_the_answers_as_they_are():
    smoother = CausalSmoother(0.0)
    p = np.array([0.7, 0.1, 0.05, 0.05, 0.025, 0.025, 0.025, 0.025])
    for time_s in (0.0, 0.1):
        np.testing.assert_allclose(smoother(0, time_s, p, np.array([0.3, 0.4])), [*p, 0.3, 0.4], rtol=1e-6)
        p = p[::-1].copy()


def test_tracks_do_not_mix():
    smoother = CausalSmoother(10.0)
    smoother(0, 0.0, NOTHING, np.array([-1.0, -1.0]))
    assert smoother(1, 0.1, NOTHING, np.array([1.0, 1.0])) == pytest.approx([1, 1])


def test_log_probabilities_are_averaged_not_probabilities():
    smoother = CausalSmoother(1.0)
    first, second = (np.array([p, 1 - p]) for p in (0.5, 0.99))
    smoother(0, 0.0, first, NOTHING)
    weight = 1 - np.exp(-1)
    expected = np.exp((1 - weight) * np.log(first) + weight * np.log(second))
    np.testing.assert_allclose(smoother(0, 1.0, second, NOTHING), expected / expected.sum())
