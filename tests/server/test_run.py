"""The process: what it was told to stop under way, and that it ends as one that did as it was told."""

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest

from affekt.errors import ConfigError
from affekt.faces.detector_file import PACKAGED
from affekt.server import run
from affekt.server.app import FOR_PAGE
from affekt.server.settings import Settings

KEY = "export AFFEKT_API_KEY=$(openssl rand -hex 24)"
DOCS = Path(__file__).parents[2] / "docs"
NOBODY = "http://127.0.0.1:9"


@contextmanager
def running(model, home):
    """Run `affekt serve` where the detector cannot be fetched, and yield the process and its port."""
    words = [sys.executable, "-m", "affekt", "serve", "--port", "0", "--model", str(model)]
    environment = os.environ | {"AFFEKT_HOME": str(home), "https_proxy": NOBODY, "HTTPS_PROXY": NOBODY}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        yield process, int(re.search(r":(\d+)/", process.stdout.readline())[1])
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_0_once_what_was_begun_is_answered(small_model, picture, tmp_path, number):
    content = picture()
    head = (
        f"POST /v1/analyze?faces=whole HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    )
    with (
        running(small_model, tmp_path) as (process, port),
        socket.create_connection(("127.0.0.1", port), timeout=60) as begun,
    ):
        begun.sendall(head + content[:10])
        metrics = f"http://127.0.0.1:{port}/metrics"
        while "affekt_bytes_in_hand 10.0" not in httpx2.get(metrics, trust_env=False, timeout=60).text:
            pass
        process.send_signal(number)
        begun.sendall(content[10:])
        answer = b"".join(iter(lambda: begun.recv(65_536), b""))
        _, said = process.communicate(timeout=60)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert process.returncode == 0
    assert "stopped" not in said


@pytest.mark.parametrize("is_built", [True, False])
def test_the_first_line_says_that_the_page_is_missing(small_model, tmp_path, monkeypatch, is_built):
    said = []
    monkeypatch.setattr(run, "PAGE", tmp_path)
    monkeypatch.setattr(run, "make_server", lambda _: SimpleNamespace(run=lambda **_: None))
    monkeypatch.setattr(run.signal, "signal", lambda *_: None)
    if is_built:
        (tmp_path / "vendor").mkdir()
    run.serve(Settings(model=small_model, port=0), report=said.append)
    [line] = said
    assert re.match(r"affekt serves http://127\.0\.0\.1:\d+/", line)
    assert line.endswith(f"/ without the live page; for it, {FOR_PAGE}") != is_built


def test_the_ways_to_the_page_are_those_of_the_docs_with_their_sizes():
    commands, (small, large) = FOR_PAGE.partition("type: ")[2], re.findall(r"\((\d\S*) GB\)", FOR_PAGE)
    assert re.findall(r"make \w+", commands) == ["make page", "make serve"]
    serve, page = ((DOCS / name).read_text() for name in ("serve.md", "page.md"))
    assert f"`make page` before the two lines above takes {small} GB" in serve
    assert f"`make serve` alone takes {large} GB" in serve
    assert f"all that the tests need ({large} GB). The small way to the same page takes {small} GB: `make page`" in page


@pytest.mark.parametrize(
    ("host", "key", "address", "is_warned"),
    [
        ("127.0.0.1", None, "127.0.0.1", False),
        ("localhost", None, "localhost", False),
        ("0.0.0.0", None, "127.0.0.1", True),
        ("0.0.0.0", "k" * 20, "127.0.0.1", False),
    ],
)
def test_who_can_reach_it_without_a_key_is_told(small_model, monkeypatch, host, key, address, is_warned):
    said = []
    monkeypatch.setattr(run, "make_server", lambda _: SimpleNamespace(run=lambda **_: None))
    monkeypatch.setattr(run.signal, "signal", lambda *_: None)
    run.serve(Settings(model=small_model, host=host, port=0, api_key=key), report=said.append)
    assert said[0].startswith(f"affekt serves http://{address}:")
    warning = (
        f"every machine that can reach this one may use it, without a key; to ask for a key, stop it and type: {KEY}"
    )
    assert said[1:] == [warning] * is_warned


@pytest.mark.parametrize(
    ("host", "port", "failure", "advice"),
    [
        ("192.0.2.1", 8000, None, "--host 127.0.0.1"),
        ("127.0.0.1", 80, PermissionError(13, "Permission denied"), "--port 8000"),
        ("127.0.0.1", 9000, OSError(98, "Address already in use"), "--port 9001"),
    ],
)
def test_what_cannot_be_listened_on_is_told_with_what_can(monkeypatch, host, port, failure, advice):
    def failing(*arguments, **options):
        raise failure

    if failure:
        monkeypatch.setattr(socket, "create_server", failing)
    with pytest.raises(ConfigError, match=f"; type another: {advice}$"):
        run.listen(Settings(host=host, port=port))


@pytest.mark.skipif(sys.platform == "win32", reason="no sh there")
def test_the_key_that_is_advised_is_one():
    made = subprocess.run(["sh", "-c", f'{KEY}; printf %s "$AFFEKT_API_KEY"'], capture_output=True, text=True)
    assert Settings(api_key=made.stdout).api_key == made.stdout


@pytest.mark.skipif(PACKAGED.is_file(), reason="the detector's file came with the package")
def test_it_starts_without_a_detector_and_says_so(small_model, picture, tmp_path):
    with running(small_model, tmp_path) as (process, port):
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
            assert client.post("/v1/analyze?faces=whole", content=picture()).status_code == 200
            assert client.post("/v1/analyze?faces=yunet", content=picture()).status_code == 503
            assert client.get("/detector.onnx").status_code == 503
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert re.search("only faces=whole is answered for now|faces found with scikit-image's cascade", said)
