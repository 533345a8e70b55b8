"""The models that come with the package: there, small, in order, and as good as their cards say."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from affekt.cli.main import main
from affekt.data.check import drop_leaks
from affekt.data.manifest import read_manifest, read_row_rgb, select_split
from affekt.errors import ModelError
from affekt.faces.preprocessing import crop_face, normalise
from affekt.labels import LABELS
from affekt.models.card import ONNX_FILE, WEIGHTS_FILE, model_folder, shipped_models
from affekt.models.session import Session
from affekt.networks.weights import load_model
from drawn_faces import drawn_manifest

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"


IN_8_BITS = "affekt-int8"


@pytest.fixture(scope="module", params=[name for name in shipped_models() if name != IN_8_BITS])
def folder(request):
    return model_folder(request.param)


@pytest.fixture(scope="module")
def session(folder):
    return Session(folder)


@pytest.fixture(scope="module")
def crops(session):
    return drawn_crops(session)


def drawn_crops(session):
    faces = drawn_manifest(identities=4, pictures_per_identity=8, size=96, seed=0).iter_rows(named=True)
    return np.stack([crop_face(read_row_rgb(face), session.card.preprocessing, face["box_xyxy"]) for face in faces])


def test_the_default_is_there():
    assert "affekt" in shipped_models()


def test_it_fits_into_a_repository(folder):
    assert (folder / WEIGHTS_FILE).stat().st_size < 10e6
    assert sum(file.stat().st_size for file in folder.iterdir()) < 20e6


def test_its_size_is_as_its_card_says(folder):
    network, card = load_model(folder)
    counted = sum(p.numel() for p in network.parameters())
    counted += sum(b.numel() for name, b in network.named_buffers() if "running" in name)
    assert counted == card.parameters < 5_000_000
    assert multiply_adds(network, card.preprocessing) < 80e6


def multiply_adds(network, preprocessing):
    found = []

    def count(layer, inputs, output):
        per_output = layer.weight[0].numel()
        found.append(per_output * output[0].numel())

    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(count)
    network(torch.zeros(1, preprocessing.channels, preprocessing.input_size, preprocessing.input_size))
    return sum(found)


def test_it_answers_a_crop_without_torch_as_with_it(folder, session, crops):
    network, card = load_model(folder)
    found = session.predict(crops)
    with torch.inference_mode():
        outputs = network(torch.from_numpy(normalise(crops, card.preprocessing)))
    np.testing.assert_allclose(found.probabilities, (outputs["expression"] / card.temperature).softmax(1), atol=2e-3)
    np.testing.assert_allclose(found.valence_arousal, outputs["valence_arousal"], atol=2e-3)
    np.testing.assert_allclose(found.probabilities.sum(1), 1, atol=1e-5)


def test_affekt_answers_a_face_and_its_mirror_image_alike():
    network = Session(model_folder("affekt"))
    crops = drawn_crops(network)
    seen, mirrored = network.predict(crops), network.predict(np.ascontiguousarray(crops[:, :, ::-1]))
    np.testing.assert_allclose(mirrored.probabilities, seen.probabilities, atol=1e-4)
    np.testing.assert_allclose(mirrored.valence_arousal, seen.valence_arousal, atol=1e-4)
    assert np.ptp(seen.probabilities, axis=0).max() > 0.1, "and not because it answers all faces alike"


def test_in_8_bits_it_answers_much_as_affekt_does_and_says_that_it_only_predicts():
    full, small = (Session(model_folder(name), runtime="onnxruntime") for name in ("affekt", IN_8_BITS))
    crops = drawn_crops(full)
    seen, seen_by_small = full.predict(crops), small.predict(crops)
    away = np.abs(seen.probabilities - seen_by_small.probabilities).max(axis=1)
    assert np.median(away) < 0.02, "made of other weights? type: python results/affekt/int8.py --data MANIFEST"
    assert small.card.training == full.card.training
    assert (small.card.name, small.card.precision, small.card.metrics) == (IN_8_BITS, "int8", {})
    assert (model_folder(IN_8_BITS) / ONNX_FILE).stat().st_size < 4e6
    with pytest.raises(ModelError, match="evaluate it with --runtime onnxruntime"):
        load_model(IN_8_BITS)


def test_its_card_names_data_licence_and_origin(session):
    card = session.card
    assert "ferplus" in card.training["sources"]
    assert "projected" in card.valence_arousal_origin
    assert card.licence == "Apache-2.0"
    assert card.heads == ("expression", "valence_arousal")


@pytest.mark.skipif(
    not (SHARED / "fer2013.tar.gz").is_file(), reason="needs shared/data with the FER2013 files beside the checkout"
)
def test_it_scores_on_publictest_what_its_card_says(session, tmp_path):
    files = [str(SHARED / name) for name in ("fer2013.tar.gz", "fer2013new.csv")]
    main(["data", "import", "ferplus", *files, "--out", str(tmp_path / "faces.parquet")])
    rows = select_split(drop_leaks(read_manifest(tmp_path / "faces.parquet")), "val")
    preprocessing = session.card.preprocessing
    crops = np.stack([crop_face(read_row_rgb(row), preprocessing) for row in rows.iter_rows(named=True)])
    found = session.predict(crops)
    truth = rows["emotion"].replace_strict({name: index for index, name in enumerate(LABELS)}, return_dtype=pl.Int64)
    recorded = session.card.metrics["ferplus val"]
    assert rows.height == recorded["rows"] == 2948
    accuracy = (found.probabilities.argmax(1) == truth.to_numpy()).mean()
    assert abs(accuracy - recorded["figures"]["accuracy"]["value"]) < 1e-3
