"""Listen, answer until told to stop, and finish what was taken on; hang up on who is too slow, not on who is early."""

import asyncio
import errno
import ipaddress
import logging
import math
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import h11
import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from affekt.errors import ConfigError
from affekt.server.app import FOR_PAGE, PAGE, make_app
from affekt.server.settings import Settings

logger = logging.getLogger(__name__)

HEAD_S = 10.0
"""How long the head of a request may take, from its first byte or from the opening of the connection."""
DRAIN_S = 5.0
"""How long the rest of a request may take that was answered before it had arrived."""
MAKE_KEY = "export AFFEKT_API_KEY=$(openssl rand -hex 24)"
MOST_HEAD_BYTES = 65_536
MOST_CHUNKS, LEAST_CHUNK = 1000, 64
"""A body in more chunks than this must have so many bytes in each, on average."""


def serve(settings: Settings, *, report: Callable[[str], None] = logger.info) -> None:
    """Serve until SIGINT or SIGTERM, which ends the process with 0; requests that were taken on are answered first.

    `report` is told the address in a sentence once it can be reached.
    """
    # uvicorn raises a signal again once it is done; a service that stopped as it was told to ends with 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: sys.exit(0))
    with listen(settings) as listener:  # before the model is opened, which takes longer than to find a port taken
        server = make_server(settings)
        bound = ipaddress.ip_address(listener.getsockname()[0])
        # Browsers give camera and threads to the page of this machine's own address alone, and 0.0.0.0 is none.
        name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(str(bound), settings.host)
        host = f"[{name}]" if ":" in name else name
        is_built = (PAGE / "vendor").is_dir()
        without = "" if is_built else f" without the live page; for it, {FOR_PAGE}"
        report(f"affekt serves http://{host}:{listener.getsockname()[1]}/{without}")
        if not bound.is_loopback and settings.api_key is None:
            whom = "every machine that can reach this one may use it, without a key"
            report(f"{whom}; to ask for a key, stop it and type: {MAKE_KEY}")
        server.run(sockets=[listener])


def make_server(settings: Settings) -> uvicorn.Server:
    """Return the server, with its model opened."""
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # who sends a wrong form is told, nobody else
    config = uvicorn.Config(
        drained(make_app(settings)),
        http=_StrictProtocol,
        ws="none",
        server_header=False,
        log_level="info" if settings.access_log else "warning",
        access_log=settings.access_log,
        limit_concurrency=settings.connections,
        timeout_graceful_shutdown=math.ceil(settings.upload_s + settings.answer_s),
    )
    return uvicorn.Server(config)


def listen(settings: Settings) -> socket.socket:
    """Open the socket; refuse an address that is not this machine's, and a port that is taken."""
    try:
        family, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        is_host = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
        port = f"--port {settings.port + 1 if 1024 <= settings.port < 65_535 else 8000}"  # the first are the system's
        raise ConfigError(
            f"expected to listen on port {settings.port} of {settings.host!r}, got: {error.strerror or error}; "
            f"type another: {'--host 127.0.0.1' if is_host else port}"
        ) from error


class _FewChunks(h11.Connection):
    """HTTP/1.1 without bodies in crumbs: each chunk costs as much time as thousands of its bytes."""

    _chunks = _bytes = 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = self._bytes = 0
        elif isinstance(event, h11.Data):
            self._chunks += event.chunk_end
            self._bytes += len(event.data)
            if self._chunks > max(MOST_CHUNKS, self._bytes / LEAST_CHUNK):
                raise h11.RemoteProtocolError("chunks too small")
        return event


class _StrictProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, which also closes a connection whose next request has no complete head in time.

    uvicorn itself waits for ever: a few hundred connections that send a byte a minute would be all that it has. It also
    refuses bodies in crumbs.
    """

    _head_timer: asyncio.TimerHandle

    def __init__(self, config: uvicorn.Config, *others: Any, **more: Any) -> None:  # noqa: ANN401  uvicorn's own
        super().__init__(config, *others, **more)
        self.conn = _FewChunks(h11.SERVER, MOST_HEAD_BYTES)

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: uvicorn would advise to install what this service does not use."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_S, transport.close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._head_timer.cancel()
        elif self._head_timer.cancelled():
            self._head_timer = self.loop.call_later(HEAD_S, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_timer.cancel()
        super().connection_lost(exc)


def drained(app: ASGIApp) -> ASGIApp:
    """Return the application with answers that arrive although they come before the request has ended.

    A server that closes a connection with bytes unread makes the client's system throw the answer away (RFC 9112, 9.6).
    So what still comes is read and forgotten for a while, between the end of the answer and that of the connection.
    """

    async def drained_app(scope: Scope, receive: Receive, send: Send) -> None:
        arrives = scope["type"] == "http" and _brings_a_body(scope)

        async def receive_and_note() -> Message:
            nonlocal arrives
            message = await receive()
            arrives = arrives and message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def send_and_drain(message: Message) -> None:
            if message["type"] == "http.response.start" and arrives:
                MutableHeaders(scope=message)["Connection"] = "close"
            is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if is_last and arrives:
                await send({**message, "more_body": True})
                with suppress(TimeoutError):
                    async with asyncio.timeout(DRAIN_S):
                        while arrives:
                            await receive_and_note()
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        await app(scope, receive_and_note, send_and_drain)

    return drained_app


def _brings_a_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    # Who waits to be told to continue sends nothing after another answer.
    return b"expect" not in headers and (
        b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
    )
