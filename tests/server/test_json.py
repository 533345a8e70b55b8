"""Pictures in JSON: in base64, as pages and many programs have them; and who else's pages may ask."""

import base64
import json
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from affekt.server.app import make_app

ELSEWHERE = "https://example.org"


def in_base64(content):
    return base64.b64encode(content).decode()


def test_pictures_in_base64_give_the_rows_of_the_same_pictures_in_a_form(client, picture):
    first, second = picture(255), picture(0)
    files = [("pictures", ("0", first)), ("pictures", ("1", second))]
    texts = [base64.encodebytes(first).decode(), f"data:image/png;base64,{in_base64(second)}"]  # the first in lines
    answer = client.post("/v1/analyze", json={"pictures": texts})
    assert answer.status_code == 200
    assert answer.json()["rows"] == client.post("/v1/analyze", files=files).json()["rows"]


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ("", 400, "expected JSON, got something else"),
        ("{", 400, "expected JSON"),
        ("[" * 50, 400, "expected JSON"),
        ('["aGk="]', 422, "expected JSON with a list of texts named pictures, got a list; send {"),
        ("null", 422, "got null; send {"),
        ("{}", 422, "got an object with nothing in it; send {"),
        ('{"picture": "aGk="}', 422, "got an object with picture; send {"),
        ('{"pictures": "aGk="}', 422, "got a text of this name; send {"),
        ('{"pictures": []}', 422, "got an empty list; send {"),
        ('{"pictures": ["aGk=", 1]}', 422, "got a list with a number; send {"),
        ('{"pictures": ["aGk="], "faces": "whole"}', 422, "got an object with faces, pictures; send {"),
        ('{"pictures": ["aGk=", "no base64!"]}', 422, "expected picture 1 in base64, got something else"),
        ('{"pictures": ["http://a/b.jpg"]}', 422, "expected picture 0 in base64"),
        ('{"pictures": ["aGk="]}', 422, "expected pictures that can be read"),
        (json.dumps({"pictures": ["aGk="] * 33}), 422, "expected at most 32 pictures per request, got more"),
        ("[[]," * 10_000, 422, "expected at most 32 pictures per request, got more"),
    ],
)
def test_what_is_no_list_of_pictures_has_its_status_and_a_sentence(client, body, status, sentence):
    answer = client.post("/v1/analyze", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert sentence in answer.json()["detail"]


def asked_from_elsewhere(client):
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    return client.options("/v1/analyze", headers={"Origin": ELSEWHERE, **wanted})


def test_pages_of_other_sites_may_not_ask_unless_they_are_allowed(client, picture):
    assert asked_from_elsewhere(client).status_code == 405
    answer = client.post("/v1/analyze", content=picture(), headers={"Origin": ELSEWHERE})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("allowed", [ELSEWHERE, "https://Example.org", "*"])
def test_an_allowed_site_may_ask_with_a_key(settings, picture, allowed):
    own = replace(settings, allow_origin=(allowed,), api_key="k" * 20)
    with TestClient(make_app(own), "http://localhost") as client:
        before = asked_from_elsewhere(client)
        assert before.status_code == 200
        assert before.headers["access-control-allow-origin"] == allowed.lower()
        headers = {"Origin": ELSEWHERE, "Authorization": f"Bearer {own.api_key}"}
        answer = client.post("/v1/analyze", content=picture(), headers=headers)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == allowed.lower()


def test_another_site_than_the_allowed_is_not_named(settings, picture):
    with TestClient(make_app(replace(settings, allow_origin=("https://other.org",))), "http://localhost") as client:
        assert "access-control-allow-origin" not in asked_from_elsewhere(client).headers
