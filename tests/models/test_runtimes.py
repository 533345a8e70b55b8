"""Runtimes: every one answers as torch does on real crops, and asking for one that is not here is one sentence."""

import multiprocessing
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from affekt.data.manifest import read_row_rgb
from affekt.errors import ConfigError, MissingExtra, ModelError
from affekt.exporting.onnx_file import Answers, write_onnx
from affekt.faces.preprocessing import Preprocessing, crop_face, normalise
from affekt.models import runtimes
from affekt.models.card import ONNX_FILE, Card
from affekt.models.runtimes import CUDA_PROVIDER, installed_runtimes, open_engine
from affekt.models.session import Session
from affekt.networks.network import Network
from drawn_faces import drawn_manifest

PIXELS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "fer2013.tar.gz"
HEADS = ("expression", "valence_arousal")


@pytest.fixture(scope="module")
def network_and_folder(tmp_path_factory):
    """A grey 48-pixel network of random weights, and the folder it was exported to."""
    torch.manual_seed(0)
    network = Network("face_resnet18_w24", 32, HEADS, 1).eval()
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(layer.running_mean, std=0.1)
    network.heads.expression.weight.data *= 20
    torch.nn.init.normal_(network.heads.valence_arousal.weight)
    preprocessing = Preprocessing(input_size=48, channels=1, mean=(0.5,), std=(0.25,))
    card = Card(name="x", architecture="face_resnet18_w24", hidden_units=32, heads=HEADS, preprocessing=preprocessing)
    folder = tmp_path_factory.mktemp("model")
    card.write(folder)
    write_onnx(network, card, folder / ONNX_FILE)
    return network, folder


def drawn_crops(preprocessing):
    faces = drawn_manifest(identities=4, pictures_per_identity=5, size=96, seed=1).iter_rows(named=True)
    return np.stack([crop_face(read_row_rgb(face), preprocessing, face["box_xyxy"]) for face in faces])


def photographed_crops(preprocessing):
    if not PIXELS.is_file():
        pytest.skip(f"needs shared/data/{PIXELS.name} beside the checkout")
    with tarfile.open(PIXELS) as archive:
        table = next(member for member in archive if member.name.endswith("fer2013.csv"))
        lines = archive.extractfile(table).readlines(400_000)[1:41]
    grey = np.array([line.decode().split(",")[1].split() for line in lines], np.uint8).reshape(-1, 48, 48, 1)
    return np.stack([crop_face(np.repeat(face, 3, axis=2), preprocessing) for face in grey])


