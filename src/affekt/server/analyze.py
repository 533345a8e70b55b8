"""`POST /v1/analyze`: pictures in, rows out."""

import asyncio
from collections import Counter
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from affekt.errors import AffektError, MissingExtra
from affekt.models.card import Card
from affekt.server.admission import Admission
from affekt.server.cached import FORGET_FAILURE_S
from affekt.server.keys import Key
from affekt.server.metrics import Metrics
from affekt.server.pipeline import Answered, Job, Pipeline
from affekt.server.problems import Problem, busy
from affekt.server.schemas import Analysis, problems
from affekt.server.settings import Settings
from affekt.server.uploads import PART, Upload, read_uploads

PICTURE = {"type": "string", "format": "binary"}
RETRY_LATER = {"Retry-After": f"{FORGET_FAILURE_S:.0f}"}
RAW = ("image/jpeg", "image/png", "application/octet-stream")


class Options(BaseModel):
    """Options of the query; others are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")

    faces: Literal["auto", "yunet", "cascade", "whole"] = Field(
        "auto", description="Who finds the faces; `whole` says that each picture is a face already."
    )
    min_confidence: float = Field(
        0.0, ge=0, le=1, description="Leave `emotion` empty where the best expression is less probable."
    )


def analyze_routes(
    settings: Settings, pipeline: Pipeline, admission: Admission, metrics: Metrics, key: Key, card: Card
) -> APIRouter:
    """Return the route that analyzes.

    Args:
        settings: limits of requests and of time.
        pipeline: turns pictures into rows.
        admission: says whether there is a place and room.
        metrics: counts pictures and faces.
        key: what clients must know.
        card: of the model in use.
    """
    router = APIRouter(dependencies=key.dependencies)
    model = {"model": card.name, "valence_arousal_origin": card.valence_arousal_origin}

    @router.post(
        "/v1/analyze",
        response_model=Analysis,
        responses=problems(400, 401, 408, 413, 415, 422, 500, 503),
        openapi_extra={"requestBody": _body(settings)},
        summary="Find the faces of pictures and read their expressions, valence and arousal.",
    )
    async def analyze(request: Request, options: Annotated[Options, Query()]) -> JSONResponse:
        """Return a row a face, or a row saying why a picture has none.

        Where none of the pictures can be read, that is a problem of status 422, with the rows.
        """
        _refuse_repeated(request)
        admission.check()
        with admission.room() as take_room:
            uploads = await read_uploads(request, settings, take_room)
            with admission.place():
                answers = await _answered(request, uploads, options, pipeline, settings)
        metrics.count(answers)
        rows = [row for answer in answers for row in answer.rows]
        if all(row["status"].startswith("unreadable") for row in rows):
            why = rows[0]["status"].removeprefix("unreadable: ")
            detail = f"expected pictures that can be read, got: {why}; send JPEG, PNG or WebP, for instance"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, more={"rows": rows})
        return JSONResponse({**model, "rows": rows, "notes": _notes(answers, options, pipeline, settings)})

    return router


def _refuse_repeated(request: Request) -> None:
    """Refuse an option that comes several times, of which FastAPI would take the last.

    Raises:
        Problem: 422.
    """
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if times > 1:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"expected {name} once, got it {times} times; choose one")


def _body(settings: Settings) -> dict[str, Any]:
    """Describe the body for OpenAPI: FastAPI would keep parts of a form that it knows of in files."""
    files = {"type": "array", "items": PICTURE, "minItems": 1, "maxItems": settings.pictures}
    form = {"type": "object", "required": [PART], "properties": {PART: files}, "additionalProperties": False}
    return {
        "required": True,
        "description": "One picture as it is, or several files of a form; JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF.",
        "content": {"multipart/form-data": {"schema": form}, **{kind: {"schema": PICTURE} for kind in RAW}},
    }


async def _answered(
    request: Request, uploads: list[Upload], options: Options, pipeline: Pipeline, settings: Settings
) -> list[Answered]:
    jobs = [Job(one.name, one.content, options.faces, options.min_confidence) for one in uploads]
    for job in jobs:
        pipeline.submit(job)
    try:
        async with asyncio.timeout(settings.answer_s):
            return await _unless_gone(request, jobs)
    except TimeoutError:
        raise busy(f"expected an answer within {settings.answer_s:g} s, got none; send fewer pictures") from None
    except MissingExtra as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
    except AffektError as error:
        # Pictures' own errors are in their rows. Why is told where the service runs: paths of this machine are nobody
        # else's business.
        sentence = f"expected a face detector for faces={options.faces}, got none; send crops with faces=whole"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, sentence, headers=RETRY_LATER) from error
    finally:
        for job in jobs:
            job.answer.cancel()


async def _unless_gone(request: Request, jobs: list[Job]) -> list[Answered]:
    """Wait for the answers, and give them up when the client goes away."""
    work, gone = asyncio.ensure_future(_all(jobs)), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise Problem(HTTPStatus.REQUEST_TIMEOUT, "expected a client that waits for its answer, got none")
        return work.result()
    finally:
        work.cancel()
        gone.cancel()


async def _all(jobs: list[Job]) -> list[Answered]:
    return [await asyncio.wrap_future(job.answer) for job in jobs]


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _notes(answers: list[Answered], options: Options, pipeline: Pipeline, settings: Settings) -> list[str]:
    return [*(pipeline.notes if options.faces == "auto" else ()), *_of_left_out(answers, settings)]


def _of_left_out(answers: list[Answered], settings: Settings) -> list[str]:
    return [
        f"{answer.rows[0]['input']}: only the surest {settings.faces} of {settings.faces + answer.left_out} faces"
        for answer in answers
        if answer.left_out
    ]
