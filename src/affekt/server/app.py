"""The application: its routes, the files of the live page, the API key, and the headers of every answer."""

import hashlib
import hmac
import ipaddress
import json
import logging
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from http import HTTPStatus
from os import PathLike, stat_result
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.params import Depends as Dependency
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from affekt import __version__
from affekt.analysis.analyzer import Analyzer
from affekt.analysis.rows import table_schema
from affekt.errors import AffektError
from affekt.faces.detector_file import yunet_path
from affekt.files import in_six_digits, templates
from affekt.labels import colours_of
from affekt.models.card import CARD_FILE, ONNX_FILE, Card
from affekt.models.places import predicting_folder
from affekt.people.episodes import SCHEMA as EPISODE_SCHEMA
from affekt.people.options import SummaryOptions
from affekt.server.analyze import EXCEPTION_HANDLERS, RETRY_LATER, Health, analyze_route, problem_answer, problems
from affekt.server.load import Load
from affekt.server.pipeline import Pipeline, opened_once
from affekt.server.settings import Settings

logger = logging.getLogger(__name__)

DESCRIPTION = (
    "Names the expression of each face: one of the model's, with a calibrated probability, and a point on the "
    "valence-arousal plane. No picture is stored or logged. An expression is not a feeling: not for decisions about a "
    "person, and not for people at work or in education."
)
PAGE = Path(__file__).parent / "page"
SMALL_WAY = ("make page", "pip install '.[serve]'", "affekt serve")
FOR_PAGE = (
    f"in a checkout of affekt with npm, stop it and type: {' && '.join(SMALL_WAY)} (0.6 GB), or: make serve, which "
    "brings the tests, too (8 GB)"
)
"""How to get the live page."""
WITHOUT_PAGE = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>affekt</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="manual.css">
<h1>affekt is running</h1>
<p>This installation has no live page. For it, stop the service and type in a checkout of affekt, where npm is:</p>
<ul><li><code>{" && ".join(SMALL_WAY)}</code> (0.6 GB)
<li>or <code>make serve</code>, which brings the tests, too (8 GB)</ul>
<p>Pictures can be sent all the same:
<code>curl --data-binary @portrait.jpg -H 'Content-Type: image/jpeg' ADDRESS/v1/analyze</code></p>
<p><a href="docs">What else can be asked</a></p>
"""
EPISODE_RULE = ("start_probability", "end_probability", "least_episode_s", "longest_gap_s")
"""What the page finds episodes by: the options of a summary that have these names, at their defaults."""
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}
"""Of files. What the standard library knows depends on the machine; other files are application/octet-stream."""
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    # The first two isolate the page, without which browsers give WebAssembly no threads.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "camera=(self)",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def make_app(settings: Settings, *, page: Path = PAGE) -> ASGIApp:
    """Return the service, with its model opened."""
    folder = predicting_folder(settings.model)
    analyzer = Analyzer(folder, settings.analyzer_options())
    card = analyzer.session.card
    load = Load(max_requests=settings.queue, max_bytes=round(settings.waiting_mb * 1e6))
    pipeline = Pipeline(analyzer, settings, load)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:  # before the first request, and what is amiss is said where only the operator reads it
            await run_in_threadpool(pipeline.detector, "auto")
        except AffektError as error:
            logger.warning("only faces=whole is answered for now: %s", error)
        yield
        await run_in_threadpool(pipeline.close)

    # The usual pages of documentation load scripts from elsewhere; /docs shows the same schema without any.
    app = FastAPI(
        title="affekt",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        exception_handlers=EXCEPTION_HANDLERS,
    )
    if settings.allow_origin:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[origin.lower() for origin in settings.allow_origin],  # as browsers write them
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type"),
            expose_headers=("Retry-After",),
        )
    key = _key_dependencies(settings.api_key)
    app.include_router(analyze_route(settings, pipeline, load, card), dependencies=key)
    app.include_router(_about_routes(card, pipeline))
    app.add_api_route(
        "/metrics",
        load.metrics,
        dependencies=key,
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(401)},
        summary="Counts and times, for Prometheus.",
    )
    app.include_router(_page_routes(folder, card))
    app.add_api_route("/docs", lambda: HTMLResponse(manual_page(app.openapi())), include_in_schema=False)
    app.router.default = _PageFiles(directory=page, html=True)
    # Around the application rather than inside it: there its own answer to a failure would pass them by.
    return _with_headers(
        _for_its_hosts(app, {"localhost", *map(str.lower, (settings.host, *settings.allow_host))}), load
    )


def _about_routes(card: Card, pipeline: Pipeline) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/health", responses=problems(503), summary="Whether the service answers.")
    async def health() -> Health:
        if not pipeline.is_alive:
            sentence = "expected a network that answers, got none; start it again"
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, sentence)
        return Health(status="ok", model=card.name, version=__version__)

    @router.get("/v1/model", summary="The card of the model: labels, preprocessing, training, figures, licence.")
    async def model() -> dict[str, Any]:
        return in_six_digits(asdict(card))

    return router


def manual_page(schema: dict[str, Any]) -> str:
    """Return the page at `/docs`: the paths of an OpenAPI schema, what they take and answer, and a row's columns.

    It is for people, without a script and without an address elsewhere.
    """
    row = schema["components"]["schemas"]["ResultRow"]["properties"]
    paths = {
        path: {method: {"requestBody": None, "parameters": [], **operation} for method, operation in methods.items()}
        for path, methods in schema["paths"].items()
    }
    return templates().get_template("manual.html.jinja").render(info=schema["info"], paths=paths, row=row)


def _key_dependencies(api_key: str | None) -> list[Dependency]:
    """Return what guards a route: nothing where there is no key."""
    if api_key is None:
        return []
    scheme = HTTPBearer(scheme_name="key", description="The key of who runs this service.", auto_error=False)

    def digest(key: str) -> bytes:
        return hashlib.sha256(key.encode()).digest()

    async def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(scheme)]) -> None:
        """Refuse a request without the key before anything of its body is read."""
        key = "" if given is None else given.credentials.strip()
        # Hashes of one length, compared in constant time: how long it takes tells nothing of the key.
        if not hmac.compare_digest(digest(key), digest(api_key)):
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED,
                f"expected the header Authorization: Bearer KEY, got {'another key' if key else 'none'}; ask who runs "
                "this service for the key",
                {"WWW-Authenticate": "Bearer"},
            )

    return [Depends(check)]


class _Files(StaticFiles):
    """The files of a folder, with our media types."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        if response.status_code != HTTPStatus.NOT_MODIFIED:
            suffix = Path(full_path).suffix.lower()
            response.headers["content-type"] = MEDIA_TYPES.get(suffix, "application/octet-stream")
        return response


