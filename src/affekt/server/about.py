"""What the service says of itself: that it is there, and the card of its model."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter

from affekt import __version__
from affekt.models.card import Card
from affekt.server.pipeline import Pipeline
from affekt.server.problems import Problem
from affekt.server.schemas import Health, problems


def about_routes(card: Card, pipeline: Pipeline) -> APIRouter:
    """Return the routes that tell of the service and of its model."""
    router = APIRouter()

    @router.get("/v1/health", responses=problems(503), summary="Whether the service answers.")
    async def health() -> Health:
        if not pipeline.is_alive:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "expected a network that answers, got none; start it again")
        return Health(status="ok", model=card.name, version=__version__)

    @router.get("/v1/model", summary="The card of the model: labels, preprocessing, training, figures, licence.")
    async def model() -> dict[str, Any]:
        return asdict(card)

    return router
