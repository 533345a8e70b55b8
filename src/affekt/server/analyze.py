"""`POST /v1/analyze`, pictures in, rows out; and what the service answers: rows, health and problem details."""

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from http import HTTPStatus
from typing import Annotated, Any, Literal, get_type_hints

import polars as pl
from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.exceptions import HTTPException

from affekt import __version__
from affekt.analysis.choice import FaceChoice
from affekt.analysis.options import FaceFinder
from affekt.analysis.rows import Row, column_descriptions, empty_row, table_schema
from affekt.errors import AffektError, MissingExtra, did_you_mean
from affekt.labels import probability_columns
from affekt.models.card import Card
from affekt.server.decoding import DecodeTime
from affekt.server.load import Load, busy
from affekt.server.pipeline import RETRY_FAILED_S, Answer, Job, Pipeline
from affekt.server.settings import Settings
from affekt.server.uploads import PART, read_uploads

MEANINGS = {
    400: "the form or the JSON cannot be parsed",
    401: "the key is missing or wrong",
    408: "the request did not arrive in time",
    413: "the request is too large",
    415: "the body is neither a picture, a form nor JSON, or it is compressed",
    421: "the request names a host that is not this service's",
    422: "an option is wrong, or there is no picture, too many, or none that can be read",
    500: "affekt itself failed",
    503: "the service is busy, or it lacks a part, such as the face detector; `Retry-After` says when to come back",
}
UNREADABLE = {
    "not a picture": "send JPEG, PNG or WebP, for instance",
    "[Tt]runcated|an empty file": "send all of the file",
    "limit|memory": "send a smaller one",
    "too long|all the time": "send smaller pictures, or fewer at once",
    "; ": "",  # it says itself what to do
    "": "save it anew, as JPEG or PNG",
}
"""What to do about a picture that cannot be read, by what its reason holds; the first counts."""
PLAINLY = {
    "Input should be": "to be",
    "Unable to parse input string as an integer": "to be a whole number",
    "a valid boolean": "true or false",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "less than or equal to": "at most",
    "greater than or equal to": "at least",
}
"""What pydantic says, and how people say it."""
PICTURE = {"type": "string", "format": "binary"}
RETRY_LATER = {"Retry-After": f"{RETRY_FAILED_S:.0f}"}
MEDIA_TYPES = ("image/jpeg", "image/png", "application/octet-stream")
NEVER_NULL = ("input", "status")
INPUT = "the file name that came with the picture, else its position, from 0"


def row_model(labels: tuple[str, ...]) -> type[BaseModel]:
    """Return a row of a model with these labels, as OpenAPI describes it."""
    of_probabilities = (*probability_columns(labels), "confidence", "face_score", "sharpness")
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
        **{"yaw": -4.2, "pitch": 2.9, "roll": 1.3, "sharpness": 0.52, "reliable": True},
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
    return {status: {"description": MEANINGS[status], "content": content} for status in statuses}


def problem_answer(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: object) -> JSONResponse:
    """Return the answer that tells of a problem, with further members of the problem details."""
    content = {"title": HTTPStatus(status).phrase, "status": int(status), "detail": detail, **more}
    return JSONResponse(content, int(status), headers, media_type="application/problem+json")


async def _answer_http_error(request: Request, error: HTTPException) -> JSONResponse:
    path, headers = request.url.path[:200], error.headers or {}
    instead = did_you_mean(path, [*request.app.openapi()["paths"], "/docs"], "see /docs")
    sentences = {
        HTTPStatus.NOT_FOUND: f"expected a path that this service has, got {path}; {instead}",
        HTTPStatus.METHOD_NOT_ALLOWED: f"expected {headers.get('Allow', 'another method')} for {path}, got "
        f"{request.method}; see /docs",
    }
    # An error that the framework raised says no more than its status.
    status = HTTPStatus(error.status_code)
    detail = sentences.get(status, error.detail) if error.detail == status.phrase else error.detail
    return problem_answer(status, detail, headers)


async def _answer_wrong_options(request: Request, error: RequestValidationError) -> JSONResponse:
    detail = f"{'; '.join(map(_option_sentence, error.errors()[:3]))}; see /docs"
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
        others = f"there are {', '.join(Options.model_fields)}"
        return f"expected no option {name} ({did_you_mean(name, Options.model_fields, others)})"
    said = error["msg"].partition(", unable")[0]
    for pydantic, people in PLAINLY.items():
        said = said.replace(pydantic, people)
    return f"expected {name} {said}, got {error['input'][:100]!r}"


