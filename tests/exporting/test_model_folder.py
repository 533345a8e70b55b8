"""Export: every backbone and head answers as torch does, in batches of any size, and nothing half-made is kept."""

import json
import shutil
from dataclasses import replace

import numpy as np
import onnx
import polars as pl
import pytest
import torch
from onnx import TensorProto, numpy_helper
from onnx.helper import (
    make_empty_tensor_value_info,
    make_graph,
    make_model,
    make_node,
    make_opsetid,
    make_tensor_value_info,
)
from onnxruntime import InferenceSession

from affekt.data.manifest import write_manifest
from affekt.errors import ConfigError, ModelError
from affekt.evaluation.metrics import concordance
from affekt.exporting import export, model_folder, onnx_file
from affekt.exporting.model_folder import LARGEST_DIFFERENCE, largest_difference, random_pictures, write_model_folder
from affekt.exporting.onnx_file import FIRST_KEPT, describe, write_int8, write_onnx
from affekt.faces.preprocessing import Preprocessing, normalise
from affekt.labels import LABELS
from affekt.models.card import Card, read_card
from affekt.models.session import Session
from affekt.networks.network import Network
from affekt.networks.predictions import Crops
from affekt.networks.weights import load_model, save_model
from drawn_faces import drawn_manifest

BOTH = ("expression", "valence_arousal")


@pytest.fixture
def model(tmp_path):
    """Write a model of random weights and return its folder."""

    def build(architecture="test_efficientnet", heads=BOTH, size=32, channels=3):
        torch.manual_seed(0)
        grey = {"channels": 1, "mean": (0.5,), "std": (0.25,)} if channels == 1 else {}
        card = Card(
            name="model",
            architecture=architecture,
            hidden_units=16,
            heads=heads,
            preprocessing=Preprocessing(input_size=size, **grey),
            temperature=0.7,
        )
        network = Network(architecture, 16, heads, channels).eval()
        # Logits of a trained network's size: those of random weights would hide a wrong temperature.
        if network.heads.expression is not None:
            network.heads.expression.weight.data *= 20
        save_model(network, card, tmp_path / "run")
        return tmp_path / "run"

    return build


@pytest.mark.parametrize(
    ("architecture", "heads", "size", "channels"),
    [
        ("test_efficientnet", BOTH, 32, 3),
        ("face_resnet18_w24", BOTH, 48, 1),
        ("mobilenetv2_100", ("expression",), 48, 3),
        ("tf_efficientnetv2_b0", ("expression",), 48, 3),
        ("legacy_xception", ("expression",), 48, 3),
        ("vgg16", ("valence_arousal",), 32, 3),
    ],
)
def test_an_export_answers_as_torch_does(model, tmp_path, architecture, heads, size, channels):
    out = tmp_path / "out"
    exported = write_model_folder(model(architecture, heads, size, channels), out)
    assert exported.difference <= LARGEST_DIFFERENCE["fp32"]
    session = Session(out)
    crops = np.random.default_rng(0).integers(0, 256, (7, size, size, channels), dtype=np.uint8)
    together, singly = session.predict(crops), [session.predict(crops[i : i + 1]) for i in range(7)]
    for name in ("probabilities", "valence_arousal"):
        if getattr(together, name) is not None:
            alone = np.concatenate([getattr(one, name) for one in singly])
            assert getattr(together, name) == pytest.approx(alone, abs=1e-5)
    assert (together.probabilities is None) == ("expression" not in heads)
    assert (together.valence_arousal is None) == ("valence_arousal" not in heads)


def test_probabilities_carry_the_cards_temperature(model, tmp_path):
    folder = model()
    write_model_folder(folder, tmp_path / "out")

    network, card = load_model(folder)
    crops = np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    with torch.inference_mode():
        logits = network(torch.from_numpy(normalise(crops, card.preprocessing)))["expression"]
    found = Session(tmp_path / "out").predict(crops).probabilities
    assert found == pytest.approx((logits / 0.7).softmax(1).numpy(), abs=1e-5)
    assert found.sum(1) == pytest.approx(np.ones(4), abs=1e-5)


def test_the_file_explains_itself(model, tmp_path):
    write_model_folder(model(), tmp_path / "out")
    read = onnx.load(tmp_path / "out" / "model.onnx")
    assert b".py" not in read.SerializeToString(), "nothing tells of the machine that wrote it"
    card = json.loads({entry.key: entry.value for entry in read.metadata_props}["affekt_card"])
    assert tuple(card["labels"]) == LABELS
    assert card["preprocessing"]["mean"] == [0.485, 0.456, 0.406]
    assert [output.name for output in read.graph.output] == ["probabilities", "valence_arousal"]
    assert read_card(tmp_path / "out").temperature == 0.7


def test_a_run_can_be_exported_into_itself(model):
    folder = model()
    write_model_folder(folder, folder)
    assert {path.name for path in folder.iterdir()} == {"card.json", "model.safetensors", "model.onnx"}


