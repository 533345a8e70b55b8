"""The page and its files: right types, right headers, nothing from elsewhere, clear words for what is missing."""

import json

import pytest
from starlette.testclient import TestClient

from affekt.errors import DataError, ModelError
from affekt.server import page_files
from affekt.server.app import make_app
from affekt.server.settings import Settings


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
def client(small_model, page):
    with TestClient(make_app(Settings(model=small_model), page=page)) as client:
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
def test_files_have_their_media_type_and_the_page_its_isolation(client, path, media_type):
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["permissions-policy"] == "camera=(self)"
    assert client.head(path).headers["content-length"] == str(len(answer.content))


def test_the_model_is_the_one_in_use_and_is_not_sent_twice(client, small_model):
    answer = client.get("/model/model.onnx")
    assert answer.content == (small_model / "model.onnx").read_bytes()
    assert client.get("/model/card.json").json() == json.loads((small_model / "card.json").read_text())
    again = client.get("/model/model.onnx", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/vendor/..%2f..%2fsecret.txt", "/%00"])
def test_nothing_outside_the_page_is_served(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert b"outside" not in answer.content


def test_a_page_that_is_not_built_says_so(small_model, tmp_path):
    with TestClient(make_app(Settings(model=small_model), page=tmp_path)) as client:
        answer = client.get("/")
    assert answer.status_code == 404
    assert "type: make page" in answer.json()["detail"]


def test_the_detector_is_served_from_this_origin(small_model, tmp_path, monkeypatch):
    (tmp_path / "yunet.onnx").write_bytes(b"onnx")
    monkeypatch.setattr(page_files, "yunet_path", lambda: tmp_path / "yunet.onnx")
    with TestClient(make_app(Settings(model=small_model))) as client:
        answer = client.get("/detector.onnx")
    assert (answer.status_code, answer.content) == (200, b"onnx")
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("error", [ModelError, DataError])
def test_a_detector_that_cannot_be_had_is_a_problem_and_asked_for_once_a_minute(small_model, monkeypatch, error):
    asked = []

    def absent():
        asked.append(1)
        raise error("expected the face detector, got no network")

    monkeypatch.setattr(page_files, "yunet_path", absent)
    with TestClient(make_app(Settings(model=small_model))) as client:
        for _ in range(2):
            answer = client.get("/detector.onnx")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert len(asked) == 1
