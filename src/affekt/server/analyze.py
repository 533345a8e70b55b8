"""`POST /v1/analyze`, pictures in, rows out; and what the service answers: rows, health and problem details."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.exceptions import HTTPException

from affekt import __version__
from affekt.analysis.options import FaceFinder
from affekt.analysis.rows import Row, column_descriptions, empty_row, table_schema
from affekt.errors import AffektError, MissingExtra
from affekt.labels import probability_columns
from affekt.models.card import Card
from affekt.server.decoding import DecodeTime
from affekt.server.load import Load, busy
from affekt.server.pipeline import RETRY_FAILED_S, Answer, Job, Pipeline
from affekt.server.settings import Settings
from affekt.server.uploads import PART, read_uploads

PICTURE = {"type": "string", "format": "binary"}
RETRY_LATER = {"Retry-After": f"{RETRY_FAILED_S:.0f}"}
MEDIA_TYPES = ("image/jpeg", "image/png", "application/octet-stream")
NEVER_NULL = ("input", "status")
INPUT = "the file name that came with the picture, else its position, from 0"


def row_model(labels: tuple[str, ...]) -> type[BaseModel]:
    """Return a row of a model with these labels, as OpenAPI describes it."""
    of_probabilities = (*probability_columns(labels), "confidence", "face_score")
    least = dict.fromkeys(of_probabilities, 0) | {"valence": -1, "arousal": -1}
    descriptions = column_descriptions(labels) | {"input": INPUT}

    def field(name: str, dtype: pl.DataType) -> Any:  # noqa: ANN401  types that are made at run time have no type
        of_value: Any = Literal[labels] if name == "emotion" else dtype.to_python()
        # What has a least value has 1 as its greatest.
        found = Field(description=descriptions[name], ge=least.get(name), le=1 if name in least else None)
        return (of_value if name in NEVER_NULL else of_value | None, found)

    return create_model(
        "ResultRow",
        __doc__="One face, or one picture without a face and why; the columns of a table of `affekt predict`.",
        **{name: field(name, dtype) for name, dtype in table_schema(labels).items()},
    )


def example_row(labels: tuple[str, ...]) -> Row:
    """Return a row as a model with these labels may answer it: most likely the second of them."""
    others = dict.fromkeys(labels, 0.07 / (len(labels) - 1))
    probabilities = {f"p_{label}": share for label, share in (others | {labels[1]: 0.93}).items()}
    return {
        **empty_row("portrait.jpg", "ok", labels),
        **{"emotion": labels[1], "confidence": 0.93, "valence": 0.71, "arousal": 0.34},
        **{"face": 1, "x": 102.5, "y": 61.0, "width": 88.0, "height": 112.5, "face_score": 0.91},
        **probabilities,
    }


def analysis_model(labels: tuple[str, ...]) -> type[BaseModel]:
    """Return what `POST /v1/analyze` answers of a model with these labels, as OpenAPI describes it."""
    rows = [example_row(labels)]
    example = {"model": "affekt", "valence_arousal_origin": "projected", "rows": rows, "notes": []}
    origin = (
        "What the model learnt valence and arousal from, as its card says: `rated` by people, `projected` from votes "
        "for expressions, `predicted` by another model, or `synthetic`; null where the card does not say."
    )
    notes = "What a reader of the rows should know about how they came about."
    fields: dict[str, Any] = {
        "model": (str, Field(description="Name in the model's card.")),
        "valence_arousal_origin": (str | None, Field(description=origin)),
        "rows": (list[row_model(labels)], Field()),
        "notes": (list[str], Field(description=notes)),
    }
    return create_model(
        "Analysis",
        __doc__="Rows of all pictures of a request, in the order in which the pictures came.",
        __config__=ConfigDict(json_schema_extra={"examples": [example]}),
        **fields,
    )


class Health(BaseModel):
    """That the service answers, and with which model."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "ok", "model": "affekt", "version": __version__}]}
    )

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


