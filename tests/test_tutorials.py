"""The tutorials and the README do what they say: their commands and programs are run as they are printed."""

import json
import re
import shlex
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from PIL import Image

import affekt
from affekt.cli.main import main
from affekt.data.manifest import write_manifest
from affekt.faces.detector_file import YUNET_FILE
from affekt.faces.preprocessing import Preprocessing, crop_face, normalise
from affekt.models.card import SHIPPED
from drawn_faces import draw_face, drawn_manifest, no_units, prototype_units, random_identity

ROOT = Path(__file__).parents[1]
TUTORIALS = ROOT / "docs" / "tutorials"
SEVEN_ELSEWHERE = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
YUNET = ROOT / ".." / "shared" / "models" / YUNET_FILE


def blocks(page, kind):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), flags=re.M | re.S)
    return [text for of, text in found if of == kind]


def run_commands(page):
    for block in blocks(page, ""):
        for line in block.splitlines():
            if line.startswith("affekt "):
                main(shlex.split(line)[1:])


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Work in an empty folder, with a detector that need not be fetched."""
    if not YUNET.is_file():
        pytest.skip(f"needs shared/models/{YUNET_FILE} beside the checkout")
    home = tmp_path / "home"
    (home / "detectors").mkdir(parents=True)
    shutil.copy(YUNET, home / "detectors")
    monkeypatch.setenv("AFFEKT_HOME", str(home))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def portrait(path, side=256):
    face = draw_face(random_identity(np.random.default_rng(0)), prototype_units("happiness", 1.0), size=side)
    Image.fromarray(face).save(path)


def test_the_lines_of_the_readme_print_what_stands_there(work, capsys):
    sample = Path("src/affekt/server/page/sample.jpg")
    (work / sample).parent.mkdir(parents=True)
    shutil.copy(ROOT / sample, work / sample)
    [program] = blocks(ROOT / "README.md", "python")
    exec(compile(program, "README.md", "exec"), {})
    with Image.open("marked.png") as marked, Image.open(sample) as picture:
        assert marked.size == picture.size
    table, printed = blocks(ROOT / "README.md", "text")
    assert capsys.readouterr().out == printed
    main(["predict", str(sample), "--out", "faces.csv"])
    [row] = pl.read_csv("faces.csv").rows(named=True)
    names, values = (line.split() for line in table.splitlines())
    # Processors differ in the last digits.
    shown = dict(zip(names, values, strict=True))
    assert (shown.pop("input"), shown.pop("emotion"), row["status"]) == (str(sample), "happiness", "ok")
    assert {name: float(value) for name, value in shown.items()} == pytest.approx(
        {name: row[name] for name in shown}, abs=1e-3
    )


def test_recordings_become_a_figure(work, write_video, monkeypatch, capsys):
    monkeypatch.setenv("MPLBACKEND", "agg")
    person = random_identity(np.random.default_rng(3))
    rest, film = (draw_face(person, units, size=192) for units in (no_units(), prototype_units("happiness", 0.9)))
    (work / "recordings").mkdir()
    for name in ("ada.mp4", "ben.mp4"):
        write_video([rest] * 25 + [film] * 55, name, times_s=[0.8 * number for number in range(80)]).rename(
            work / "recordings" / name
        )
    page = TUTORIALS / "interviews.md"
    (work / "markers.csv").write_text(blocks(page, "text")[0], encoding="utf-8")
    run_commands(page)
    people = pl.read_csv("study/people.csv")
    assert people["marker"].to_list() == ["rest", "film"] * 2
    assert (people.filter(marker="film")["valence"] > people.filter(marker="rest")["valence"]).all()
    [figure] = blocks(page, "python")
    # Of one of them hardly a face was seen well enough.
    share = pl.when(pl.col("input").str.ends_with("ben.mp4")).then(0.01).otherwise("reliable_share")
    pl.read_parquet("study/people.parquet").with_columns(reliable_share=share).write_parquet("study/people.parquet")
    known = {}
    exec(compile(figure, str(page), "exec"), known)
    assert known["film"]["input"].to_list() == ["recordings/ada.mp4"]
    assert capsys.readouterr().out.endswith("1 of 2 appearances are in the chart\n")
    assert Path("valence.pdf").read_bytes().startswith(b"%PDF")


def seven_percents(picture, actions, enforce_detection):
    """Answer as DeepFace does, which is not installed: a face each, in percent."""
    with Image.open(picture):
        return [{"emotion": {name: np.float32(100 / 7) for name in SEVEN_ELSEWHERE}}]


def run_python(page, **known):
    """Run the Python of a page, with the names that its reader has already."""
    for block in blocks(ROOT / "docs" / page, "python"):
        # pandas is the reader's own affair.
        exec(compile(re.sub(r".*to_pandas.*", "", block), page, "exec"), known)
    return known


def test_the_python_of_predict_and_people_runs(work, write_video):
    picture = draw_face(random_identity(np.random.default_rng(0)), prototype_units("happiness", 1.0), size=160)
    for folder in ("holiday", "clips"):
        (work / folder).mkdir()
    for path in ("portrait.jpg", "holiday/beach.jpg"):
        portrait(work / path)
    write_video([picture] * 6, times_s=[0.2 * number for number in range(6)]).rename(work / "clips" / "clip.mp4")
    known = run_python("predict.md", image_rgb=picture, image=Image.fromarray(picture), crops=[picture, picture])
    assert known["table"].collect()["status"].to_list() == ["ok"]
    assert known["sure"]["emotion"].to_list() == ["happiness"] * 6
    affekt.predict("clips/", out="faces.parquet", force=True)
    study = run_python("people.md")["study"]
    assert study.people["person"].to_list() == ["1"]


@pytest.mark.parametrize(
    ("alignment", "channels", "tilt", "most"),
    [("none", 3, 0.4, 1), ("none", 1, 0, 1), ("level", 1, 0, 1), ("level", 1, 0.4, 20), ("level", 3, -2, 20)],
)
@pytest.mark.parametrize("margin", [-0.1, 0.3])
def test_a_crop_is_cut_as_export_says(work, monkeypatch, alignment, channels, tilt, most, margin):
    """The page's lines without affekt, for a face at the picture's edge, against affekt's own crop."""
    (work / "models").mkdir()
    folder = shutil.copytree(SHIPPED / "affekt", work / "models" / "mobilenetv2")
    card = json.loads((folder / "card.json").read_text())
    card["preprocessing"] |= {"alignment": alignment, "channels": channels, "crop_margin": margin}
    card["preprocessing"] |= {"mean": [0.5] * channels, "std": [0.25] * channels}
    (folder / "card.json").write_text(json.dumps(card))
    picture = draw_face(random_identity(np.random.default_rng(0)), prototype_units("happiness", 1.0), size=256)
    picture = np.asarray(Image.fromarray(picture).rotate(-np.degrees(tilt), Image.Resampling.BICUBIC))
    cosine, sine = np.cos(tilt), np.sin(tilt)
    level = np.array([[-40, -30], [40, -30], [0, 0], [-25, 40], [25, 40]])
    box, landmarks = np.array([60.3, 40.7, 230.2, 262.9]), level @ [[cosine, sine], [-sine, cosine]] + 128
    faces = SimpleNamespace(box_xyxy=box[None], landmarks_xy=landmarks[None])
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda path: SimpleNamespace(run=lambda *_: [None]))
    known = {"picture": picture, "faces": faces}
    exec(compile(blocks(ROOT / "docs" / "export.md", "python")[1], "export.md", "exec"), known)
    card["preprocessing"] |= {"mean": (0.5,) * channels, "std": (0.25,) * channels}
    wanted = Preprocessing(**card["preprocessing"])
    ours = crop_face(picture, wanted, box, landmarks)
    differences = np.abs(known["crop"].reshape(ours.shape).astype(int) - ours)
    assert differences.max() <= most
    assert differences.mean() < 1
    np.testing.assert_allclose(
        known["pixels"].transpose(0, 3, 1, 2), normalise(known["crop"].reshape(1, *ours.shape), wanted), atol=1e-5
    )


