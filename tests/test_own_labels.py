"""Labels of one's own, from a folder of pictures to answers: each command is the one that was advised before it."""

import io
import json
import os
import shlex
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from starlette.testclient import TestClient

import affekt
from affekt.analysis.rows import table_schema
from affekt.cli.main import main
from affekt.data.manifest import encode_png, manifest_labels, read_manifest
from affekt.errors import ConfigError, DataError
from affekt.labels import LABELS, OTHER_COLOURS
from affekt.models.card import read_card
from affekt.people.codebook import GROUP
from affekt.server.app import make_app
from affekt.server.settings import Settings

OWN = ("neutral", "bored", "very tired")
"""In the order of labels: one of the eight, then the others."""


def picture(place, rng):
    """A grey picture of 48 pixels whose brightest third says the label."""
    pixels = rng.normal(70, 20, (48, 48))
    pixels[16 * place : 16 * place + 16] += 120
    return np.clip(pixels, 0, 255).astype(np.uint8)


def typed(command):
    """Type a command, and return what it prints."""
    words, said = shlex.split(command), io.StringIO()
    assert words.pop(0) == "affekt"
    with redirect_stdout(said):
        main(words)
    return said.getvalue()


def advised(said, start):
    """Return the command in what was printed that begins so."""
    return next(line[line.index(start) :] for line in said.splitlines() if start in line)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The folder in which the commands are typed, with a folder of pictures."""
    folder, rng = tmp_path_factory.mktemp("home"), np.random.default_rng(0)
    for split, count in (("train", 12), ("test", 5)):
        for place, label in enumerate(OWN):
            (folder / "my faces" / split / label).mkdir(parents=True)
            for number in range(count):
                Image.fromarray(picture(place, rng)).save(folder / "my faces" / split / label / f"{number}.png")
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture(scope="module")
def said(home):
    """What each command printed, by its name."""
    found = {"import": typed("affekt data import folder 'my faces' --out faces.parquet")}
    found["check"] = typed(advised(found["import"], "affekt data check"))
    found["train"] = typed(advised(found["check"], "affekt train"))
    found["evaluate"] = typed(advised(found["train"], "affekt evaluate"))
    found["export"] = typed(advised(found["evaluate"], "affekt export"))
    predict = advised(found["export"], "affekt predict").replace("PICTURES", "'my faces/test'")
    found["predict"] = typed(f"{predict} --faces whole")
    return found


@pytest.mark.usefixtures("said")
def test_the_labels_are_the_folders_in_their_order(home):
    manifest = read_manifest(home / "faces.parquet")
    assert manifest_labels(manifest) == OWN
    assert read_card(home / "runs" / "faces").labels == OWN


def test_import_and_check_tell_of_them(said):
    assert "Labels of its own, beside affekt's eight: bored, very tired." in said["import"]
    assert "of the data set's own, beside affekt's eight: bored, very tired" in said["check"]
    assert "happiness" not in said["check"]


@pytest.mark.usefixtures("said")
def test_the_report_is_of_these_labels_in_their_colours(home):
    scores = json.loads((home / "report" / "metrics.json").read_text())["models"]["faces"]
    assert scores["figures"]["accuracy"]["value"] > 0.6, "the pictures are told apart by a network of faces"
    page = (home / "report" / "report.html").read_text()
    assert OTHER_COLOURS[0] in page
    assert OTHER_COLOURS[1] in page
    assert "contempt" not in page


@pytest.mark.usefixtures("said")
def test_predictions_have_a_column_for_each(home):
    table = pl.read_csv(home / "faces.csv", schema=table_schema(OWN))
    assert table.height == 15
    assert set(table["emotion"]) <= set(OWN)
    np.testing.assert_allclose(table.select(pl.sum_horizontal("p_neutral", "p_bored", "p_very tired")), 1, atol=1e-5)


@pytest.mark.usefixtures("said")
def test_the_service_and_the_page_follow_the_card(home, monkeypatch):
    # Whole pictures need no detector, whose file a machine may lack.
    monkeypatch.setattr("affekt.analysis.analyzer.FaceDetector", lambda *_, **__: None)
    service = make_app(Settings(model=home / "models" / "faces"))
    with TestClient(service, "http://localhost") as client:
        body = (home / "my faces" / "test" / "bored" / "0.png").read_bytes()
        answer = client.post("/v1/analyze?faces=whole", content=body, headers={"Content-Type": "image/png"})
        row = answer.json()["rows"][0]
        assert tuple(row) == tuple(table_schema(OWN))
        assert row["emotion"] in OWN
        columns = client.get("/openapi.json").json()["components"]["schemas"]["ResultRow"]["properties"]
        assert columns["emotion"]["anyOf"][0]["enum"] == list(OWN)
        module = client.get("/labels.js").text
        assert f"export const LABELS = {json.dumps(OWN)};" in module
        assert f'"bored": "{OTHER_COLOURS[0]}"' in module


@pytest.mark.usefixtures("said")
def test_marks_and_repr_follow_the_card(home):
    model = affekt.load(home / "models" / "faces", runtime="onnxruntime")
    assert "3 expressions" in repr(model)
    face = home / "my faces" / "test" / "bored" / "0.png"
    rows = model.analyze(face, faces="whole").with_columns(emotion=pl.lit("bored"))
    marked = np.asarray(affekt.draw(face, rows))
    colour = [int(OTHER_COLOURS[0][start : start + 2], 16) for start in (1, 3, 5)]
    assert (marked == colour).all(axis=2).any()


@pytest.mark.usefixtures("said")
def test_a_model_of_other_labels_is_refused_in_a_sentence_that_helps(home):
    manifest = read_manifest(home / "faces.parquet")
    with pytest.raises(
        DataError, match=r"expected affekt-fast to know .* neutral, bored, very tired, got neutral, hap"
    ):
        affekt.evaluate("affekt-fast", data=manifest, runtime="onnxruntime", out=home / "other")
    more = manifest.with_columns(emotion=pl.col("emotion").replace("bored", "fear").replace("very tired", "anger"))
    mixed = pl.concat([more, manifest.with_columns(source=pl.lit("again"), source_id="again" + pl.col("source_id"))])
    with pytest.raises(DataError, match=r"leave these rows out \(--without (.*)\), or") as caught:
        affekt.evaluate("affekt-fast", data=mixed, runtime="onnxruntime", out=home / "other")
    assert "--without bored 'very tired'" in str(caught.value)
    without = ("bored", "very tired")
    found = affekt.evaluate(
        "affekt-fast", data=mixed, runtime="onnxruntime", out=home / "other", without=without, resamples=2, mistakes=0
    )
    assert found.rows == 20
    with pytest.raises(ConfigError, match=r"expected without to name some of neutral, .*, bored, very tired, and"):
        affekt.evaluate("affekt-fast", data=mixed, runtime="onnxruntime", out=home / "other", without="borde")


@pytest.mark.usefixtures("said")
def test_teachers_must_know_the_labels_and_may_know_more(home):
    recipe = affekt.find_recipe("affekt-head").recipe.with_options(epochs=1)
    manifest = read_manifest(home / "faces.parquet")
    with pytest.raises(ConfigError, match=r"expected teachers that know .*, got none of bored, very tired in affekt"):
        affekt.train(recipe.with_options(teachers=("affekt",)), manifest, home / "taught")
    two = manifest.filter(pl.col("emotion") != "bored")
    taught = affekt.train(recipe.with_options(teachers=("runs/faces",)), two, home / "taught")
    assert taught.labels == ("neutral", "very tired")


def test_a_summary_follows_the_table():
    time_s = [0.0, 0.5, 1.0, 1.5]
    table = pl.DataFrame({"input": "v.mp4", "time_s": time_s, "track": 1, "status": "ok"})
    shares = {"p_bored": [0.9, 0.9, 0.2, 0.9], "p_very tired": [0.1, 0.1, 0.8, 0.1]}
    summary = affekt.summarize(table.with_columns(pl.Series(name, values) for name, values in shares.items()))
    assert summary.people["share_bored"].item() == pytest.approx(0.75)
    assert summary.people["episodes_very tired"].item() == 1
    assert summary.bins["emotion"].to_list() == ["bored", "bored"]
    assert GROUP not in summary.codebook["meaning"].to_list()


def test_valence_and_arousal_alone_go_the_same_way(home):
    rng = np.random.default_rng(1)
    places = [number % 3 for number in range(40)]
    rated = pl.DataFrame(
        {
            "image": [encode_png(picture(place, rng)) for place in places],
            "split": ["train"] * 30 + ["val"] * 10,
            "source": "rated",
            "source_id": [str(number) for number in range(40)],
            "valence": [place / 2 - 0.5 for place in places],
            "arousal": [0.5 - place / 4 for place in places],
            "valence_arousal_origin": "rated",
        }
    )
    affekt.write_manifest(rated, home / "rated.parquet")
    check = typed("affekt data check rated.parquet")
    train = typed(advised(check, "affekt train"))
    evaluate = typed(advised(train, "affekt evaluate").replace("report/", "rated-report/"))
    typed(advised(evaluate, "affekt export"))
    (home / "face.png").write_bytes(rated["image"][0])
    row = affekt.load(home / "models" / "rated", runtime="onnxruntime").analyze("face.png", faces="whole")
    assert row["valence"].item() is not None
    assert row["emotion"].item() is None
    assert row.columns == list(table_schema(LABELS))
    card = read_card(home / "runs" / "rated")
    assert card.heads == ("valence_arousal",)
    assert replace(card, labels=LABELS) == card
