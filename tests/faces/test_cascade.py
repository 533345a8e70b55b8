"""scikit-image's cascade, the stand-in for YuNet."""

import builtins

import numpy as np
import pytest
import skimage.data

from affekt.errors import MissingExtra
from affekt.faces.cascade import CascadeDetector


def test_it_finds_the_astronauts_face_first():
    faces = CascadeDetector().detect(skimage.data.astronaut())
    left, top, right, bottom = faces.box_xyxy[0]
    assert left < 225 < right
    assert top < 115 < bottom
    assert 60 < right - left < 160
    assert np.isnan(faces.score).all()


def test_boxes_are_in_pixels_of_the_picture_it_was_given():
    picture = skimage.data.astronaut()
    large = picture.repeat(3, axis=0).repeat(3, axis=1)
    box, tripled = (CascadeDetector().detect(image).box_xyxy[0] for image in (picture, large))
    np.testing.assert_allclose(tripled / 3, box, atol=15)


@pytest.mark.parametrize("shape", [(10, 10, 3), (400, 5, 3), (200, 200, 3)])
def test_it_finds_none_where_there_is_none(shape):
    faces = CascadeDetector().detect(np.zeros(shape, np.uint8))
    assert faces.box_xyxy.shape == (0, 4)
    assert faces.landmarks_xy.shape == (0, 5, 2)


def test_without_scikit_image_it_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("skimage"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"skimage\.data is not installed; type: pip install 'affekt\[cascade\]'"):
        CascadeDetector()
