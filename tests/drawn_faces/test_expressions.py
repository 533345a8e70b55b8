import numpy as np
import pytest

from affekt.errors import ConfigError
from affekt.labels import LABELS
from drawn_faces.expressions import (
    POINTS,
    PROTOTYPES,
    UNIT_NAMES,
    no_units,
    prototype_units,
    valence_arousal,
    varied_units,
)


def test_prototypes_are_those_of_emfacs():
    assert tuple(PROTOTYPES) == LABELS
    assert set(PROTOTYPES["happiness"]) == {6, 12}
    assert set(PROTOTYPES["sadness"]) == {1, 4, 15}
    assert set(PROTOTYPES["surprise"]) == {1, 2, 5, 26}
    assert set(PROTOTYPES["fear"]) == {1, 2, 4, 5, 7, 20, 26}
    assert {9, 15, 16} <= set(PROTOTYPES["disgust"])
    assert set(PROTOTYPES["anger"]) == {4, 5, 7, 23}
    assert set(PROTOTYPES["contempt"]) == {12, 14}
    assert all(number in UNIT_NAMES for units in PROTOTYPES.values() for number in units)


@pytest.mark.parametrize("emotion", LABELS)
def test_intensity_nought_is_a_face_at_rest(emotion):
    np.testing.assert_array_equal(prototype_units(emotion, 0.0), no_units())


@pytest.mark.parametrize("emotion", LABELS)
def test_units_grow_with_the_intensity(emotion):
    np.testing.assert_allclose(prototype_units(emotion, 0.5) * 2, prototype_units(emotion, 1.0))


@pytest.mark.parametrize("side", [0, 1])
def test_contempt_is_one_sided(side):
    units = prototype_units("contempt", 1.0, side)
    assert units[side].sum() > 1
    assert units[1 - side].sum() == 0


def test_varied_contempt_comes_on_both_sides():
    stronger = {int(np.argmax(varied_units("contempt", 1.0, np.random.default_rng(seed))[:, 14])) for seed in range(12)}
    assert stronger == {0, 1}


@pytest.mark.parametrize("emotion", [label for label in LABELS if label != "contempt"])
def test_variation_stays_near_the_prototype(emotion):
    prototype = prototype_units(emotion, 0.8)
    drawn = np.mean([varied_units(emotion, 0.8, np.random.default_rng(seed)) for seed in range(200)], axis=0)
    named = prototype[0] > 0
    np.testing.assert_allclose(drawn[:, named], prototype[:, named], atol=0.06)


@pytest.mark.parametrize(
    ("emotion", "intensity", "side"), [("joyful", 0.5, 0), ("fear", -0.1, 0), ("fear", 1.1, 0), ("fear", 0.5, 2)]
)
def test_bad_arguments_are_refused(emotion, intensity, side):
    with pytest.raises(ConfigError, match="expected"):
        prototype_units(emotion, intensity, side)


@pytest.mark.parametrize("emotion", LABELS)
@pytest.mark.parametrize("intensity", [0.0, 0.6, 1.0])
def test_a_prototype_lies_on_the_way_to_its_point(emotion, intensity):
    found = valence_arousal(emotion, intensity, prototype_units(emotion, intensity))
    np.testing.assert_allclose(found, np.multiply(POINTS[emotion], intensity), atol=1e-12)


def test_varied_expressions_stay_near_their_points_and_in_range():
    for seed in range(100):
        rng = np.random.default_rng(seed)
        emotion = LABELS[seed % 8]
        intensity = 0.0 if emotion == "neutral" else 1.0
        found = valence_arousal(emotion, intensity, varied_units(emotion, intensity, rng))
        assert np.abs(found).max() <= 1
        np.testing.assert_allclose(found, POINTS[emotion], atol=0.2)


def test_a_wider_smile_is_more_pleasant_and_a_dropped_jaw_more_aroused():
    units = prototype_units("happiness", 0.7)
    wider, dropped = units.copy(), units.copy()
    wider[:, 12] += 0.2
    dropped[:, 26] += 0.2
    assert valence_arousal("happiness", 0.7, wider)[0] > valence_arousal("happiness", 0.7, units)[0]
    assert valence_arousal("happiness", 0.7, dropped)[1] > valence_arousal("happiness", 0.7, units)[1]
