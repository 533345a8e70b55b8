"""The eight labels."""

from affekt.labels import LABELS, PROBABILITY_COLUMNS


def test_the_order_is_affectnets():
    assert LABELS == ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
    assert PROBABILITY_COLUMNS[1] == "p_happiness"
    assert len(PROBABILITY_COLUMNS) == 8
