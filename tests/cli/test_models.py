import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from affekt.cli.models import main
from affekt.errors import ModelError
from affekt.faces.preprocessing import Preprocessing
from affekt.models.card import CARD_FILE, Card, read_card, shipped_models
from affekt.training.recipes import RECIPES

COUNTS = {
    "efficientnetv2b0": (6_249_304, 329_992),
    "mobilenetv2": (2_587_976, 329_992),
    "xception": (21_388_080, 526_600),
    "vgg16-va": (14_846_530, 131_842),
}


@pytest.fixture
def run_folder(tmp_path):
    card = Card(
        name="small",
        architecture="mobilenetv2_100",
        hidden_units=256,
        heads=("expression",),
        preprocessing=Preprocessing(input_size=64),
        parameters=2_587_976,
        metrics={"validation": {"val_loss": 1.0, "val_accuracy": 0.5, "accuracy": "of no kind we know"}},
    )
    card.write(tmp_path / "small")
    return tmp_path


def test_json_lists_the_recipes_with_their_counts(capsys, tmp_path):
    main([str(tmp_path), "--json"])
    listing = json.loads(capsys.readouterr().out)
    assert {recipe["recipe"]: (recipe["parameters"], recipe["trainable"]) for recipe in listing["recipes"]} == COUNTS
    assert [model["name"] for model in listing["models"]] == shipped_models()


def test_what_is_listed_is_what_it_says(capsys, tmp_path):
    main([str(tmp_path)])
    printed = capsys.readouterr().out
    assert f"The study's four models; affekt train --help lists all {len(RECIPES)} recipes." in printed
    assert len(printed.partition("The study's")[0].rpartition("\n\n")[2].splitlines()) == 1 + 4
    assert printed.startswith("model ")
    assert re.search(r"affekt-int8 +accuracy 0.2 points below 32 bits ", printed)


def test_a_folder_of_runs_is_listed(capsys, run_folder):
    main([str(run_folder), "--json"])
    *_, model = json.loads(capsys.readouterr().out)["models"]
    assert model["name"] == "small"
    assert model["parameters"] == 2_587_976
    assert model["licence"] == "not said"


def test_a_folder_that_is_typed_and_not_there_is_named(capsys, tmp_path):
    with pytest.raises(ModelError, match=r"nope, and nothing is there; type: affekt models$"):
        main([str(tmp_path / "nope")])
    assert capsys.readouterr().out == ""


def test_the_table_shows_accuracy_and_a_missing_weights_file(capsys, run_folder):
    main([str(run_folder)])
    printed = capsys.readouterr().out
    assert "accuracy 0.500" in printed
    assert "no weights" in printed


def test_a_recorded_evaluation_comes_before_validation(capsys, run_folder):
    card = read_card(run_folder / "small")
    figures = {"accuracy": {"value": 0.61, "low": 0.6, "high": 0.62}, "macro_f1": {"value": None}}
    replace(card, metrics={**card.metrics, "faces test": {"figures": figures}}).write(run_folder / "small")
    main([str(run_folder)])
    printed = capsys.readouterr().out
    assert "accuracy 0.610 (faces test)" in printed
    assert "0.500" not in printed


def test_the_models_that_come_with_affekt_are_listed_first(capsys, run_folder):
    main([str(run_folder), "--json"])
    models = json.loads(capsys.readouterr().out)["models"]
    assert [model["name"] for model in models] == ["affekt", "affekt-fast", "affekt-int8", "small"]
    assert models[0]["bytes"] > 1e6


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_damaged_card_hides_no_other_model(capsys, run_folder, options):
    (run_folder / "a-damaged-one").mkdir()
    (run_folder / "a-damaged-one" / CARD_FILE).write_text("{")
    with pytest.raises(SystemExit) as stop:
        main([str(run_folder), *options])
    printed = capsys.readouterr().out
    assert stop.value.code == 2
    assert str(run_folder / "small") in printed
    assert f"expected a card in {run_folder / 'a-damaged-one' / CARD_FILE}, got" in printed
    if options:
        assert len(json.loads(printed)["problems"]) == 1


@pytest.mark.parametrize("asks", ["is_file", "iterdir"])
def test_nor_does_a_folder_that_may_not_be_looked_into(capsys, run_folder, tmp_path, monkeypatch, asks):
    forbidden = tmp_path / "forbidden"
    (forbidden / "inside").mkdir(parents=True)
    allowed = getattr(Path, asks)

    def ask(path):
        if forbidden in (path, path.parent):
            raise PermissionError(13, "Permission denied", str(path))
        return allowed(path)

    monkeypatch.setattr(Path, asks, ask)
    with pytest.raises(SystemExit) as stop:
        main([str(run_folder / "small"), str(forbidden)])
    printed = capsys.readouterr().out
    assert stop.value.code == 2
    assert str(run_folder / "small") in printed
    assert f"expected to look into {forbidden}, got Permission denied; check who may read it" in printed


def test_without_models_it_says_how_to_make_one(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("affekt.cli.models.shipped_models", list)
    main([str(tmp_path)])
    assert "affekt train --help" in capsys.readouterr().out
