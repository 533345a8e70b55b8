"""Every figure of every table of a summary, computed again from the rows by numpy and scipy: no column is left out."""

import numpy as np
import polars as pl
import pytest
from scipy import special, stats
from tests.people.conftest import make_rows

import affekt
from affekt.labels import LABELS

EXPRESSIONS = LABELS[1:]
RESAMPLES = 1500
WORDS = {"input", "person", "marker", "markers", "condition", "tracks", "expression", "emotion"}
INTERVALS = {"rest": (3.0, 20.0), "film": (15.0, 59.0)}


@pytest.fixture(scope="module")
def study():
    """Return rows of three people, one row in eight not reliable, and their summary."""
    tables = [make_rows(), make_rows(track=1, seed=1, start_s=5.0), make_rows("b/b.mp4", seed=2)]
    rows = pl.concat(tables)
    rows = rows.with_columns(reliable=pl.Series(np.random.default_rng(9).random(len(rows)) > 1 / 8))
    markers = [{"input": None, "start": start, "end": end, "name": name} for name, (start, end) in INTERVALS.items()]
    table = pl.DataFrame(markers, schema_overrides={"input": pl.String}).with_columns(condition=pl.lit("one"))
    return rows, affekt.summarize(rows, markers=table, baseline="rest", bin_s=4, block_s=2)


def seen(time_s):
    """Return for how long each frame of one person was shown."""
    steps = np.diff(time_s)
    return np.append(steps, np.median(steps))


def person(rows, row):
    """Return the columns of a person as arrays, those over the baseline among them, and who is used."""
    own = rows.filter(input=row["input"], track=int(row["person"])).sort("time_s")
    used, time_s = own["reliable"].to_numpy(), own["time_s"].to_numpy()
    values = {name: own[name].to_numpy() for name in (*(f"p_{label}" for label in LABELS), "valence", "arousal")}
    odds = {f"log_odds_{label}": special.logit(np.clip(values[f"p_{label}"], 0.001, 0.999)) for label in LABELS}
    resting = used & (time_s >= INTERVALS["rest"][0]) & (time_s < INTERVALS["rest"][1])
    changes = {**odds, "valence": values["valence"], "arousal": values["arousal"]}
    rest = {name: np.median(each[resting]) for name, each in changes.items()}
    values |= {f"{name}_over_baseline": each - rest[name] for name, each in changes.items()}
    values |= {f"share_{label}": (own["emotion"] == label).to_numpy().astype(float) for label in LABELS}
    rest_s = np.minimum(seen(time_s), INTERVALS["rest"][1] - time_s)[resting].sum()
    return time_s, seen(time_s), used, values, rest, {"baseline_rows": int(resting.sum()), "baseline_s": rest_s}


def resampled(time_s, values, weights, block_s):
    """Return the ends of an interval from means of resampled blocks, and by how much it may differ."""
    block = np.floor((time_s - time_s[0]) / block_s).astype(int)
    parts = [np.flatnonzero(block == number) for number in np.unique(block)]
    random, n, means = np.random.default_rng(1), len(parts), []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([parts[place] for place in random.integers(0, n, n)])
        means.append(np.average(values[drawn], weights=weights[drawn]))
    outside = stats.norm.cdf(-stats.t.ppf(0.975, n - 1) * np.sqrt(n / (n - 1)))
    low, high = np.quantile(means, [outside, 1 - outside])
    return low, high, 0.12 * (high - low) + 1e-9


