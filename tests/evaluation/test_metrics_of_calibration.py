"""Calibration error and reliability bins against brute force and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.evaluation.charts import right_and_wrong
from affekt.evaluation.metrics import confidence_bins, expected_calibration_error


def rows(seed=0, n=500):
    random = np.random.default_rng(seed)
    confidence = random.uniform(0.125, 1, n)
    return confidence, random.random(n) < confidence**1.5


def slow_error(confidence, correct, bins=15):
    total = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return total


def test_expected_calibration_error_agrees_with_a_plain_loop():
    confidence, correct = rows()
    assert expected_calibration_error(confidence, correct) == pytest.approx(slow_error(confidence, correct), abs=1e-12)


def test_a_bin_holds_its_upper_edge():
    edges = np.linspace(0, 1, 16)
    assert confidence_bins(edges[1:]).tolist() == list(range(15))
    assert confidence_bins(np.nextafter(edges[:-1], 1)).tolist() == list(range(15))
    assert right_and_wrong(edges[1:], np.ones(15, dtype=bool))[0].tolist() == [1] * 15


def test_weights_are_repeated_rows():
    confidence, correct = rows(n=50)
    counts = np.random.default_rng(1).integers(0, 4, (4, 50))
    weighted = expected_calibration_error(confidence, correct, counts.astype(float))
    repeated = [slow_error(np.repeat(confidence, count), np.repeat(correct, count)) for count in counts]
    np.testing.assert_allclose(weighted, repeated, atol=1e-12)


def test_reliability_bins_hold_every_row_once():
    confidence, correct = rows()
    confidence, correct = np.append(confidence, [1.0, 0.0]), np.append(correct, [True, False])
    right, wrong = right_and_wrong(confidence, correct)
    assert right.sum() == correct.sum()
    assert wrong.sum() == (~correct).sum()
    bins = [confidence_bins(confidence) == index for index in range(15)]
    error = sum(abs(hits - confidence[inside].sum()) for hits, inside in zip(right, bins, strict=True)) / 502
    assert error == pytest.approx(expected_calibration_error(confidence, correct), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 80))
def test_the_error_lies_between_0_and_1(seed, n):
    assert 0 <= expected_calibration_error(*rows(seed, n)) <= 1
    assert expected_calibration_error(np.ones(n), np.ones(n, dtype=bool)) == 0
