"""The page at /docs: everything that the schema has, in a page without scripts."""

import re

from affekt.analysis.rows import SCHEMA
from affekt.server.app import manual_page


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
