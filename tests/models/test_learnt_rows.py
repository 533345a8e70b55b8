"""Hashes of what a model learnt from: every such row is known again, and no other."""

from dataclasses import replace

import polars as pl
import pytest

from affekt.data.manifest import to_manifest
from affekt.errors import ModelError
from affekt.models.card import LEARNT_FILE, SHIPPED, read_card, shipped_models
from affekt.models.learnt_rows import Seen, seen_rows, write_learnt_rows


def rows(names, hashes=None, people=None):
    count = len(names)
    frame = {"path": names, "split": "train", "source": "mine", "source_id": names}
    frame |= {"pixel_sha256": hashes or [None] * count, "subject": people or [None] * count}
    return to_manifest(pl.DataFrame(frame))


@pytest.fixture
def card_of(small_model):
    def bound(digest):
        card = read_card(small_model)
        return replace(card, training={"learnt_rows_sha256": digest})

    return bound


def test_pictures_and_people_and_the_rows_that_chose_the_epoch_are_counted_once_each(tmp_path, card_of):
    learnt = rows(["a", "b", "c"], hashes=["1", "2", None], people=["anna", None, "ben"])
    chosen = rows(["d", "b2"], hashes=["3", "2"])
    card = card_of(write_learnt_rows(learnt, chosen, ["none", "imagenet"], tmp_path))
    asked = rows(
        ["x", "c", "y", "z", "new"], hashes=["2", None, "9", "3", "8"], people=[None, "carl", "ben", None, "dora"]
    )
    assert seen_rows(tmp_path, card, asked) == Seen(rows=5, pictures=2, people=1, validation=1)
    assert seen_rows(tmp_path, card, learnt) == Seen(rows=3, pictures=3, people=0, validation=0)


def test_what_an_earlier_model_learnt_from_counts_too(tmp_path, card_of):
    first, second = tmp_path / "first", tmp_path / "second"
    write_learnt_rows(rows(["a"]), rows(["b"]), [], first)
    (first / "checkpoint.safetensors").touch()
    for earlier in (str(first), str(first / "checkpoint.safetensors")):
        card = card_of(write_learnt_rows(rows(["c"]), rows(["d"]), [earlier], second))
        assert seen_rows(second, card, rows(["a", "b", "c", "d", "e"])) == Seen(5, 2, 0, 2)


def test_a_model_of_an_older_affekt_does_not_say(tmp_path, small_model):
    assert seen_rows(small_model, read_card(small_model), rows(["a"])) is None


def test_a_file_that_is_gone_or_another_is_refused(tmp_path, card_of):
    card = card_of(write_learnt_rows(rows(["a"]), rows(["b"]), [], tmp_path))
    write_learnt_rows(rows(["c"]), rows(["b"]), [], tmp_path)
    with pytest.raises(ModelError, match="got another file; copy the one that was written with the model"):
        seen_rows(tmp_path, card, rows(["a"]))
    (tmp_path / LEARNT_FILE).unlink()
    with pytest.raises(ModelError, match="got no such file"):
        seen_rows(tmp_path, card, rows(["a"]))


def test_three_hundred_thousand_rows_stay_small(tmp_path):
    names = pl.int_range(300_000, eager=True).cast(pl.String)
    many = pl.DataFrame({"source": "mine", "source_id": names}).with_columns(
        pixel_sha256=names, subject=pl.lit(None, pl.String)
    )
    write_learnt_rows(many, many.head(1), [], tmp_path)
    assert (tmp_path / LEARNT_FILE).stat().st_size < 2.6e6


@pytest.mark.parametrize("name", shipped_models())
def test_the_models_that_come_with_affekt_know_whom_they_learnt_from(name):
    folder = SHIPPED / name
    asked = rows(["a", "b"], people=["Aaron_Guiel", "nobody"]).with_columns(source=pl.lit("students"))
    assert seen_rows(folder, read_card(folder), asked) == Seen(rows=2, pictures=0, people=1, validation=0)
