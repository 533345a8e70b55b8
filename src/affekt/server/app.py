"""The application: the routes, and what is done to every request."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from affekt import __version__
from affekt.analysis.analyzer import Analyzer
from affekt.analysis.options import AnalyzerOptions
from affekt.errors import AffektError
from affekt.models.card import model_folder
from affekt.server.about import about_routes
from affekt.server.admission import Admission
from affekt.server.analyze import analyze_routes
from affekt.server.headers import Headers
from affekt.server.keys import Key
from affekt.server.linger import Linger
from affekt.server.metrics import Measured, Metrics, metrics_routes
from affekt.server.page_files import PAGE, PageFiles, model_routes
from affekt.server.pipeline import Pipeline
from affekt.server.problems import answer_with_problems
from affekt.server.settings import Settings

DESCRIPTION = (
    "Reads emotion from faces: one of eight expressions with a calibrated probability, and a point on the "
    "valence-arousal plane. No picture is stored or logged. An expression is not a feeling: not for decisions about a "
    "person, and not for people at work or in education."
)


def make_app(settings: Settings, *, page: Path = PAGE) -> ASGIApp:
    """Return the service, with its model opened.

    Args:
        settings: what it was told.
        page: folder of the live page.

    Raises:
        ModelError: the model cannot be used.
    """
    folder = model_folder(settings.model)
    analyzer = Analyzer(folder, AnalyzerOptions(longest_side=settings.longest_side))
    admission = Admission(most_requests=settings.queue, most_bytes=round(settings.waiting_mb * 1e6))
    metrics = Metrics(admission)
    pipeline = Pipeline(
        analyzer,
        max_pixels=round(settings.megapixels * 1e6),
        most_faces=settings.faces,
        seen_batch=metrics.batches.observe,
    )
    key = Key(settings.api_key)
    card = analyzer.session.card

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(_open_detector, pipeline)
        yield
        await run_in_threadpool(pipeline.close)

    # The usual pages of documentation load scripts from elsewhere; the schema they show is at /openapi.json.
    app = FastAPI(
        title="affekt",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    answer_with_problems(app)
    app.include_router(analyze_routes(settings, pipeline, admission, metrics, key, card))
    app.include_router(about_routes(card, pipeline))
    app.include_router(metrics_routes(metrics, key))
    app.include_router(model_routes(folder))
    app.router.default = PageFiles(page)
    # Around the application rather than inside it: there its own answer to a failure would pass them by.
    return Headers(Measured(Linger(app), metrics))


def _open_detector(pipeline: Pipeline) -> None:
    """Open the detector before the first request, and say what is amiss where only the operator reads it."""
    try:
        pipeline.detector("auto")
    except AffektError as error:
        print(f"affekt: only faces=whole is answered for now: {error}", file=sys.stderr, flush=True)