def test_every_figure_of_people(study):
    rows, summary = study
    for row in summary.people.to_dicts():
        time_s, seen_s, used, values, _, _ = person(rows, row)
        start, end = INTERVALS[row["marker"]]
        there = (time_s >= start) & (time_s < end)
        seen_s = np.minimum(seen_s, end - time_s)
        counted, weights = there & used, seen_s[there & used]
        wanted = {"start_s": start, "end_s": end, "first_s": time_s[there].min(), "last_s": time_s[there].max()}
        wanted |= {"rows": there.sum(), "reliable_rows": counted.sum(), "reliable_share": counted.sum() / there.sum()}
        wanted |= {"seen_s": seen_s[there].sum(), "used_s": weights.sum()}
        wanted |= {name: np.dot(each[counted], weights) / weights.sum() for name, each in values.items()}
        for name in ("valence", "arousal"):
            off = values[name][counted] - wanted[name]
            wanted |= {f"{name}_sd": np.sqrt(np.dot(off**2, weights) / weights.sum())}
            wanted |= {f"{name}_min": values[name][counted].min(), f"{name}_max": values[name][counted].max()}
        own = summary.episodes.filter(input=row["input"], person=row["person"]).to_dicts()
        own = [episode for episode in own if start <= episode["start_s"] < end]
        wanted["episodes"] = len(own)
        for label in EXPRESSIONS:
            these = [each for each in own if each["expression"] == label]
            wanted |= {f"episodes_{label}": len(these), f"episodes_per_min_{label}": 60 * len(these) / weights.sum()}
            lengths, starts = [each["length_s"] for each in these], [each["start_s"] - start for each in these]
            wanted[f"episode_mean_s_{label}"] = np.mean(lengths) if these else None
            wanted[f"latency_s_{label}"] = min(starts) if these else None
        ends = {f"{name}_{end}" for name in values for end in ("low", "high")}
        assert wanted.keys() | ends | WORDS >= set(row)
        assert set(row) >= wanted.keys() | ends
        for name, figure in wanted.items():
            assert row[name] == pytest.approx(figure, abs=1e-9), name
        for name in ("valence", "p_fear", "share_anger", "log_odds_neutral_over_baseline", "arousal_over_baseline"):
            low, high, near = resampled(time_s[counted], values[name][counted], weights, block_s=2)
            assert [row[f"{name}_low"], row[f"{name}_high"]] == pytest.approx([low, high], abs=near), name


def test_every_figure_of_episodes_bins_and_resting_faces(study):
    rows, summary = study
    for row in summary.episodes.to_dicts():
        time_s, _, used, values, _, _ = person(rows, row)
        inside = used & (time_s >= row["start_s"]) & (time_s < row["end_s"] - 1e-9)
        p, weights = values[f"p_{row['expression']}"][inside], seen(time_s[used])[inside[used]]
        wanted = {"start_s": time_s[inside][0], "end_s": time_s[inside][-1] + weights[-1], "peak_probability": p.max()}
        wanted |= {"apex_s": time_s[inside][p.argmax()], "length_s": wanted["end_s"] - wanted["start_s"]}
        means = {
            "mean_probability": p,
            "mean_valence": values["valence"][inside],
            "mean_arousal": values["arousal"][inside],
        }
        wanted |= {name: np.average(each, weights=weights) for name, each in means.items()}
        assert {name: row[name] for name in set(row) - WORDS} == pytest.approx(wanted, abs=1e-9)
        assert p.min() >= 0.3
    for row in summary.bins.to_dicts():
        time_s, seen_s, used, values, _, _ = person(rows, row)
        inside = used & (time_s >= row["start_s"]) & (time_s < row["start_s"] + 4)
        wanted = {"start_s": row["start_s"], "rows": inside.sum(), "seen_s": seen_s[inside].sum()}
        names = [name for name in values if not name.startswith("share_")]
        wanted |= {name: np.average(values[name][inside], weights=seen_s[inside]) for name in names}
        assert {name: row[name] for name in set(row) - WORDS} == pytest.approx(wanted, abs=1e-9)
        assert row["start_s"] % 4 == 0
    for row in summary.baseline.to_dicts():
        *_, rest, resting = person(rows, row)
        wanted = {**resting, "valence": rest["valence"], "arousal": rest["arousal"]}
        wanted |= {f"p_{label}": special.expit(rest[f"log_odds_{label}"]) for label in LABELS}
        assert {name: row[name] for name in set(row) - WORDS} == pytest.approx(wanted)
    assert min(map(len, (summary.episodes, summary.bins, summary.baseline))) >= 3
