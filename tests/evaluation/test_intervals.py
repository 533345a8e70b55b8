"""The resamples and the interval made of them; score intervals: scipy's, Newcombe's example, and what holds for all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import binomtest

from affekt.evaluation import intervals
from affekt.evaluation.figures import Figure
from affekt.evaluation.intervals import (
    difference_of,
    effective_rows,
    is_of_few,
    mean_of,
    proportion_interval,
    resample_counts,
    score_interval,
    wider,
    with_interval,
)
from affekt.evaluation.metrics import ratio, weighted_mean


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
    monkeypatch.setattr(intervals, "CHUNK_VALUES", 1)
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
    ours = with_interval(values.mean(), weighted_mean(values, all_counts(200, 4000)))
    theirs = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=1).confidence_interval
    np.testing.assert_allclose((ours.low, ours.high), theirs, atol=0.01)
    assert ours.value == values.mean()


def test_the_interval_leaves_nan_out():
    assert with_interval(0.5, np.array([np.nan, 1.0, 1.0])) == Figure(0.5, 1, 1)
    for draws in (np.array([np.nan]), np.empty(0)):
        found = with_interval(0.5, draws)
        assert found.value == 0.5
        assert np.isnan([found.low, found.high]).all()


def test_a_ratio_to_zero_is_nan_without_a_warning():
    np.testing.assert_array_equal(ratio(np.array([1.0, 0.0, 3.0]), np.array([0.0, 0.0, 2.0])), [np.nan, np.nan, 1.5])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.integers(0, 99))
def test_a_weighted_mean_is_the_mean_of_the_repeated_rows(values, seed):
    repeats = np.random.default_rng(seed).integers(1, 4, len(values))
    expected = np.repeat(values, repeats).mean()
    assert weighted_mean(np.array(values), repeats.astype(float)) == pytest.approx(expected, abs=1e-12)


@given(st.integers(1, 500), st.data())
def test_the_score_interval_is_scipys(rows, data):
    right = data.draw(st.integers(0, rows))
    expected = binomtest(right, rows).proportion_ci(method="wilson")
    found = score_interval(right / rows, rows)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.low <= found.value <= found.high


def test_a_difference_is_newcombes():
    """56 of 70 and 48 of 80: method 10 in table II of the paper."""
    found = difference_of(score_interval(56 / 70, 70), score_interval(48 / 80, 80))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_the_mean_of_shares_of_equal_groups_is_nearly_the_share_of_all():
    parts = [score_interval(0.8, 400), score_interval(0.6, 400)]
    found = mean_of(parts)
    assert found.value == pytest.approx(0.7)
    spread = np.sqrt(0.8 * 0.2 / 400 + 0.6 * 0.4 / 400) / 2
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * spread, rel=0.02)


def test_the_mean_of_one_share_is_that_share():
    share = score_interval(0.25, 20)
    assert mean_of([share]) == share


def test_rows_that_are_independent_count_whole():
    random = np.random.default_rng(0)
    draws = random.binomial(1000, 0.7, 20_000) / 1000
    assert effective_rows(0.7, 1000, 1000, draws) == pytest.approx(1000, rel=0.05)


def test_ten_rows_of_a_person_who_is_always_right_or_wrong_count_once():
    random = np.random.default_rng(0)
    draws = random.binomial(100, 0.7, 20_000) / 100
    assert effective_rows(0.7, 1000, 100, draws) == pytest.approx(100, rel=0.05)


@pytest.mark.parametrize("draws", [np.ones(50), np.empty(0), np.full(3, np.nan)])
def test_people_count_where_resamples_say_nothing(draws):
    assert effective_rows(1.0, 400, 10, draws) == 10


def test_the_wider_ends_are_kept():
    assert wider(Figure(0.5, 0.4, 0.6), Figure(0.5, 0.3, 0.55)) == Figure(0.5, 0.3, 0.6)
    assert wider(Figure(0.5, 0.4, 0.6), Figure(0.5, np.nan, np.nan)) == Figure(0.5, 0.4, 0.6)


@pytest.mark.parametrize(
    ("right", "rows", "few"), [(0, 50, True), (9, 50, True), (10, 50, False), (40, 50, False), (41, 50, True)]
)
def test_few_are_fewer_than_ten_on_either_side(right, rows, few):
    assert is_of_few(right / rows, rows) is few


@pytest.mark.parametrize("truth", [0.3, 0.9])
def test_the_interval_of_a_share_of_few_holds_the_truth_as_often_as_it_says(truth):
    random = np.random.default_rng(0)
    wide = alone = 0
    for right in random.binomial(18, truth, 400):
        draws = random.binomial(18, right / 18, 400) / 18
        found = proportion_interval(right / 18, draws, np.ones(18, dtype=bool))
        low, high = np.quantile(draws, [0.025, 0.975])
        wide += found.low <= truth <= found.high
        alone += low <= truth <= high
    assert wide / 400 > 0.93
    assert wide >= alone
