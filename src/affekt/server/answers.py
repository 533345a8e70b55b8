"""What the service answers: rows, health and problem details, for OpenAPI and for the clients."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.exceptions import HTTPException

from affekt.analysis.rows import COLUMN_DESCRIPTIONS, SCHEMA, Row, empty_row
from affekt.labels import PROBABILITY_COLUMNS

RETRY_AFTER_S = 1
"""How long a client should wait that was refused because the service is busy."""

NEVER_NULL = ("input", "status")
DESCRIPTIONS = COLUMN_DESCRIPTIONS | {"input": "the file name that came with the picture, else its position, from 0"}
LEAST = dict.fromkeys((*PROBABILITY_COLUMNS, "confidence", "face_score"), 0) | {"valence": -1, "arousal": -1}
"""Least value of the columns whose greatest value is 1."""


def _field(name: str, dtype: pl.DataType) -> Any:  # noqa: ANN401  types that are made at run time have no type
    of_value: Any = Literal[tuple(dtype.categories)] if isinstance(dtype, pl.Enum) else dtype.to_python()
    field = Field(description=DESCRIPTIONS[name], ge=LEAST.get(name), le=1 if name in LEAST else None)
    return (of_value if name in NEVER_NULL else of_value | None, field)


if TYPE_CHECKING:
    ResultRow = BaseModel
else:
    ResultRow = create_model(
        "ResultRow",
        __doc__="One face, or one picture without a face and why; the columns of a table of `affekt predict`.",
        **{name: _field(name, dtype) for name, dtype in SCHEMA.items()},
    )

EXAMPLE_ROW: Row = {
    **empty_row("portrait.jpg", "ok"),
    **{"emotion": "happiness", "confidence": 0.93, "valence": 0.71, "arousal": 0.34},
    **{"face": 0, "x": 102.5, "y": 61.0, "width": 88.0, "height": 112.5, "face_score": 0.91},
    **dict(zip(PROBABILITY_COLUMNS, (0.02, 0.93, 0.004, 0.02, 0.006, 0.004, 0.006, 0.01), strict=True)),
}
EXAMPLE_ANSWER = {"model": "affekt", "valence_arousal_origin": "projected", "rows": [EXAMPLE_ROW], "notes": []}


class Analysis(BaseModel):
    """Rows of all pictures of a request, in the order in which the pictures came."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_ANSWER]})

    model: str = Field(description="Name in the model's card.")
    valence_arousal_origin: str | None = Field(
        description="What the model learnt valence and arousal from, as its card says: `rated` by people, `projected` "
        "from votes for expressions, `predicted` by another model, or `synthetic`; null where the card does not say."
    )
    rows: list[ResultRow]
    notes: list[str] = Field(description="What a reader of the rows should know about how they came about.")


class Health(BaseModel):
    """That the service answers, and with which model."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok", "model": "affekt", "version": "0.1.0"}]})

    status: Literal["ok"]
    model: str
    version: str


class ProblemDetails(BaseModel):
    """An error, as RFC 9457 defines it."""

    title: str = Field(description="What the status means.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="One sentence: what was expected, what arrived, what to do.")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of a route that may answer with problems of these statuses."""
    content = {"application/problem+json": {"schema": ProblemDetails.model_json_schema()}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def problem_answer(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: object) -> JSONResponse:
    """Return the answer that tells of a problem, with further members of the problem details."""
    content = {"title": HTTPStatus(status).phrase, "status": int(status), "detail": detail, **more}
    return JSONResponse(content, int(status), headers, media_type="application/problem+json")


def busy(detail: str) -> HTTPException:
    """Return the error of a service that has enough to do: 503 with Retry-After."""
    return HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(RETRY_AFTER_S)})


async def _answer_http_error(request: Request, error: HTTPException) -> JSONResponse:
    path, headers = request.url.path, error.headers or {}
    sentences = {
        HTTPStatus.NOT_FOUND: f"expected a path that this service has, got {path}; see /openapi.json",
        HTTPStatus.METHOD_NOT_ALLOWED: f"expected {headers.get('Allow', 'another method')} for {path}, got "
        f"{request.method}; see /openapi.json",
    }
    # An error that the framework raised says no more than its status.
    status = HTTPStatus(error.status_code)
    detail = sentences.get(status, error.detail) if error.detail == status.phrase else error.detail
    return problem_answer(status, detail, headers)


async def _answer_wrong_options(request: Request, error: RequestValidationError) -> JSONResponse:
    detail = f"{'; '.join(map(_option_sentence, error.errors()))}; see /openapi.json"
    return problem_answer(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


async def _answer_failure(request: Request, error: Exception) -> JSONResponse:
    detail = "the service failed at this request; its log says where, please report it"
    return problem_answer(HTTPStatus.INTERNAL_SERVER_ERROR, detail)


EXCEPTION_HANDLERS: dict[Any, Any] = {
    HTTPException: _answer_http_error,
    RequestValidationError: _answer_wrong_options,
    Exception: _answer_failure,
}
"""For FastAPI: every error, the service's own and the framework's, is answered with problem details."""


def _option_sentence(error: dict[str, Any]) -> str:
    name = error["loc"][-1]
    if error["type"] == "extra_forbidden":
        return f"expected no option {name}"
    return f"{error['msg'].replace('Input should be', f'expected {name} to be', 1)}, got {error['input']!r}"
