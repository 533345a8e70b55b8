"""A model's predictions table: one crop, one pass, the card's preprocessing and temperature."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from scipy.special import softmax

from affekt.data.manifest import read_row_rgb
from affekt.errors import DataError, ModelError
from affekt.faces.preprocessing import crop_face, normalise
from affekt.labels import PROBABILITY_COLUMNS
from affekt.models.card import read_card
from affekt.networks.saving import load_model
from affekt.training.predictions import predict_table


@pytest.fixture
def rows(manifest):
    return manifest.filter(pl.col("split") == "test")


def test_each_row_is_the_network_on_its_own_crop(trained, rows):
    folder = trained()
    table = predict_table(folder, rows, batch_size=5)
    network, card = load_model(folder)
    row = rows.row(3, named=True)
    crop = crop_face(read_row_rgb(row), card.preprocessing, row["box_xyxy"])
    with torch.inference_mode():
        logits = network(torch.from_numpy(normalise(crop[None], card.preprocessing))).logits
    expected = softmax(logits.double().numpy()[0] / card.temperature)
    np.testing.assert_allclose(table.row(3)[1:], expected, atol=1e-5)
    assert table.columns == ["source_id", *PROBABILITY_COLUMNS]
    assert table["source_id"].to_list() == rows["source_id"].to_list()


def test_the_temperature_softens(trained, rows):
    folder = trained()
    before = predict_table(folder, rows)
    card = read_card(folder)
    replace(card, temperature=card.temperature * 10).write(folder)
    after = predict_table(folder, rows)
    assert after.select(PROBABILITY_COLUMNS).to_numpy().max() < before.select(PROBABILITY_COLUMNS).to_numpy().max()


def test_a_regressor_gives_valence_and_arousal_only(trained, rows):
    table = predict_table(trained(heads=("valence_arousal",)), rows)
    assert table.columns == ["source_id", "valence", "arousal"]
    assert table.select("valence", "arousal").to_numpy().__abs__().max() <= 1


def test_both_heads_give_both(trained, rows):
    table = predict_table(trained(heads=("expression", "valence_arousal")), rows)
    assert table.columns == ["source_id", *PROBABILITY_COLUMNS, "valence", "arousal"]


def test_rows_that_share_a_name_are_refused(trained, rows):
    with pytest.raises(DataError, match="each source_id once"):
        predict_table(trained(), pl.concat([rows, rows]))


def test_a_folder_without_a_model_is_refused(tmp_path, rows):
    with pytest.raises(ModelError, match=r"expected a model folder with card\.json"):
        predict_table(tmp_path, rows)
