"""Carving validation rows: no person and no copy of a picture on both sides."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.data.manifest import carve_validation
from affekt.errors import ConfigError, DataError


def rows(subjects, hashes=None, emotions=None):
    count = len(subjects)
    return pl.DataFrame(
        {
            "source_id": [f"{number}" for number in range(count)],
            "subject": subjects,
            "pixel_sha256": hashes or [None] * count,
            "emotion": emotions or ["anger"] * count,
        },
        schema=dict.fromkeys(("source_id", "subject", "pixel_sha256", "emotion"), pl.String()),
    )


some_rows = st.lists(
    st.tuples(
        st.none() | st.sampled_from("abcdefgh"),
        st.none() | st.sampled_from("stuvwxyz"),
        st.none() | st.sampled_from(["anger", "fear"]),
    ),
    min_size=10,
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(drawn=some_rows, fraction=st.floats(0.1, 0.9), seed=st.integers(0, 1000))
def test_every_row_goes_to_one_side_and_every_group_too(drawn, fraction, seed):
    frame = rows(*(list(column) for column in zip(*drawn, strict=True)))
    try:
        training, validation = carve_validation(frame, fraction, seed)
    except DataError:
        return
    assert pl.concat([training, validation]).sort(pl.col("source_id").cast(int)).equals(frame)
    assert training["source_id"].cast(int).is_sorted()
    assert validation["source_id"].cast(int).is_sorted()
    for name in ("subject", "pixel_sha256"):
        assert not (set(training[name]) & set(validation[name])) - {None}


def test_each_expression_gives_its_fraction():
    emotions = ["anger"] * 100 + ["contempt"] * 40 + [None] * 20
    _, validation = carve_validation(rows([None] * 160, emotions=emotions), 0.1, 0)
    assert dict(validation["emotion"].value_counts().iter_rows()) == {"anger": 10, "contempt": 4, None: 2}


def test_the_seed_decides():
    frame = rows([None] * 200)
    first, again, other = (carve_validation(frame, 0.2, seed)[1]["source_id"].to_list() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_person_stays_whole():
    frame = rows([f"person {number // 10}" for number in range(100)])
    training, validation = carve_validation(frame, 0.3, 0)
    assert validation["subject"].n_unique() == 3
    assert validation.height == 30
    assert not set(training["subject"]) & set(validation["subject"])


def test_copies_of_a_picture_stay_together():
    training, validation = carve_validation(
        rows([None] * 60, hashes=[str(number // 3) for number in range(60)]), 0.25, 0
    )
    assert validation.height == 15
    assert not set(training["pixel_sha256"]) & set(validation["pixel_sha256"])


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 2, float("nan")])
def test_a_fraction_beyond_its_range_is_refused(fraction):
    with pytest.raises(ConfigError, match="expected a validation fraction between 0 and 1"):
        carve_validation(rows([None] * 9), fraction, 0)


@pytest.mark.parametrize(("subjects", "fraction"), [(["one person"] * 50, 0.9), ([None] * 3, 0.1)])
def test_an_empty_side_is_refused(subjects, fraction):
    with pytest.raises(DataError, match="expected enough people or pictures to carve"):
        carve_validation(rows(subjects), fraction, 0)
