"""What the names of expressions mean: the eight by name or alias, labels of one's own, and what must be asked."""

import shlex

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.data.importers.names import ALIASES, PLACEHOLDER, SKIP, canonical_label, name_labels, parse_map
from affekt.errors import ConfigError, DataError
from affekt.labels import LABELS, is_label


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


@pytest.mark.parametrize("name", ["pain", "bored", "Wut", "very tired", "mixed-up", "content", "Ärger", "喜び"])
def test_other_names_are_labels_of_ones_own(name):
    assert canonical_label(name) == name.lower()


@pytest.mark.parametrize("name", ["", "0", "3", "-1", "none", "uncertain", "unknown", "NF", "skip", "x" * 41, "a\tb"])
def test_numbers_and_names_of_no_expression_must_be_mapped(name):
    with pytest.raises(DataError, match=r"expected the name of an expression, .*; map it to one, as in: --map"):
        canonical_label(name)


@pytest.mark.parametrize(
    ("name", "meant"), [("hapiness", "happiness"), ("suprise", "surprise"), ("disgustd", "disgust")]
)
def test_a_misspelt_expression_is_asked_about(name, meant):
    with pytest.raises(DataError, match=rf"--map {name}={meant}$"):
        canonical_label(name)


@given(st.text(max_size=12))
def test_what_is_accepted_can_be_a_label_and_what_is_not_is_named(name):
    found, said = "", ""
    try:
        found = canonical_label(name)
    except DataError as error:
        said = str(error)
    assert is_label(found) or repr(name) in said


def test_a_map_makes_a_label_of_any_name():
    pairs = ["0=bored", "none=none", "hapiness=hapiness", "Wut=anger", "blurred=skip", "a=b=pain"]
    meant = {"0": "bored", "none": "none", "hapiness": "hapiness", "wut": "anger", "blurred": SKIP, "a=b": "pain"}
    assert parse_map(pairs) == meant
    with pytest.raises(ConfigError, match=r"got '7'; .*; map '0' to skip to leave its pictures out \(in '0=7'\)"):
        parse_map(["0=7"])


def test_the_placeholder_of_an_advice_is_no_label():
    with pytest.raises(ConfigError, match=r"expected what 4 means in place of LABEL, got '4=LABEL'; type one of"):
        parse_map(["4=LABEL"])


def test_labels_of_ones_own_are_noted_and_the_advice_to_map_one_works():
    rows = pl.DataFrame({"emotion": ["Smile", "happy", None, "pain"]})
    blank = name_labels(pl.DataFrame({"emotion": ["ugh! yuck"]}), "emotion", {}, "folders")[1]
    assert shlex.split(blank[1].rpartition("--map ")[2].removesuffix(".")) == ["ugh! yuck=LABEL"]
    named, notes = name_labels(rows, "emotion", {}, "folders")
    assert named["emotion"].to_list() == ["smile", "happiness", None, "pain"]
    assert notes[1].startswith("Labels of its own, beside affekt's eight: smile, pain.")
    advised = notes[1].rpartition("--map ")[2].removesuffix(".").replace(PLACEHOLDER, "anger")
    assert name_labels(rows, "emotion", parse_map([advised]), "folders")[0]["emotion"][0] == "anger"


def test_an_unclear_name_with_blanks_is_quoted_for_the_shell():
    with pytest.raises(DataError, match="--map 'no face=skip'; 'no face=skip' leaves it out, 'no face=no face' makes"):
        name_labels(pl.DataFrame({"emotion": ["no face"]}), "emotion", {}, "folders")
    with pytest.raises(DataError, match=r"--map 'no face=skip'$"):
        canonical_label("no face")


def test_each_advice_for_unclear_names_works():
    rows = pl.DataFrame({"emotion": ["4", "none", "fear"]})
    with pytest.raises(DataError, match="got '4', 'none'; say with map what each means") as caught:
        name_labels(rows, "emotion", {}, "folders")
    advice = str(caught.value)
    for pair, expected in (("4=LABEL", "anger"), ("4=skip", SKIP), ("4=4", "4")):
        assert pair in advice
        pair = pair.replace(PLACEHOLDER, "anger")
        assert name_labels(rows, "emotion", parse_map([pair, "none=skip"]), "folders")[0]["emotion"][0] == expected
