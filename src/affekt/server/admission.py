"""How much the service has taken on: requests and bytes, counted, and refused beyond what it was told to take."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from affekt.server.problems import busy


class Admission:
    """Counters of one event loop, which need no lock there."""

    def __init__(self, *, most_requests: int, most_bytes: int) -> None:
        """Start with nothing taken.

        Args:
            most_requests: that have arrived and are not answered.
            most_bytes: of bodies that are arriving or have arrived.
        """
        self.most_requests = most_requests
        self.most_bytes = most_bytes
        self.requests = 0
        self.bytes = 0

    def check(self) -> None:
        """Refuse a request that has no place.

        Raises:
            Problem: 503 with Retry-After.
        """
        if self.requests >= self.most_requests:
            raise busy(f"expected a place among {self.most_requests} requests, got a full queue; try again shortly")

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for as long as the block takes.

        Raises:
            Problem: 503 with Retry-After where there is none.
        """
        self.check()
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1

    @contextmanager
    def room(self) -> Iterator[Callable[[int], None]]:
        """Yield a function that takes room for some bytes more, all of which is given back at the end of the block.

        The function raises a 503 Problem where there is no room.
        """
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if self.bytes + size > self.most_bytes:
                raise busy(f"expected room for {size} bytes more, got none: other uploads fill it; try again shortly")
            self.bytes += size
            taken += size

        try:
            yield take
        finally:
            self.bytes -= taken
