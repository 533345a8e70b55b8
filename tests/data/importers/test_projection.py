"""Valence and arousal projected from votes."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.data.importers.projection import NORMS, projected
from affekt.labels import LABELS


def rows_of(votes: list[list[float] | None]) -> pl.DataFrame:
    return pl.DataFrame({"votes": pl.Series(votes, dtype=pl.Array(pl.Float32, 8))})


@pytest.mark.parametrize("label", LABELS)
def test_votes_for_one_word_give_its_norms(label):
    frame = projected(rows_of([[float(label == other) for other in LABELS]]))
    assert (frame["valence"][0], frame["arousal"][0]) == pytest.approx(NORMS[label])
    assert frame["valence_arousal_origin"].to_list() == ["projected"]


def test_norms_are_the_published_ones():
    assert NORMS["happiness"] == (0.76, 0.48)
    assert NORMS["anger"] == (-0.51, 0.59)
    assert NORMS["sadness"] == (-0.63, -0.27)
    assert NORMS["fear"] == (-0.64, 0.60)
    assert NORMS["disgust"] == (-0.60, 0.35)
    assert NORMS["surprise"] == (0.40, 0.67)
    assert NORMS["neutral"] == (0, 0)
    warriner_contempt = ((3.22 - 5) / 4, (4.61 - 5) / 4)
    assert NORMS["contempt"] == pytest.approx(warriner_contempt)


def test_mixed_votes_are_weighted():
    votes = [0.0] * 8
    votes[LABELS.index("happiness")] = 0.75
    votes[LABELS.index("surprise")] = 0.25
    frame = projected(rows_of([votes]))
    assert frame["valence"][0] == pytest.approx(0.75 * 0.76 + 0.25 * 0.40)
    assert frame["arousal"][0] == pytest.approx(0.75 * 0.48 + 0.25 * 0.67)


def test_rows_without_votes_stay_unknown():
    frame = projected(rows_of([None, [1.0] + [0.0] * 7, None]))
    assert frame["valence"].to_list() == [None, 0.0, None]
    assert frame["arousal"].to_list() == [None, 0.0, None]
    assert frame["valence_arousal_origin"].to_list() == [None, "projected", None]
    nothing = projected(rows_of([None]))
    assert nothing["valence"].null_count() == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10), min_size=8, max_size=8).filter(any))
def test_a_point_lies_within_the_norms(counts):
    votes = np.array(counts) / sum(counts)
    frame = projected(rows_of([votes.tolist()]))
    for name, norms in zip(("valence", "arousal"), zip(*NORMS.values(), strict=True), strict=True):
        assert min(norms) - 1e-6 <= frame[name][0] <= max(norms) + 1e-6