class _PageFiles(_Files):
    """The page, at every path that is no route's; its libraries are in the folder `vendor` once it is built."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        # Not every version of starlette that is taken gets over a name that no file can have.
        if "\0" in path:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        if path == "." and not Path(self.all_directories[0], "vendor").is_dir():
            if "text/html" in Headers(scope=scope).get("accept", ""):
                return HTMLResponse(WITHOUT_PAGE, HTTPStatus.NOT_FOUND)
            raise HTTPException(
                HTTPStatus.NOT_FOUND,
                f"expected the live page, got an installation without it; use POST /v1/analyze, or {FOR_PAGE}",
            )
        return await super().get_response(path, scope)


def _page_routes(folder: Path, card: Card) -> APIRouter:
    """Return the routes of what the page needs: the model in use, its labels, its table's columns, the detector."""
    router = APIRouter(include_in_schema=False)
    files = _Files(directory=folder)
    detector = opened_once(yunet_path)

    @router.get(f"/model/{CARD_FILE}")
    @router.get(f"/model/{ONNX_FILE}")
    async def model_file(request: Request) -> Response:
        return await files.get_response(Path(request.url.path).name, request.scope)

    @router.get("/labels.js")
    async def labels() -> Response:
        exported = {
            "LABELS": card.labels,
            "COLOURS": colours_of(card.labels),
            "COLUMNS": list(table_schema(card.labels)),
            "SMOOTHED_COLUMNS": list(table_schema(card.labels, smoothed=True)),
            "EPISODE_COLUMNS": list(EPISODE_SCHEMA),
            "EPISODE_RULE": {name: getattr(SummaryOptions(), name) for name in EPISODE_RULE},
        }
        module = "".join(f"export const {name} = {json.dumps(value)};\n" for name, value in exported.items())
        return Response(module, media_type="text/javascript")

    @router.get("/detector.onnx")
    async def detector_file(request: Request) -> Response:
        try:
            path = await run_in_threadpool(detector)
        except AffektError as error:
            # Why is told where the service runs: paths of this machine are nobody else's business.
            sentence = "expected the face detector on the server, got none; what it logged at its start says why"
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, sentence, RETRY_LATER) from error
        return await _Files(directory=path.parent).get_response(path.name, request.scope)

    return router


def _for_its_hosts(app: ASGIApp, names: set[str]) -> ASGIApp:
    """Return the application for requests that name it as one of these, or by an address.

    Else the page of a stranger could have a name of its own lead here, and read the answers (DNS rebinding).
    """

    async def app_for_its_hosts(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = Headers(scope=scope).get("host", "")
            host = re.sub(r":[0-9]*$", "", given).lower().removesuffix(".")
            if not ({"*", host} & names or _is_address(host)):
                # Who sent it may not be who reads it: nothing is advised that a shell would take apart.
                is_name = re.fullmatch(r"[a-z0-9._-]+", host)
                advice = f"type: affekt serve --allow-host {host}" if is_name else "ask for one of these"
                sentence = f"expected {' or '.join(sorted(names))} as the host, got {given[:100]!r}; {advice}"
                await problem_answer(HTTPStatus.MISDIRECTED_REQUEST, sentence)(scope, receive, send)
                return
        await app(scope, receive, send)

    return app_for_its_hosts


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _with_headers(app: ASGIApp, load: Load) -> ASGIApp:
    """Return the application with HEADERS on every answer, and every request counted and timed.

    HEAD is answered as GET is; the server leaves the body out.
    """

    async def app_with_headers(scope: Scope, receive: Receive, send: Send) -> None:
        start_s = time.perf_counter()
        asked = {**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                # Answers are of one moment and one client; files have an ETag, by which browsers ask again.
                headers.setdefault("Cache-Control", "no-cache" if "etag" in headers else "no-store")
                # Paths that are no route's share one name: strangers must not be able to grow the table.
                path = getattr(asked.get("route"), "path", "other")
                load.count_request(path, message["status"], time.perf_counter() - start_s)
            await send(message)

        await app(asked, receive, send_with_headers)

    return app_with_headers
