"""Finding faces: the arithmetic by itself, then YuNet on a photograph, against OpenCV's own use of the same file."""

import builtins
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from affekt.errors import ConfigError, MissingExtra
from affekt.faces.detection import CascadeDetector, FaceDetector, decode, without_overlaps
from affekt.faces.preprocessing import tilt_of

YUNET = Path(__file__).resolve().parents[2] / ".." / "shared" / "models" / "face_detection_yunet_2026may.onnx"
needs_yunet = pytest.mark.skipif(not YUNET.is_file(), reason=f"needs shared/models/{YUNET.name} beside the checkout")


def overlap(one, two):
    width, height = np.minimum(one[2:], two[2:]) - np.maximum(one[:2], two[:2])
    shared = max(width, 0) * max(height, 0)
    return shared / (np.prod(one[2:] - one[:2]) + np.prod(two[2:] - two[:2]) - shared)


@pytest.fixture(scope="module")
def astronaut():
    """NASA's portrait of Eileen Collins, public domain, which scikit-image carries: one face."""
    skimage = pytest.importorskip("skimage")
    with Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png") as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.fixture(scope="module")
def detector():
    return FaceDetector(YUNET)


def test_an_anchor_becomes_a_box_in_pixels():
    cls, obj = np.array([[0.0], [1.0], [0.0]]), np.array([[0.0], [0.81], [0.9]])
    bbox = np.array([[0, 0, 0, 0], [0.5, 0.25, np.log(2), np.log(4)], [0, 0, 0, 0]])
    faces = decode(cls, obj, bbox, np.tile([0.5, -0.5], (3, 5)), stride=8, columns=1, score_threshold=0.5)
    assert faces.score == pytest.approx([0.9])
    assert faces.box_xyxy == pytest.approx(np.array([[4 - 8, 10 - 16, 4 + 8, 10 + 16]]))
    assert faces.landmarks_xy == pytest.approx(np.tile([4.0, 4.0], (1, 5, 1)))


boxes = st.lists(st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(1, 30)] * 2, st.integers(0, 9)), max_size=12)


@given(boxes)
def test_chosen_boxes_do_not_overlap_and_every_other_overlaps_a_surer_one(drawn):
    array = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in drawn], dtype=np.float32).reshape(-1, 4)
    score = np.array([s / 10 for *_, s in drawn], dtype=np.float32)
    chosen = without_overlaps(array, score)
    assert (np.diff(score[chosen]) <= 0).all()
    for index in range(len(drawn)):
        rivals = [c for c in chosen if c != index and overlap(array[c], array[index]) > 0.3]
        if index in chosen:
            assert not rivals
        else:
            assert any(score[c] >= score[index] for c in rivals)