class Options(BaseModel):
    """Options of the query; others are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")

    faces: FaceFinder = Field(
        "auto", description="What finds the faces; `whole` says that each picture is a face already."
    )
    min_confidence: Annotated[
        float, Field(ge=0, le=1, description="Leave `emotion` empty where the best expression is less probable.")
    ] = 0.0
    largest: bool = Field(False, description="Keep the largest face; with `most_faces`, that many of the largest.")
    most_faces: int = Field(0, ge=0, description="Keep this many faces of each picture, the surest; 0 keeps all.")
    min_face: Annotated[
        float,
        Field(ge=0, allow_inf_nan=False, description="Leave out faces whose box has fewer pixels on its longer side."),
    ] = 0.0
    min_face_score: Annotated[
        float, Field(ge=0, le=1, description="Leave out faces of which the detector is less sure.")
    ] = 0.0

    @property
    def choice(self) -> FaceChoice:
        """Which faces count."""
        return FaceChoice(**self.model_dump(include={each.name for each in fields(FaceChoice)}))


def options_of(settings: Settings) -> type[Options]:
    """Return the options of the query, with the defaults that the operator chose."""
    names, kinds = ("min_confidence", "min_face", "min_face_score"), get_type_hints(Options, include_extras=True)
    chosen: dict[str, Any] = {name: (kinds[name], getattr(settings, name)) for name in names}
    return create_model("Options", __base__=Options, **chosen)


def analyze_route(settings: Settings, pipeline: Pipeline, load: Load, card: Card) -> APIRouter:
    """Return the route that analyzes, with the card of the model in use."""
    router = APIRouter()
    asked = Annotated[options_of(settings), Query()]
    model = {"model": card.name, "valence_arousal_origin": card.valence_arousal_origin}

    @router.post(
        "/v1/analyze",
        response_model=analysis_model(card.labels),
        responses=problems(400, 401, 408, 413, 415, 421, 422, 500, 503),
        openapi_extra={"requestBody": _body(settings)},
        summary="Find the faces of pictures and read their expressions, valence and arousal.",
    )
    async def analyze(request: Request, options: asked) -> JSONResponse:  # pyright: ignore[reportInvalidTypeForm]
        """Return one row per face, or a row saying why a picture has none.

        Where none of the pictures can be read, that is a problem of status 422, with the rows.
        """
        _refuse_repeated(request)
        load.refuse_if_full()
        with load.room_for_body() as take_room:
            uploads = await read_uploads(request, settings, take_room)
            with load.place_in_queue():
                time_left = DecodeTime(settings.decode_s)
                jobs = [
                    Job(*upload, options.faces, options.min_confidence, time_left, options.choice) for upload in uploads
                ]
                answers = await _answers(request, jobs, pipeline, settings.answer_s)
        load.count_pictures(answer.rows for answer in answers)
        rows = [row for answer in answers for row in answer.rows]
        if all(row["status"].startswith("unreadable") for row in rows):
            why = rows[0]["status"].removeprefix("unreadable: ")
            advice = next(advice for reason, advice in UNREADABLE.items() if re.search(reason, why))
            detail = "; ".join(filter(None, (f"expected pictures that can be read, got: {why}", advice)))
            return problem_answer(HTTPStatus.UNPROCESSABLE_ENTITY, detail, rows=rows)
        notes = pipeline.notes if options.faces == "auto" else []
        notes += [note for answer in answers if (note := _left_out(answer, options.choice, settings.faces))]
        return JSONResponse({**model, "rows": rows, "notes": notes})

    return router


def _left_out(answer: Answer, choice: FaceChoice, most: int) -> str | None:
    """Return the note on faces of a picture that are not analyzed."""
    if not answer.left_out:
        return None
    name, seen = answer.rows[0]["input"], sum(row["status"] == "ok" for row in answer.rows)
    if choice == FaceChoice():
        return f"{name}: only the surest {most} of {seen + answer.left_out} faces"
    return f"{name}: {seen} of {seen + answer.left_out} faces, as the options ask"


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
        await asyncio.gather(work, gone, return_exceptions=True)  # what nobody looks at, asyncio logs


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
