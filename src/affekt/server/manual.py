"""The page at `/docs`: what the OpenAPI schema says, for people, without a script and without an address elsewhere."""

from typing import Any

import jinja2

TEMPLATE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>affekt over HTTP</title>
<link rel="stylesheet" href="/manual.css">
<h1>affekt {{ info.version }} over HTTP</h1>
<p>{{ info.description }}</p>
<p>For programs: <a href="/openapi.json">/openapi.json</a>. For people with a camera: <a href="/">the live page</a>.</p>
{% for path, methods in paths.items() %}{% for method, operation in methods.items() %}
<h2>{{ method.upper() }} {{ path }}</h2>
<p>{{ operation.summary }}</p>
{% if operation.requestBody %}<p>Body: {{ operation.requestBody.description }}</p>
<ul>{% for kind in operation.requestBody.content %}<li><code>{{ kind }}</code></li>{% endfor %}</ul>{% endif %}
{% if operation.parameters %}<table><tr><th>query<th>meaning{% for one in operation.parameters %}
<tr><td><code>{{ one.name }}</code><td>{{ one.description }}{% endfor %}</table>{% endif %}
<table><tr><th>status<th>meaning{% for status, answer in operation.responses.items() %}
<tr><td>{{ status }}<td>{{ answer.description }}{% endfor %}</table>
{% endfor %}{% endfor %}
<h2>A row</h2>
<table><tr><th>column<th>meaning{% for name, column in row.items() %}
<tr><td><code>{{ name }}</code><td>{{ column.description }}{% endfor %}</table>
"""
PAGE = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(TEMPLATE)


def manual_page(schema: dict[str, Any]) -> str:
    """Return the page of an OpenAPI schema: paths, what they take and answer, and the columns of a row."""
    row = schema["components"]["schemas"]["ResultRow"]["properties"]
    paths = {
        path: {method: {"requestBody": None, "parameters": [], **operation} for method, operation in methods.items()}
        for path, methods in schema["paths"].items()
    }
    return PAGE.render(info=schema["info"], paths=paths, row=row)
