import numpy as np
from PIL import Image

from drawn_faces.capture import Capture
from drawn_faces.expressions import no_units
from drawn_faces.head import Head
from drawn_faces.identity import Identity


def head(**pose: float) -> Head:
    return Head(Image.new("RGB", (64, 64)), Identity(), no_units(), Capture(**pose), (32.0, 32.0), 30.0)


def test_a_turned_head_shifts_its_features_against_its_outline():
    heads = [head(yaw=yaw) for yaw in (-0.3, 0.0, 0.3)]
    noses = [each.project(np.array([[0.0, 0.2]]))[0, 0] for each in heads]
    edges = [each.project(np.array([[0.0, -1.0]]), depth=0.0)[0, 0] for each in heads]
    assert noses[0] < 28 < noses[1] == 32 < 36 < noses[2]
    assert edges == [32.0, 32.0, 32.0]


def test_roll_is_clockwise():
    tilted = head(roll=0.2)
    assert tilted.project(np.array([[0.0, -1.0]]), depth=0.0)[0, 0] > 32
