import itertools

import numpy as np
import pytest

from affekt.errors import ConfigError, DataError
from affekt.faces.pictures import read_rgb
from affekt.labels import LABELS
from drawn_faces.scene import drawn_scene, write_samples


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


def test_samples_are_pictures(tmp_path):
    paths = write_samples(tmp_path / "new", count=2)
    assert [path.name for path in paths] == ["drawn-1.png", "drawn-2.png"]
    assert all(read_rgb(path).shape == (360, 640, 3) for path in paths)
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_an_unwritable_folder_is_refused(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DataError, match="expected to write"):
        write_samples(tmp_path / "taken", count=1)


@pytest.mark.parametrize("change", [{"people": 0}, {"people": 7}, {"width": 100}, {"height": 50}, {"seed": -1}])
def test_bad_arguments_are_refused(change):
    with pytest.raises(ConfigError, match="expected"):
        drawn_scene(**{"seed": 0, **change})