def test_no_faces_give_no_rows(model):
    folder = model()
    write_model_folder(folder, folder)
    found = Session(folder).predict(np.empty((0, 32, 32, 3), dtype=np.uint8))
    assert found.probabilities.shape == (0, 8)
    assert found.valence_arousal.shape == (0, 2)


def test_an_export_that_differs_is_not_kept(model, tmp_path, monkeypatch):
    monkeypatch.setattr(model_folder, "largest_difference", lambda *_: 0.01)
    with pytest.raises(ModelError, match="got 0\\.01"):
        write_model_folder(model(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_without_an_export_says_how_to_make_one(model):
    with pytest.raises(ModelError, match="affekt export"):
        Session(model())


def test_a_damaged_export_is_one_sentence(model):
    folder = model()
    (folder / "model.onnx").write_bytes(b"not onnx")
    with pytest.raises(ModelError, match="export it again"):
        Session(folder)


@pytest.fixture(scope="module")
def exported_once(tmp_path_factory):
    """Export one network of random weights; what follows the exporter is tested on copies of its file."""
    torch.manual_seed(0)
    network = Network("face_resnet18_w24", 16, BOTH, 1).eval()
    network.heads.expression.weight.data *= 20
    preprocessing = Preprocessing(input_size=48, channels=1, mean=(0.5,), std=(0.25,))
    card = Card(
        name="model", architecture="face_resnet18_w24", hidden_units=16, heads=BOTH, preprocessing=preprocessing
    )
    folder = tmp_path_factory.mktemp("exported")
    save_model(network, card, folder)
    write_onnx(network, card, folder / "model.onnx")
    return folder


@pytest.fixture
def full(exported_once, monkeypatch):
    def copied(network, card, path):
        shutil.copyfile(exported_once / "model.onnx", path)
        describe(path, card)

    monkeypatch.setattr(model_folder, "write_onnx", copied)
    return exported_once


@pytest.fixture(scope="module")
def faces():
    """48 drawn faces to calibrate on and 24 to check on."""
    drawn = drawn_manifest(identities=9, pictures_per_identity=8, size=48, seed=0)
    splits = pl.Series("split", ["train"] * 48 + ["val"] * 24)
    return drawn.with_columns(splits)


def test_half_precision_is_half_as_large_and_close(full, tmp_path):
    exported = write_model_folder(full, tmp_path / "half", precision="fp16")
    assert 0 < exported.difference <= LARGEST_DIFFERENCE["fp16"]
    for name in ("model.onnx", "model.safetensors"):
        sizes = [(folder / name).stat().st_size for folder in (tmp_path / "half", full)]
        assert sizes[0] < 0.55 * sizes[1]
    assert largest_difference(load_model(tmp_path / "half")[0], Session(tmp_path / "half")) < 1e-4
    assert read_card(tmp_path / "half").precision == "fp16"
    crops = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 1), dtype=np.uint8)
    found = Session(tmp_path / "half").predict(crops)
    assert found.probabilities.dtype == np.float32
    assert found.probabilities.sum(1) == pytest.approx(np.ones(3), abs=1e-5)


def test_int8_is_a_quarter_as_large_and_says_what_it_lost(full, tmp_path, faces):
    small = tmp_path / "small"
    exported = write_model_folder(full, small, precision="int8", manifest=faces, force=True)
    sizes = [(folder / "model.onnx").stat().st_size for folder in (small, full)]
    assert sizes[0] < 0.3 * sizes[1]
    read = onnx.load(small / "model.onnx")
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in read.graph.node}
    card = read_card(small)
    assert (card.precision, exported.split) == ("int8", "val")
    assert card.export["lost_points"] == {name: round(lost, 3) for name, lost in exported.lost_points.items()}
    inside = json.loads({entry.key: entry.value for entry in read.metadata_props}["affekt_card"])
    assert inside["export"] == card.export
    assert tuple(inside["labels"]) == LABELS

    # What was lost is what the two answer to the rows of val.
    rows = faces.filter(pl.col("split") == "val")
    crops = np.stack([Crops(rows, card.preprocessing)[row] for row in range(rows.height)])
    answers = [Session(folder).predict(crops) for folder in (full, small)]
    right = [np.array(LABELS)[found.probabilities.argmax(1)] == rows["emotion"].to_numpy() for found in answers]
    assert exported.lost_points["accuracy"] == pytest.approx(100 * (right[0].mean() - right[1].mean()))
    truth = rows.select("valence", "arousal").to_numpy()
    ccc = [np.mean([concordance(truth[:, i], found.valence_arousal[:, i]) for i in (0, 1)]) for found in answers]
    assert exported.lost_points["ccc"] == pytest.approx(100 * (ccc[0] - ccc[1]), abs=1e-4)
    # Scales of another range would leave answers of another face.
    assert np.abs(answers[0].probabilities - answers[1].probabilities).max() < 0.2


