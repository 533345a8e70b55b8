"""The page at /docs: everything that the schema has, in a page without scripts."""

import re
from dataclasses import replace

from starlette.testclient import TestClient

from affekt.analysis.rows import SCHEMA
from affekt.server.app import make_app, manual_page


def test_docs_names_every_path_option_status_and_column_of_the_schema(client):
    answer = client.get("/docs")
    assert answer.status_code == 200
    schema = client.get("/openapi.json").json()
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert f"<h2>{method.upper()} {path}</h2>" in answer.text
            assert all(f"<td>{status}<td>" in answer.text for status in operation["responses"])
            assert all(f"<code>{one['name']}</code>" in answer.text for one in operation.get("parameters", ()))
    assert all(f"<code>{name}</code>" in answer.text for name in SCHEMA)


def test_docs_asks_nobody_else_and_runs_nothing(client):
    page = client.get("/docs").text
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", page)
    assert client.get("/manual.css").headers["content-type"].startswith("text/css")


def test_what_the_schema_says_is_text_and_no_markup(client):
    schema = client.get("/openapi.json").json()
    schema["info"]["description"] = "<b>bold</b>, and `<i>`"
    assert "&lt;b&gt;bold&lt;/b&gt;, and <code>&lt;i&gt;</code>" in manual_page(schema)


def test_code_is_shown_as_code(client):
    page = client.get("/docs").text
    assert "<code>whole</code> says that each picture is a face already" in page
    assert "`" not in page


def test_docs_tells_values_ranges_and_defaults(settings):
    with TestClient(make_app(replace(settings, min_face=24.0)), "http://localhost") as client:
        page = client.get("/docs").text
    for row in (
        "faces</code><td><code>auto</code>, <code>yunet</code>, <code>cascade</code>, <code>whole</code><td>"
        "<code>auto</code><td>",
        "min_confidence</code><td>number, 0 to 1<td><code>0.0</code><td>",
        "largest</code><td><code>true</code>, <code>false</code><td><code>false</code><td>",
        "most_faces</code><td>whole number, 0 or more<td><code>0</code><td>",
        "min_face</code><td>number, 0 or more<td><code>24.0</code><td>",
        "input</code><td>text<td>",
        "valence</code><td>number, -1.0 to 1.0<td>",
    ):
        assert f"<tr><td><code>{row}" in page


def test_docs_tells_how_the_key_is_sent_where_one_is_needed(settings):
    for key, times in ((None, 0), ("a-key-of-some-length", 2)):
        with TestClient(make_app(replace(settings, api_key=key)), "http://localhost") as client:
            page = client.get("/docs").text
        assert page.count("A key is needed, as the header <code>Authorization: Bearer KEY</code>") == times
        assert "a-key-of-some-length" not in page
