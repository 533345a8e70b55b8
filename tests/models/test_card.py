"""The card: what is written is read back, and every fault of a card has its sentence."""

import json
import os
from dataclasses import replace

import pytest

from affekt.errors import DataError, ModelError
from affekt.faces.preprocessing import Preprocessing
from affekt.labels import LABELS
from affekt.models.card import CARD_FILE, Card, model_folder, read_card, shipped_models

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


def test_a_model_may_have_labels_of_its_own_in_any_order(tmp_path):
    own = replace(CARD, labels=("very tired", "bored", "anger"))
    own.write(tmp_path)
    assert read_card(tmp_path) == own


@pytest.mark.parametrize("labels", [["pain"], [], ["pain", "pain"], ["Pain", "bored"], ["a\nb", "c"], ["", "a"]])
def test_labels_that_cannot_be_told_apart_or_written_are_refused(tmp_path, labels):
    changed(tmp_path, labels=labels)
    with pytest.raises(ModelError, match=r"expected two or more different labels in lower case, got .* in the card of"):
        read_card(tmp_path)


def test_a_folder_without_a_card(tmp_path):
    with pytest.raises(ModelError, match=r"expected a model folder with card.json, got .* `affekt models` lists"):
        read_card(tmp_path)


@pytest.mark.parametrize("content", [b"{", b"[]", b"null", b"3", b"{}", b"\xff\xfe\x00", b""])
def test_a_file_that_is_not_a_card(tmp_path, content):
    (tmp_path / CARD_FILE).write_bytes(content)
    with pytest.raises(ModelError, match=r"expected a card in .*card.json, got .*export or train the model again"):
        read_card(tmp_path)


NAN = float("nan")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", 3),
        ("architecture", None),
        ("hidden_units", 256.0),
        ("hidden_units", 0),
        ("heads", []),
        ("heads", "expression"),
        ("heads", ["pose"]),
        ("heads", ["expression", "expression"]),
        ("preprocessing", None),
        ("labels", [1]),
        ("temperature", 0),
        ("temperature", NAN),
        ("temperature", True),
        ("valence_arousal_origin", 1),
        ("parameters", "many"),
        ("parameters", -1),
        ("training", []),
        ("metrics", {"validation": 0.5}),
        ("metrics", {"validation": {"val_accuracy": "high"}}),
        ("metrics", {"faces test": {"figures": {"accuracy": 0.5}}}),
        ("metrics", {"faces test": {"figures": {"accuracy": {}}}}),
        ("metrics", {"faces test": {"figures": {"accuracy": {"value": "high"}}}}),
        ("licence", None),
        ("limits", "none"),
    ],
)
def test_a_field_that_is_not_what_it_must_be_is_named(tmp_path, name, value):
    changed(tmp_path, **{name: value})
    with pytest.raises(ModelError, match=rf"expected .* as {name} of the card in .*{CARD_FILE}, got .*; export or"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input_size", 48.0),
        ("input_size", "48"),
        ("input_size", 4),
        ("input_size", 100_000),
        ("channels", 2),
        ("channels", True),
        ("mean", ["a"]),
        ("mean", [NAN]),
        ("mean", 0.5),
        ("std", [0]),
        ("std", [float("inf")]),
        ("std", [10**400]),
        ("crop_margin", -5),
        ("crop_margin", "x"),
        ("resize", 3),
    ],
)
def test_so_is_one_of_the_preprocessing(tmp_path, name, value):
    changed(tmp_path, preprocessing={"input_size": 64, name: value})
    with pytest.raises(ModelError, match=rf"expected .* as {name} of the card in .*{CARD_FILE}, got .*; export or"):
        read_card(tmp_path)


