"""The filter along a track: right at its time constant, fair to uneven frames, probabilities stay probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.analysis.smoothing import Smoother

NOTHING = np.zeros(0)


def test_a_step_has_moved_by_63_percent_after_the_time_constant():
    smoother = Smoother(0.5)
    smoother(0, 0.0, NOTHING, np.array([0.0, -1.0]))
    assert smoother(0, 0.5, NOTHING, np.array([1.0, 0.0])) == pytest.approx([1 - np.exp(-1), -np.exp(-1)])


@given(cuts=st.lists(st.floats(0.01, 0.99), max_size=8, unique=True))
def test_how_often_a_constant_answer_is_seen_changes_nothing(cuts):
    smoother = Smoother(0.5)
    smoother(0, 0.0, NOTHING, np.array([0.0, 0.0]))
    for time_s in sorted(cuts):
        smoother(0, time_s, NOTHING, np.array([1.0, 1.0]))
    assert smoother(0, 1.0, NOTHING, np.array([1.0, 1.0]))[0] == pytest.approx(1 - np.exp(-2))


@given(seed=st.integers(0, 10_000), constant_s=st.floats(0, 5))
def test_probabilities_stay_probabilities(seed, constant_s):
    smoother = Smoother(constant_s)
    for step, p in enumerate(np.random.default_rng(seed).dirichlet(np.full(8, 0.1), 5)):
        smooth = smoother(0, step / 25, p, NOTHING)
        assert smooth.shape == (8,)
        assert (smooth >= 0).all()
        assert smooth.sum() == pytest.approx(1)


def test_zero_seconds_leaves_the_answers_as_they_are():
    smoother = Smoother(0.0)
    p = np.array([0.7, 0.1, 0.05, 0.05, 0.025, 0.025, 0.025, 0.025])
    for time_s in (0.0, 0.1):
        np.testing.assert_allclose(smoother(0, time_s, p, np.array([0.3, 0.4])), [*p, 0.3, 0.4], rtol=1e-6)
        p = p[::-1].copy()


def test_tracks_do_not_mix():
    smoother = Smoother(10.0)
    smoother(0, 0.0, NOTHING, np.array([-1.0, -1.0]))
    assert smoother(1, 0.1, NOTHING, np.array([1.0, 1.0])) == pytest.approx([1, 1])


def test_log_probabilities_are_averaged_not_probabilities():
    smoother = Smoother(1.0)
    first, second = (np.array([p, 1 - p]) for p in (0.5, 0.99))
    smoother(0, 0.0, first, NOTHING)
    weight = 1 - np.exp(-1)
    expected = np.exp((1 - weight) * np.log(first) + weight * np.log(second))
    np.testing.assert_allclose(smoother(0, 1.0, second, NOTHING), expected / expected.sum())
