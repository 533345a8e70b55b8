"""Which faces count: the largest, so many, those large enough and sure enough."""

import numpy as np
import pytest

from affekt.analysis.choice import FaceChoice, choice_of
from affekt.analysis.options import AnalyzerOptions
from affekt.faces.detection import Faces

SIDES, SCORES = (30, 80, 20, 50), (0.95, 0.9, 0.85, np.nan)
FACES = Faces(np.array([[0, 0, side, side / 2] for side in SIDES], np.float32), np.zeros((4, 5, 2)), np.array(SCORES))


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, [0, 1, 2, 3]),
        ({"largest": True}, [1]),
        ({"largest": True, "most_faces": 2}, [1, 3]),
        ({"most_faces": 2}, [0, 1]),
        ({"min_face": 30}, [0, 1, 3]),
        ({"min_face_score": 0.9}, [0, 1, 3]),
        ({"min_face": 40, "min_face_score": 0.95}, [3]),
        ({"min_face": 1e300}, []),
    ],
)
def test_faces_that_count_stay_in_their_order(options, kept):
    assert choice_of(AnalyzerOptions(**options)).kept(FACES).tolist() == kept


def test_a_limit_lowers_what_is_asked_for_and_never_raises_it():
    assert FaceChoice().within(2).kept(FACES).tolist() == [0, 1]
    assert FaceChoice(most_faces=1).within(2).kept(FACES).tolist() == [0]
    assert FaceChoice(largest=True).within(50).kept(FACES).tolist() == [1]
