"""Episodes: hysteresis against scikit-image, least duration, gaps, and what a row says."""

import numpy as np
import polars as pl
import pytest
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold
from tests.people.conftest import make_rows, one_expression

import affekt


@pytest.mark.parametrize(("low", "high", "least_s"), [(0.3, 0.5, 0.5), (0.2, 0.2, 0.0), (0.25, 0.6, 1.0)])
def test_they_are_what_a_hysteresis_threshold_finds(low, high, least_s):
    rows = make_rows(frames=4000, seed=5)
    found = affekt.summarize(rows, end_probability=low, start_probability=high, least_episode_s=least_s).episodes
    time_s = rows["time_s"].to_numpy()
    shown_s = np.append(np.diff(time_s), np.median(np.diff(time_s)))
    wanted = []
    for label in ("happiness", "fear"):
        p = rows[f"p_{label}"].to_numpy()
        # One threshold is exclusive there and inclusive here.
        numbered, _ = ndimage.label(apply_hysteresis_threshold(p, np.nextafter(low, 0), np.nextafter(high, 0)))
        for [inside] in ndimage.find_objects(numbered):
            end_s, place = time_s[inside][-1] + shown_s[inside][-1], inside.start + p[inside].argmax()
            if end_s - time_s[inside][0] >= least_s - 1e-9:
                mean = np.average(p[inside], weights=shown_s[inside])
                valence = np.average(rows["valence"].to_numpy()[inside], weights=shown_s[inside])
                wanted.append((label, time_s[inside][0], time_s[place], end_s, mean, p[inside].max(), valence))
    in_order = pl.col("expression").cast(pl.Enum(["happiness", "fear"]))
    found = found.filter(pl.col("expression").is_in(["happiness", "fear"])).sort(in_order, "start_s")
    names = ("start_s", "apex_s", "end_s", "mean_probability", "peak_probability", "mean_valence")
    assert len(wanted) > 10
    assert found["expression"].to_list() == [each[0] for each in wanted]
    np.testing.assert_allclose(found.select(names).to_numpy(), np.array([each[1:] for each in wanted]), atol=1e-9)


def test_a_neutral_face_is_no_episode():
    assert affekt.summarize(one_expression([0.9] * 50, label="neutral")).episodes.is_empty()


def test_a_long_gap_ends_an_episode_and_a_short_one_does_not():
    rows = one_expression([0.9] * 100)
    hidden = pl.col("time_s").is_between(3, 3.75) | pl.col("time_s").is_between(6, 7.95)
    found = affekt.summarize(rows.filter(~hidden)).episodes
    np.testing.assert_allclose(found.select("start_s", "end_s").to_numpy(), [[0, 6], [8, 10]], atol=1e-9)


def test_a_cut_ends_an_episode_where_the_table_tells_shots():
    rows = one_expression([0.9] * 40).with_columns(shot=(pl.col("time_s") >= 2).cast(pl.Int64))
    assert affekt.summarize(rows).episodes["start_s"].to_list() == [0, 2]


def test_a_short_stretch_that_is_not_reliable_does_not_cut_an_episode():
    rows = one_expression([0.9] * 40).with_columns(reliable=~pl.col("time_s").is_between(1, 1.45))
    assert affekt.summarize(rows).episodes["length_s"].to_list() == [pytest.approx(4)]


def test_exactly_the_least_duration_is_enough():
    smile = [0.1] * 4 + [0.9] * 5 + [0.1] * 4
    assert len(affekt.summarize(one_expression(smile)).episodes) == 1
    assert affekt.summarize(one_expression(smile), least_episode_s=0.6).episodes.is_empty()


def test_nothing_shown_is_an_empty_table_with_all_columns():
    found = affekt.summarize(one_expression([0.2] * 30)).episodes
    assert found.is_empty()
    assert {"start_s", "apex_s", "end_s", "expression", "markers"} <= set(found.columns)


def test_shots_that_are_not_known_cut_nothing():
    rows = one_expression([0.9] * 20)
    assert affekt.summarize(rows.with_columns(shot=pl.lit(None, pl.Int64))).episodes["length_s"].to_list() == [2.0]
    half = pl.when(pl.col("time_s") < 1).then(1)
    assert affekt.summarize(rows.with_columns(shot=half)).episodes["length_s"].to_list() == [1.0, 1.0]
