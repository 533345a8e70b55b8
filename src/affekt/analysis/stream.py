"""Rows on their way to other programs while a camera or file is read: by a WebSocket or the Lab Streaming Layer."""

import asyncio
import json
import logging
import re
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from affekt.analysis.rows import Answer
from affekt.errors import ConfigError, needs_extra

logger = logging.getLogger(__name__)

USUAL = "ws://127.0.0.1:8765"
ORIGINS = (None, re.compile(r"null|https?://(localhost|127\.0\.0\.1|absolute)(:\d+)?"))
"""Who may listen: programs, and pages of this machine and of OBS. A browser would let pages of any site connect."""


def streamed(answers: Iterator[Answer], address: str) -> Iterator[Answer]:
    """Yield answers, each after its rows were sent to an address; tell at the end how late they were."""
    stream = RowStream(address)
    try:
        for answer in answers:
            stream.send(answer)
            yield answer
    finally:
        stream.close()
        logger.info("%s", stream.told())


class RowStream:
    """Sends each row as a line of JSON when it is there, with the times at which its frame was read and it left."""

    def __init__(self, address: str) -> None:
        """Open `ws://HOST:PORT`, which affekt serves and any number of programs may listen to, or `lsl`.

        Raises:
            ConfigError: the address is neither, or its port is taken.
            MissingExtra: the library is not installed.
        """
        self.address, self._delays_s = address, list[float]()
        self._send, self.close = _open_lsl() if address == "lsl" else _open_websocket(address)

    def send(self, answer: Answer) -> None:
        """Send the rows of a frame or a picture; whoever listens too slowly misses none, and delays nobody."""
        sent_at = time.time()
        if answer.read_at is not None:
            self._delays_s.append(sent_at - answer.read_at)
        for row in answer.rows:
            self._send(json.dumps({**row, "read_at": answer.read_at, "sent_at": sent_at}))

    def told(self) -> str:
        """Return what a person is told at the end."""
        if not self._delays_s:
            return f"sent the rows to {self.address}"
        usual_s, most_s = statistics.median(self._delays_s), max(self._delays_s)
        delay = f"{usual_s:.2f} s after their frame was read (median), at most {most_s:.2f} s"
        return f"sent the rows to {self.address}: {delay}"


def _open_websocket(address: str) -> tuple[Callable[[str], None], Callable[[], None]]:
    """Serve an address in a thread; return what sends a line to all who listen, and what ends it."""
    host, port = host_and_port(address)
    with needs_extra("stream"):
        from websockets.asyncio.server import broadcast, serve  # pyright: ignore[reportMissingImports]
    started, done, problems = threading.Event(), asyncio.Event(), list[OSError]()
    logging.getLogger("websockets").setLevel(logging.WARNING)  # nobody asked who comes and goes
    loop, listeners = asyncio.new_event_loop(), set()

    async def listen(connection) -> None:  # noqa: ANN001  the library's
        listeners.add(connection)
        try:
            await connection.wait_closed()
        finally:
            listeners.discard(connection)

    async def run() -> None:
        try:
            async with serve(listen, host, port, origins=ORIGINS):
                started.set()
                await done.wait()
        except OSError as error:
            problems.append(error)
            started.set()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), name="stream", daemon=True)
    thread.start()
    started.wait()
    if problems:
        thread.join()
        loop.close()
        raise ConfigError(
            f"expected a free port for stream, got {address} ({problems[0].strerror or problems[0]}); type: "
            f"--stream ws://127.0.0.1:{port % 65_000 + 1}, or stream='ws://127.0.0.1:{port % 65_000 + 1}' in Python"
        )

    def send(line: str) -> None:
        loop.call_soon_threadsafe(broadcast, listeners, line)

    def close() -> None:
        if thread.is_alive():
            loop.call_soon_threadsafe(done.set)
            thread.join()
            loop.close()

    return send, close


def host_and_port(address: str) -> tuple[str, int]:
    """Read `ws://HOST:PORT`; raises ConfigError where it is none."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme != "ws" or not host or not port or parts.path not in ("", "/"):
        raise ConfigError(
            f"expected stream as ws://HOST:PORT or lsl, got {address}; type: --stream {USUAL}, or stream={USUAL!r} in "
            "Python"
        )
    return host, port


def _open_lsl() -> tuple[Callable[[str], None], Callable[[], None]]:
    """Open an outlet of one channel of text, at no regular rate; LSL stamps each line with its own clock."""
    with needs_extra("lsl"):
        import pylsl  # pyright: ignore[reportMissingImports]
    info = pylsl.StreamInfo("affekt", "Expression", 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, "affekt")
    outlet = pylsl.StreamOutlet(info)
    return lambda line: outlet.push_sample([line]), lambda: None