@pytest.mark.parametrize("wrong", [{"longest_side": 16}, {"score_threshold": 1.0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigError, match="expected"):
        FaceDetector(YUNET, **wrong)


@needs_yunet
def test_one_face_with_its_landmarks_where_they_are(detector, astronaut):
    faces = detector.detect(astronaut)
    assert len(faces) == 1
    left, top, right, bottom = faces.box_xyxy[0]
    assert 160 < left < 190 < 250 < right < 285
    assert 45 < top < 75 < 160 < bottom < 190
    right_eye, left_eye, nose, mouth_right, mouth_left = faces.landmarks_xy[0]
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_eye[1] < nose[1] < mouth_right[1]
    assert mouth_right[0] < mouth_left[0]


@needs_yunet
@pytest.mark.parametrize(("side", "tolerance"), [(256, 0.75), (700, 0.75), (2048, 0.75), (4000, 0.7)])
def test_the_same_face_at_any_size(detector, astronaut, side, tolerance):
    resized = np.asarray(Image.fromarray(astronaut).resize((side, side)))
    (found,) = detector.detect(resized).box_xyxy
    (expected,) = detector.detect(astronaut).box_xyxy
    assert overlap(found / side, expected / 512) > tolerance


@needs_yunet
def test_several_faces_and_one_cut_by_the_edge(detector, astronaut):
    face = astronaut[30:230, 120:320]
    wall = np.full((400, 900, 3), 90, dtype=np.uint8)
    for x in (20, 300, 600):
        wall[100:300, x : x + 200] = face
    wall[100:300, 790:] = face[:, :110]
    found = detector.detect(wall)
    assert len(found) == 4
    assert sorted(found.box_xyxy[:, 0].round(-2).tolist())[0] == pytest.approx(100)
    assert (np.diff(found.score) <= 0).all()


@needs_yunet
@pytest.mark.parametrize("degrees", [30, 45, 60, 90, 135, 180, -90])
def test_a_turned_face_has_the_tilt_place_and_size_that_it_has(detector, astronaut, degrees):
    upright = detector.detect(astronaut)
    image = Image.fromarray(astronaut).rotate(degrees, Image.Resampling.BICUBIC, expand=True)
    (box,), (landmarks,) = (faces := detector.detect(np.asarray(image))).box_xyxy, faces.landmarks_xy
    turned = np.degrees(tilt_of(upright.landmarks_xy[0])) - degrees  # clockwise as seen
    assert (np.degrees(tilt_of(landmarks)) - turned + 180) % 360 == pytest.approx(180, abs=8)
    (expected,) = upright.box_xyxy
    side = max(expected[2:] - expected[:2])
    assert max(box[2:] - box[:2]) == pytest.approx(side, rel=0.15)
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    middle = np.array([[cosine, sine], [-sine, cosine]]) @ ((expected[:2] + expected[2:]) / 2 - 256)
    assert np.linalg.norm((box[:2] + box[2:]) / 2 - middle - np.array(image.size) / 2) < 0.15 * side


@needs_yunet
@pytest.mark.parametrize("side", [80, 112, 128])
def test_a_face_that_fills_its_picture_and_hangs_upside_down_is_no_upright_one(detector, astronaut, side):
    face = Image.fromarray(astronaut[55:169, 178:268]).resize((side, side)).rotate(180)
    found = detector.detect(np.asarray(face))
    assert abs(np.degrees(tilt_of(found.landmarks_xy[0]))) > 165


@needs_yunet
def test_a_second_look_finds_faces_that_fill_or_lie_and_costs_nothing_where_the_first_finds_one(
    detector, astronaut, monkeypatch
):
    face = np.asarray(Image.fromarray(astronaut[60:180, 165:275]).resize((640, 640)))
    for picture in (np.rot90(face, 2), np.rot90(face, 3)):
        assert len(detector.first_look(picture)) == 0
        assert len(detector.detect(picture, looks_again=False)) == 0
        assert len(detector.detect(picture)) == 1
    monkeypatch.setattr(FaceDetector, "_second_look", None)  # which nobody may call
    assert len(detector.detect(astronaut)) == 1


@needs_yunet
def test_an_upright_face_stays_where_the_first_look_saw_it(detector, astronaut):
    first, found = detector.first_look(astronaut), detector.detect(astronaut)
    assert np.array_equal(first.box_xyxy, found.box_xyxy)
    assert np.array_equal(first.landmarks_xy, found.landmarks_xy)


@needs_yunet
@pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket"])
def test_nobody_is_seen_where_nobody_is(detector, name):
    assert len(detector.detect(getattr(skimage.data, name)())) == 0


@needs_yunet
@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 300, 3), (240, 33, 3)])
def test_no_face_is_an_empty_answer(detector, shape):
    found = detector.detect(np.full(shape, 128, dtype=np.uint8))
    assert len(found) == 0
    assert found.box_xyxy.shape == (0, 4)
    assert found.landmarks_xy.shape == (0, 5, 2)


@needs_yunet
@pytest.mark.parametrize("size", [(512, 512), (640, 352), (333, 401)])
def test_boxes_are_opencvs(astronaut, size):
    cv2 = pytest.importorskip("cv2")
    picture = np.asarray(Image.fromarray(astronaut).resize(size))
    reference = cv2.FaceDetectorYN.create(str(YUNET), "", size, 0.5, 0.3, 5000)
    _, expected = reference.detect(np.ascontiguousarray(picture[..., ::-1]))
    found = FaceDetector(YUNET, score_threshold=0.5).detect(picture)
    assert len(found) == len(expected) > 0
    for row, box, landmarks, score in zip(expected, found.box_xyxy, found.landmarks_xy, found.score, strict=True):
        assert overlap(box, np.array([row[0], row[1], row[0] + row[2], row[1] + row[3]])) > 0.95
        assert landmarks.ravel() == pytest.approx(row[4:14], abs=0.5)
        assert score == pytest.approx(row[14], abs=1e-3)


def test_the_cascade_finds_the_astronauts_face_first():
    faces = CascadeDetector().detect(skimage.data.astronaut())
    left, top, right, bottom = faces.box_xyxy[0]
    assert left < 225 < right
    assert top < 115 < bottom
    assert 60 < right - left < 160
    assert np.isnan(faces.score).all()


def test_the_cascades_boxes_are_in_pixels_of_the_picture_it_was_given():
    picture = skimage.data.astronaut()
    large = picture.repeat(3, axis=0).repeat(3, axis=1)
    box, tripled = (CascadeDetector().detect(image).box_xyxy[0] for image in (picture, large))
    np.testing.assert_allclose(tripled / 3, box, atol=15)


@pytest.mark.parametrize("shape", [(10, 10, 3), (400, 5, 3), (200, 200, 3)])
def test_the_cascade_finds_none_where_there_is_none(shape):
    faces = CascadeDetector().detect(np.zeros(shape, np.uint8))
    assert faces.box_xyxy.shape == (0, 4)
    assert faces.landmarks_xy.shape == (0, 5, 2)


def test_without_scikit_image_the_cascade_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("skimage"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r'skimage\.data is not installed; type: pip install .*\[cascade\]"'):
        CascadeDetector()
