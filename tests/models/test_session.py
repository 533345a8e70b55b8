"""A session: a card and a network that do not fit each other are refused when they are opened."""

import json
import shutil
import sys
import threading
import time

import numpy
import onnx
import pytest
from onnx import helper

from affekt.errors import ConfigError, ModelError
from affekt.faces.preprocessing import crop_face
from affekt.models import session
from affekt.models.card import CARD_FILE, ONNX_FILE
from affekt.models.session import Session

if sys.platform != "win32":
    import resource


@pytest.fixture
def changed(small_model, tmp_path):
    """Return a function that copies the small model with other fields in its card."""

    def change(preprocessing=None, **fields):
        folder = shutil.copytree(small_model, tmp_path / "model")
        card = json.loads((folder / CARD_FILE).read_text())
        card["preprocessing"] |= preprocessing or {}
        (folder / CARD_FILE).write_text(json.dumps(card | fields))
        return folder

    return change


DISAGREEING = [{"input_size": 48}, {"channels": 3, "mean": [0.5] * 3, "std": [0.5] * 3}]


@pytest.mark.parametrize("preprocessing", DISAGREEING)
def test_a_card_of_another_input_is_refused(changed, preprocessing):
    with pytest.raises(ModelError, match=r"expected a card that asks for faces of the shape \(any, 1, 32, 32\)"):
        Session(changed(preprocessing), runtime="onnxruntime")


@pytest.mark.parametrize("preprocessing", DISAGREEING)
def test_so_it_is_where_the_runtime_is_measured(measured, changed, preprocessing):
    with pytest.raises(ModelError, match=r"expected a card that asks for faces of the shape \(any, 1, 32, 32\)"):
        Session(changed(preprocessing))


def test_a_card_of_other_heads_is_refused(changed):
    with pytest.raises(
        ModelError, match=r"expected \{'probabilities': \(1, 8\)\} for a face from .*; export the model"
    ):
        Session(changed(heads=["expression"]), runtime="onnxruntime")


@pytest.mark.skipif(sys.platform != "linux", reason="no limit on memory there")
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_small_network_that_asks_for_all_memory_is_refused(changed, monkeypatch, runtime):
    if runtime == "openvino":
        pytest.importorskip("openvino")
    monkeypatch.setattr("affekt.models.session.MOST_BYTES", 500_000_000)
    network = changed() / ONNX_FILE
    model = onnx.load(network)
    numbers = helper.make_tensor("numbers", onnx.TensorProto.INT64, [2], [1, 1_000_000_000])
    model.graph.initializer.append(numbers)
    # The mean of a face, a thousand million times.
    model.graph.node.insert(1, helper.make_node("Expand", ["mean", "numbers"], ["many"]))
    model.graph.node.insert(2, helper.make_node("ReduceMean", ["many"], ["mean again"], axes=[1], keepdims=1))
    model.graph.node[3].input[0] = "mean again"
    onnx.save(model, network)
    limit = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(ModelError, match=r"expected .*; export it again$"):
        Session(network.parent, runtime=runtime)
    assert resource.getrlimit(resource.RLIMIT_DATA) == limit


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds what a network takes")
def test_networks_that_are_tried_side_by_side_leave_the_limit_as_it_was(tmp_path, monkeypatch):
    network, usual = tmp_path / "network.onnx", resource.getrlimit(resource.RLIMIT_DATA)
    network.write_bytes(b"onnx")
    monkeypatch.setattr(session, "open_engine", lambda *place, **options: lambda face: time.sleep(0.05))
    trials = [threading.Thread(target=session._refuse_greedy, args=(network, None)) for _ in range(3)]
    for trial in trials:
        trial.start()
        time.sleep(0.02)
    for trial in trials:
        trial.join()
    assert resource.getrlimit(resource.RLIMIT_DATA) == usual


@pytest.mark.parametrize(
    ("crops", "got"),
    [
        (numpy.zeros((32, 32, 1), numpy.uint8), r"\(32, 32, 1\)"),
        (numpy.zeros((2, 64, 64, 1), numpy.uint8), r"\(2, 64, 64, 1\)"),
        (numpy.zeros((2, 1, 32, 32), numpy.uint8), r"\(2, 1, 32, 32\)"),
        (numpy.zeros((32, 32), numpy.uint8), r"\(32, 32\)"),
        ([numpy.zeros((32, 32, 1), numpy.uint8)] * 2, "list"),
        ([], "list"),
        (None, "NoneType"),
    ],
)
def test_wrong_crops_are_refused_with_the_shape_wanted_and_a_call_that_works(small_model, crops, got):
    session = Session(str(small_model), runtime="onnxruntime")
    sentence = rf"expected crops as an array of the shape \(faces, 32, 32, 1\), got {got}; type: "
    with pytest.raises(ConfigError, match=f"^{sentence}") as refused:
        session.predict(crops)
    assert "card that" not in str(refused.value)
    picture = numpy.zeros((50, 40, 3), numpy.uint8)
    names = {"session": session, "crops": crops, "picture": picture, "crop_face": crop_face, "numpy": numpy}
    assert len(eval(str(refused.value).partition("type: ")[2], names).probabilities)


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_crops_of_another_type_are_refused(small_model, dtype):
    session = Session(small_model, runtime="onnxruntime")
    with pytest.raises(ConfigError, match=rf"expected uint8 pixels in 0-255, got {dtype}; pass crops as they come"):
        session.predict(numpy.zeros((2, 32, 32, 1), dtype))


def test_a_wrong_folder_or_option_is_refused_in_a_sentence(small_model):
    with pytest.raises(ConfigError, match="expected folder as str or Path, got 5; type: help"):
        Session(5)
    with pytest.raises(ConfigError, match=r"expected threads as a whole number or None, got '2'; type"):
        Session(small_model, threads="2")
