"""What votes become: one expression by each counting rule, and projected valence and arousal."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.data.importers.ferplus import NORMS, RULES, chosen, projected
from affekt.labels import LABELS


def winner(rule: str, votes: list[int]) -> str | None:
    return chosen(pl.Series([votes], dtype=pl.Array(pl.Float64, 10)), rule)[0]


@pytest.mark.parametrize(
    ("votes", "majority", "probability", "multi_target", "argmax"),
    [
        # neu hap sur sad ang dis fea con unk NF
        ([6, 4, 0, 0, 0, 0, 0, 0, 0, 0], "neutral", "neutral", "neutral", "neutral"),
        ([5, 5, 0, 0, 0, 0, 0, 0, 0, 0], None, "neutral", "neutral", "neutral"),
        ([4, 3, 3, 0, 0, 0, 0, 0, 0, 0], None, "neutral", "neutral", "neutral"),
        # single votes go first: 4 of the 7 left is a majority
        ([4, 1, 0, 3, 1, 0, 1, 0, 0, 0], "neutral", "neutral", "neutral", "neutral"),
        # unknown and no face count in the sum: 5 of 10 is no majority
        ([5, 0, 0, 0, 0, 0, 0, 0, 3, 2], None, None, "neutral", "neutral"),
        # a single vote for no face is removed too: 5 of 9
        ([5, 0, 0, 0, 0, 0, 0, 0, 4, 1], "neutral", "neutral", "neutral", "neutral"),
        ([0, 0, 0, 0, 0, 0, 0, 0, 10, 0], "unknown", "unknown", "unknown", "unknown"),
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 10], "NF", "NF", "NF", "NF"),
        ([3, 0, 0, 0, 0, 0, 0, 0, 5, 2], None, None, "unknown", "unknown"),
        # four equals are too many for probability; none has 30 %
        ([0, 2, 2, 2, 2, 0, 0, 0, 2, 0], None, None, None, "happiness"),
        # only single votes: nothing is left
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], None, None, None, "neutral"),
        # nine votes: 5 of 9
        ([0, 0, 0, 0, 0, 5, 0, 4, 0, 0], "disgust", "disgust", "disgust", "disgust"),
    ],
)
def test_the_counting_rules(votes, majority, probability, multi_target, argmax):
    assert winner("majority", votes) == majority
    assert winner("probability", votes) == probability
    assert winner("crossentropy", votes) == probability
    assert winner("multi_target", votes) == multi_target
    assert winner("argmax", votes) == argmax


ten_votes = st.lists(st.integers(0, 9), min_size=10, max_size=10).map(
    lambda choices: np.bincount(choices, minlength=10).astype(float)
)


@settings(max_examples=100, deadline=None)
@given(ten_votes)
def test_a_majority_is_kept_by_every_rule_and_named_alike(votes):
    named = winner("majority", votes.tolist())
    if named is not None:
        assert {winner(rule, votes.tolist()) for rule in RULES} == {named}


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
