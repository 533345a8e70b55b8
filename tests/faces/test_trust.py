"""How sharp a face is, how much of it is seen, and the rule that says which can be trusted."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from scipy.ndimage import uniform_filter1d

from affekt.faces.detection import FaceDetector
from affekt.faces.trust import BLUR_PIXELS, LEAST_STEP, MEAN_FACE, outside_of, sharpness_of, trust_of
from drawn_faces import Capture, draw_face, no_units, prototype_units, random_identity

DRAWN = draw_face(random_identity(np.random.default_rng(0)), no_units(), Capture(), size=200)
BOX = np.array([[20, 20, 180, 180]], np.float32)
FRONTAL = (MEAN_FACE[:, :2] * 60 + (100, 80))[None]
SURE = np.array([0.9])
COVERED = DRAWN.copy()
COVERED[110:] = (170, 205, 230)
MASK = np.array([(-0.85, 0.35), (0, 0.23), (0.85, 0.35), (0.8, 1.1), (0.4, 1.65), (-0.4, 1.65), (-0.8, 1.1)])
"""Steps across and down from between the eyes, in distances from there to the mouth."""
YUNET = Path(__file__).resolve().parents[2] / ".." / "shared" / "models" / "face_detection_yunet_2026may.onnx"
needs_yunet = pytest.mark.skipif(not YUNET.is_file(), reason=f"needs shared/models/{YUNET.name} beside the checkout")


def trust(image_rgb=DRAWN, box=BOX, landmarks=FRONTAL, score=SURE):
    return trust_of(image_rgb, np.asarray(box, np.float32), landmarks, score)


def test_sharpness_is_one_minus_the_blur_effect():
    grey = np.random.default_rng(0).normal(size=(40, 50)).cumsum(axis=0).cumsum(axis=1) * 5
    shares = []
    for axis in (0, 1):
        again = uniform_filter1d(grey, BLUR_PIXELS, axis=axis, mode="reflect")
        before, after = (np.abs(np.diff(values, axis=axis)) for values in (grey, again))
        inside = (slice(1, -1), slice(2, -1)) if axis == 0 else (slice(2, -1), slice(1, -1))
        lost = np.maximum(before - after, 0)
        counts = before[inside] >= LEAST_STEP
        shares.append(lost[inside][counts].sum() / before[inside][counts].sum())
    assert sharpness_of(grey) == pytest.approx(min(shares))
    assert sharpness_of(np.full((64, 64), 9)) == 0


def test_blur_and_few_pixels_lower_the_sharpness_step_by_step():
    image = Image.fromarray(DRAWN)
    blurred = [trust(np.asarray(image.filter(ImageFilter.GaussianBlur(sigma)))) for sigma in (0, 1, 2, 4, 8, 20)]
    assert (np.diff([each.sharpness[0] for each in blurred]) < 0).all()
    assert blurred[0].reliable[0]
    assert not blurred[-1].reliable[0]
    shrunk = [
        trust(np.asarray(image.resize((side, side))), BOX * side / 200, FRONTAL * side / 200).sharpness[0]
        for side in (200, 60, 30, 15)
    ]
    assert (np.diff(shrunk) < 0).all()


@pytest.mark.parametrize(
    ("box", "share"),
    [((20, 20, 180, 180), 0), ((-40, 0, 40, 80), 0.5), ((160, 160, 240, 240), 0.75), ((300, 0, 320, 9), 1)],
)
def test_the_share_outside_is_that_of_the_area(box, share):
    assert outside_of(DRAWN.shape, np.array([box], np.float32)) == pytest.approx([share])


@pytest.mark.parametrize(
    "bad",
    [
        {"box": [[-90, 20, 90, 180]]},
        {"box": [[95, 95, 105, 105]]},
        {"landmarks": FRONTAL + np.array([[0, 0], [0, 0], [50, 0], [0, 0], [0, 0]])},
        {"image_rgb": np.full_like(DRAWN, 100)},
        {"image_rgb": COVERED},
    ],
)
def test_each_fault_makes_a_face_unreliable(bad):
    assert trust().reliable.tolist() == [True]
    assert trust(**bad).reliable.tolist() == [False]


def test_a_tilt_speaks_against_a_face_only_where_crops_stay_upright():
    cos, sin = np.cos(np.radians(45)), np.sin(np.radians(45))
    tilted = {"box_xyxy": BOX, "landmarks_xy": (FRONTAL - 100) @ [[cos, sin], [-sin, cos]] + 100, "score": SURE}
    picture = np.asarray(Image.fromarray(DRAWN).rotate(-45, Image.Resampling.BICUBIC))
    assert trust_of(picture, **tilted).pose[0, 2] == pytest.approx(45)
    assert trust_of(picture, **tilted).reliable.tolist() == [False]
    assert trust_of(picture, **tilted, is_level=True).reliable.tolist() == [True]


@needs_yunet
def test_ten_of_ten_smiles_under_a_mask_are_not_reliable():
    detector, random, smiles = FaceDetector(YUNET), np.random.default_rng(0), 0
    while smiles < 10:
        picture = draw_face(
            random_identity(random), prototype_units("happiness", 1.0), Capture(face_height=0.6), size=256
        )
        free = detector.detect(picture)
        if not trust_of(picture, free.box_xyxy, free.landmarks_xy, free.score, is_level=True).reliable.any():
            continue
        smiles += 1
        right_eye, left_eye, _, mouth_right, mouth_left = free.landmarks_xy[0].astype(float)
        eyes, mouth = (right_eye + left_eye) / 2, (mouth_right + mouth_left) / 2
        across, down = np.array([mouth[1] - eyes[1], eyes[0] - mouth[0]]), mouth - eyes
        image = Image.fromarray(picture)
        ImageDraw.Draw(image).polygon([tuple(eyes + right * across + lower * down) for right, lower in MASK], "white")
        masked = np.asarray(image)
        seen = detector.detect(masked)
        assert not trust_of(masked, seen.box_xyxy, seen.landmarks_xy, seen.score, is_level=True).reliable.any()


def test_little_detail_at_the_mouth_is_that_of_one_colour():
    assert trust().mouth_detail[0] > 0.8
    assert trust(COVERED).mouth_detail[0] == 0
    assert np.isnan(trust(landmarks=np.full((1, 5, 2), np.nan)).mouth_detail[0])


def test_what_is_not_known_speaks_against_no_face():
    unknown = trust(landmarks=np.full((1, 5, 2), np.nan), score=np.full(1, np.nan))
    assert np.isnan(unknown.pose).all()
    assert unknown.reliable.tolist() == [True]


def test_no_faces_and_boxes_beyond_the_picture_are_no_problem():
    assert trust(box=np.zeros((0, 4)), landmarks=np.zeros((0, 5, 2)), score=np.zeros(0)).reliable.shape == (0,)
    beyond = trust(box=[[300, 300, 400, 400], [-50, -50, -9, -9]], landmarks=np.tile(FRONTAL, (2, 1, 1)), score=SURE)
    assert beyond.reliable.tolist() == [False, False]
