"""The whole way on a photograph: YuNet finds the face, the model that ships reads it, people keep their numbers."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt.analysis import analyzer as analyzer_module
from affekt.analysis.analyzer import Analyzer, load
from affekt.models.card import shipped_models

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "models"
YUNET = SHARED / "face_detection_yunet_2026may.onnx"
pytestmark = pytest.mark.skipif(not YUNET.is_file(), reason=f"needs shared/models/{YUNET.name} beside the checkout")


@pytest.fixture(autouse=True)
def yunet(monkeypatch):
    plain = analyzer_module.FaceDetector
    monkeypatch.setattr(analyzer_module, "FaceDetector", lambda **options: plain(YUNET, **options))


@pytest.fixture(scope="module")
def astronaut():
    """NASA's portrait of Eileen Collins, public domain, which scikit-image carries: one face."""
    skimage = pytest.importorskip("skimage")
    with Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png") as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.skipif("affekt" not in shipped_models(), reason="no model ships in this checkout")
def test_the_astronaut_is_one_happy_face(astronaut):
    table = Analyzer("affekt").analyze(astronaut)
    assert table["emotion"].to_list() == ["happiness"]
    assert table["confidence"][0] > 0.8


@pytest.mark.skipif("affekt" not in shipped_models(), reason="no model ships in this checkout")
def test_what_the_shipped_model_says_does_not_depend_on_the_batch():
    """A run that was killed goes on with other batches, and must end in the same table."""
    session = Analyzer("affekt").session
    size = session.card.preprocessing.input_size
    crops = np.random.default_rng(0).integers(0, 256, (17, size, size, session.card.preprocessing.channels), np.uint8)
    whole, alone = session.predict(crops), session.predict(crops, batch_size=1)
    assert np.array_equal(whole.probabilities, alone.probabilities)
    assert np.array_equal(whole.valence_arousal, alone.valence_arousal)


@pytest.mark.parametrize("detect_every", [1, 2])
def test_two_faces_that_cross_in_a_video_keep_their_numbers(astronaut, small_model, write_video, detect_every):
    head = np.asarray(Image.fromarray(astronaut[0:200, 130:330]).resize((120, 120)))
    frames = []
    for t in range(50):
        frame = np.full((240, 640, 3), 128, np.uint8)
        there, back = 20 + 10 * t, 500 - 10 * t
        frame[70:190, back : back + 120] = head[:, ::-1]
        frame[60:180, there : there + 120] = head
        frames.append(frame)
    table = load(small_model, detect_every=detect_every).analyze(write_video(frames)).filter(status="ok")
    ends = table.group_by("track").agg(pl.col("x").first().alias("first"), pl.col("x").last().alias("last"))
    left, right = ends.sort("first").iter_rows(named=True)
    assert left["first"] < 100 < 450 < left["last"]
    assert right["first"] > 450 > 100 > right["last"]
