"""Splits and folds: no person and no copy of a picture on two sides; shares; people from the names of pictures."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import LeaveOneGroupOut, StratifiedGroupKFold

from affekt.data.splits import (
    carve_validation,
    fold_numbers,
    groups_of,
    require_people_apart,
    split_rows,
    split_text,
    subject_folds,
    with_subjects,
)
from affekt.errors import ConfigError, DataError
from affekt.labels import LABELS


def rows(subjects, hashes=None, emotions=None):
    count = len(subjects)
    return pl.DataFrame(
        {
            "source": ["mine"] * count,
            "source_id": [f"{number}" for number in range(count)],
            "subject": subjects,
            "pixel_sha256": hashes or [None] * count,
            "emotion": emotions or ["anger"] * count,
        },
        schema=dict.fromkeys(("source", "source_id", "subject", "pixel_sha256", "emotion"), pl.String()),
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


@pytest.mark.parametrize(
    ("subjects", "fraction", "least", "got"),
    [(["one person"] * 50, 0.9, 6, "1 of anger"), ([None] * 3, 0.1, 6, "3 of anger")],
)
def test_an_empty_side_is_refused(subjects, fraction, least, got):
    with pytest.raises(DataError, match=f"expected {least} or more people or pictures .* got {got}; add pictures"):
        carve_validation(rows(subjects), fraction, 0)


@given(
    counts=st.lists(st.integers(1, 9), min_size=2, max_size=4),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 9),
)
def test_too_few_pictures_are_called_so_and_as_many_as_asked_for_are_enough(counts, fraction, seed):
    def of(counts):
        return rows([None] * sum(counts), emotions=[LABELS[place] for place, n in enumerate(counts) for _ in range(n)])

    try:
        sides = carve_validation(of(counts), fraction, seed, expressions=2)
    except DataError as error:
        said = str(error)
    else:
        assert all(side["emotion"].n_unique() >= 2 for side in sides)
        return
    least = int(re.match(r"expected (\d+) or more people or pictures of each of two expressions, to carve", said)[1])
    assert sorted(counts)[-2] < least
    assert all(f"{n} of {label}" in said for n, label in zip(counts, LABELS, strict=False))
    enough = [max(n, least) for n in counts[:2]] + counts[2:]
    assert carve_validation(of(enough), fraction, seed, expressions=2)[1]["emotion"].n_unique() >= 2


def counted(frame):
    return {name: dict(part["emotion"].value_counts().iter_rows()) for (name,), part in frame.group_by("split")}


def test_shares_hold_for_each_expression():
    frame = rows([None] * 200, emotions=["anger"] * 100 + ["fear"] * 60 + ["contempt"] * 40)
    found = split_rows(frame, (0.5, 0.25, 0.25))
    assert found["source_id"].equals(frame["source_id"])
    assert counted(found) == {
        "train": {"anger": 50, "fear": 30, "contempt": 20},
        "val": {"anger": 25, "fear": 15, "contempt": 10},
        "test": {"anger": 25, "fear": 15, "contempt": 10},
    }


@settings(max_examples=60, deadline=None)
@given(drawn=some_rows, folds=st.integers(2, 4), seed=st.integers(0, 1000))
def test_no_person_and_no_copy_is_in_two_folds_and_no_fold_is_empty(drawn, folds, seed):
    frame = rows(*(list(column) for column in zip(*drawn, strict=True)))
    if groups_of(frame).n_unique() < folds:
        with pytest.raises(DataError, match="expected at least as many people or pictures as parts"):
            fold_numbers(frame, folds, seed)
        return
    number = fold_numbers(frame, folds, seed)
    assert set(number) == set(range(folds))
    assert (fold_numbers(frame, folds, seed) == number).all()
    divided = frame.with_columns(fold=pl.Series(number))
    for name in ("subject", "pixel_sha256"):
        apart = divided.drop_nulls(name).group_by(name).agg(pl.col("fold").n_unique())
        assert apart["fold"].max() in (1, None)


def test_folds_are_about_as_even_as_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    people = [f"person {number}" for number in rng.integers(0, 20, 300)]
    frame = rows(people, emotions=rng.choice(["anger", "fear", "sadness"], 300, p=[0.6, 0.3, 0.1]).tolist())

    def unevenness(fold):
        table = frame.with_columns(fold=pl.Series(fold)).group_by("fold", "emotion").len()
        return table.group_by("emotion").agg(pl.col("len").std() / pl.col("len").mean())["len"].mean()

    theirs = np.empty(300, int)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    for number, (_, held) in enumerate(splitter.split(frame, frame["emotion"], frame["subject"])):
        theirs[held] = number
    assert unevenness(fold_numbers(frame, 5)) < 1.25 * unevenness(theirs)


def test_one_person_a_fold_is_what_scikit_learn_leaves_out():
    people = [f"person {number % 7}" for number in range(40)]
    number = subject_folds(rows(people))
    left_out = [held for _, held in LeaveOneGroupOut().split(people, groups=people)]
    assert [np.flatnonzero(number == fold).tolist() for fold in range(7)] == [held.tolist() for held in left_out]


def test_people_of_two_data_sets_may_have_one_name():
    frame = rows(["a", "a", "b", "b"]).with_columns(source=pl.Series(["one", "two", "one", "two"]))
    assert len(set(subject_folds(frame))) == 4


@pytest.mark.parametrize(
    ("name", "pattern", "person"),
    [
        ("happy/anna_1.png", "{subject}_*", "anna"),
        ("AF01ANS.JPG", "{subject}???.*", "AF01"),
        ("KA.AN1.39.tiff", "{subject}.*", "KA"),
        ("anna/happy/1.png", "{subject}/*/*", "anna"),
        ("train/happy/S005_001_00000011.png", "{subject}_*_*.png", "S005"),
        ("happy/p-7(2).png", "*-{subject}(*", "7"),
    ],
)
def test_people_are_read_from_names(name, pattern, person):
    assert with_subjects(rows([None]).with_columns(source_id=pl.lit(name)), pattern)["subject"].to_list() == [person]


@pytest.mark.parametrize("pattern", ["anna_*", "{subject}_{subject}"])
def test_a_pattern_without_one_person_is_refused(pattern):
    with pytest.raises(ConfigError, match=r"expected \{subject\} once"):
        with_subjects(rows([None]), pattern)


def test_a_name_that_does_not_fit_is_named():
    frame = rows([None] * 2).with_columns(source_id=pl.Series(["happy/anna_1.png", "happy/thumb.png"]))
    with pytest.raises(DataError, match=r"got 1 of 2 that do not, the first 'happy/thumb.png'"):
        with_subjects(frame, "{subject}_*")


def test_a_person_in_two_splits_is_refused_with_what_mends_it():
    frame = rows(["anna", "ben", "anna"]).with_columns(split=pl.Series(["train", "train", "test"]))
    with pytest.raises(DataError, match=r"got 'anna' in train and in test of faces.parquet; .*affekt data split"):
        require_people_apart(frame, Path("faces.parquet"))
    require_people_apart(frame[:2], Path("faces.parquet"))
    with pytest.raises(DataError, match=r"--out faces-split.parquet --subject-pattern '\{subject\}_\*'$"):
        require_people_apart(frame, Path("faces.parquet"), "{subject}_*")


@pytest.mark.parametrize(
    ("of_fear", "instead"),
    [(2, "fewer people or pictures show it than there are splits; add some"), (3, r"try another seed \(--seed 8\)")],
)
def test_another_seed_is_advised_where_there_is_enough_to_divide(of_fear, instead):
    frame = rows([None] * (20 + of_fear), emotions=["anger"] * 20 + ["fear"] * of_fear)
    frame = frame.with_columns(split=pl.Series(["train", "val", "test"] * 6 + ["train"] * (2 + of_fear)))
    assert re.search(f"val has no fear: .*{instead}\n", split_text(frame, 7))
    assert "seed" not in split_text(frame), "a split that came with the data set is not drawn"


@pytest.mark.parametrize(("last", "told"), [("anna", "1 in two"), ("ben", "1 in two"), ("carl", "none in two")])
def test_people_in_two_splits_are_counted(last, told):
    frame = rows(["anna", "ben", last]).with_columns(split=pl.Series(["train", "train", "test"]))
    assert f"people: 2 in train, 1 in test, {told}" in split_text(frame)
