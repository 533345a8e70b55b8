"""The faces in each frame: where they are, and what is cut out."""

import io

import numpy as np
import pytest
from PIL import Image

from affekt.analysis.detected_faces import HALVED_FROM_SIDES, detect_faces, number_people
from affekt.analysis.frames import Frame
from affekt.faces.detection import FaceDetector, Faces
from affekt.faces.preprocessing import Preprocessing

GREYS = [np.full((48, 64, 3), 8 * number, np.uint8) for number in range(25)]


class TwoFaces(FaceDetector):
    """Stands for a detector: two faces that go to the right by half of the picture's grey value, in pixels."""

    def __init__(self):
        self.longest_side = 640

    def detect(self, picture, *, looks_again=True):
        to_the_right = picture.image_rgb[0, 0, 0] / 2
        boxes = np.array([[0, 0, 20, 20], [30, 20, 50, 44]], np.float32) + np.array([1, 0, 1, 0]) * to_the_right
        landmarks = boxes[:, None, :2] + np.arange(10).reshape(1, 5, 2)
        return Faces(boxes.astype(np.float32), landmarks.astype(np.float32), np.array([0.9, 0.8], np.float32))


@pytest.mark.parametrize("detect_every", [1, 2])
def test_landmarks_stay_where_they_are_in_the_face_found_or_followed(detect_every):
    preprocessing = Preprocessing(input_size=16)
    frames = [
        Frame("v", grey, n, n / 25, ends=False, detects=n % detect_every == 0) for n, grey in enumerate(GREYS[:9])
    ]
    seen = list(number_people((detect_faces(frame, TwoFaces(), preprocessing) for frame in frames), preprocessing))
    assert [len(faces.landmarks_xy) for faces in seen] == [2] * 9
    for faces in seen:
        offsets = faces.landmarks_xy - faces.box_xyxy[:, None, :2]
        np.testing.assert_allclose(offsets, np.tile(np.arange(10).reshape(1, 5, 2), (2, 1, 1)), atol=1e-4)


def test_whole_pictures_have_no_landmarks():
    found = detect_faces(Frame("a", GREYS[3]), None, Preprocessing(input_size=16))
    assert found.landmarks_xy.shape == (1, 5, 2)
    assert np.isnan(found.landmarks_xy).all()


class OneFace(FaceDetector):
    """Stands for a detector that sees one face in the middle of a picture, and keeps what it was given."""

    def __init__(self, side):
        self.longest_side, self.side = 160, side

    def detect(self, picture, *, looks_again=True):
        self.given = picture
        centre = np.array(picture.shape[1::-1], np.float32) / 2
        box = np.concatenate([centre - self.side / 2, centre + self.side / 2])[None]
        landmarks = centre + self.side / 4 * np.array([[[-1, -1], [1, -1], [0, 0], [-0.7, 1], [0.8, 1]]])
        return Faces(box, landmarks.astype(np.float32), np.array([0.95], np.float32))


def photograph(longest_side, kind="JPEG", **options):
    """Return an encoded picture that is smooth but for some grain, and twice as wide as it is high."""
    generator = np.random.default_rng(1)
    coarse = Image.fromarray(generator.integers(0, 256, (12, 24, 3), dtype=np.uint8))
    image = np.asarray(coarse.resize((longest_side, longest_side // 2), Image.Resampling.BICUBIC))
    grainy = np.clip(image + generator.normal(0, 3, image.shape), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(grainy).save(file, kind, **options)
    return file.getvalue()


SIZE = 32
"""Of a network's input."""


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("longest_side", [2800, 2801])
def test_a_large_face_of_a_large_jpeg_is_cut_out_at_half_the_size(orientation, longest_side):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = photograph(longest_side, quality=95, exif=exif)
    detector, preprocessing = OneFace(HALVED_FROM_SIDES * SIZE), Preprocessing(input_size=SIZE, alignment="level")
    found = detect_faces(Frame("a", content), detector, preprocessing)
    assert detector.given.whole_shape is not None
    assert max(detector.given.pixels_shape) == -(-longest_side // 2)
    detector.longest_side = longest_side  # all pixels are wanted
    wholly = detect_faces(Frame("a", content), detector, preprocessing)
    assert detector.given.whole_shape is None
    np.testing.assert_array_equal(found.box_xyxy, wholly.box_xyxy)
    np.testing.assert_array_equal(found.landmarks_xy, wholly.landmarks_xy)
    assert found.trust.reliable.shape == (1,)
    difference = np.abs(found.crops.astype(int) - wholly.crops)
    assert 0 < difference.max() <= 4
    assert difference.mean() < 0.5


@pytest.mark.parametrize(
    ("side", "kind", "stills"),
    [(HALVED_FROM_SIDES * SIZE - 1, "JPEG", False), (400, "PNG", False), (400, "JPEG", True)],
)
def test_small_faces_other_formats_and_stills_are_cut_out_of_the_whole_picture(side, kind, stills):
    content, preprocessing = photograph(2800, kind), Preprocessing(input_size=SIZE, alignment="level")
    detector = OneFace(side)
    found = detect_faces(Frame("a", content), detector, preprocessing, stills=stills)
    detector.longest_side = 2800
    wholly = detect_faces(Frame("a", content), detector, preprocessing, stills=stills)
    np.testing.assert_array_equal(found.crops, wholly.crops)
    np.testing.assert_array_equal(found.trust.sharpness, wholly.trust.sharpness)
    assert found.stills == wholly.stills


def test_a_picture_that_went_away_before_it_was_decoded_whole_is_unreadable(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(photograph(2800))
    detector = OneFace(20)
    find = detector.detect

    def find_and_remove(picture, *, looks_again=True):
        path.unlink(missing_ok=True)
        return find(picture)

    detector.detect = find_and_remove
    found = detect_faces(Frame(str(path), str(path)), detector, Preprocessing(input_size=SIZE))
    assert found.frame.problem == "no such file"
    assert len(found.crops) == 0
