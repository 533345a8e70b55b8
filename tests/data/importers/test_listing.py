"""The names that other data sets give the eight labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.data.importers.listing import ALIASES, canonical_label
from affekt.errors import DataError
from affekt.labels import LABELS


@pytest.mark.parametrize("label", LABELS)
def test_canonical_names_stay(label):
    assert canonical_label(label) == label
    assert canonical_label(f" {label.upper()}\n") == label


@pytest.mark.parametrize(
    ("name", "label"),
    [("Happy", "happiness"), ("SAD", "sadness"), ("angry", "anger"), ("fearful", "fear"), ("disgusted", "disgust")],
)
def test_aliases(name, label):
    assert canonical_label(name) == label


def test_every_alias_means_a_label_and_hides_none():
    assert set(ALIASES.values()) <= set(LABELS)
    assert not set(ALIASES) & set(LABELS)


@pytest.mark.parametrize("name", ["", "rage", "0", "3", "none", "uncertain", "unknown", "NF"])
def test_unknown_names_and_numbers_are_an_error(name):
    with pytest.raises(DataError, match=r"expected one of neutral, .*, got the expression"):
        canonical_label(name)


@given(st.text(max_size=12).filter(lambda name: name.strip().lower() not in {*LABELS, *ALIASES}))
def test_any_other_text_is_named_in_the_error(name):
    with pytest.raises(DataError) as caught:
        canonical_label(name)
    assert repr(name) in str(caught.value)
