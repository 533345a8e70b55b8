"""`POST /v1/analyze`: pictures in, rows out."""

import asyncio
from collections import Counter
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from affekt.analysis.analyzer import FaceFinder
from affekt.errors import AffektError, MissingExtra
from affekt.models.card import Card
from affekt.server.answers import Analysis, busy, problem_answer, problems
from affekt.server.load import Load
from affekt.server.pipeline import RETRY_FAILED_S, Answer, Job, Pipeline
from affekt.server.settings import Settings
from affekt.server.uploads import PART, read_uploads

PICTURE = {"type": "string", "format": "binary"}
RETRY_LATER = {"Retry-After": f"{RETRY_FAILED_S:.0f}"}
MEDIA_TYPES = ("image/jpeg", "image/png", "application/octet-stream")


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
        response_model=Analysis,
        responses=problems(400, 401, 408, 413, 415, 422, 500, 503),
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
                jobs = [Job(*upload, options.faces, options.min_confidence) for upload in uploads]
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
    return {
        "required": True,
        "description": "One picture as it is, or several files of a form; JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF.",
        "content": {"multipart/form-data": {"schema": form}, **{kind: {"schema": PICTURE} for kind in MEDIA_TYPES}},
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
