"""Files for the live page: the page itself, the model in use and the face detector, all from this origin."""

from http import HTTPStatus
from os import PathLike, stat_result
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from affekt.errors import AffektError
from affekt.faces.detector_file import yunet_path
from affekt.models.card import CARD_FILE, ONNX_FILE
from affekt.server.cached import FORGET_FAILURE_S, Remembered
from affekt.server.problems import Problem

PAGE = Path(__file__).parent / "page"
BUILT = ("index.html", "vendor")
"""What is there once the page is built; npm brings the second."""
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".onnx": "application/octet-stream",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
"""Ours, since what the standard library knows depends on the machine; other files are of no type."""


class Files(StaticFiles):
    """The files of a folder, with our media types."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Return a file, or the news that the browser has it already."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        if response.status_code != HTTPStatus.NOT_MODIFIED:
            suffix = Path(full_path).suffix.lower()
            response.headers["content-type"] = MEDIA_TYPES.get(suffix, "application/octet-stream")
        return response


class PageFiles(Files):
    """The page, at every path that is no other route's."""

    def __init__(self, folder: Path) -> None:
        """Serve a folder, whether it is built yet or not."""
        super().__init__(directory=folder, html=True, check_dir=False)
        self.folder = folder

    async def check_config(self) -> None:
        """Let a page that is not built be told of where it is asked for."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file of the page.

        Raises:
            Problem: 404 where the page is not built.
            HTTPException: 404 where there is no such file.
        """
        # Not every version of starlette that is taken gets over a name that no file can have.
        if "\0" in path:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        if path == "." and not all((self.folder / name).exists() for name in BUILT):
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "expected the live page, got an installation without it; type: make page, or use POST /v1/analyze",
            )
        return await super().get_response(path, scope)


def model_routes(folder: Path) -> APIRouter:
    """Return the routes of the model's and the detector's files.

    Args:
        folder: of the model in use.
    """
    router = APIRouter(include_in_schema=False)
    model_files = Files(directory=folder)
    detector = Remembered(yunet_path)

    @router.api_route("/model/card.json", methods=["GET", "HEAD"])
    async def card(request: Request) -> Response:
        return await model_files.get_response(CARD_FILE, request.scope)

    @router.api_route("/model/model.onnx", methods=["GET", "HEAD"])
    async def network(request: Request) -> Response:
        return await model_files.get_response(ONNX_FILE, request.scope)

    @router.api_route("/detector.onnx", methods=["GET", "HEAD"])
    async def detector_file(request: Request) -> Response:
        try:
            path = await run_in_threadpool(detector)
        except AffektError as error:
            # Why is told where the service runs: paths of this machine are nobody else's business.
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "expected the face detector on the server, got none; what it printed at its start says why",
                headers={"Retry-After": f"{FORGET_FAILURE_S:.0f}"},
            ) from error
        return await Files(directory=path.parent).get_response(path.name, request.scope)

    return router
