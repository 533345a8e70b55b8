"""A session: a card and a network that do not fit each other are refused when they are opened."""

import json
import shutil

import pytest

from affekt.errors import ModelError
from affekt.models.card import CARD_FILE
from affekt.models.session import Session


@pytest.fixture
def changed(small_model, tmp_path):
    """Return a function that copies the small model with other fields in its card."""

    def change(preprocessing=None, **fields):
        folder = shutil.copytree(small_model, tmp_path / "model")
        card = json.loads((folder / CARD_FILE).read_text())
        card["preprocessing"] |= preprocessing or {}
        (folder / CARD_FILE).write_text(json.dumps(card | fields))
        return folder

    return change


DISAGREEING = [{"input_size": 48}, {"channels": 3, "mean": [0.5] * 3, "std": [0.5] * 3}]


@pytest.mark.parametrize("preprocessing", DISAGREEING)
def test_a_card_of_another_input_is_refused(changed, preprocessing):
    with pytest.raises(ModelError, match=r"expected a card that asks for faces of the shape \(any, 1, 32, 32\)"):
        Session(changed(preprocessing), runtime="onnxruntime")


@pytest.mark.parametrize("preprocessing", DISAGREEING)
def test_so_it_is_where_the_runtime_is_measured(measured, changed, preprocessing):
    with pytest.raises(ModelError, match=r"expected a card that asks for faces of the shape \(any, 1, 32, 32\)"):
        Session(changed(preprocessing))


def test_a_card_of_other_heads_is_refused(changed):
    with pytest.raises(
        ModelError, match=r"expected \{'probabilities': \(1, 8\)\} for a face from .*; export the model"
    ):
        Session(changed(heads=["expression"]), runtime="onnxruntime")
