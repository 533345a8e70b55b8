"""Labels: the eight, any others, their order, their columns and their colours."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.labels import (
    EXPRESSION_COLOURS,
    LABELS,
    OTHER_COLOURS,
    PROBABILITY_COLUMNS,
    UNSURE,
    colours_of,
    is_label,
    labels_of_columns,
    ordered_labels,
    probability_columns,
)

names = st.lists(st.sampled_from([*LABELS, "pain", "bored", "smile", "very tired"]))


def test_the_order_is_affectnets():
    assert LABELS == ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
    assert PROBABILITY_COLUMNS[1] == "p_happiness"
    assert len(PROBABILITY_COLUMNS) == 8


@given(names)
def test_the_eight_come_first_in_their_order_and_others_by_alphabet(found):
    ordered = ordered_labels(found)
    known = [label for label in ordered if label in LABELS]
    assert set(ordered) == set(found)
    assert known == [label for label in LABELS if label in found]
    assert list(ordered[len(known) :]) == sorted(set(found) - set(LABELS))


@given(names)
def test_the_labels_of_a_table_are_found_by_its_columns_in_any_order(found):
    labels = ordered_labels(found)
    columns = ["source_id", *reversed(probability_columns(labels)), "valence", "pitch"]
    assert labels_of_columns(columns) == labels


@pytest.mark.parametrize("name", ["", " pain", "Pain", "a\nb", "x" * 41, None, 3])
def test_what_cannot_be_a_label(name):
    assert not is_label(name)


@given(names)
def test_the_eight_keep_their_colours_and_others_have_their_own(found):
    labels = ordered_labels(found)
    colours = colours_of(labels)
    assert list(colours) == list(labels)
    assert all(colours[label] == EXPRESSION_COLOURS[label] for label in labels if label in LABELS)
    assert len(set(colours.values())) == len(labels)


def test_further_labels_than_colours_have_one_all_the_same():
    many = [f"label {number}" for number in range(20)]
    assert list(colours_of(many).values())[8:16] == list(OTHER_COLOURS)


def test_all_colours_are_legible_on_white_and_on_black():
    """WCAG 2 asks for a contrast of 3 for shapes; the palest of the eight, happiness, has 2.2 on white."""
    for colour in OTHER_COLOURS:
        assert re.fullmatch("#[0-9a-f]{6}", colour)
        channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
        luminance = sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
        assert min(1.05 / (luminance + 0.05), (luminance + 0.05) / 0.05) >= 3, colour
    assert len({*EXPRESSION_COLOURS.values(), *OTHER_COLOURS, UNSURE}) == 17
