"""The resamples: their law, their repeatability, and the interval made of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from affekt.evaluation import bootstrap
from affekt.evaluation.bootstrap import percentile_interval, ratio, resample_counts, weighted_mean


def all_counts(*arguments, **options):
    return np.concatenate(list(resample_counts(*arguments, **options)))


def test_every_resample_draws_as_many_rows_as_there_are():
    counts = all_counts(50, 300)
    assert counts.shape == (300, 50)
    assert (counts.sum(axis=1) == 50).all()
    assert counts.mean() == 1
    assert counts.var() == pytest.approx(1 - 1 / 50, abs=0.05)


def test_the_seed_and_nothing_else_decides(monkeypatch):
    counts = all_counts(40, 100, seed=3)
    monkeypatch.setattr(bootstrap, "CHUNK_VALUES", 1)
    np.testing.assert_array_equal(all_counts(40, 100, seed=3), counts)
    assert not np.array_equal(all_counts(40, 100, seed=4), counts)


def test_groups_are_drawn_whole():
    groups = np.array(["b", "a", "b", "c", "a", "b"])
    counts = all_counts(6, 50, groups=groups)
    for name in "abc":
        assert (np.ptp(counts[:, groups == name], axis=1) == 0).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_the_interval_of_a_mean_agrees_with_scipy():
    values = np.random.default_rng(0).normal(size=200)
    ours = percentile_interval(weighted_mean(values, all_counts(200, 4000)))
    theirs = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=1).confidence_interval
    np.testing.assert_allclose(ours, theirs, atol=0.01)


def test_the_interval_leaves_nan_out():
    assert percentile_interval(np.array([np.nan, 1.0, 1.0])) == (1, 1)
    assert np.isnan(percentile_interval(np.array([np.nan]))).all()
    assert np.isnan(percentile_interval(np.empty(0))).all()


def test_a_ratio_to_zero_is_nan_without_a_warning():
    np.testing.assert_array_equal(ratio(np.array([1.0, 0.0, 3.0]), np.array([0.0, 0.0, 2.0])), [np.nan, np.nan, 1.5])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.integers(0, 99))
def test_a_weighted_mean_is_the_mean_of_the_repeated_rows(values, seed):
    repeats = np.random.default_rng(seed).integers(1, 4, len(values))
    expected = np.repeat(values, repeats).mean()
    assert weighted_mean(np.array(values), repeats.astype(float)) == pytest.approx(expected, abs=1e-12)
