"""Errors as RFC 9457 problem details: the status and one sentence that says what to do."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

RETRY_AFTER_S = 1
"""What a refused client is told to wait."""


class Problem(Exception):
    """A request that is answered with an error.

    Args:
        status: of HTTP.
        detail: one sentence: what was expected, what arrived, what to do.
        headers: sent with the answer.
        more: further members of the problem.
    """

    def __init__(
        self, status: int, detail: str, *, headers: dict[str, str] | None = None, more: dict[str, Any] | None = None
    ) -> None:
        """Keep what the answer will say."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.more = more or {}


def busy(detail: str) -> Problem:
    """Return the problem of a service that has enough to do: 503 with Retry-After."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_AFTER_S)})


def problem_response(problem: Problem) -> JSONResponse:
    """Return the answer that tells of a problem."""
    content = {"title": HTTPStatus(problem.status).phrase, "status": int(problem.status), "detail": problem.detail}
    return JSONResponse(
        {**content, **problem.more}, int(problem.status), problem.headers, media_type="application/problem+json"
    )


def answer_with_problems(app: FastAPI) -> None:
    """Let the service tell of every error, its own and the framework's, as a problem."""

    @app.exception_handler(Problem)
    async def _of_ours(request: Request, problem: Problem) -> JSONResponse:
        return problem_response(problem)

    @app.exception_handler(HTTPException)
    async def _of_http(request: Request, error: HTTPException) -> JSONResponse:
        return problem_response(
            Problem(error.status_code, _sentence(request, error), headers=dict(error.headers or {}))
        )

    @app.exception_handler(RequestValidationError)
    async def _of_options(request: Request, error: RequestValidationError) -> JSONResponse:
        sentence = "; ".join(map(_option_sentence, error.errors()))
        return problem_response(Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{sentence}; see /openapi.json"))

    @app.exception_handler(Exception)
    async def _of_nobody(request: Request, error: Exception) -> JSONResponse:
        detail = "the service failed at this request; its log says where, please report it"
        return problem_response(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail))


def _sentence(request: Request, error: HTTPException) -> str:
    path, method = request.url.path, request.method
    if error.status_code == HTTPStatus.NOT_FOUND:
        return f"expected a path that this service has, got {path}; see /openapi.json"
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "another method")
        return f"expected {allowed} for {path}, got {method}; see /openapi.json"
    return f"{error.detail}; see /openapi.json"


def _option_sentence(error: dict[str, Any]) -> str:
    name = error["loc"][-1]
    if error["type"] == "extra_forbidden":
        return f"expected no option {name}"
    return f"{error['msg'].replace('Input should be', f'expected {name} to be', 1)}, got {error['input']!r}"
