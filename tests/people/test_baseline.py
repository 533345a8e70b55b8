"""The baseline: a resting face is subtracted, of the person it belongs to."""

import numpy as np
import polars as pl
import pytest
from tests.people.conftest import one_expression

import affekt
from affekt.labels import LABELS


def log_odds(p):
    p = np.clip(p, 1e-3, 1 - 1e-3)
    return np.log(p / (1 - p))


@pytest.mark.parametrize("baseline", ["centre", "rest"])
def test_a_resting_face_is_subtracted_in_log_odds(table, baseline):
    markers = pl.DataFrame({"input": ["", ""], "start": [6, 10], "end": [10, 30], "name": ["rest", "film"]})
    markers = markers.with_columns(input=pl.lit(None, pl.String))
    summary = affekt.summarize(table, markers=markers, baseline=baseline)
    for row in summary.people.to_dicts():
        own = table.filter(input=row["input"], track=int(row["person"]))
        time_s = own["time_s"].to_numpy()
        weights = np.minimum(np.append(np.diff(time_s), np.median(np.diff(time_s))), row["end_s"] - time_s)
        resting = np.ones(len(own), bool) if baseline == "centre" else (time_s >= 6) & (time_s < 10)
        inside = (time_s >= row["start_s"]) & (time_s < row["end_s"])
        [rest] = summary.baseline.filter(input=row["input"], person=row["person"]).to_dicts()
        assert rest["baseline_rows"] == resting.sum()
        for label in LABELS:
            odds = log_odds(own[f"p_{label}"].to_numpy())
            assert log_odds(rest[f"p_{label}"]) == pytest.approx(np.median(odds[resting]))
            wanted = np.average(odds[inside] - np.median(odds[resting]), weights=weights[inside])
            assert row[f"log_odds_{label}_over_baseline"] == pytest.approx(wanted)
        valence = own["valence"].to_numpy()
        wanted = np.average(valence[inside] - np.median(valence[resting]), weights=weights[inside])
        assert row["valence_over_baseline"] == pytest.approx(wanted)


def test_a_named_person_rests_in_another_video(tmp_path):
    rest, film = one_expression([0.05] * 50), one_expression([0.5] * 50).with_columns(input=pl.lit("film.mp4"))
    names, markers = tmp_path / "names.csv", pl.DataFrame({"input": ["a.mp4", "film.mp4"], "name": ["rest", "film"]})
    names.write_text("input,track,person\na.mp4,0,Ada\nfilm.mp4,0,Ada\n")
    people = affekt.summarize(pl.concat([rest, film]), join=names, markers=markers, baseline="rest").people
    changed = people.filter(marker="film")["log_odds_happiness_over_baseline"].item()
    assert changed == pytest.approx(log_odds(0.5) - log_odds(0.05))
    unnamed = affekt.summarize(pl.concat([rest, film]), markers=markers, baseline="rest").people
    assert unnamed.filter(marker="film")["log_odds_happiness_over_baseline"].item() is None


def test_a_baseline_that_is_no_marker_is_said(table):
    with pytest.raises(affekt.ConfigError, match="expected a baseline among the markers all, or centre, got 'rest'"):
        affekt.summarize(table, baseline="rest")
    with pytest.raises(affekt.ConfigError, match=r"got 'center'; did you mean centre\?"):
        affekt.summarize(table, baseline="center")


def test_the_centre_is_no_marker(table):
    markers = pl.DataFrame({"input": ["a.mp4"], "start": [0], "end": [5], "name": ["centre"]})
    with pytest.raises(affekt.ConfigError, match="rename the marker"):
        affekt.summarize(table, markers=markers, baseline="centre")
