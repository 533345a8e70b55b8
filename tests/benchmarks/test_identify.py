"""The rates at which a recognition network mistakes people, against a count by hand."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "identify.py"


def test_rates_are_those_of_all_pairs():
    spec = importlib.util.spec_from_file_location("identify_benchmark", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    angles = np.deg2rad([0, 10, 70, 75, 100])
    vectors = [np.array([np.cos(angle), np.sin(angle)]) for angle in angles]
    found = {limit: (mixed, split) for limit, mixed, split in script.rates(vectors, ["a", "a", "b", "b", "a"])}
    # Pairs of two people: 70, 75, 60, 65, 30 and 25 degrees apart; of one: 10, 100, 90 and 5.
    assert found[0.363] == (pytest.approx(4 / 6), pytest.approx(2 / 4))
    assert found[0.6] == (pytest.approx(2 / 6), pytest.approx(2 / 4))
