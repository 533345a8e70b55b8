"""Listen, answer until told to stop, and finish what was taken."""

import math
import signal
import socket
import sys

import uvicorn

from affekt.errors import ConfigError
from affekt.server.app import make_app
from affekt.server.protocol import PunctualProtocol
from affekt.server.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until the process is told to stop (SIGINT, SIGTERM); requests that were taken are answered first.

    Either signal ends the process with 0.

    Raises:
        ConfigError: the address cannot be listened on.
        ModelError: the model cannot be used.
    """
    # uvicorn raises a signal again once it is done; a service that stopped as it was told to ends with 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: sys.exit(0))
    server = make_server(settings)
    listener = listen(settings)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(f"affekt serves http://{host}:{listener.getsockname()[1]}/", flush=True)
    server.run(sockets=[listener])


def make_server(settings: Settings) -> uvicorn.Server:
    """Return the server, with its model opened.

    Raises:
        ModelError: the model cannot be used.
    """
    config = uvicorn.Config(
        make_app(settings),
        http=PunctualProtocol,
        ws="none",
        server_header=False,
        log_level="info" if settings.access_log else "warning",
        access_log=settings.access_log,
        limit_concurrency=settings.connections,
        timeout_graceful_shutdown=math.ceil(settings.upload_s + settings.answer_s),
    )
    return uvicorn.Server(config)


def listen(settings: Settings) -> socket.socket:
    """Open the socket.

    Raises:
        ConfigError: the address is not this machine's, or the port is taken.
    """
    try:
        family, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        raise ConfigError(
            f"expected to listen on port {settings.port} of {settings.host}, got: {error.strerror or error}; "
            f"type another: --port {settings.port + 1 if 0 < settings.port < 65_535 else 8000}"
        ) from error
