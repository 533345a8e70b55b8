"""What the service says of itself, who may ask, and the files of the page: types, headers, nothing from elsewhere."""

import json
import shutil
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from affekt import __version__
from affekt.analysis.rows import SCHEMA, SMOOTHED_SCHEMA
from affekt.errors import DataError, ModelError
from affekt.labels import EXPRESSION_COLOURS, LABELS
from affekt.models.card import read_card
from affekt.people.episodes import SCHEMA as EPISODE_SCHEMA
from affekt.server import app as app_module
from affekt.server.app import make_app
from affekt.server.settings import Settings

KEY = "a-key-of-some-length"


@pytest.fixture(autouse=True)
def one_face(settings):
    """Let no application here look for the detector's file, which a machine may lack."""


def test_health_names_the_model_and_the_version(client):
    assert client.get("/v1/health").json() == {"status": "ok", "model": "by-light", "version": __version__}


def test_the_model_is_its_card_with_numbers_of_six_digits(small_model, tmp_path):
    folder = shutil.copytree(small_model, tmp_path / "model")
    measured = {"fit": {"loss": 1 / 3, "curve": [2 / 3]}}
    replace(read_card(folder), temperature=1.0123456789, metrics=measured).write(folder)
    expected = json.loads((folder / "card.json").read_text())
    expected |= {"temperature": 1.01235, "metrics": {"fit": {"loss": 0.333333, "curve": [0.666667]}}}
    with TestClient(make_app(Settings(model=folder)), "http://localhost") as client:
        assert client.get("/v1/model").json() == expected


@pytest.fixture
def guarded(settings):
    with TestClient(make_app(replace(settings, api_key=KEY)), "http://localhost") as client:
        yield client


@pytest.mark.parametrize("given", [None, "", "Bearer", f"Bearer {KEY}x", f"Basic {KEY}", KEY, "Bearer ünïcödé"])
def test_without_the_key_nothing_is_analyzed_or_counted_out(guarded, picture, given):
    headers = {} if given is None else {"Authorization": given.encode()}
    for answer in (
        guarded.post("/v1/analyze", content=picture(), headers=headers),
        guarded.get("/metrics", headers=headers),
    ):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
        assert KEY not in answer.text


def test_with_the_key_it_is(guarded, picture):
    headers = {"Authorization": f"Bearer {KEY}"}
    assert guarded.post("/v1/analyze", content=picture(), headers=headers).status_code == 200
    assert guarded.get("/metrics", headers=headers).status_code == 200


def test_openapi_names_the_key_where_there_is_one(guarded, settings):
    found = guarded.get("/openapi.json").json()
    ((name, scheme),) = found["components"]["securitySchemes"].items()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for path, method in (("/v1/analyze", "post"), ("/metrics", "get")):
        assert found["paths"][path][method]["security"] == [{name: []}]
    assert "security" not in found["paths"]["/v1/health"]["get"]
    with TestClient(make_app(settings), "http://localhost") as client:
        assert "securitySchemes" not in client.get("/openapi.json").json()["components"]


@pytest.mark.parametrize("path", ["/v1/health", "/v1/model", "/model/card.json", "/openapi.json"])
def test_what_the_page_and_watchers_need_is_open(guarded, path):
    assert guarded.get(path).status_code == 200


@pytest.fixture
def page(tmp_path):
    folder = tmp_path / "page"
    (folder / "vendor").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>affekt</title>")
    (folder / "vendor" / "ort.mjs").write_text("export {}")
    (folder / "vendor" / "ort.wasm").write_bytes(b"\0asm")
    (folder / "vendor" / "odd.xyz").write_bytes(b"?")
    (tmp_path / "secret.txt").write_text("outside")
    return folder


@pytest.fixture
def page_client(small_model, page):
    with TestClient(make_app(Settings(model=small_model), page=page), "http://localhost") as client:
        yield client


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/vendor/ort.mjs", "text/javascript; charset=utf-8"),
        ("/vendor/ort.wasm", "application/wasm"),
        ("/vendor/odd.xyz", "application/octet-stream"),
        ("/model/card.json", "application/json"),
        ("/model/model.onnx", "application/octet-stream"),
    ],
)
def test_files_have_their_media_type_and_the_page_its_isolation(page_client, path, media_type):
    answer = page_client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["permissions-policy"] == "camera=(self)"
    head = page_client.head(path)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(answer.content)))


