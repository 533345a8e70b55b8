"""A listing is cut into pieces: all of it, once, in order, alike on every machine."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from affekt.analysis.analyzer import Analyzer
from affekt.cluster.job import COST_OF_A_PIECE, FEWEST_PIECES, MOST_PIECES, cut, planned
from affekt.errors import ConfigError


@given(st.lists(st.integers(1, 2 * COST_OF_A_PIECE), max_size=600))
def test_the_pieces_hold_everything_once_in_order_and_cost_about_the_same(costs):
    pieces = cut(costs)
    assert [place for start, stop in pieces for place in range(start, stop)] == list(range(len(costs)))
    most = max(sum(costs) / FEWEST_PIECES, min(COST_OF_A_PIECE, sum(costs)))
    assert all(sum(costs[start : stop - 1]) <= most for start, stop in pieces)
    assert pieces == cut(list(costs))


def test_a_huge_job_is_cut_more_coarsely():
    assert len(cut([COST_OF_A_PIECE] * 200_000)) <= MOST_PIECES
    assert len(cut([300_000] * 5_000)) >= 250


@pytest.fixture
def names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        Image.fromarray(np.full((8, 8, 3), 80 * number, np.uint8)).save(f"{number}.png")
    return ["0.png", "1.png", "2.png", "gone.png"]


def parts(names, model, **options):
    _, pieces = planned(names, Analyzer(model, **options), "whole")
    return [piece.part for piece in pieces]


def test_a_part_is_named_by_what_it_holds(names, small_model):
    before = parts(names, small_model)
    assert before == parts(names, small_model) == sorted(set(before))
    os.utime("1.png", ns=(1, 1))
    changed = parts(names, small_model)
    assert [now == then for now, then in zip(changed, before, strict=True)] == [True, False, True, True]
    assert not set(parts(names[::-1], small_model)) & set(before)


def test_a_camera_is_on_one_machine(small_model):
    with pytest.raises(ConfigError, match="expected files for several machines, got a camera"):
        planned(["camera:0"], Analyzer(small_model), "whole")
