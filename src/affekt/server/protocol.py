"""uvicorn's HTTP/1.1, which also hangs up on clients that take too long over the head of a request.

uvicorn itself waits for ever: a few hundred connections that send a byte a minute would be all that it has.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
"""How long the head of a request may take, from its first byte or from the opening of the connection."""


class PunctualProtocol(H11Protocol):
    """Closes a connection whose next request has no complete head in time."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401  as uvicorn has them
        """Start without a timer."""
        super().__init__(*args, **options)
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._time_the_head()

    def data_received(self, data: bytes) -> None:
        """Take what arrives, and see whether it ends a head or begins one."""
        super().data_received(data)
        self._time_the_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_timer()
        super().connection_lost(exc)

    def _time_the_head(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop_timer()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S, self.transport.close)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