def test_the_python_of_export_evaluation_and_other_tools_runs(work, monkeypatch):
    for name in ("runs/a", "models/mobilenetv2"):
        shutil.copytree(SHIPPED / "affekt-fast", work / name)
    portrait(work / "portrait.jpg")
    cut = run_python("export.md")
    assert cut["affect"].probabilities.shape == (1, 8)
    np.testing.assert_allclose(cut["probabilities"], cut["affect"].probabilities, atol=0.02)
    manifest = drawn_manifest(identities=9, pictures_per_identity=8, size=48, seed=0)
    write_manifest(manifest, work / "manifest.parquet")
    monkeypatch.setitem(sys.modules, "deepface", SimpleNamespace(DeepFace=SimpleNamespace(analyze=seven_percents)))
    theirs = run_python("other-tools.md")["theirs"]
    assert pl.read_parquet("theirs.parquet").equals(theirs)
    sums = theirs.select(source_id="source_id", sum=pl.sum_horizontal(pl.exclude("source_id")))
    assert sums["sum"].to_list() == pytest.approx([1.0] * manifest.filter(split="test").height)
    theirs.write_csv("theirs.csv")
    found = run_python("evaluation.md")["found"]
    assert found.frame["model"].unique().sort().to_list() == ["a", "floor", "theirs"]