@pytest.mark.parametrize("groups", [1, 2])
def test_the_biases_of_int8_make_up_for_what_its_rounded_weights_add(tmp_path, groups, monkeypatch):
    random = np.random.default_rng(0)
    nodes, weights = [], []
    for at in range(FIRST_KEPT + 1):
        is_last = at == FIRST_KEPT
        kernel = random.normal(size=(8, 8 // groups, 3, 3)) if is_last else np.eye(8)[:, :, None, None]
        weights += [(f"kernel{at}", kernel), (f"bias{at}", random.normal(size=8))]
        names = [f"values{at}" if at else "faces", f"kernel{at}", f"bias{at}"]
        nodes.append(make_node("Conv", names, [f"values{at + 1}"], name=f"layer{at}", group=groups if is_last else 1))
    constants = [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights]
    given = make_tensor_value_info("faces", TensorProto.FLOAT, ["faces", 8, 8, 8])
    answers = make_empty_tensor_value_info(f"values{FIRST_KEPT + 1}")
    graph = make_graph(nodes, "layers", [given], [answers], constants)
    onnx.save(make_model(graph, opset_imports=[make_opsetid("", 20)], ir_version=10), tmp_path / "full.onnx")
    faces = random.uniform(0.5, 1.5, (32, 8, 8, 8)).astype(np.float32)

    def drift():
        write_int8(tmp_path / "full.onnx", tmp_path / "small.onnx", faces)
        found = [
            InferenceSession(tmp_path / f"{name}.onnx").run(None, {"faces": faces})[0] for name in ("full", "small")
        ]
        return np.abs((found[0] - found[1]).mean(axis=(0, 2, 3))).mean()

    corrected = drift()
    monkeypatch.setattr(onnx_file, "_correct_biases", lambda *_: None)
    assert corrected < 0.2 * drift()


def test_int8_that_loses_too_much_is_not_kept_unless_forced(full, tmp_path, faces, monkeypatch):
    monkeypatch.setattr(model_folder, "lost_points", lambda *_: {"accuracy": 0.31, "ccc": 0.1})
    with pytest.raises(ModelError, match=r"loses at most 0\.3 points of accuracy on the split val, got 0\.31"):
        write_model_folder(full, tmp_path / "out", precision="int8", manifest=faces)
    assert not (tmp_path / "out").exists()
    write_model_folder(full, tmp_path / "out", precision="int8", manifest=faces, force=True)
    assert read_card(tmp_path / "out").export["lost_points"] == {"accuracy": 0.31, "ccc": 0.1}


@pytest.mark.parametrize(
    ("unknown", "missing"), [(["emotion", "votes"], "expressions"), (["valence", "arousal"], "valence and arousal")]
)
def test_int8_whose_loss_cannot_be_measured_is_not_kept_unless_forced(full, tmp_path, faces, unknown, missing):
    less = faces.with_columns(pl.lit(None, dtype=faces.schema[name]).alias(name) for name in unknown)
    with pytest.raises(ModelError, match=f"expected {missing} in the split val to measure what int8 loses"):
        write_model_folder(full, tmp_path / "out", precision="int8", manifest=less)
    assert not (tmp_path / "out").exists()
    assert len(write_model_folder(full, tmp_path / "out", precision="int8", manifest=less, force=True).lost_points) == 1


def test_int8_needs_faces_to_calibrate_on(full, tmp_path):
    with pytest.raises(ConfigError, match="--data"):
        export(full, out=tmp_path / "out", precision="int8")


def test_the_function_takes_a_manifest_or_its_file_and_says_what_it_wrote(full, tmp_path, faces):
    write_manifest(faces, tmp_path / "faces.parquet")
    given = [
        export(str(full), out=tmp_path / "a", precision="fp16", data=data)
        for data in (faces, tmp_path / "faces.parquet")
    ]
    assert given[0] == given[1]
    assert (given[0].folder, given[0].precision, given[0].split) == (tmp_path / "a", "fp16", "val")
    assert set(given[0].lost_points) == {"accuracy", "ccc"}


@pytest.mark.parametrize(("size", "channels"), [(48, 1), (224, 3)])
def test_random_pictures_are_the_same_each_time_and_vary_like_photographs(size, channels):
    preprocessing = Preprocessing(input_size=size, channels=channels, mean=(0.5,) * channels, std=(0.25,) * channels)
    pictures = random_pictures(preprocessing)
    assert pictures.shape == (9, size, size, channels)
    assert pictures.dtype == np.uint8
    assert np.array_equal(pictures, random_pictures(preprocessing))
    assert 45 < pictures.std() < 75
    # Neighbours are alike, as in a photograph and unlike noise; no two pictures are.
    steps = np.diff(pictures.astype(float), axis=1)
    assert steps.std() < pictures.std() / 2
    assert (
        np.abs(pictures[:, None].astype(float) - pictures[None]).mean(axis=(2, 3, 4))[~np.eye(9, dtype=bool)].min() > 20
    )


def test_a_wrong_temperature_is_seen_in_the_difference(model, tmp_path):
    folder = model()
    write_model_folder(folder, tmp_path / "out")
    network, card = load_model(folder)
    write_onnx(network, replace(card, temperature=1.0), tmp_path / "out" / "model.onnx")
    assert largest_difference(network, Session(tmp_path / "out")) > 10 * LARGEST_DIFFERENCE["fp32"]
