"""Fixtures of more than one folder."""

import json
import logging
import shutil
import sys
from fractions import Fraction
from pathlib import Path
from uuid import uuid4

import av
import numpy as np
import onnx
import pytest
from absl import logging as absl_logging
from hypothesis import settings
from onnx import TensorProto, helper, numpy_helper

from affekt.faces.detector_file import YUNET_FILE
from affekt.faces.preprocessing import Preprocessing
from affekt.models.card import CARD_FILE, ONNX_FILE, Card

YUNET = Path(__file__).parent / ".." / ".." / "shared" / "models" / YUNET_FILE

# TensorBoard brings absl, whose handler closes the stream it was made with when logging is configured anew, as uvicorn
# does. In one process with both, that is pytest's own stream, and every later test would fail.
absl_logging.get_absl_handler().python_handler.setStream(sys.__stderr__)

# No test is timed: a busy machine is no fault of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def detector_home(tmp_path_factory):
    """Return a home that holds YuNet, so that it need not be fetched; skip where it is not beside the checkout."""
    if not YUNET.is_file():
        pytest.skip(f"needs shared/models/{YUNET_FILE} beside the checkout")
    home = tmp_path_factory.mktemp("home")
    (home / "detectors").mkdir()
    shutil.copy(YUNET, home / "detectors")
    return home


@pytest.fixture
def detector(detector_home, monkeypatch):
    """Let YuNet be at home."""
    monkeypatch.setenv("AFFEKT_HOME", str(detector_home))


@pytest.fixture(scope="session")
def small_model(tmp_path_factory):
    """Write a model folder that answers by the mean grey of a face: the lighter, the happier and the more pleasant."""
    folder = tmp_path_factory.mktemp("model") / "by-light"
    # Logits are 0 but for neutral and happiness, which the mean drives apart.
    weights = np.zeros((1, 8), np.float32)
    weights[0, 0], weights[0, 1] = -4, 4
    point = np.array([[1, 0.5]], np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["faces"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("MatMul", ["mean", "point"], ["unbounded"]),
        helper.make_node("Tanh", ["unbounded"], ["valence_arousal"]),
    ]
    graph = helper.make_graph(
        nodes,
        "by-light",
        [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", 1, 32, 32])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 8]),
            helper.make_tensor_value_info("valence_arousal", TensorProto.FLOAT, ["n", 2]),
        ],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(point, "point")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    preprocessing = Preprocessing(input_size=32, channels=1, mean=(0.5,), std=(0.25,))
    heads = ("expression", "valence_arousal")
    card = Card(
        name="by-light",
        architecture="none",
        hidden_units=1,
        heads=heads,
        preprocessing=preprocessing,
        prior=(0.125,) * 8,
    )
    card.write(folder)
    (folder / ONNX_FILE).write_bytes(model.SerializeToString())
    assert (folder / CARD_FILE).is_file()
    return folder


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch, request):
    """Take onnxruntime for `auto`, so that no test measures or caches a speed, but those that ask to."""
    if "measured" not in request.fixturenames:
        monkeypatch.setattr("affekt.models.session.fastest_runtime", lambda *_, **__: "onnxruntime")
        monkeypatch.setattr("affekt.models.fastest.installed_runtimes", lambda: ["onnxruntime"])


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """Let runtimes be measured, and their speeds be cached in the test's own folder."""
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))


@pytest.fixture
def write_video(tmp_path):
    """Return a function that encodes frames, shown at the times given, and returns the file."""

    def write(frames, name="video.mp4", times_s=None, codec="mpeg4"):
        path = tmp_path / name
        with av.open(path, "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height = frames[0].shape[1], frames[0].shape[0]
            stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
            stream.codec_context.time_base = Fraction(1, 1000)
            for number, image_rgb in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image_rgb), format="rgb24")
                frame.time_base = Fraction(1, 1000)
                frame.pts = round(1000 * (times_s[number] if times_s else number / 25))
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return write


@pytest.fixture(scope="session")
def s3_server():
    """Start a server on loopback that speaks the protocol of S3, and return its address."""
    server_of = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_of.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def s3(s3_server, monkeypatch):
    """Return an empty bucket's files; keys and place are in the environment, as for any program that reads S3."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "most-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    import fsspec

    files = fsspec.filesystem("s3", skip_instance_cache=True)
    if files.exists("bucket"):
        files.rm("bucket", recursive=True)
    files.mkdir("bucket")
    return files


@pytest.fixture
def may(s3, monkeypatch):
    """Return a function after which the keys in the environment are those of somebody who may do so much in the bucket.

    The rights are as in IAM, such as `s3:GetObject`, and the server checks them and the signatures.
    """
    import boto3
    from moto.core.responses import ActionAuthenticatorMixin

    people = boto3.client("iam")

    def only(*rights):
        monkeypatch.setattr("moto.settings.INITIAL_NO_AUTH_ACTION_COUNT", float("inf"))
        name = f"reader-{uuid4()}"
        people.create_user(UserName=name)
        allowed = {"Effect": "Allow", "Action": list(rights), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        people.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=policy)
        key = people.create_access_key(UserName=name)["AccessKey"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        type(s3).clear_instance_cache()  # it keeps the keys that it read
        monkeypatch.setattr("moto.settings.INITIAL_NO_AUTH_ACTION_COUNT", ActionAuthenticatorMixin.request_count)

    yield only
    type(s3).clear_instance_cache()
