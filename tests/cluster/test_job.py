"""A listing is cut into pieces: all of it, once, in order, alike on every machine."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from affekt.analysis.analyzer import Analyzer
from affekt.cluster.job import (
    COST_OF_A_PIECE,
    COST_OF_AN_INPUT,
    COST_OF_MANY,
    FEWEST_PIECES,
    LEAST_OF_A_PIECE,
    MOST_PIECES,
    cut,
    planned,
)
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
    assert len(cut([300_000] * 20_000)) >= 250


def test_a_small_job_has_no_piece_of_less_than_a_second_but_the_last():
    pieces = cut([COST_OF_AN_INPUT] * 5_000)
    assert min(stop - start for start, stop in pieces[:-1]) * COST_OF_AN_INPUT > LEAST_OF_A_PIECE - COST_OF_AN_INPUT
    assert cut([COST_OF_AN_INPUT] * 3) == [(0, 3)]
    assert cut([]) == []


def test_videos_and_archives_are_pieces_of_their_own_though_their_files_are_small(names, small_model):
    long = ["0.mp4", "1.mp4", "2.tar"]
    for name in long:
        with Path(name).open("wb") as file:
            file.truncate(LEAST_OF_A_PIECE // COST_OF_MANY)
    assert len(parts([*names, *long], small_model)) == len(long)


@pytest.fixture
def names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        Image.fromarray(np.full((8, 8, 3), 80 * number, np.uint8)).save(f"{number}.png")
    return ["0.png", "1.png", "2.png", "gone.png"]


def parts(names, model, **options):
    _, pieces = planned(names, Analyzer(model, **options), "whole")
    return [piece.part for piece in pieces]


def test_a_part_is_named_by_what_it_holds(names, small_model, monkeypatch):
    monkeypatch.setattr("affekt.cluster.job.LEAST_OF_A_PIECE", 1)
    before = parts(names, small_model)
    assert before == parts(names, small_model) == sorted(set(before))
    os.utime("1.png", ns=(1, 1))
    changed = parts(names, small_model)
    assert [now == then for now, then in zip(changed, before, strict=True)] == [True, False, True, True]
    assert not set(parts(names[::-1], small_model)) & set(before)


def test_a_camera_is_on_one_machine(small_model):
    with pytest.raises(ConfigError, match="expected files for several machines, got a camera"):
        planned(["camera:0"], Analyzer(small_model), "whole")