@pytest.mark.parametrize("fields", [{"future": 1}, {"preprocessing": {"input_size": 64, "future": 2.2}}])
def test_a_card_with_a_newer_field_asks_for_a_newer_affekt(tmp_path, fields):
    changed(tmp_path, **fields)
    with pytest.raises(ModelError, match=r"got one with future; update affekt to use this model$"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    ("preprocessing", "advice"),
    [
        ({"resize": "nearest"}, "update affekt to use this model"),
        ({"alignment": "eyes"}, "update affekt to use this model"),
        ({"mean": [0.5]}, "give one per channel"),
    ],
)
def test_a_preprocessing_that_is_refused_keeps_its_advice(tmp_path, preprocessing, advice):
    changed(tmp_path, preprocessing={"input_size": 64, **preprocessing})
    with pytest.raises(ModelError, match=rf"^.*{CARD_FILE}: expected .*; {advice}$"):
        read_card(tmp_path)


@pytest.mark.parametrize("heads", [["valence_arousal", "expression"], ["valence_arousal"]])
def test_heads_may_come_in_any_order(tmp_path, heads):
    changed(tmp_path, heads=heads)
    assert read_card(tmp_path).heads == tuple(heads)


def test_figures_that_could_not_be_measured_are_no_fault(tmp_path):
    metrics = {"validation": {"val_valence_ccc": NAN}, "faces test": {"figures": {"macro_f1": {"value": None}}}}
    changed(tmp_path, metrics=metrics)
    assert read_card(tmp_path).metrics["faces test"]["figures"] == {"macro_f1": {"value": None}}


def test_a_card_that_may_not_be_read_says_so(tmp_path, monkeypatch):
    def forbidden(path, encoding):
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / CARD_FILE).touch()
    monkeypatch.setattr("affekt.models.card.Path.read_text", forbidden)
    with pytest.raises(ModelError, match=rf"expected to read .*{CARD_FILE}, got Permission denied; check who may"):
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


def ship(monkeypatch, tmp_path, *names):
    monkeypatch.setattr("affekt.models.card.SHIPPED", tmp_path / "shipped")
    for name in names:
        (tmp_path / "shipped" / name).mkdir(parents=True)
        (tmp_path / "shipped" / name / CARD_FILE).write_text("{}")


def test_models_are_found_by_name(monkeypatch, tmp_path):
    ship(monkeypatch, tmp_path, "large", "affekt")
    assert shipped_models() == ["affekt", "large"]
    assert model_folder("affekt") == tmp_path / "shipped" / "affekt"


def test_a_model_of_that_name_comes_first(monkeypatch, tmp_path):
    ship(monkeypatch, tmp_path, "affekt")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "affekt").mkdir()
    (tmp_path / "affekt" / CARD_FILE).write_text("{}")
    assert model_folder("affekt").resolve() == tmp_path / "affekt"


def test_a_folder_of_that_name_without_a_card_does_not_hide_the_model(monkeypatch, tmp_path):
    ship(monkeypatch, tmp_path, "affekt")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "affekt").mkdir()
    assert model_folder("affekt") == tmp_path / "shipped" / "affekt"


def test_a_folder_of_that_name_that_may_not_be_looked_into_does_not_hide_it(monkeypatch, tmp_path):
    ship(monkeypatch, tmp_path, "affekt")

    def forbidden(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("affekt.models.card.shipped_models", lambda: ["affekt"])
    monkeypatch.setattr("pathlib.Path.is_file", forbidden)
    assert model_folder("affekt") == tmp_path / "shipped" / "affekt"


def test_other_names_are_folders(monkeypatch, tmp_path):
    ship(monkeypatch, tmp_path, "affekt")
    assert str(model_folder("runs/mine")) == "runs/mine"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes among files there")
def test_a_card_whose_writer_never_comes_is_refused(tmp_path):
    os.mkfifo(tmp_path / CARD_FILE)
    with pytest.raises(ModelError, match="no file of at most"):
        read_card(tmp_path)


def test_a_card_without_end_is_refused(tmp_path):
    with (tmp_path / CARD_FILE).open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(ModelError, match="no file of at most"):
        read_card(tmp_path)
