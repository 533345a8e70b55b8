"""Addresses, as `s3://bucket/faces` or `https://host/a.jpg`, read through fsspec; their secrets are never told."""

import base64
import glob
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from affekt.errors import ConfigError, DataError, PictureError, needs_extra

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|data:[^,\s]*;base64,")
DATA = "data:"
"""What addresses begin with that hold the picture itself, as pages and notebooks have them."""
ONE_SLASH = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(?!/)")
"""What becomes of an address in a path."""
MOST_BYTES = 200_000_000
"""Of a picture that is fetched, and of one in an archive."""
LIBRARIES = {"https": "aiohttp", "http": "aiohttp", "s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "hf": "huggingface_hub"}
"""What reads the addresses that begin so."""
SILENT_S, TOTAL_S = 20.0, 300.0
"""How long a server of the web may say nothing, and how long all that is asked for at once may take."""
LIVE = ("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "srt", "udp", "mms")
"""Addresses of streams that are sent as they are filmed, which nothing here reads."""
NOT_FETCHED = "an address, which is read only with --fetch (fetch=True in Python)"
NOT_READ = "a live stream, which affekt does not read; record a video of it and name that"
NOBODY = "nobody answers there, or there is no network"
WEB = ("http", "https")
"""Addresses that no folder can be listed at, and in which `?` asks a question."""


def is_address(name: str) -> bool:
    """Whether a path is none, but an address, as `https://example.org/face.jpg` or `data:image/png;base64,iVBORw0K`."""
    return ADDRESS.match(name) is not None


def is_elsewhere(name: str) -> bool:
    """Whether a path is an address that is to be fetched: one that holds the picture itself is not."""
    return is_address(name) and not name.startswith(DATA)


def is_live(name: str) -> bool:
    """Whether an address is of a live stream, as `rtsp://host/1`; of one of the web its name does not tell."""
    return is_address(name) and name.partition("://")[0].lower() in LIVE


def refusal(address: str) -> str:
    """Return why an address is not read without --fetch, and what to do instead."""
    return NOT_READ if is_live(address) else NOT_FETCHED


def without_secrets(name: str) -> str:
    """Return an address without user, password and query, which may be a key; anything else as it is.

    A checksum stands for the query, so that addresses which differ in it alone stay apart.

    Example:
        >>> without_secrets("https://me:word@host/a.jpg?X-Amz-Signature=0a1b")
        'https://host/a.jpg?~601bce9b'
    """
    if not is_address(name):
        return name
    if name.startswith(DATA):
        kind, _, content = name.partition(",")
        return f"{kind},~{zlib.crc32(content.encode('utf-8', 'surrogateescape')):08x}"
    scheme, _, rest = name.partition("://")
    place, is_asked, query = rest.partition("?")
    host, slash, path = place.partition("/")
    shown = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    return f"{shown}?~{zlib.crc32(query.encode('utf-8', 'surrogateescape')):08x}" if is_asked else shown


def filesystem(address: str) -> tuple[Any, str]:
    """Return what reads an address, and the address as it calls it.

    Raises MissingExtra or ConfigError where nothing that is installed reads such addresses.
    """
    with needs_extra("fetch"):
        import fsspec
    scheme = address.partition("://")[0]
    if is_live(address):
        raise ConfigError(f"expected an address that can be read, got {without_secrets(address)}, {NOT_READ}")
    try:
        if scheme in WEB:
            import aiohttp

            limits = aiohttp.ClientTimeout(total=TOTAL_S, sock_connect=SILENT_S, sock_read=SILENT_S)
            return fsspec.url_to_fs(address, client_kwargs={"timeout": limits})
        return fsspec.url_to_fs(address)
    except (ImportError, ValueError) as error:
        library = LIBRARIES.get(scheme)
        what = f"type: pip install {library}" if library else f"those that begin with {', '.join(LIBRARIES)} are read"
        raise ConfigError(
            f"expected an address that can be read, got one that begins with {scheme}://; {what}"
        ) from error


def addresses_below(address: str) -> list[str]:
    """Return the files that an address of a folder, or a pattern, stands for, sorted; itself where it is neither."""
    files, path = filesystem(address)
    # Libraries keep the lists that they fetched in this process, and what was written since is not in them.
    files.invalidate_cache()
    scheme = address.partition("://")[0]
    if scheme in WEB:
        return [address]
    try:
        with told(address):
            if glob.has_magic(path):
                found = [each for each in files.glob(path) if not files.isdir(each)]
            elif files.isdir(path):
                found = files.find(path)
            else:
                return [address]
    except PictureError as error:
        raise DataError(
            f"expected an address to look at, got {error}; check it, and the keys in the environment that open it"
        ) from None
    return sorted(f"{scheme}://{each}" for each in found)


def fetched(address: str) -> bytes:
    """Return what is at an address, or in it: a picture, of at most `MOST_BYTES`."""
    if address.startswith(DATA):
        try:
            return from_base64(address)
        except ValueError:
            raise PictureError(f"{without_secrets(address)}: not in base64") from None
    files, path = filesystem(address)
    with told(address):
        size = files.size(path)
        if size is None:
            with files.open(path, "rb") as file:
                content = file.read(MOST_BYTES + 1)
        else:
            content = files.cat_file(path) if size <= MOST_BYTES else b""
    if (len(content) if size is None else size) > MOST_BYTES:
        raise PictureError(f"{without_secrets(address)}: over the limit of {MOST_BYTES:,} bytes")
    return content


def from_base64(text: str) -> bytes:
    """Return what a text in base64, or an address that begins with `data:`, holds; programs break it into lines.

    Raises:
        ValueError: it is neither.
    """
    start, comma, rest = text.partition(",")
    text = rest if comma and start.startswith(DATA) else text
    return base64.b64decode("".join(text.split()), validate=True)


class _File:
    """A file at an address; reading it fails in one sentence, whatever its library raises."""

    def __init__(self, file: Any, address: str) -> None:  # noqa: ANN401  file objects of many libraries
        self._file, self._address = file, address

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  what the file has
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        with told(self._address):
            return self._file.read(size)


@contextmanager
def opened(name: str) -> Iterator[IO[bytes]]:
    """Open a file, or what is at an address, to be read piece by piece."""
    if not is_address(name):
        with open(name, "rb") as file:  # noqa: PTH123  a str keeps odd names
            yield file
        return
    files, path = filesystem(name)
    with told(name):
        file: Any = files.open(path, "rb")
    with file:
        yield cast("IO[bytes]", _File(file, name))


def remote_stamp(address: str) -> list[Any] | None:
    """Return what tells a file at an address from what it was before, its bytes first; None where it is not had."""
    try:
        files, path = filesystem(address)
        with told(address):
            found = files.info(path)
    except (ConfigError, PictureError):  # its row will say why
        return None
    return [found.get("size") or 0, str(found.get("ETag") or found.get("LastModified") or found.get("mtime") or "")]


@contextmanager
def told(address: str) -> Iterator[None]:
    """Raise in one sentence what a library raises, without its text, in which the whole address may stand."""
    try:
        yield
    except PictureError:
        raise
    except Exception as error:  # each library has errors of its own
        raise PictureError(f"{without_secrets(address)}: {why(error)}") from None


def why(error: BaseException) -> str:
    """Return why a file cannot be read or written, in words that hold no address."""
    # What the web's files raise says that nothing is there, whatever the server answered.
    status = getattr(error, "status", None) or getattr(error.__cause__, "status", None) or None
    if isinstance(error, PermissionError) or status in (401, 403):
        return "not allowed"
    names = f"{type(error).__name__} {type(error.__cause__).__name__}"
    if status is None and "Connect" in names:
        return NOBODY
    if isinstance(error, TimeoutError) or isinstance(error.__cause__, TimeoutError):
        return "no answer in time"
    if status == 404 or (status is None and isinstance(error, FileNotFoundError)):
        return "no such file"
    if "range requests" in str(error):
        return "its server sends files as a whole only; download it and name the file"
    if isinstance(error, OSError) and error.strerror and error.errno:
        return error.strerror
    words = {"Credentials": "no keys in the environment", "ValueError": "no address of a file"}
    words["Payload"] = words["Disconnected"] = "the connection broke off"
    said = (said for part, said in words.items() if part in names)
    return f"status {status}" if status else next(said, type(error).__name__)
