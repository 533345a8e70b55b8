"""The key guards what costs; the page, health and the card are open."""

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from affekt.server.app import make_app

KEY = "a-key-of-some-length"


@pytest.fixture
def guarded(settings):
    with TestClient(make_app(replace(settings, api_key=KEY))) as client:
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
    with TestClient(make_app(settings)) as client:
        assert "securitySchemes" not in client.get("/openapi.json").json()["components"]


@pytest.mark.parametrize("path", ["/v1/health", "/v1/model", "/model/card.json", "/openapi.json"])
def test_what_the_page_and_watchers_need_is_open(guarded, path):
    assert guarded.get(path).status_code == 200
