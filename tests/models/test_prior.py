"""Another prior: Bayes' rule on a world whose shares are known, what a text says, and what is refused."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt import load
from affekt.errors import ConfigError, ModelError
from affekt.models.card import read_card
from affekt.models.prior import prior_factors, prior_shares, with_factors

LABELS = ("neutral", "happiness", "anger")


def test_it_is_the_answer_of_a_world_with_these_shares():
    # Three expressions look like three normal distributions on a line: Bayes' rule gives each world's answers.
    x, means = np.linspace(-4, 4, 201)[:, None], np.array([-1.0, 0.0, 1.5])

    def answers(shares):
        joint = np.exp(-((x - means) ** 2) / 2) * shares
        return joint / joint.sum(1, keepdims=True)

    learnt, wanted = np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.2, 0.6])
    found = with_factors(answers(learnt).astype(np.float32), wanted / learnt)
    np.testing.assert_allclose(found, answers(wanted), atol=1e-6)


@given(st.lists(st.floats(0.01, 1), min_size=3, max_size=3))
def test_the_prior_that_was_learnt_changes_nothing(shares):
    learnt = np.array(shares) / sum(shares)
    said = np.random.default_rng(0).dirichlet(np.ones(3), 20).astype(np.float32)
    np.testing.assert_allclose(with_factors(said, learnt / learnt), said, atol=1e-6)
    back = with_factors(with_factors(said, 1 / learnt), learnt)
    np.testing.assert_allclose(back, said, atol=1e-5)


def test_a_share_of_nothing_is_never_named_and_leaves_no_number_undefined():
    said = np.array([[0.7, 0.2, 0.1], [1, 0, 0]], np.float32)
    found = with_factors(said, np.array([0.0, 1.0, 1.0]))
    np.testing.assert_allclose(found, [[0, 2 / 3, 1 / 3], [1 / 3, 1 / 3, 1 / 3]], atol=1e-6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("uniform", [1 / 3, 1 / 3, 1 / 3]),
        ("anger=0.5", [0.25, 0.25, 0.5]),
        (" neutral = 0 , anger=1", [0, 0, 1]),
        ("neutral=0.2,happiness=0.3,anger=0.5", [0.2, 0.3, 0.5]),
    ],
)
def test_what_a_text_says(text, expected):
    np.testing.assert_allclose(prior_shares(text, LABELS), expected)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a prior of neutral, happiness, anger, got '' in ''"),
        ("joy=0.2", "got 'joy' in 'joy=0.2'"),
        ("anger", "expected one share from 0 to 1 of anger, got 'anger'"),
        ("anger=2", "expected one share from 0 to 1 of anger"),
        ("anger=nan", "expected one share from 0 to 1 of anger"),
        ("anger=0.1,anger=0.2", "expected one share from 0 to 1 of anger"),
        ("anger=0.7,neutral=0.7", "expected shares that sum to 1, got 1.4"),
        ("neutral=0.2,happiness=0.3,anger=0.1", "expected shares that sum to 1, got 0.6"),
    ],
)
def test_what_says_no_prior_is_refused(text, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        prior_shares(text, LABELS)


def test_what_the_refusal_advises_is_a_prior():
    with pytest.raises(ConfigError) as refused:
        prior_shares("joy=1", LABELS)
    advised = re.search(r"for example (\S+),? of which", str(refused.value))
    np.testing.assert_allclose(prior_shares(advised[1].rstrip(","), LABELS), [0.3, 0.3, 0.4])


def test_a_model_that_does_not_say_what_it_learnt_is_refused(small_model):
    card = read_card(small_model)
    for other in (replace(card, prior=None), replace(card, heads=("valence_arousal",))):
        with pytest.raises(ModelError, match="leave out --prior"):
            prior_factors("uniform", other)


@pytest.mark.parametrize("name", ["affekt", "affekt-fast"])
def test_the_shipped_models_answer_for_other_shares(name):
    usual, other = load(name), load(name, prior="happiness=0")
    face = np.linspace(0, 1, 64 * 64).reshape(64, 64)
    said, without = (model.analyze(face, faces="whole") for model in (usual, other))
    assert said["p_happiness"][0] > 0
    assert without["p_happiness"][0] == 0
    assert without["valence"].to_list() == said["valence"].to_list()
    columns = [name for name in said.columns if name.startswith("p_")]
    factors = prior_factors("happiness=0", usual.session.card)
    expected = with_factors(said.select(columns).to_numpy(), factors)
    np.testing.assert_allclose(without.select(columns).to_numpy(), expected, atol=1e-5)
