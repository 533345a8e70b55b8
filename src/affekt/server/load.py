"""What the service has taken on and what it has done: bounded, counted, and shown to Prometheus."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.responses import Response

from affekt.analysis.rows import Row

RETRY_AFTER_S = 1
"""How long a client should wait that was refused because the service is busy."""
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Load:
    """Requests and bytes that the service holds, and counts of what it answered.

    Only the event loop changes the requests and the bytes, so they need no lock.
    """

    def __init__(self, *, max_requests: int, max_bytes: int) -> None:
        """Start with nothing taken on, of so many unanswered requests and bytes of bodies at most."""
        self.max_requests = max_requests
        self.max_bytes = max_bytes
        self.requests = 0
        self.bytes = 0
        self._registry = here = CollectorRegistry()
        ProcessCollector(registry=here)
        self._answered = Counter("affekt_requests", "Requests answered.", ("path", "status"), registry=here)
        self._seconds = Histogram(
            "affekt_request_seconds", "From the request's head to its answer.", ("path",), registry=here
        )
        self._pictures = Counter("affekt_pictures", "Pictures analyzed.", ("status",), registry=here)
        self._faces = Counter("affekt_faces", "Faces analyzed.", registry=here)
        self._batches = Histogram(
            "affekt_batch_faces", "Faces per pass of the network.", buckets=BATCH_SIZES, registry=here
        )
        waiting = Gauge("affekt_requests_in_hand", "Requests that wait or are worked on.", registry=here)
        waiting.set_function(lambda: self.requests)
        in_memory = Gauge("affekt_bytes_in_hand", "Bytes of requests in memory.", registry=here)
        in_memory.set_function(lambda: self.bytes)

    def refuse_if_full(self) -> None:
        """Refuse a request for which the queue has no place."""
        if self.requests >= self.max_requests:
            raise busy(f"expected a place among {self.max_requests} requests, got a full queue; try again shortly")

    @contextmanager
    def place_in_queue(self) -> Iterator[None]:
        """Hold a place in the queue for as long as the block takes; refuse where there is none."""
        self.refuse_if_full()
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1

    @contextmanager
    def room_for_body(self) -> Iterator[Callable[[int], None]]:
        """Yield a function that takes room for some bytes more; all of it is given back at the end of the block.

        The function raises a 503 HTTPException where there is no room.
        """
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if self.bytes + size > self.max_bytes:
                raise busy(f"expected room for {size} bytes more, got none: other uploads fill it; try again shortly")
            self.bytes += size
            taken += size

        try:
            yield take
        finally:
            self.bytes -= taken

    def count_pictures(self, pictures: Iterable[list[Row]]) -> None:
        """Count the pictures of a request, given the rows of each, and their faces."""
        for rows in pictures:
            status = rows[0]["status"].partition(":")[0]
            self._pictures.labels(status).inc()
            self._faces.inc(len(rows) if status == "ok" else 0)

    def count_batch(self, faces: int) -> None:
        """Count a pass of the network over so many faces."""
        self._batches.observe(faces)

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """Count a request that is answered after so many seconds."""
        self._answered.labels(path, status).inc()
        self._seconds.labels(path).observe(seconds)

    async def metrics(self) -> Response:
        """Return the counts and times in Prometheus' format."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)


def busy(detail: str) -> HTTPException:
    """Return the error of a service that has enough to do: 503 with Retry-After."""
    return HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(RETRY_AFTER_S)})