def test_the_python_of_training_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    manifest = drawn_manifest(identities=6, pictures_per_identity=4, size=48, seed=0)
    write_manifest(manifest, tmp_path / "manifest.parquet")
    for word in ("happiness", "sadness", "surprise"):
        (tmp_path / "faces" / word).mkdir(parents=True)
        for person in range(10):
            face = draw_face(random_identity(np.random.default_rng(person)), prototype_units(word, 1.0), size=96)
            Image.fromarray(face).save(tmp_path / "faces" / word / f"{person}_1.png")
    known = run_python("training.md")
    card = known["card"]
    assert card.architecture == affekt.find_recipe("mobilenetv2-scratch").recipe.network.architecture
    assert card.training["epochs"] == 3
    assert (tmp_path / "runs" / "mine" / "model.safetensors").is_file()
    [accuracy] = known["found"].frame.filter(model="folds", figure="accuracy")["value"]
    assert accuracy > 0.5  # a guess has 0.33
    assert (tmp_path / "runs" / "folds" / "report" / "report.html").is_file()


def test_folders_become_a_model_of_ones_own_words(work, capsys):
    words = {"bored": "sadness", "smile": "happiness", "wow": "surprise"}
    for split, people in (("train", range(12)), ("test", range(20, 24)), ("holiday", (30,))):
        for word, expression in words.items():
            folder = work / "holiday" if split == "holiday" else work / "pictures" / split / word
            folder.mkdir(parents=True, exist_ok=True)
            for person in people:
                identity = random_identity(np.random.default_rng(person))
                face = draw_face(identity, prototype_units(expression, 1.0), size=160)
                Image.fromarray(face).save(folder / f"{person}_{word}.png")
    page = TUTORIALS / "own-classes.md"
    run_commands(page)
    printed = capsys.readouterr().out
    for command in ("affekt train", "affekt export"):
        [line] = [line for block in blocks(page, "") for line in block.splitlines() if line.startswith(command)]
        assert line in printed, "the tutorial types what the program advises"
    found = pl.read_csv("holiday.csv").sort("input")
    assert found.select("^p_.*$").columns == ["p_bored", "p_smile", "p_wow"]
    assert found["emotion"].to_list() == ["bored", "smile", "wow"]
    assert Path("report/report.html").is_file()
