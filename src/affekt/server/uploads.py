"""From a request's body to the pictures in it, in memory only: nothing is written to a disk."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from affekt.server.problems import Problem
from affekt.server.settings import Settings

MULTIPART = "multipart/form-data"
PART = "pictures"
"""Name of every part."""
CHARSETS = ("utf-8", "utf8", "us-ascii", "iso-8859-1")
"""Of the names in a form. Python knows others, some of which decode to what cannot be sent back, or take very long."""
HOW_TO_SEND = f"send a picture as the body with Content-Type: image/jpeg, or several as {MULTIPART}, each named {PART}"


@dataclass(frozen=True)
class Upload:
    """One picture as it arrived."""

    name: str
    """What the rows call it: the file name that was sent with it, else its position."""
    content: bytes


class _Parser(MultiPartParser):
    """Starlette's parser, which keeps all parts in memory and stops at one too many."""

    # 0 is never: a larger part would else go to a temporary file.
    spool_max_size = 0

    def __init__(self, headers: Headers, pieces: AsyncGenerator[bytes, None], most_parts: int) -> None:
        super().__init__(headers, self._with_its_end(pieces))
        self.most_parts = most_parts
        self.begun = 0

    async def _with_its_end(self, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for piece in pieces:
            yield piece
        if self.begun != len(self.items):
            raise MultiPartException("the last part breaks off")

    def on_part_begin(self) -> None:
        if self.begun == self.most_parts:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"expected at most {self.most_parts} pictures a request, got more; send them in several requests",
            )
        self.begun += 1
        super().on_part_begin()


async def read_uploads(request: Request, settings: Settings, take_room: Callable[[int], None]) -> list[Upload]:
    """Read the pictures of a request.

    Args:
        request: whose body was not read yet.
        settings: limits of size, number and time.
        take_room: is told the size of each piece that arrives, and may raise.

    Raises:
        Problem: 400, 408, 413, 415 or 422, each with its sentence.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (media_type in ("", "application/octet-stream", MULTIPART) or media_type.startswith("image/")):
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"expected a picture, got {media_type}; {HOW_TO_SEND} (addresses are not fetched)",
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        sentence = f"expected a body as it is, got one in {request.headers['content-encoding']}; send it uncompressed"
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, sentence)
    most_bytes = round(settings.body_mb * 1e6)
    if int(request.headers.get("content-length", 0)) > most_bytes:
        raise too_large(settings)
    pieces = _limited(request, settings, most_bytes, take_room)
    try:
        async with asyncio.timeout(settings.upload_s):
            if media_type == MULTIPART:
                return await _parts(request, pieces, settings)
            content = b"".join([piece async for piece in pieces])
    except TimeoutError:
        raise Problem(
            HTTPStatus.REQUEST_TIMEOUT,
            f"expected the request within {settings.upload_s:g} s, got a part of it; send smaller pictures",
        ) from None
    except ClientDisconnect:
        # Nobody will read this; it is counted.
        raise Problem(HTTPStatus.BAD_REQUEST, "expected the whole request, got a part of it") from None
    if not content:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"expected a picture, got an empty body; {HOW_TO_SEND}")
    return [Upload("0", content)]


def too_large(settings: Settings) -> Problem:
    """Return the problem of a body beyond the limit."""
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"expected at most {settings.body_mb:g} MB a request, got more; send fewer or smaller pictures",
    )


async def _limited(
    request: Request, settings: Settings, most_bytes: int, take_room: Callable[[int], None]
) -> AsyncGenerator[bytes, None]:
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > most_bytes:
            raise too_large(settings)
        take_room(len(piece))
        yield piece


async def _parts(request: Request, pieces: AsyncGenerator[bytes, None], settings: Settings) -> list[Upload]:
    _check_charset(request.headers["content-type"])
    try:
        form = await _Parser(request.headers, pieces, settings.pictures).parse()
    except (MultiPartException, FormParserError) as error:
        # Starlette turns the second into the first, but not in all its versions.
        sentence = f"expected multipart/form-data of picture files, got: {str(error).rstrip('.')}"
        raise Problem(HTTPStatus.BAD_REQUEST, f"{sentence}; {HOW_TO_SEND}") from error
    try:
        return await _files(form)
    finally:
        await form.close()


def _check_charset(content_type: str) -> None:
    _, parameters = parse_options_header(content_type)
    charset = parameters.get(b"charset", b"utf-8").decode("latin-1")
    if charset.lower() not in CHARSETS:
        raise Problem(HTTPStatus.BAD_REQUEST, f"expected a form in UTF-8, got one in {charset}; leave the charset out")


async def _files(form: FormData) -> list[Upload]:
    uploads = []
    for name, value in form.multi_items():
        if not isinstance(value, UploadFile) or name != PART:
            what = "a file" if isinstance(value, UploadFile) else "text"
            sentence = f"expected files in parts named {PART}, got {what} in one named {name!r}; {HOW_TO_SEND}"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
        uploads.append(Upload(value.filename or str(len(uploads)), await value.read()))
    if not uploads:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"expected picture files, got none; {HOW_TO_SEND}")
    return uploads
