"""The tutorial of the service: its clients are run as they are printed, and its containers fit the service."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from affekt.server.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorials" / "service.md"
KEY = "the-key-of-the-tutorial"


def programs(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(), flags=re.M | re.S)


@pytest.fixture
def service(serve, settings):
    """The address of a service with a key."""
    with serve(replace(settings, api_key=KEY)) as client:
        yield str(client.base_url).rstrip("/")


def test_the_client_in_python_prints_a_row_per_face(service, picture, tmp_path):
    [client] = programs("python")
    (tmp_path / "client.py").write_text(client)
    (tmp_path / "portrait.png").write_bytes(picture())
    (tmp_path / "broken.png").write_bytes(b"no picture")

    def ask(*names, key=KEY):
        environment = os.environ | {"AFFEKT_SERVICE": service, "AFFEKT_API_KEY": key, "no_proxy": "*"}
        command = [sys.executable, "client.py", *names]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    broken, portrait = ask("broken.png", "portrait.png").stdout.splitlines()
    assert "expected pictures that can be read" in broken
    assert portrait.split("\t")[:3] == ["portrait.png", "ok", "happiness"]
    assert "another key" in ask("portrait.png", key="wrong").stderr


def test_the_client_in_python_ends_with_a_sentence_where_nothing_useful_answers(tmp_path):
    (tmp_path / "client.py").write_text(programs("python")[0])
    (tmp_path / "portrait.png").write_bytes(b"a picture")
    known = os.environ | {"AFFEKT_API_KEY": KEY, "no_proxy": "*"}

    def said(address, name="portrait.png"):
        command = [sys.executable, "client.py", name]
        run = subprocess.run(
            command, cwd=tmp_path, env=known | {"AFFEKT_SERVICE": address}, capture_output=True, text=True
        )
        assert run.returncode == 1
        return run.stderr

    class TooMany(BaseHTTPRequestHandler):
        """What the service answers beyond --connections."""

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(503)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(b"Service Unavailable")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), TooMany) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        assert said(address) == "Service Unavailable\n"
        server.shutdown()
    assert said(address).startswith(f"could not ask {address} about portrait.png: ")
    assert said(address, "none.png") == "could not read none.png: No such file or directory\n"


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_client_in_javascript_gets_rows_or_an_error(service, picture, tmp_path):
    client, ask = programs("javascript")
    (tmp_path / "client.mjs").write_text(client.replace("http://127.0.0.1:8000", service))
    sample = tmp_path / "src" / "affekt" / "server" / "page" / "sample.jpg"
    sample.parent.mkdir(parents=True)
    sample.write_bytes(picture())
    wrong = (
        'await analyze("no picture", { key: process.env.AFFEKT_API_KEY }).catch((error) => console.log(error.message));'
    )
    (tmp_path / "ask.mjs").write_text(ask + wrong)
    environment = os.environ | {"AFFEKT_API_KEY": KEY}
    done = subprocess.run(["node", "ask.mjs"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    first, second = done.stdout.splitlines()
    assert first == "happiness"
    assert second.startswith("expected pictures that can be read")


def test_containers_and_proxy_fit_the_service():
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    option, host, model = services["affekt"]["command"]
    assert (option, model) == ("--allow-host", Settings().model.name)
    proxy = (ROOT / "deploy" / "nginx.conf").read_text()
    assert set(re.findall(r"server_name (\S+);", proxy)) == {host}
    assert set(re.findall(r"proxy_pass http://(\w+):(\d+);", proxy)) == {("affekt", str(Settings().port))}
    assert int(re.search(r"client_max_body_size (\d+)m;", proxy)[1]) >= Settings().body_mb
    assert int(re.search(r"proxy_read_timeout (\d+)s;", proxy)[1]) > Settings().upload_s + Settings().answer_s
    # Both clients read `detail` of every error, so what nginx answers itself has one, too.
    answers = {int(status): json.loads(said) for status, said in re.findall(r"return (\d+) '(.*)';", proxy)}
    assert answers.keys() == {413, 503}
    assert all(said["status"] == status and said["detail"].startswith("expected ") for status, said in answers.items())
    grace = int(services["affekt"]["stop_grace_period"].removesuffix("s"))
    assert grace >= Settings().upload_s + Settings().answer_s
