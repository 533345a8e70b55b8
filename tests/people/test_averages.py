"""A row per person, and bins: each figure against numpy and scipy, from the rows as they came."""

import numpy as np
import polars as pl
import pytest
from scipy import stats
from tests.people.conftest import make_rows, one_expression

import affekt
from affekt.labels import LABELS
from affekt.people.averages import _share_outside, block_interval


def weights_of(rows):
    time_s = rows["time_s"].to_numpy()
    return np.append(np.diff(time_s), np.median(np.diff(time_s)))


def test_means_shares_and_spread_over_time(table):
    summary = affekt.summarize(table)
    assert summary.people.select("input", "person").rows() == [("a.mp4", "0"), ("a.mp4", "1"), ("b/b.mp4", "0")]
    for row in summary.people.to_dicts():
        own = table.filter(input=row["input"], track=int(row["person"]))
        weights, valence = weights_of(own), own["valence"].to_numpy()
        assert row["rows"] == len(own)
        assert row["seen_s"] == pytest.approx(weights.sum())
        assert row["valence"] == pytest.approx(np.average(valence, weights=weights))
        cumulated = np.cov(valence, aweights=weights, ddof=0)
        assert row["valence_sd"] == pytest.approx(np.sqrt(cumulated))
        assert (row["valence_min"], row["valence_max"]) == (valence.min(), valence.max())
        for label in LABELS:
            share = weights[own["emotion"].to_numpy() == label].sum() / weights.sum()
            assert row[f"share_{label}"] == pytest.approx(share)
            assert row[f"p_{label}"] == pytest.approx(np.dot(own[f"p_{label}"], weights) / weights.sum())


def test_time_behind_a_gap_was_not_seen():
    rows = one_expression([0.1] * 100).filter((pl.col("time_s") < 2) | (pl.col("time_s") >= 7))
    [row] = affekt.summarize(rows).people.to_dicts()
    assert row["seen_s"] == pytest.approx(5.0)
    assert row["last_s"] == pytest.approx(9.9)


def test_a_frame_counts_until_the_end_of_its_interval_at_the_latest():
    rows = one_expression([0.9] * 2 + [0.1] * 6, fps=0.2)  # 5 s apart, as with --every 5s
    cuts = {"a": (0, 6), "b": (6, 12), "c": (4, 6), "d": (12, 60)}
    markers = pl.DataFrame({"name": [*cuts], "start": [0, 6, 4, 12], "end": [6, 12, 6, 60]})
    people = affekt.summarize(rows, markers=markers).people.sort("marker")
    assert people["seen_s"].to_list() == people["used_s"].to_list() == [6, 2, 1, 25]
    assert people["rows"].to_list() == [2, 1, 1, 5]
    assert people["p_happiness"].to_list() == pytest.approx([0.9, 0.1, 0.9, 0.1])
    assert people["episodes_per_min_happiness"].to_list() == [10, 0, 0, 0]
    clipped = pl.DataFrame({"name": ["a"], "start": [0], "end": [11]})
    assert affekt.summarize(rows, markers=clipped).people["p_happiness"].item() == pytest.approx((10 * 0.9 + 0.1) / 11)


def test_only_reliable_rows_count():
    rows = one_expression([0.2] * 60 + [0.8] * 40).with_columns(reliable=pl.col("p_happiness") < 0.5)
    [row] = affekt.summarize(rows).people.to_dicts()
    assert row["p_happiness"] == pytest.approx(0.2)
    assert (row["rows"], row["reliable_rows"], row["reliable_share"]) == (100, 60, 0.6)
    assert (row["seen_s"], row["used_s"], row["episodes"]) == (pytest.approx(10), pytest.approx(6), 0)


def test_rows_of_which_it_is_not_known_count_as_without_the_column():
    rows = one_expression([0.8] * 50)
    found = affekt.summarize(rows.with_columns(reliable=pl.lit(None, pl.Boolean)))
    plain = affekt.summarize(rows)
    assert found.people.equals(plain.people)
    assert found.people["p_happiness"].to_list() == pytest.approx([0.8])
    assert found.methods == plain.methods


def test_nobody_reliable_leaves_the_scores_empty():
    [row] = affekt.summarize(one_expression([0.8] * 50).with_columns(reliable=False)).people.to_dicts()
    assert row["p_happiness"] is None
    assert row["valence_sd"] is None
    assert row["rows"] == 50


def test_a_model_without_expressions_leaves_them_empty():
    rows = make_rows().select("input", "time_s", "track", "valence", "arousal", "status")
    [row] = affekt.summarize(rows).people.to_dicts()
    assert row["share_neutral"] is None
    assert row["p_neutral"] is None
    assert row["valence"] is not None


