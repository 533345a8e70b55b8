"""An answer that comes before the request has ended, and still arrives.

A server that closes a connection with bytes unread makes the client's system throw the answer away (RFC 9112, 9.6). So
what still comes is read and forgotten for a while, between the end of the answer and that of the connection.
"""

import asyncio
from contextlib import suppress

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER_S = 5.0
"""How long the rest may take."""


class Linger:
    """Reads the rest of a request that an application answered early."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or not _brings_a_body(scope):
            await self.app(scope, receive, send)
            return
        arrives = True

        async def receive_and_note() -> Message:
            nonlocal arrives
            message = await receive()
            arrives = arrives and message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def send_and_linger(message: Message) -> None:
            if message["type"] == "http.response.start" and arrives:
                MutableHeaders(scope=message)["Connection"] = "close"
            is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if is_last and arrives:
                await send({**message, "more_body": True})
                with suppress(TimeoutError):
                    async with asyncio.timeout(LINGER_S):
                        while arrives:
                            await receive_and_note()
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        await self.app(scope, receive_and_note, send_and_linger)


def _brings_a_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    # Who waits to be told to continue sends nothing after another answer.
    return b"expect" not in headers and (
        b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
    )