class Options(BaseModel):
    """Options of the query; others are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")

    faces: FaceFinder = Field(
        "auto", description="What finds the faces; `whole` says that each picture is a face already."
    )
    min_confidence: float = Field(
        0.0, ge=0, le=1, description="Leave `emotion` empty where the best expression is less probable."
    )


def analyze_route(settings: Settings, pipeline: Pipeline, load: Load, card: Card) -> APIRouter:
    """Return the route that analyzes, with the card of the model in use."""
    router = APIRouter()
    model = {"model": card.name, "valence_arousal_origin": card.valence_arousal_origin}

    @router.post(
        "/v1/analyze",
        response_model=analysis_model(card.labels),
        responses=problems(400, 401, 408, 413, 415, 421, 422, 500, 503),
        openapi_extra={"requestBody": _body(settings)},
        summary="Find the faces of pictures and read their expressions, valence and arousal.",
    )
    async def analyze(request: Request, options: Annotated[Options, Query()]) -> JSONResponse:
        """Return one row per face, or a row saying why a picture has none.

        Where none of the pictures can be read, that is a problem of status 422, with the rows.
        """
        _refuse_repeated(request)
        load.refuse_if_full()
        with load.room_for_body() as take_room:
            uploads = await read_uploads(request, settings, take_room)
            with load.place_in_queue():
                time_left = DecodeTime(settings.decode_s)
                jobs = [Job(*upload, options.faces, options.min_confidence, time_left) for upload in uploads]
                answers = await _answers(request, jobs, pipeline, settings.answer_s)
        load.count_pictures(answer.rows for answer in answers)
        rows = [row for answer in answers for row in answer.rows]
        if all(row["status"].startswith("unreadable") for row in rows):
            why = rows[0]["status"].removeprefix("unreadable: ")
            detail = f"expected pictures that can be read, got: {why}; send JPEG, PNG or WebP, for instance"
            return problem_answer(HTTPStatus.UNPROCESSABLE_ENTITY, detail, rows=rows)
        most, notes = settings.faces, pipeline.notes if options.faces == "auto" else []
        notes += [
            f"{answer.rows[0]['input']}: only the surest {most} of {most + answer.left_out} faces"
            for answer in answers
            if answer.left_out
        ]
        return JSONResponse({**model, "rows": rows, "notes": notes})

    return router


def _body(settings: Settings) -> dict[str, Any]:
    """Describe the body for OpenAPI: FastAPI would keep parts of a form that it knows of in files."""
    files = {"type": "array", "items": PICTURE, "minItems": 1, "maxItems": settings.pictures}
    form = {"type": "object", "required": [PART], "properties": {PART: files}, "additionalProperties": False}
    texts = {**files, "items": {"type": "string", "format": "byte", "description": "a picture in base64"}}
    as_json = {**form, "properties": {PART: texts}}
    return {
        "required": True,
        "description": "One picture as it is, several files of a form, or JSON with base64 texts; JPEG, PNG, WebP, "
        "AVIF, GIF, BMP or TIFF.",
        "content": {
            "multipart/form-data": {"schema": form},
            "application/json": {"schema": as_json},
            **{kind: {"schema": PICTURE} for kind in MEDIA_TYPES},
        },
    }


def _refuse_repeated(request: Request) -> None:
    """Refuse an option that comes several times, of which FastAPI would take the last."""
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if times > 1:
            sentence = f"expected {name} once, got it {times} times; choose one"
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)


async def _answers(request: Request, jobs: list[Job], pipeline: Pipeline, answer_s: float) -> list[Answer]:
    for job in jobs:
        pipeline.submit(job)
    try:
        async with asyncio.timeout(answer_s):
            return await _unless_gone(request, jobs)
    except TimeoutError:
        raise busy(f"expected an answer within {answer_s:g} s, got none; send fewer pictures") from None
    except MissingExtra as error:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
    except AffektError as error:
        # Errors of single pictures are in their rows. Why there is no detector is told where the service runs: paths of
        # this machine are nobody else's business.
        sentence = f"expected a face detector for faces={jobs[0].faces}, got none; send crops with faces=whole"
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, sentence, RETRY_LATER) from error
    finally:
        for job in jobs:
            job.answer.cancel()


async def _unless_gone(request: Request, jobs: list[Job]) -> list[Answer]:
    """Wait for the answers, and give them up when the client goes away."""
    work = asyncio.gather(*(asyncio.wrap_future(job.answer) for job in jobs))
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "expected a client that waits for its answer, got none")
        return work.result()
    finally:
        work.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
