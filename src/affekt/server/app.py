"""The application: routes, headers and problems put together."""

from pathlib import Path

from fastapi import FastAPI

from affekt import __version__
from affekt.inference.analyzer import Analyzer
from affekt.models.shipped import model_folder
from affekt.server.headers import Headers
from affekt.server.page_files import PageFiles, model_routes
from affekt.server.problems import answer_with_problems
from affekt.server.settings import Settings


def make_app(settings: Settings) -> FastAPI:
    """Return the service, with its model opened.

    Raises:
        ModelError: the model cannot be used.
    """
    folder: Path = model_folder(settings.model)
    Analyzer(folder, longest_side=settings.longest_side)
    # The usual pages of documentation load scripts from elsewhere; the schema they show is at /openapi.json.
    app = FastAPI(title="affekt", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False)
    answer_with_problems(app)
    app.add_middleware(Headers)
    app.include_router(model_routes(folder))
    app.router.default = PageFiles()
    return app
