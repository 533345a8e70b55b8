"""The predictions table of a model: one crop, one pass, the card's preprocessing and temperature, in any runtime."""

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch
from scipy.special import softmax

from affekt.data.manifest import read_row_rgb
from affekt.errors import ConfigError, DataError, ModelError
from affekt.faces.preprocessing import Preprocessing, crop_face, normalise
from affekt.labels import PROBABILITY_COLUMNS
from affekt.models.card import Card, read_card
from affekt.networks import predictions
from affekt.networks.network import Network
from affekt.networks.predictions import choose_device, open_model
from affekt.networks.weights import load_model, save_model
from drawn_faces import drawn_manifest

BOTH = ("expression", "valence_arousal")


@pytest.fixture(scope="module")
def rows():
    return drawn_manifest(identities=4, pictures_per_identity=4, size=48, seed=0)


@pytest.fixture
def untrained(tmp_path):
    """Write a model folder of a small network with random weights."""

    def build(*heads):
        torch.manual_seed(0)
        network = Network("test_efficientnet", 16, heads).eval()
        if network.heads.valence_arousal is not None:
            torch.nn.init.normal_(network.heads.valence_arousal.weight)
        preprocessing = Preprocessing(input_size=32)
        fields = {"architecture": "test_efficientnet", "hidden_units": 16, "heads": heads}
        save_model(network, Card(name="small", preprocessing=preprocessing, temperature=2.0, **fields), tmp_path)
        return tmp_path

    return build


def test_each_row_is_the_network_on_its_own_crop(untrained, rows, monkeypatch):
    monkeypatch.setattr(predictions, "ROWS_PER_BATCH", 5)
    folder = untrained("expression")
    table = open_model(folder).predict_rows(rows)
    network, card = load_model(folder)
    row = rows.row(13, named=True)
    crop = crop_face(read_row_rgb(row), card.preprocessing, row["box_xyxy"])
    with torch.inference_mode():
        logits = network(torch.from_numpy(normalise(crop[None], card.preprocessing)))["expression"]
    expected = softmax(logits.double().numpy()[0] / card.temperature)
    np.testing.assert_allclose(table.row(13)[1:], expected, atol=1e-5)
    assert table.columns == ["source_id", *PROBABILITY_COLUMNS]
    assert table["source_id"].to_list() == rows["source_id"].to_list()


def test_each_row_of_an_exported_model_has_the_answers_of_its_own_crop(small_model, rows, monkeypatch):
    monkeypatch.setattr(predictions, "ROWS_PER_BATCH", 5)
    model = open_model(small_model, runtime="auto")
    table = model.predict_rows(rows)
    assert table["source_id"].equals(rows["source_id"])
    assert table.columns == ["source_id", *PROBABILITY_COLUMNS, "valence", "arousal"]
    alone = pl.concat([model.predict_rows(rows[row : row + 1]) for row in range(rows.height)])
    np.testing.assert_allclose(table.drop("source_id").to_numpy(), alone.drop("source_id").to_numpy(), atol=1e-6)
    assert table["valence"].n_unique() == rows.height


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_all_runtimes_give_the_table_that_torch_gives(rows, runtime):
    if runtime == "openvino":
        pytest.importorskip("openvino")
    in_torch = open_model("affekt-fast").predict_rows(rows)
    exported = open_model("affekt-fast", runtime=runtime).predict_rows(rows)
    assert exported.schema == in_torch.schema
    difference = exported.drop("source_id").to_numpy() - in_torch.drop("source_id").to_numpy()
    assert 0 < np.abs(difference).max() < 1e-4


def test_an_exported_model_needs_no_torch(small_model):
    program = (
        "import sys\nfrom affekt.networks.predictions import open_model\n"
        f"open_model({str(small_model)!r}, runtime='onnxruntime')\nprint('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "False"


def test_the_temperature_softens(untrained, rows):
    folder = untrained("expression")
    before = open_model(folder).predict_rows(rows)
    card = read_card(folder)
    replace(card, temperature=card.temperature * 10).write(folder)
    after = open_model(folder).predict_rows(rows)
    assert after.select(PROBABILITY_COLUMNS).to_numpy().max() < before.select(PROBABILITY_COLUMNS).to_numpy().max()


def test_a_regressor_gives_valence_and_arousal_only(untrained, rows):
    table = open_model(untrained("valence_arousal")).predict_rows(rows)
    assert table.columns == ["source_id", "valence", "arousal"]
    assert table.select("valence", "arousal").to_numpy().__abs__().max() <= 1


def test_both_heads_give_both(untrained, rows):
    table = open_model(untrained(*BOTH)).predict_rows(rows)
    assert table.columns == ["source_id", *PROBABILITY_COLUMNS, "valence", "arousal"]


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
def test_rows_that_share_a_name_are_refused(rows, runtime):
    with pytest.raises(DataError, match="each source_id once"):
        open_model("affekt-fast", runtime=runtime).predict_rows(pl.concat([rows, rows]))


def test_no_rows_are_refused(small_model, rows):
    with pytest.raises(DataError, match="got none"):
        open_model(small_model, runtime="onnxruntime").predict_rows(rows.clear())


def test_a_picture_that_is_not_there_is_named(small_model, rows, tmp_path):
    missing = rows.head(2).drop("image").with_columns(path=pl.lit(str(tmp_path / "gone.png")))
    with pytest.raises(DataError, match=r"gone\.png.*affekt data check"):
        open_model(small_model, runtime="onnxruntime").predict_rows(missing)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"expected a model folder with card\.json"):
        open_model(tmp_path)


@pytest.mark.parametrize("device", ["gpu", "", "meta please", "meta"])
def test_a_device_of_another_name_is_refused(device):
    with pytest.raises(ConfigError, match=f"^expected a device auto, cpu, cuda or mps, got '{device}'; auto is usual"):
        choose_device(device)


def test_a_device_that_is_not_here_is_refused_before_the_model_is_read(tmp_path):
    with pytest.raises(ConfigError, match=r"^expected a device that torch can use here, got 'cuda:99', which"):
        open_model(tmp_path, device="cuda:99")


@pytest.mark.parametrize(("asked", "taken"), [("cuda", "cuda:1"), ("cuda:0", "cuda:0"), ("cpu", "cpu")])
def test_each_process_takes_a_gpu_of_its_own_unless_one_is_named(monkeypatch, asked, taken):
    monkeypatch.setattr(torch, "zeros", lambda _shape, device: SimpleNamespace(device=torch.device(device)))
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert choose_device(asked) == torch.device(taken)


def test_the_device_is_found():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda", "mps")