def test_number_rate_length_and_latency_of_episodes():
    smile = [0.1] * 20 + [0.9] * 10 + [0.1] * 20 + [0.9] * 20 + [0.1] * 30
    [row] = affekt.summarize(one_expression(smile)).people.to_dicts()
    assert row["episodes"] == row["episodes_happiness"] == 2
    assert row["episodes_per_min_happiness"] == pytest.approx(12)
    assert row["episode_mean_s_happiness"] == pytest.approx(1.5)
    assert row["latency_s_happiness"] == pytest.approx(2)
    assert row["latency_s_anger"] is None


@pytest.mark.parametrize("blocks", [5, 6, 10, 100])
def test_the_interval_is_as_wide_as_students_t(blocks):
    wanted = stats.norm.cdf(-stats.t.ppf(0.975, blocks - 1) * np.sqrt(blocks / (blocks - 1)))
    assert _share_outside(blocks) == pytest.approx(wanted, rel=0.03)


def test_an_interval_of_blocks_is_that_of_their_means():
    random = np.random.default_rng(3)
    time_s, values = np.arange(3000) / 10, np.repeat(random.normal(size=60), 50)[:, None]
    low, high = block_interval(time_s, values, np.ones(3000), 5.0)
    means = values.reshape(60, 50).mean(axis=1)
    wanted = stats.t.interval(0.95, 59, means.mean(), stats.sem(means))
    assert [low[0], high[0]] == pytest.approx(wanted, abs=0.03)
    # Drawn frame by frame, it would be seven times as narrow.
    assert high[0] - low[0] > 5 * 2 * 1.96 * values.std() / np.sqrt(3000)


def test_too_few_blocks_give_no_interval():
    [row] = affekt.summarize(one_expression([0.2, 0.4] * 95)).people.to_dicts()
    assert row["p_happiness_low"] is None
    [row] = affekt.summarize(one_expression([0.2, 0.4] * 125)).people.to_dicts()
    assert row["p_happiness_low"] == pytest.approx(0.3)


def test_values_that_are_all_equal_give_no_interval():
    smile = [0.0003] * 400 + [0.9, 0.8] * 200
    markers = pl.DataFrame({"start": [0, 40], "end": [40, 80], "name": ["rest", "film"]})
    study = affekt.summarize(one_expression(smile), markers=markers, baseline="rest")
    rest, film = study.people.to_dicts()
    unchanged = ("share_fear", "share_happiness", "p_happiness", "log_odds_happiness_over_baseline")
    assert [rest[name] for name in unchanged] == pytest.approx([0, 0, 0.0003, 0])
    for name in (*unchanged, "share_neutral"):
        assert (rest[f"{name}_low"], rest[f"{name}_high"]) == (None, None)
    assert film["share_happiness"] == 1.0
    assert film["share_happiness_low"] is None
    assert film["p_happiness_low"] == pytest.approx(0.85)
    meant = dict(study.codebook.filter(table="people").select("column", "meaning").rows())
    assert meant["share_fear_low"].endswith("empty where too little time was used, or all its values are equal")


def test_bins_are_means_over_time(table):
    bins = affekt.summarize(table, bin_s=2).bins
    for row in bins.filter(pl.col("rows") > 1).sample(40, seed=0).to_dicts():
        own = table.filter(input=row["input"], track=int(row["person"]))
        time_s, weights = own["time_s"].to_numpy(), weights_of(own)
        inside = (time_s >= row["start_s"]) & (time_s < row["start_s"] + 2)
        assert row["rows"] == inside.sum()
        assert row["valence"] == pytest.approx(np.average(own["valence"].to_numpy()[inside], weights=weights[inside]))
        means = {label: np.average(own[f"p_{label}"].to_numpy()[inside], weights=weights[inside]) for label in LABELS}
        assert row["emotion"] == max(means, key=lambda label: means[label])


def test_a_time_on_the_edge_of_a_bin_is_in_the_next():
    bins = affekt.summarize(one_expression([0.2] * 10), bin_s=0.1).bins
    assert bins["rows"].to_list() == [1] * 10


def test_bins_are_aligned_to_a_marker(table):
    markers = pl.DataFrame({"input": ["a.mp4"], "start": [12.5], "end": [20.0], "name": ["film"]})
    bins = affekt.summarize(table, markers=markers, align_to="film", bin_s=5).bins
    assert set(bins["input"]) == {"a.mp4"}
    first = table.filter((pl.col("time_s") >= 12.5) & (pl.col("time_s") < 17.5), input="a.mp4", track=0)
    assert bins.filter(person="0", start_s=0.0)["rows"].item() == len(first)
    with pytest.raises(affekt.ConfigError, match=r"align_to among the markers film, got 'song'"):
        affekt.summarize(table, markers=markers, align_to="song")


def test_shares_are_of_the_most_probable_also_where_no_expression_was_named(table):
    named, unsure = affekt.summarize(table), affekt.summarize(table.with_columns(emotion=pl.lit(None, pl.String)))
    shares = [f"share_{label}" for label in LABELS]
    assert unsure.people.select(shares).equals(named.people.select(shares))
    np.testing.assert_allclose(unsure.people.select(shares).sum_horizontal(), 1)
