"""The predictions table of an exported model is the one that torch gives."""

import numpy as np
import polars as pl
import pytest

from affekt.errors import DataError
from affekt.labels import PROBABILITY_COLUMNS
from affekt.models.session import Session
from affekt.networks import exported_predictions as predictions
from affekt.networks.exported_predictions import predict_table_without_torch
from drawn_faces import drawn_manifest


@pytest.fixture
def rows():
    return drawn_manifest(identities=3, pictures_per_identity=4, size=48, seed=0)


def test_each_row_has_the_answers_of_its_own_crop(small_model, rows, monkeypatch):
    monkeypatch.setattr(predictions, "ROWS_A_BATCH", 5)
    session = Session(small_model)
    table = predict_table_without_torch(session, rows)
    assert table["source_id"].equals(rows["source_id"])
    assert table.columns == ["source_id", *PROBABILITY_COLUMNS, "valence", "arousal"]
    alone = pl.concat([predict_table_without_torch(session, rows[row : row + 1]) for row in range(rows.height)])
    np.testing.assert_allclose(table.drop("source_id").to_numpy(), alone.drop("source_id").to_numpy(), atol=1e-6)
    assert table["valence"].n_unique() == rows.height


def test_rows_that_share_a_name_are_refused(small_model, rows):
    with pytest.raises(DataError, match="twice"):
        predict_table_without_torch(Session(small_model), pl.concat([rows, rows]))
