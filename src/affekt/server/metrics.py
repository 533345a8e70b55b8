"""Counts and times of the service, for Prometheus."""

import time

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from affekt.server.admission import Admission
from affekt.server.keys import Key
from affekt.server.pipeline import Answered
from affekt.server.schemas import problems

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """What is counted, in a registry of its own."""

    def __init__(self, admission: Admission) -> None:
        """Start at zero.

        Args:
            admission: whose counters are shown.
        """
        self.registry = here = CollectorRegistry()
        ProcessCollector(registry=here)
        self.requests = Counter("affekt_requests", "Requests answered.", ("path", "status"), registry=here)
        self.seconds = Histogram(
            "affekt_request_seconds", "From the request's head to its answer.", ("path",), registry=here
        )
        self.pictures = Counter("affekt_pictures", "Pictures looked at.", ("status",), registry=here)
        self.faces = Counter("affekt_faces", "Faces answered for.", registry=here)
        self.batches = Histogram(
            "affekt_batch_faces", "Faces a pass of the network.", buckets=BATCH_SIZES, registry=here
        )
        waiting = Gauge("affekt_requests_in_hand", "Requests that wait or are worked on.", registry=here)
        waiting.set_function(lambda: admission.requests)
        held = Gauge("affekt_bytes_in_hand", "Bytes of requests that are held.", registry=here)
        held.set_function(lambda: admission.bytes)

    def count(self, answers: list[Answered]) -> None:
        """Count the pictures of a request and their faces."""
        for answer in answers:
            status = answer.rows[0]["status"].partition(":")[0]
            self.pictures.labels(status).inc()
            self.faces.inc(len(answer.rows) if status == "ok" else 0)


class Measured:
    """Counts and times every request of an application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Wrap the application."""
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start_s = time.perf_counter()

        async def send_and_count(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Paths that are no route's share one name: strangers must not be able to grow the table.
                route = scope.get("route")
                path = getattr(route, "path", "other")
                self.metrics.requests.labels(path, message["status"]).inc()
                self.metrics.seconds.labels(path).observe(time.perf_counter() - start_s)
            await send(message)

        await self.app(scope, receive, send_and_count)


def metrics_routes(metrics: Metrics, key: Key) -> APIRouter:
    """Return the route that Prometheus reads."""
    router = APIRouter(dependencies=key.dependencies)

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(401)},
        summary="Counts and times, for Prometheus.",
    )
    async def shown() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router
