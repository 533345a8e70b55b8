"""The card: what is written is read back, and every fault of a card has its sentence."""

import json
from dataclasses import replace

import pytest

from affekt.errors import DataError, ModelError
from affekt.faces.preprocessing import Preprocessing
from affekt.labels import LABELS
from affekt.models.card import CARD_FILE, Card, read_card

CARD = Card(
    name="mobilenetv2",
    architecture="mobilenetv2_100",
    hidden_units=256,
    heads=("expression", "valence_arousal"),
    preprocessing=Preprocessing(input_size=64, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), crop_margin=0.25),
    temperature=1.25,
    valence_arousal_origin="projected",
    parameters=2_587_976,
    training={"seed": 3, "recipe": {"heads": ["expression"]}},
    metrics={"validation": {"val_accuracy": 0.5}},
    affekt_version="0",
)


def changed(folder, **fields):
    CARD.write(folder)
    written = json.loads((folder / CARD_FILE).read_text())
    (folder / CARD_FILE).write_text(json.dumps(written | fields))


def test_a_card_is_read_as_it_was_written(tmp_path):
    CARD.write(tmp_path / "model")
    assert read_card(tmp_path / "model") == CARD
    assert [path.name for path in (tmp_path / "model").iterdir()] == [CARD_FILE]


def test_the_labels_stand_in_the_file_by_name(tmp_path):
    CARD.write(tmp_path)
    assert json.loads((tmp_path / CARD_FILE).read_text())["labels"] == list(LABELS)


def test_a_model_of_other_labels_is_refused(tmp_path):
    changed(tmp_path, labels=["happy", "sad"])
    with pytest.raises(
        ModelError, match=r"expected a model of the labels neutral, .* got happy, sad in the card of mob"
    ):
        read_card(tmp_path)


def test_the_same_labels_in_another_order_are_refused():
    with pytest.raises(ModelError, match="train it again on an affekt manifest"):
        replace(CARD, labels=tuple(reversed(LABELS)))


def test_a_folder_without_a_card(tmp_path):
    with pytest.raises(ModelError, match=r"expected a model folder with card.json, got .* `affekt models` lists"):
        read_card(tmp_path)


@pytest.mark.parametrize("content", [b"{", b"[]", b"null", b"3", b"{}", b"\xff\xfe\x00", b""])
def test_a_file_that_is_not_a_card(tmp_path, content):
    (tmp_path / CARD_FILE).write_bytes(content)
    with pytest.raises(ModelError, match=r"expected a card in .*card.json, got .*export or train the model again"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    "fields",
    [
        {"unknown_field": 1},
        {"preprocessing": None},
        {"preprocessing": {"input_size": 4}},
        {"preprocessing": {"input_size": 64, "resize": "nearest"}},
        {"preprocessing": {"input_size": 64, "mean": [0.5]}},
        {"preprocessing": {"input_size": 64, "alignment": "eyes"}},
    ],
)
def test_a_field_no_card_has_is_refused(tmp_path, fields):
    changed(tmp_path, **fields)
    with pytest.raises(ModelError, match="expected a card in"):
        read_card(tmp_path)


@pytest.mark.parametrize("name", ["architecture", "hidden_units", "heads", "preprocessing"])
def test_a_missing_field_is_named(tmp_path, name):
    CARD.write(tmp_path)
    written = json.loads((tmp_path / CARD_FILE).read_text())
    del written[name]
    (tmp_path / CARD_FILE).write_text(json.dumps(written))
    with pytest.raises(ModelError, match=name):
        read_card(tmp_path)


def test_a_card_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    CARD.write(tmp_path)
    monkeypatch.setattr("affekt.models.card.json.dumps", lambda *_arguments, **_options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        replace(CARD, name="other").write(tmp_path)
    monkeypatch.undo()
    assert read_card(tmp_path).name == "mobilenetv2"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_a_file_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="expected to write"):
        CARD.write(tmp_path / "file")
