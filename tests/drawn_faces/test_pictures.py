import itertools
from dataclasses import replace

import numpy as np
import pytest

from affekt.errors import ConfigError
from affekt.labels import LABELS
from drawn_faces.capture import Capture, random_capture
from drawn_faces.expressions import no_units, prototype_units, varied_units
from drawn_faces.identity import BEARDS, HAIR_STYLES, SKINS, Identity, darker, lighter, random_identity, skin_colour
from drawn_faces.pictures import draw_face, drawn_scene

PERSON = Identity()


def test_the_same_arguments_draw_the_same_bytes():
    drawn = []
    for _ in range(2):
        rng = np.random.default_rng(5)
        person, units, capture = random_identity(rng), varied_units("fear", 0.8, rng), random_capture(rng)
        drawn.append(draw_face(person, units, capture, size=48))
    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize("size", [16, 48, 100])
def test_the_picture_has_the_size_asked_for(size):
    picture = draw_face(PERSON, no_units(), size=size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8
    assert np.ptp(picture) > 100


@pytest.mark.parametrize("emotion", LABELS)
def test_intensity_nought_draws_the_neutral_face(emotion):
    np.testing.assert_array_equal(
        draw_face(PERSON, prototype_units(emotion, 0.0)), draw_face(PERSON, prototype_units("neutral", 1.0))
    )


def test_any_two_expressions_differ():
    faces = {emotion: draw_face(PERSON, prototype_units(emotion, 0.6)).astype(float) for emotion in LABELS}
    for first in LABELS:
        for second in LABELS:
            changed = np.abs(faces[first] - faces[second]).max(axis=2) > 20
            assert (changed.sum() >= 20) == (first != second), (first, second)


@pytest.mark.parametrize("style", HAIR_STYLES)
@pytest.mark.parametrize("beard", BEARDS)
def test_every_head_can_be_drawn(style, beard):
    person = replace(PERSON, hair_style=style, beard=beard, glasses=True)
    plain = draw_face(replace(PERSON, hair_style="bald"), no_units(), size=48)
    assert (draw_face(person, no_units(), size=48) != plain).any()


def test_a_darker_skin_is_darker():
    means = [draw_face(replace(PERSON, skin_tone=tone), no_units())[28:40, 24:40].mean() for tone in (0.0, 0.5, 1.0)]
    assert means[0] > means[1] > means[2]
    assert skin_colour(0.0) == SKINS[0]
    assert skin_colour(1.0) == SKINS[-1]
    assert sum(darker(SKINS[0], 0.5)) < sum(SKINS[0]) < sum(lighter(SKINS[0], 0.5))


def test_light_brightness_cast_and_noise_show():
    rest = draw_face(PERSON, no_units(), Capture()).astype(float)
    right = draw_face(PERSON, no_units(), Capture(light=(0.8, 0.0), contrast=0.5)).astype(float)
    assert right[:, 32:].mean() - right[:, :32].mean() > rest[:, 32:].mean() - rest[:, :32].mean() + 10
    assert draw_face(PERSON, no_units(), Capture(brightness=0.7)).mean() < 0.8 * rest.mean()
    assert draw_face(PERSON, no_units(), Capture(cast=(0.5, 1, 1)))[..., 0].mean() < 0.6 * rest[..., 0].mean()
    noise = draw_face(PERSON, no_units(), Capture(noise=5)) - rest
    assert noise.std() == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize("size", [15, 1025])
def test_a_bad_size_is_refused(size):
    with pytest.raises(ConfigError, match="expected a size of 16 to 1024"):
        draw_face(PERSON, no_units(), size=size)


def test_bad_units_are_refused():
    with pytest.raises(ConfigError, match=r"expected action units of shape \(2, 27\)"):
        draw_face(PERSON, np.zeros(27))


@pytest.mark.parametrize("people", range(1, 7))
def test_every_face_lies_inside_the_scene_and_apart_from_the_others(people):
    scene = drawn_scene(seed=people, people=people)
    assert scene.image_rgb.shape == (360, 640, 3)
    assert scene.image_rgb.dtype == np.uint8
    boxes = scene.boxes_xyxy
    assert boxes.shape == (people, 4)
    assert (boxes >= 0).all()
    assert (boxes <= [640, 360, 640, 360]).all()
    assert (boxes[:, 2:] - boxes[:, :2] > 20).all()
    assert all(left[2] < right[0] for left, right in itertools.pairwise(boxes))
    assert len(scene.emotions) == len(scene.valence) == len(scene.arousal) == people
    assert set(scene.emotions) <= set(LABELS)


def test_the_seed_decides_every_byte_and_the_number_of_people():
    first, again = (drawn_scene(seed=3, width=320, height=180) for _ in range(2))
    np.testing.assert_array_equal(first.image_rgb, again.image_rgb)
    assert first.emotions == again.emotions
    counts = {len(drawn_scene(seed=seed, width=160, height=90).emotions) for seed in range(12)}
    assert min(counts) >= 1
    assert max(counts) <= 6
    assert len(counts) > 2


def test_faces_are_drawn_where_the_boxes_are():
    empty, full = drawn_scene(seed=1, people=1), drawn_scene(seed=2, people=1)
    for scene in (empty, full):
        left, top, right, bottom = scene.boxes_xyxy[0].round().astype(int)
        inside = scene.image_rgb[top:bottom, left:right].astype(float)
        corner = scene.image_rgb[: bottom - top, : right - left].astype(float)
        assert inside.std() > 2 * corner.std()


@pytest.mark.parametrize("change", [{"people": 0}, {"people": 7}, {"width": 100}, {"height": 50}, {"seed": -1}])
def test_a_bad_scene_is_refused(change):
    with pytest.raises(ConfigError, match="expected"):
        drawn_scene(**{"seed": 0, **change})