def test_the_model_is_the_one_in_use_and_is_not_sent_twice(page_client, small_model):
    answer = page_client.get("/model/model.onnx")
    assert answer.content == (small_model / "model.onnx").read_bytes()
    assert page_client.get("/model/card.json").json() == json.loads((small_model / "card.json").read_text())
    again = page_client.get("/model/model.onnx", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/vendor/..%2f..%2fsecret.txt", "/%00"])
def test_nothing_outside_the_page_is_served(page_client, path):
    answer = page_client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert b"outside" not in answer.content


def test_a_page_that_is_not_built_says_so(small_model, tmp_path):
    with TestClient(make_app(Settings(model=small_model), page=tmp_path), "http://localhost") as client:
        answer = client.get("/")
        shown = client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == 404
    assert answer.json()["detail"].endswith(app_module.FOR_PAGE)
    assert shown.headers["content-type"].startswith("text/html")
    assert "<code>make page && pip install '.[serve]' && affekt serve</code> (0.6 GB)" in shown.text
    assert "<code>make serve</code>" in shown.text


def test_the_detector_is_served_from_this_origin(small_model, tmp_path, monkeypatch):
    (tmp_path / "yunet.onnx").write_bytes(b"onnx")
    monkeypatch.setattr(app_module, "yunet_path", lambda: tmp_path / "yunet.onnx")
    with TestClient(make_app(Settings(model=small_model)), "http://localhost") as client:
        answer = client.get("/detector.onnx")
    assert (answer.status_code, answer.content) == (200, b"onnx")
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("error", [ModelError, DataError])
def test_a_detector_that_cannot_be_had_is_a_problem_and_asked_for_once_a_minute(small_model, monkeypatch, error):
    asked = []

    def absent():
        asked.append(1)
        raise error("expected the face detector, got no network")

    monkeypatch.setattr(app_module, "yunet_path", absent)
    with TestClient(make_app(Settings(model=small_model)), "http://localhost") as client:
        for _ in range(2):
            answer = client.get("/detector.onnx")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert len(asked) == 1


def test_the_page_gets_the_labels_of_the_model_and_the_columns_of_the_rows(client):
    answer = client.get("/labels.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    found = [json.loads(line.partition(" = ")[2].strip(";")) for line in answer.text.splitlines()]
    rule = {"start_probability": 0.5, "end_probability": 0.3, "least_episode_s": 0.5, "longest_gap_s": 1.0}
    tables = [list(SCHEMA), list(SMOOTHED_SCHEMA), list(EPISODE_SCHEMA)]
    assert found == [list(LABELS), EXPRESSION_COLOURS, *tables, rule]


@pytest.mark.parametrize(
    ("options", "host", "status"),
    [
        ({}, "localhost:8000", 200),
        ({}, "LocalHost.", 200),
        ({}, "127.0.0.1:8000", 200),
        ({}, "[::1]:8000", 200),
        ({}, "192.0.2.7", 200),
        ({}, "rebound.example:8000", 421),
        ({}, "127.0.0.1.rebound.example", 421),
        ({}, "localhost@rebound.example", 421),
        ({}, "", 421),
        ({}, "rebound.example;reboot", 421),
        ({"host": "faces.example"}, "faces.example:80", 200),
        ({"allow_host": ("a.example", "b.example")}, "b.example", 200),
        ({"allow_host": ("A.example",)}, "a.Example", 200),
        ({"allow_host": ("*",)}, "whatever.example", 200),
    ],
)
def test_only_who_names_this_service_is_answered(settings, options, host, status):
    with TestClient(make_app(replace(settings, **options)), "http://localhost") as client:
        answer = client.get("/v1/health", headers={"Host": host})
    assert answer.status_code == status
    if status == 421:
        name = host.partition(":")[0]
        # What a shell would take apart is no advice.
        expected = (
            f"type: affekt serve --allow-host {name}" if name.replace(".", "").isalnum() else "ask for one of these"
        )
        assert answer.json()["detail"].endswith(f"{host!r}; {expected}")
