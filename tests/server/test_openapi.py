"""The schema is true: what it allows is answered as it says, what it forbids is refused, and nothing breaks it."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from affekt.analysis.rows import column_descriptions, table_schema
from affekt.labels import LABELS
from affekt.server.analyze import example_row, row_model
from affekt.server.app import make_app

ROUTES = ("POST /v1/analyze", "GET /v1/health", "GET /v1/model", "GET /metrics")
FEW = hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True
)


def encoded(kind, grey, mode):
    buffer = io.BytesIO()
    Image.fromarray(np.full((20, 30), grey, np.uint8)).convert(mode).save(buffer, kind)
    return buffer.getvalue()


PICTURES = [encoded(kind, grey, "L") for kind in ("JPEG", "PNG", "WEBP", "BMP") for grey in (0, 90, 255)]
# What the schema calls binary is a picture, so that its requests are such as must be answered.
schemathesis.openapi.format("binary", st.sampled_from(PICTURES))
schemathesis.openapi.format("byte", st.sampled_from([base64.b64encode(picture).decode() for picture in PICTURES]))


@pytest.fixture
def schema(settings):
    return schemathesis.openapi.from_asgi("/openapi.json", make_app(replace(settings, allow_host=("testserver",))))


def times_sent(value):
    """How often an option or a part of a form goes over the wire: `[]` and `[{}]` never do, and `[0.5]` goes as 0.5."""
    return sum(map(times_sent, value)) if isinstance(value, list | dict) else 1


def statuses(operation, mode):
    """Ask what the mode allows or forbids, check each answer in all ways that schemathesis knows, and return them."""
    seen = []

    @FEW
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        form = case.body if isinstance(case.body, dict) else {}
        assume(all(map(times_sent, form.values())))
        assume(all(times_sent(value) > isinstance(value, list | dict) for value in case.query.values()))
        seen.append(case.call_and_validate().status_code)

    ask()
    return set(seen)


def test_the_schema_has_these_routes(schema):
    assert {one.ok().label for one in schema.get_all_operations()} == set(ROUTES)


@pytest.mark.parametrize("route", ROUTES)
def test_what_the_schema_allows_is_answered(schema, route):
    assert statuses(schema.find_operation_by_label(route), GenerationMode.POSITIVE) == {200}


def test_what_the_schema_forbids_is_refused(schema):
    operation = schema.find_operation_by_label("POST /v1/analyze")
    assert statuses(operation, GenerationMode.NEGATIVE) <= {400, 405, 413, 415, 422}


def test_any_bytes_are_answered_as_the_schema_says(schema):
    operation = schema.find_operation_by_label("POST /v1/analyze")
    broken = st.builds(
        lambda picture, place, insert: picture[:place] + insert + picture[place + len(insert) :],
        st.sampled_from(PICTURES),
        st.integers(0, 400),
        st.binary(max_size=8),
    )

    @hypothesis_settings(FEW, max_examples=100)
    @given(st.one_of(st.binary(max_size=200), broken), st.sampled_from(("image/jpeg", "application/octet-stream")))
    def ask(body, media_type):
        case = operation.Case(body=body, media_type=media_type)
        answer = case.call_and_validate(excluded_checks=[positive_data_acceptance])
        assert answer.status_code in (200, 422)

    ask()


@pytest.mark.parametrize("labels", [LABELS, ("pain", "very tired")])
def test_the_rows_of_the_schema_are_those_of_the_tables(labels):
    row, example = row_model(labels), example_row(labels)
    assert tuple(row.model_fields) == tuple(table_schema(labels))
    assert row(**example).model_dump() == example
    assert sum(example[f"p_{label}"] for label in labels) == pytest.approx(1)


def test_each_column_of_the_schema_has_its_type_its_bounds_and_what_it_means():
    columns, descriptions = row_model(LABELS).model_json_schema()["properties"], column_descriptions()
    for name in ("p_fear", "confidence", "face_score"):
        assert columns[name]["anyOf"] == [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"}]
    for name in ("valence", "arousal"):
        assert columns[name]["anyOf"] == [{"type": "number", "minimum": -1, "maximum": 1}, {"type": "null"}]
    assert columns["emotion"]["anyOf"] == [{"type": "string", "enum": list(LABELS)}, {"type": "null"}]
    assert columns["face"]["anyOf"] == [{"type": "integer"}, {"type": "null"}]
    assert columns["status"]["type"] == columns["input"]["type"] == "string"
    assert [columns[name]["description"] for name in table_schema() if name != "input"] == [
        descriptions[name] for name in table_schema() if name != "input"
    ]
