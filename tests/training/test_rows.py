"""The rows of a training: which are learnt from, which choose the epoch, and which are refused."""

import polars as pl
import pytest

from affekt.errors import DataError
from affekt.training.rows import training_rows, valence_arousal_origin


@pytest.mark.parametrize(
    ("origins", "told"),
    [
        (["rated", "rated", "rated", "rated"], "rated"),
        (["rated", "projected", "projected", "projected"], "75 % projected, 25 % rated"),
        ([None, None, None, None], None),
    ],
)
def test_a_card_says_where_valence_and_arousal_come_from(origins, told):
    rows = pl.DataFrame(
        {"valence": [0.1] * 4, "valence_arousal_origin": origins},
        schema_overrides={"valence_arousal_origin": pl.String},
    )
    unrated = rows.head(1).with_columns(valence=None, valence_arousal_origin=pl.lit("synthetic"))
    assert valence_arousal_origin(pl.concat([rows, unrated], how="vertical_relaxed")) == told


def test_votes_alone_are_enough_where_votes_are_the_target(tiny, manifest, run_in):
    unlabelled = manifest.with_columns(emotion=pl.lit(None, dtype=pl.String))
    training, validation = training_rows(tiny(expression_target="votes"), unlabelled, run_in())
    assert (training.height, validation.height) == (64, 16)
    with pytest.raises(DataError, match="at least two expressions in the training rows, got 0"):
        training_rows(tiny(), unlabelled, run_in())


def test_rows_without_any_target_are_left_out(tiny, manifest, run_in):
    unknown = pl.col("source_id") == "picture 3"
    rows = manifest.with_columns(pl.when(~unknown).then(pl.col(name)).alias(name) for name in ("emotion", "votes"))
    assert training_rows(tiny(), rows, run_in())[0].height == 63
    assert training_rows(tiny(heads=("expression", "valence_arousal")), rows, run_in())[0].height == 64
