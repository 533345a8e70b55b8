"""Faces found while a data set is imported: which of several, what is left out, and the same in every process."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import skimage.data

from affekt.data.importers import found_face
from affekt.data.importers.engine import import_listing
from affekt.data.importers.found_face import NO_FACE, found_box
from affekt.data.importers.listing import Listing
from affekt.data.importers.summary import summary
from affekt.errors import ModelError
from affekt.faces.detection import Faces
from affekt.faces.detector_file import YUNET_FILE
from affekt.faces.pictures import encode_png

SMALL, LARGE = [10.0, 10.0, 20.0, 20.0], [40.0, 40.0, 80.0, 80.0]
SHARED = Path(__file__).resolve().parents[4] / "shared" / "models" / YUNET_FILE


class Finder:
    """Finds the boxes that it was made with, and nothing in black pictures."""

    def __init__(self, *boxes):
        self.boxes = np.array(boxes, np.float32).reshape(-1, 4)

    def detect(self, image_rgb):
        boxes = self.boxes if image_rgb.any() else self.boxes[:0]
        return Faces(boxes, np.zeros((len(boxes), 5, 2), np.float32), np.ones(len(boxes), np.float32))


@pytest.fixture
def finds(monkeypatch):
    return lambda *boxes: monkeypatch.setattr(found_face, "detector", lambda: Finder(*boxes))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, LARGE),
        ([8.0, 8.0, 22.0, 22.0], SMALL),
        ([0.0, 0.0, 100.0, 100.0], LARGE),
        ([85.0, 0.0, 99.0, 20.0], None),
    ],
)
def test_the_largest_face_or_the_one_on_the_given_box(finds, given, expected):
    finds(SMALL, LARGE)
    assert found_box(np.ones((100, 100, 3), np.uint8), given) == expected


def test_no_face_is_none(finds):
    finds()
    assert found_box(np.ones((100, 100, 3), np.uint8), None) is None


def listing_of(folder, pictures, **columns):
    for name, picture in pictures.items():
        (folder / name).write_bytes(encode_png(picture) if picture is not None else b"no picture")
    rows = {"path": [str(folder / name) for name in pictures], "split": "train", "source": "tiny"}
    return Listing(rows=pl.DataFrame(rows | {"source_id": list(pictures), "emotion": "happiness"} | columns))


def test_an_import_fills_boxes_and_counts_pictures_without_a_face(finds, monkeypatch, tmp_path):
    finds(LARGE)
    monkeypatch.setattr("affekt.data.importers.engine.detector", found_face.detector)
    bright, black = np.full((100, 100, 3), 200, np.uint8), np.zeros((100, 100, 3), np.uint8)
    listing = listing_of(tmp_path, {"a.png": bright, "b.png": black, "c.png": None})
    report = import_listing(listing, tmp_path / "faces.parquet", jobs=1, faces="yunet")
    assert report.manifest["source_id"].to_list() == ["a.png"]
    assert report.manifest["box_xyxy"].to_list() == [LARGE]
    assert report.unreadable[NO_FACE] == (str(tmp_path / "b.png"),)
    text = summary(report)
    assert "\nno face found " in text
    assert "unreadable: no face" not in text
    assert "unreadable: not a picture" in text


def test_given_boxes_stay_and_parts_of_another_kind_are_not_taken(finds, monkeypatch, tmp_path):
    finds(LARGE)
    monkeypatch.setattr("affekt.data.importers.engine.detector", found_face.detector)
    picture = np.full((100, 100, 3), 200, np.uint8)
    listing = listing_of(tmp_path, {"a.png": picture}, box_xyxy=[[30.0, 30.0, 70.0, 70.0]])
    given = import_listing(listing, tmp_path / "faces.parquet", jobs=1)
    found = import_listing(listing, tmp_path / "faces.parquet", jobs=1, faces="yunet")
    assert given.manifest["box_xyxy"].to_list() == [[30, 30, 70, 70]]
    assert found.manifest["box_xyxy"].to_list() == [LARGE]
    assert found.resumed == 0


def test_without_the_detector_nothing_is_begun(monkeypatch, tmp_path):
    def absent():
        raise ModelError("expected the face detector, got none")

    monkeypatch.setattr("affekt.data.importers.engine.detector", absent)
    listing = listing_of(tmp_path, {"a.png": np.ones((8, 8, 3), np.uint8)})
    with pytest.raises(ModelError):
        import_listing(listing, tmp_path / "faces.parquet", jobs=1, faces="yunet")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.skipif(not SHARED.is_file(), reason="needs the face detector's file beside the project")
def test_the_astronauts_face_is_found_by_every_process(monkeypatch, tmp_path):
    place = tmp_path / "home" / "detectors"
    place.mkdir(parents=True)
    (place / YUNET_FILE).symlink_to(SHARED)
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    found_face.detector.cache_clear()
    pictures = {"a.png": skimage.data.astronaut(), "b.png": skimage.data.coffee(), "c.png": skimage.data.astronaut()}
    listing = listing_of(tmp_path, pictures)
    report = import_listing(listing, tmp_path / "faces.parquet", jobs=2, pictures_a_chunk=1, faces="yunet")
    found_face.detector.cache_clear()
    assert report.manifest["source_id"].to_list() == ["a.png", "c.png"]
    for box in report.manifest["box_xyxy"].to_list():
        assert box == pytest.approx([178, 63, 268, 176], abs=4)
