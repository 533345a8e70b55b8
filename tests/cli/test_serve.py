"""`affekt serve` as a process: it says where it listens, ends as it is told to, and being killed harms nothing."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing, contextmanager

import httpx2
import numpy as np
import pytest
from PIL import Image

from affekt.cli.main import main
from affekt.errors import install
from affekt.faces.detector_file import PACKAGED

CROPS = "/v1/analyze?faces=whole"


@pytest.fixture
def folders(tmp_path):
    """Return an environment whose cache and temporary files lie in folders of the test's own."""
    for name in ("home", "temporary"):
        (tmp_path / name).mkdir()
    # A detector of the wrong content is refused at once, so that none is fetched.
    (tmp_path / "home" / "detectors").mkdir()
    (tmp_path / "home" / "detectors" / "face_detection_yunet_2026may.onnx").write_bytes(b"none")
    return {"AFFEKT_HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "temporary")}


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "light.png"
    Image.fromarray(np.full((40, 40, 3), 255, np.uint8)).save(path)
    return path.read_bytes()


@contextmanager
def service(model, environment, *options):
    """Run the command, and yield its process and its address."""
    command = [sys.executable, "-m", "affekt", "serve", "--model", str(model), "--port", "0", *options]
    with subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            said = process.stdout.readline()
            assert said.startswith("affekt serves http://127.0.0.1:"), process.stderr.read()
            yield process, said.split()[2].rstrip("/")
        finally:
            process.kill()


@contextmanager
def half_a_request(address, picture):
    """Send the first half of an upload, and yield the connection."""
    host, port = address.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=30)) as connection:
        head = (
            f"POST {CROPS} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(picture)}\r\n\r\n"
        )
        # The answer to "continue" shows that the service has taken the request on.
        connection.sendall(head.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n").encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(picture[:10])
        yield connection


def test_told_to_stop_it_answers_what_it_has_begun_and_ends_with_0(small_model, folders, picture):
    with service(small_model, folders) as (process, address), half_a_request(address, picture) as connection:
        process.send_signal(signal.SIGTERM)
        connection.sendall(picture[10:])
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b'"emotion":"happiness"' in answer
        assert process.wait(30) == 0
        assert "Traceback" not in process.stderr.read()


def files_below(folder):
    # How fast each runtime is, is remembered between starts.
    return sorted(path for path in folder.rglob("*") if path.name != "runtimes.json")


def test_killed_in_mid_request_it_leaves_nothing_and_starts_again(small_model, folders, picture, tmp_path):
    before = files_below(tmp_path)
    with service(small_model, folders) as (process, address), half_a_request(address, picture):
        process.kill()
        process.wait(30)
    assert files_below(tmp_path) == before
    with service(small_model, folders) as (process, address):
        answer = httpx2.post(address + CROPS, content=picture, trust_env=False)
        assert answer.json()["rows"][0]["emotion"] == "happiness"
        assert files_below(tmp_path) == before


def test_the_key_comes_from_the_environment_and_no_picture_or_name_is_logged(small_model, folders, picture):
    key = "a-key-of-some-length"
    with service(small_model, folders | {"AFFEKT_API_KEY": key}, "--access-log") as (process, address):
        files = {"pictures": ("private-name.png", picture)}
        assert httpx2.post(address + CROPS, files=files, trust_env=False).status_code == 401
        headers = {"Authorization": f"Bearer {key}"}
        answer = httpx2.post(address + CROPS, files=files, headers=headers, trust_env=False)
        assert answer.json()["rows"][0]["input"] == "private-name.png"
        process.send_signal(signal.SIGTERM)
        said = "".join(process.communicate(timeout=30))
    assert f"POST {CROPS}" in said
    if not PACKAGED.is_file():  # it comes before the one at home
        assert "expected the face detector with sha256" in said
    assert "private-name" not in said
    assert key not in said


def fails(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(["serve", *arguments])
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_a_port_that_is_taken_is_one_sentence(small_model, capsys):
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        said = fails(capsys, "--model", str(small_model), "--port", str(port))
    assert said.startswith(f"affekt: expected to listen on port {port} of '127.0.0.1', got: ")
    assert said.count("\n") == 1


def test_a_model_that_is_none_is_one_sentence(capsys, tmp_path):
    said = fails(capsys, "--model", str(tmp_path), "--port", "0")
    assert said.startswith(f"affekt: expected a model folder with card.json, got {tmp_path} without one")


def test_an_empty_key_in_the_environment_is_refused_rather_than_taken_for_none(capsys, monkeypatch):
    monkeypatch.setenv("AFFEKT_API_KEY", "")
    assert "expected an API key of at least 16 ASCII characters" in fails(capsys)


def test_without_its_extra_the_command_says_how_to_get_it(capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "affekt.server.run", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    said = fails(capsys)
    assert f"uvicorn is not installed; type: {install('serve')}" in said
