"""From a request's body to encoded pictures: few bytes, in time, and nothing on a disk."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from http import HTTPStatus
from types import NoneType
from typing import Any

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from affekt.analysis.remote import from_base64
from affekt.server.settings import Settings

MULTIPART = "multipart/form-data"
JSON = "application/json"
PART = "pictures"
"""Name of every part of a form, and of the list in a JSON body."""
CHARSETS = ("utf-8", "utf8", "us-ascii", "iso-8859-1")
"""Of the names in a form. Python knows others, some of which decode to what cannot be sent back, or take very long."""
KINDS = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", NoneType: "null"}
KINDS |= {int: "a number", float: "a number"}
HOW_TO_SEND = f"send a picture as the body with Content-Type: image/jpeg, or several as {MULTIPART}, each named {PART}"
HOW_IN_JSON = (
    f'send {{"{PART}": ["...", "..."]}}, each picture in base64 (addresses are not fetched), and options in the '
    "address, as ?faces=whole"
)


class _FormParser(MultiPartParser):
    """Starlette's parser, which keeps all parts in memory, stops at one too many, and misses none that breaks off."""

    # Without a limit: a larger part would else go to a temporary file.
    spool_max_size = 0

    def __init__(self, headers: Headers, pieces: AsyncGenerator[bytes, None], max_parts: int) -> None:
        super().__init__(headers, self._with_its_end(pieces))
        self.max_parts = max_parts
        self.begun = 0

    async def _with_its_end(self, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for piece in pieces:
            yield piece
        if self.begun != len(self.items):
            raise MultiPartException("the last part breaks off")

    def on_part_begin(self) -> None:
        if self.begun == self.max_parts:
            raise _too_many(self.max_parts)
        self.begun += 1
        super().on_part_begin()


async def read_uploads(
    request: Request, settings: Settings, take_room: Callable[[int], None]
) -> list[tuple[str, bytes]]:
    """Read the pictures of a request within its limits of size, number and time, each with its file name or position.

    `take_room` is told the size of each piece that arrives, and may raise.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (media_type in ("", "application/octet-stream", MULTIPART, JSON) or media_type.startswith("image/")):
        sentence = f"expected a picture, got {media_type}; {HOW_TO_SEND} (addresses are not fetched)"
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, sentence)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        sentence = f"expected a body as it is, got one in {request.headers['content-encoding']}; send it uncompressed"
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, sentence)
    _check_size(int(request.headers.get("content-length", 0)), settings)
    pieces = _limited(request, settings, take_room)
    try:
        async with asyncio.timeout(settings.upload_s):
            if media_type == MULTIPART:
                return await _files_of_form(request, pieces, settings)
            content = b"".join([piece async for piece in pieces])
    except TimeoutError:
        sentence = f"expected the request within {settings.upload_s:g} s, got a part of it; send smaller pictures"
        raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, sentence) from None
    except ClientDisconnect:
        # Nobody will read this; it is counted.
        raise HTTPException(HTTPStatus.BAD_REQUEST, "expected the whole request, got a part of it") from None
    if media_type == JSON:
        return await run_in_threadpool(_pictures_of_json, content, settings.pictures)
    if not content:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"expected a picture, got an empty body; {HOW_TO_SEND}")
    return [("0", content)]


def _check_size(size: int, settings: Settings) -> None:
    if size > settings.body_mb * 1e6:
        sentence = f"expected at most {settings.body_mb:g} MB per request, got more; send fewer or smaller pictures"
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)


async def _limited(
    request: Request, settings: Settings, take_room: Callable[[int], None]
) -> AsyncGenerator[bytes, None]:
    size = 0
    async for piece in request.stream():
        size += len(piece)
        _check_size(size, settings)
        take_room(len(piece))
        yield piece


async def _files_of_form(
    request: Request, pieces: AsyncGenerator[bytes, None], settings: Settings
) -> list[tuple[str, bytes]]:
    _, parameters = parse_options_header(request.headers["content-type"])
    charset = parameters.get(b"charset", b"utf-8").decode("latin-1")
    if charset.lower() not in CHARSETS:
        sentence = f"expected a form in UTF-8, got one in {charset}; leave the charset out"
        raise HTTPException(HTTPStatus.BAD_REQUEST, sentence)
    try:
        form = await _FormParser(request.headers, pieces, settings.pictures).parse()
    except (MultiPartException, FormParserError) as error:
        # Starlette turns the second into the first, but not in all its versions.
        sentence = f"expected multipart/form-data of picture files, got: {str(error).rstrip('.')}"
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"{sentence}; {HOW_TO_SEND}") from error
    try:
        return await _files(form)
    finally:
        await form.close()


async def _files(form: FormData) -> list[tuple[str, bytes]]:
    uploads = []
    for name, value in form.multi_items():
        if not isinstance(value, UploadFile) or name != PART:
            what = "a file" if isinstance(value, UploadFile) else "text"
            sentence = f"expected files in parts named {PART}, got {what} in one named {name!r}; {HOW_TO_SEND}"
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
        uploads.append((value.filename or str(len(uploads)), await value.read()))
    if not uploads:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"expected picture files, got none; {HOW_TO_SEND}")
    return uploads


def _pictures_of_json(body: bytes, most: int) -> list[tuple[str, bytes]]:
    """Return the pictures of a body such as `{"pictures": ["/9j/4AAQ...", "data:image/png;base64,iVBOR..."]}`."""
    # Each mark may become an object many times its size: a body has no more of them than its pictures need.
    if sum(map(body.count, b",:[{")) > 4 * most + 3:
        raise _too_many(most)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        sentence = f"expected JSON, got something else; {HOW_IN_JSON}"
        raise HTTPException(HTTPStatus.BAD_REQUEST, sentence) from None
    if instead := _instead_of_texts(found):
        sentence = f"expected JSON with a list of texts named {PART}, got {instead}; {HOW_IN_JSON}"
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
    texts = found[PART]
    if len(texts) > most:
        raise _too_many(most)
    return [(str(place), _from_base64(text, place)) for place, text in enumerate(texts)]


def _instead_of_texts(found: Any) -> str | None:  # noqa: ANN401  what JSON holds
    """Return what came instead of texts in a list named as it should be; None where they came."""
    if not isinstance(found, dict):
        return KINDS[type(found)]
    if set(found) != {PART}:
        return f"an object with {', '.join(sorted(found))[:100] or 'nothing in it'}"
    texts = found[PART]
    if not isinstance(texts, list):
        return f"{KINDS[type(texts)]} of this name"
    wrong = [KINDS[type(text)] for text in texts if not isinstance(text, str)]
    return f"a list with {wrong[0]}" if wrong else None if texts else "an empty list"


def _from_base64(text: str, place: int) -> bytes:
    try:
        return from_base64(text)
    except ValueError:
        sentence = f"expected picture {place} in base64, got something else; {HOW_IN_JSON}"
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, sentence) from None


def _too_many(most: int) -> HTTPException:
    sentence = f"expected at most {most} pictures per request, got more; send them in several requests"
    return HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
