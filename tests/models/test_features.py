"""The feature vector: it is what the dense layers read, and the network's other answers stay as they are."""

import importlib.util

import numpy as np
import onnx
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from PIL import Image

import affekt
from affekt.analysis.rows import table_schema
from affekt.cli.main import main
from affekt.errors import ConfigError, ModelError
from affekt.faces.preprocessing import normalise
from affekt.models.card import ONNX_FILE, SHIPPED
from affekt.models.features import _number, _varint, with_features
from affekt.models.runtimes import open_engine
from affekt.models.session import Session

RUNTIMES = ["onnxruntime", *(["openvino"] if importlib.util.find_spec("openvino") else [])]


def crops(session, count=5):
    wanted = session.card.preprocessing
    shape = (count, wanted.input_size, wanted.input_size, wanted.channels)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("model", ["affekt", "affekt-fast"])
def test_the_dense_layers_make_the_answers_from_the_features(model, runtime):
    folder = SHIPPED / model
    session = Session(folder, runtime=runtime, threads=1, features=True)
    faces = crops(session)
    found, usual = session.predict(faces), Session(folder, runtime=runtime, threads=1).predict(faces)
    assert (found.probabilities == usual.probabilities).all()
    assert (found.valence_arousal == usual.valence_arousal).all()
    assert usual.features is None
    weights = {each.name: numpy_helper.to_array(each) for each in onnx.load(folder / ONNX_FILE).graph.initializer}

    def layer(name, values):
        weight, bias = (
            weights.get(f"network.heads.{name}.{part}", weights.get(f"network.heads.{name}.{part}_fp16"))
            for part in ("weight", "bias")
        )
        return values @ weight.astype(float).T + bias.astype(float)

    hidden = np.maximum(layer("hidden", found.features.astype(float)), 0)
    logits = layer("expression", hidden) / session.card.temperature
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert probabilities == pytest.approx(found.probabilities, abs=1e-4)
    assert np.tanh(layer("valence_arousal", hidden)) == pytest.approx(found.valence_arousal, abs=1e-4)


def test_the_added_output_is_the_one_that_the_library_would_add():
    content = (SHIPPED / "affekt-fast" / ONNX_FILE).read_bytes()
    changed, name = with_features(content, "here")
    ours, theirs = onnx.load_from_string(changed), onnx.load_from_string(content)
    theirs.graph.output.append(onnx.ValueInfoProto(name=name))
    assert ours.SerializeToString() == theirs.SerializeToString()
    assert with_features(ours.SerializeToString(), "here")[1] == name


def test_a_network_of_others_has_no_features(small_model):
    with pytest.raises(ModelError, match=r"expected a network with affekt's heads for features, got .*; leave out"):
        Session(small_model, features=True)


@given(st.integers(0, 2**63))
def test_a_number_is_read_as_it_was_written(number):
    written = _varint(number)
    assert _number(memoryview(written + b"\x05"), 0) == (number, len(written))


@pytest.fixture
def dense_model(small_model, tmp_path):
    """Write the small model with a layer named as those of affekt's heads."""
    model = onnx.load(small_model / ONNX_FILE)
    weight = numpy_helper.from_array(np.ones((1, 3), np.float32), "network.heads.hidden.weight")
    model.graph.initializer.append(weight)
    model.graph.node.insert(1, helper.make_node("MatMul", ["mean", weight.name], ["unused"]))
    folder = tmp_path / "dense"
    folder.mkdir()
    (folder / "card.json").write_bytes((small_model / "card.json").read_bytes())
    onnx.save(model, folder / ONNX_FILE)
    return folder


def test_rows_have_the_features_in_parquet(dense_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for grey in (50, 200):
        Image.new("L", (40, 40), grey).save(f"{grey}.png")
    Image.new("L", (40, 40)).save("broken.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    options = {"model": dense_model, "faces": "whole", "features": True}
    affekt.predict(["50.png", "200.png", "broken.png"], out="a.parquet", **options)
    table = pl.read_parquet("a.parquet")
    assert table.schema == table_schema(features=True)
    assert table["features"].dtype == pl.List(pl.Float32)
    session = Session(dense_model, features=True)
    for row, grey in zip(table.iter_rows(named=True), (50, 200), strict=False):
        face = normalise(np.full((1, 32, 32, 1), grey, np.uint8), session.card.preprocessing)
        assert row["features"] == pytest.approx([face.mean()], rel=1e-5)
    assert table["features"][2] is None
    analyzed = affekt.load(dense_model, features=True).analyze("50.png", faces="whole")
    assert analyzed["features"][0].to_list() == table["features"][0].to_list()
    main(["predict", "50.png", "--out", "a.jsonl", "--features", "--model", str(dense_model), "--faces", "whole"])
    assert pl.read_ndjson("a.jsonl")["features"][0].to_list() == pytest.approx(table["features"][0].to_list())


def test_the_parts_of_a_job_gather_with_their_features(dense_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (40, 40), 90).save("a.png")
    affekt.predict("a.png", shard="1/1", out="parts", model=dense_model, faces="whole", features=True)
    assert len(affekt.gather("parts", out="a.parquet").collect()["features"][0]) == 1
    with pytest.raises(ConfigError, match=r"holds lists for features, got a\.csv"):
        affekt.gather("parts", out="a.csv")


@pytest.mark.parametrize("out", [["--out", "a.csv"], ["--out", "-"], []])
def test_csv_is_refused_before_the_work(dense_model, tmp_path, monkeypatch, capsys, out):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (40, 40)).save("a.png")
    with pytest.raises(SystemExit) as stop:
        main(["predict", "a.png", *out, "--features", "--model", str(dense_model), "--faces", "whole"])
    assert stop.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    advised = told.err.partition("; type: ")[2].partition(", or ")[0].split()
    assert advised == ["--out", "faces.parquet"]
    main(["predict", "a.png", *advised, "--features", "--model", str(dense_model), "--faces", "whole"])


def test_the_shipped_models_have_128_features():
    content, name = with_features((SHIPPED / "affekt-fast" / ONNX_FILE).read_bytes(), "here")
    answers = open_engine(content, "onnxruntime", threads=1)(np.zeros((2, 1, 64, 64), np.float32))
    assert answers[name].shape == (2, 128)
