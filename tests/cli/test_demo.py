"""The demo, made tiny: drawn data, one recipe for each kind of head, the report and the sheet of samples."""

import json
import re

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt.cli import demo
from affekt.cli.main import main
from affekt.faces.detection import Faces
from affekt.training import recipes


@pytest.fixture
def tiny_recipes(monkeypatch):
    def tiny(**changes):
        fields = {
            "architecture": "test_efficientnet",
            "weights": ("none",),
            "frozen": False,
            "input_size": 32,
            "epochs": 1,
        }
        return recipes.NamedRecipe("tiny", recipes.Recipe.of(**(fields | changes)))

    monkeypatch.setitem(recipes.RECIPES, "tiny-drawn", tiny())
    monkeypatch.setitem(recipes.RECIPES, "tiny-va-drawn", tiny(heads=("valence_arousal",)))


class PortraitsFace:
    """Stands for the detector, whose file a machine may lack: the face on NASA's portrait, or all of a picture."""

    def __init__(self, **options):
        self.options = options

    def detect(self, image_rgb, *, looks_again=True):
        height, width = image_rgb.shape[:2]
        box = [170, 60, 270, 170] if (height, width) == (512, 512) else [0, 0, width, height]
        return Faces(np.array([box], np.float32), np.zeros((1, 5, 2)), np.array([0.9], np.float32))


def test_the_demo_trains_evaluates_and_shows(tiny_recipes, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("affekt.analysis.analyzer.FaceDetector", PortraitsFace)
    options = ["--people", "16", "--recipes", "tiny-drawn", "tiny-va-drawn", "--resamples", "10"]
    for _ in range(2):  # a second demo replaces the first
        main(["demo", "--out", str(tmp_path), *options])
        plan, _, done = capsys.readouterr().out.partition("\n1. affekt predict")
    assert "128 faces of 16 people are drawn" in plan
    assert "2 networks learn from them" in plan
    # The first thing that is seen comes before any training.
    read, _, trained = done.partition("\n2. drew 128 synthetic faces")
    assert re.search("portrait.png: one face, (happiness|neutral)", read)
    assert re.search("3. tiny-va-drawn, 2 of 2; [0-9]+ s so far", trained)
    assert "all is synthetic" in trained
    assert list((tmp_path / "marked").rglob("portrait.png.jpg"))
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert set(metrics["models"]) == {"tiny", "tiny-va"}
    assert metrics["expression_origin"] == metrics["valence_arousal_origin"] == "synthetic"
    people = pl.read_parquet(tmp_path / "manifest.parquet").group_by("subject").agg(pl.col("split").n_unique())
    assert (people["split"] == 1).all()
    with Image.open(tmp_path / "samples.png") as sheet:
        assert sheet.width > 800


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--recipes", "tiny-drawn", "resnet"], "expected a recipe among"),
        (["--recipes", "tiny-drawn", "--epochs", "0"], "expected epochs above 0"),
        (["--recipes"], "expected a recipe to train, got none"),
        (["--people", "0"], "expected at least 3 people, one for each split, got 0"),
    ],
)
def test_a_mistake_is_one_sentence_before_anything_is_drawn_or_trained(tiny_recipes, tmp_path, capsys, options, said):
    with pytest.raises(SystemExit) as stop:
        main(["demo", "--out", str(tmp_path / "demo"), "--people", "8", *options])
    assert stop.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()


def test_a_folder_with_other_files_is_refused_before_anything_is_drawn(tiny_recipes, tmp_path, capsys):
    (tmp_path / "manifest.parquet").write_text("mine", encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["demo", "--out", str(tmp_path)])
    assert f"{tmp_path}/manifest.parquet; move it away, or type: --out {tmp_path}-new" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.parquet"]


def test_a_file_in_place_of_the_folder_is_refused_before_anything_is_trained(tmp_path, capsys):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "demo"):
        with pytest.raises(SystemExit):
            main(["demo", "--out", str(out)])
        assert f"expected a folder as out, {out}, got the file {tmp_path / 'file'}" in capsys.readouterr().err


def test_the_demo_trains_the_four_reference_networks():
    built = {recipes.RECIPES[name].recipe.network.architecture for name in demo.DEMO_RECIPES}
    assert built == {
        recipes.RECIPES[name].recipe.network.architecture for name in ("efficientnetv2b0", "mobilenetv2", "xception")
    } | {"vgg16"}
