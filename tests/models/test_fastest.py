"""The fastest runtime: measured once for a network and a processor, cached, and measured anew where it must be."""

import json

import numpy as np
import pytest

from affekt.errors import ConfigError, ModelError
from affekt.models import fastest
from affekt.models.fastest import CACHE_FILE, faces_per_s, fastest_runtime
from affekt.models.session import Session

EXAMPLE = np.zeros((4, 1, 32, 32), np.float32)


@pytest.fixture
def speeds(measured, monkeypatch):
    """Pretend that two runtimes are installed, and return their speeds, which a test may change, and who was asked."""
    known, asked = {"onnxruntime": 100.0, "openvino": 150.0}, []
    monkeypatch.setattr(fastest, "installed_runtimes", lambda: list(known))
    monkeypatch.setattr(fastest.importlib.metadata, "version", lambda library: f"{library}-1")
    monkeypatch.setattr(fastest, "open_engine", lambda model, runtime, threads: runtime)

    def speed(runtime, example):
        asked.append(runtime)
        return known[runtime]

    monkeypatch.setattr(fastest, "faces_per_s", speed)
    return known, asked


def test_the_fastest_is_taken_and_cached(speeds, tmp_path):
    known, asked = speeds
    assert fastest_runtime(b"network", EXAMPLE) == "openvino"
    assert asked == ["onnxruntime", "openvino"]
    known["openvino"] = 50
    assert fastest_runtime(b"network", EXAMPLE) == "openvino"
    assert len(asked) == 2
    assert list(json.loads((tmp_path / "home" / CACHE_FILE).read_text()).values()) == ["openvino"]


@pytest.mark.parametrize("change", ["network", "threads", "processor", "version"])
def test_what_changes_speed_is_measured_anew(speeds, monkeypatch, change):
    known, asked = speeds
    fastest_runtime(b"network", EXAMPLE)
    known["openvino"] = 50
    if change == "processor":
        monkeypatch.setattr(fastest, "processor", lambda: "another")
    if change == "version":
        monkeypatch.setattr(fastest.importlib.metadata, "version", lambda library: f"{library}-2")
    network = b"other" if change == "network" else b"network"
    assert fastest_runtime(network, EXAMPLE, threads=7 if change == "threads" else None) == "onnxruntime"
    assert len(asked) == 4


def test_networks_of_one_name_are_measured_once(speeds):
    for network in (b"network", b"other"):
        fastest_runtime(network, EXAMPLE, name="features of mobilenetv2_100 at 224 px")
    assert speeds[1] == ["onnxruntime", "openvino"]


def test_what_is_gone_is_not_taken_though_cached(speeds):
    fastest_runtime(b"network", EXAMPLE)
    del speeds[0]["openvino"]
    assert fastest_runtime(b"network", EXAMPLE) == "onnxruntime"


def test_cuda_is_taken_unmeasured(speeds):
    speeds[0]["cuda"] = 0.0
    assert fastest_runtime(b"network", EXAMPLE) == "cuda"
    assert not speeds[1]


def failing(monkeypatch, failing_runtime, error):
    def open_engine(model, runtime, threads):
        if runtime == failing_runtime:
            raise error
        return runtime

    monkeypatch.setattr(fastest, "open_engine", open_engine)


def test_cuda_that_does_not_start_leaves_the_choice_among_the_others(speeds, monkeypatch):
    speeds[0]["cuda"] = 1000.0
    failing(monkeypatch, "cuda", ConfigError("no CUDA device"))
    assert fastest_runtime(b"network", EXAMPLE) == "openvino"
    assert speeds[1] == ["onnxruntime", "openvino"]
    del speeds[0]["openvino"]
    assert fastest_runtime(b"network", EXAMPLE) == "onnxruntime"


def test_a_runtime_that_cannot_open_the_network_is_not_taken(speeds, monkeypatch):
    failing(monkeypatch, "openvino", ModelError("an unknown layer"))
    assert fastest_runtime(b"network", EXAMPLE) == "onnxruntime"
    failing(monkeypatch, "onnxruntime", ModelError("no network"))
    with pytest.raises(ModelError, match="no network"):
        fastest_runtime(b"other", EXAMPLE)


def test_onnxruntime_may_be_packed_under_another_name(speeds, monkeypatch):
    def version(library):
        if library == "onnxruntime":
            raise fastest.importlib.metadata.PackageNotFoundError(library)
        return "1"

    monkeypatch.setattr(fastest.importlib.metadata, "version", version)
    assert fastest_runtime(b"network", EXAMPLE) == "openvino"


def test_a_network_that_may_not_be_read_is_one_sentence(speeds, tmp_path):
    with pytest.raises(ModelError, match=r"expected to read .*, got Is a directory"):
        fastest_runtime(tmp_path, EXAMPLE)


@pytest.mark.parametrize("content", ["[]", "{", "null"])
def test_a_damaged_memory_is_measured_anew(speeds, tmp_path, content):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / CACHE_FILE).write_text(content)
    assert fastest_runtime(b"network", EXAMPLE) == "openvino"


@pytest.mark.parametrize("home", ["is a file", "is nobody's"])
def test_a_home_that_cannot_be_written_only_costs_time(speeds, tmp_path, monkeypatch, home):
    (tmp_path / "home").write_text("a file")
    if home == "is nobody's":
        monkeypatch.setenv("AFFEKT_HOME", "~nobody-has-this-name/affekt")
    for _ in range(2):
        assert fastest_runtime(b"network", EXAMPLE) == "openvino"
    assert len(speeds[1]) == 4


def test_speed_is_that_of_the_fastest_call(monkeypatch):
    times = iter([0.0, 1.0, 3.0, 3.5, 4.0, 4.1, 9.0, 9.1, 9.1])
    monkeypatch.setattr(fastest.time, "perf_counter", lambda: next(times))
    calls = []
    assert faces_per_s(calls.append, EXAMPLE, measured_s=5) == pytest.approx(4 / 0.5)
    assert len(calls) == 4


def test_a_session_picks_its_runtime_without_being_told(measured, small_model, tmp_path):
    session = Session(small_model)
    assert session.runtime in fastest.installed_runtimes()
    assert (tmp_path / "home" / CACHE_FILE).is_file() == (len(fastest.installed_runtimes()) > 1)
    found = session.predict(np.full((2, 32, 32, 1), 255, np.uint8))
    assert found.probabilities.argmax(1).tolist() == [1, 1]