@pytest.mark.parametrize("crops_of", [drawn_crops, photographed_crops])
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "cuda"])
def test_a_runtime_answers_as_torch_does(network_and_folder, runtime, crops_of):
    if runtime not in installed_runtimes():
        pytest.skip(f"{runtime} is not installed")
    network, folder = network_and_folder
    session = Session(folder, runtime=runtime)
    assert session.runtime == runtime
    crops = crops_of(session.card.preprocessing)
    with torch.inference_mode():
        expected = Answers(network, session.card)(torch.from_numpy(normalise(crops, session.card.preprocessing)))
    found = session.predict(crops, batch_size=7)
    assert len(set(expected["probabilities"].argmax(1).tolist())) > 1
    for name, tensor in expected.items():
        np.testing.assert_allclose(getattr(found, name), tensor.numpy(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_session_is_safe_in_several_threads(network_and_folder, runtime):
    if runtime not in installed_runtimes():
        pytest.skip(f"{runtime} is not installed")
    session = Session(network_and_folder[1], runtime=runtime, threads=1)
    crops = drawn_crops(session.card.preprocessing)
    alone = session.predict(crops).probabilities
    with ThreadPoolExecutor(3) as pool:
        together = pool.map(lambda row: session.predict(crops[row : row + 1]).probabilities[0], range(len(crops)))
        np.testing.assert_allclose(np.stack(list(together)), alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_picture_without_faces_spoils_no_answer_after_it(network_and_folder, runtime):
    if runtime not in installed_runtimes():
        pytest.skip(f"{runtime} is not installed")
    session = Session(network_and_folder[1], runtime=runtime, threads=1)
    crops = drawn_crops(session.card.preprocessing)
    alone = session.predict(crops[:1])
    for faces in (2, 0, 1, 0):
        found = session.predict(crops[:faces])
        assert (found.probabilities.shape, found.valence_arousal.shape) == ((faces, 8), (faces, 2))
        if faces == 1:
            np.testing.assert_array_equal(found.probabilities, alone.probabilities)


def test_a_runtime_that_is_not_here_is_one_sentence(network_and_folder, monkeypatch):
    path = network_and_folder[1] / ONNX_FILE
    with pytest.raises(ConfigError, match="auto, onnxruntime, openvino, cuda, got 'tpu'"):
        open_engine(path, "tpu")
    monkeypatch.setattr(runtimes.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"\[openvino\]"):
        open_engine(path, "openvino")
    if CUDA_PROVIDER not in onnxruntime.get_available_providers():
        with pytest.raises(ConfigError, match="pip install onnxruntime-gpu"):
            open_engine(path, "cuda")


@pytest.mark.parametrize("starts", ["raises", "falls back"])
def test_cuda_that_is_asked_for_and_does_not_start_is_one_sentence(network_and_folder, monkeypatch, starts):
    """onnxruntime-gpu lists CUDA on every machine; without its libraries it falls back, without a GPU it raises."""

    class Started:
        def __init__(self, model, options, providers, enable_fallback):
            assert CUDA_PROVIDER in providers
            assert not enable_fallback, "it would print to standard output"
            if starts == "raises":
                raise RuntimeError("CUDA failure 100: no CUDA-capable device is detected")

        def get_providers(self):
            return ["CPUExecutionProvider"]

    monkeypatch.setattr(runtimes, "installed_runtimes", lambda: ["onnxruntime", "cuda"])
    monkeypatch.setattr(runtimes.onnxruntime, "InferenceSession", Started)
    with pytest.raises(ConfigError, match=r"expected a CUDA device .*; choose the runtime onnxruntime"):
        open_engine(network_and_folder[1] / ONNX_FILE, "cuda")


@pytest.mark.parametrize("shape", [(1, 1, 64, 64), (1, 3, 48, 48), (48, 48)])
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_faces_of_another_shape_are_one_sentence(network_and_folder, runtime, shape):
    if runtime not in installed_runtimes():
        pytest.skip(f"{runtime} is not installed")
    engine = open_engine(network_and_folder[1] / ONNX_FILE, runtime)
    with pytest.raises(ModelError, match=r"the shape \(any, 1, 48, 48\), as .*model.onnx does, got \(.*; export"):
        engine(np.zeros(shape, np.float32))


# From Python 3.12, forking a process with threads warns of what this test is about.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_network_answers_after_a_fork(network_and_folder, runtime):
    if runtime not in installed_runtimes():
        pytest.skip(f"{runtime} is not installed")
    engine = open_engine(network_and_folder[1] / ONNX_FILE, runtime, threads=1)
    faces = np.ones((2, 1, 48, 48), np.float32)
    expected = engine(faces)["probabilities"]
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=lambda: answers.put(engine(faces)["probabilities"]), daemon=True)
    child.start()
    try:
        np.testing.assert_array_equal(answers.get(timeout=60), expected)
    finally:
        child.kill()
        child.join()
    np.testing.assert_array_equal(engine(faces)["probabilities"], expected)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_file_that_is_no_network_is_one_sentence(tmp_path, runtime):
    if runtime not in installed_runtimes():
        pytest.skip(f"{runtime} is not installed")
    (tmp_path / "x.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="export it again"):
        open_engine(tmp_path / "x.onnx", runtime)
