"""The face detector's file, YuNet of opencv_zoo (MIT): in the package, kept at home, or fetched once; always checked.

Only the standard library is imported here: the package is built with it.
"""

import atexit
import hashlib
import http.client
import os
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import suppress
from functools import cache
from pathlib import Path

from affekt.errors import ConfigError, DataError, ModelError
from affekt.files import affekt_home, mirror, written_whole

YUNET_FILE = "face_detection_yunet_2026may.onnx"
YUNET_SHA256 = "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0"
YUNET_URL = (
    "https://github.com/opencv/opencv_zoo/raw/47534e27c9851bb1128ccc0102f1145e27f23f98"
    f"/models/face_detection_yunet/{YUNET_FILE}"
)
PACKAGED = Path(__file__).parents[1] / "shipped" / "detector" / YUNET_FILE
"""Where the file is in a package that was built with it."""
TIMEOUT_S = 10.0
"""How long the host may be silent before it counts as out of reach."""
TOTAL_S = 60.0
"""How long all of it may take."""
MOST_BYTES = 10_000_000
"""More than the file has, so that no answer without an end fills the memory."""


def yunet_path() -> Path:
    """Return the detector's file: the package's own, else that in `AFFEKT_HOME`, where it is fetched to on first use.

    Where `AFFEKT_HOME` cannot be written, a fetched file lasts as long as this process. Raises ModelError where the
    file cannot be had, or is another than it should be.
    """
    try:
        place = PACKAGED if PACKAGED.is_file() else kept_path()
    except ConfigError as error:
        raise ModelError(str(error)) from error
    try:
        content = place.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return _fetched(place)
    except OSError as error:
        raise ModelError(
            f"expected to read the face detector at {place}, got {error.strerror}; let this user read it, or set "
            "AFFEKT_HOME to another folder"
        ) from error
    _check(content, place, f"delete {place} and type: affekt setup")
    return place


def has_detector() -> bool:
    """Return whether the file is here already, so that nothing need be fetched."""
    with suppress(ConfigError):  # there is no home
        return PACKAGED.is_file() or kept_path().is_file()
    return False


def kept_path() -> Path:
    """Return where the file is kept, once it has been fetched or copied."""
    return affekt_home() / "detectors" / YUNET_FILE


def _lack(source: Path, error: OSError) -> str:
    if not isinstance(error, FileNotFoundError):
        return str(error.strerror)
    return "no such file" if source.parent.is_dir() else "no such folder"


def copy_detector(source: Path, target: Path) -> None:
    """Copy the file to another place, whole or not at all; raises ModelError where the source is another file."""
    try:
        content = source.read_bytes()
    except OSError as error:
        raise ModelError(
            f"expected the face detector's file {YUNET_FILE} in {source.parent}, got {_lack(source, error)}; "
            "on a machine with a network, type: affekt setup --to DIR"
        ) from error
    _check(content, source, "on a machine with a network, type: affekt setup --to DIR")
    with written_whole(target) as temporary:
        temporary.write_bytes(content)


def _fetched(place: Path) -> Path:
    origin = mirror()
    if isinstance(origin, Path) and (origin / YUNET_FILE).is_file():
        copy_detector(origin / YUNET_FILE, place)
        return place
    urls = [f"{origin}/{YUNET_FILE}", YUNET_URL] if isinstance(origin, str) else [YUNET_URL]
    content = _of_the_first(urls)
    if content.lstrip()[:1] == b"<":
        raise _not_had("a web page, perhaps this network's login; log in with a browser, or")
    _check(content, YUNET_URL, "fetch it on another machine: affekt setup --to DIR")
    try:
        with written_whole(place) as temporary:
            temporary.write_bytes(content)
    except DataError:
        # It was paid for, and the next process may have a home to keep it in.
        return _kept_for_now(content)
    return place


def _of_the_first(urls: list[str]) -> bytes:
    """Return what the first address sends that sends anything; the error is the last one's."""
    for url in urls[:-1]:
        with suppress(OSError, http.client.HTTPException):
            return _downloaded(url)
    try:
        return _downloaded(urls[-1])
    except (OSError, http.client.HTTPException) as error:
        raise _not_had(_why(error)) from error


def _downloaded(url: str) -> bytes:
    """Return what the host sends, within a time and a size that an honest one keeps."""
    context = ssl.create_default_context()
    # What other programs of Python and curl read, and Python itself does not.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if place := os.environ.get(name):
            context.load_verify_locations(**{"capath" if Path(place).is_dir() else "cafile": place})
    content, end_s = b"", time.monotonic() + TOTAL_S
    with urllib.request.urlopen(url, timeout=TIMEOUT_S, context=context) as answer:
        while len(content) < MOST_BYTES and (part := answer.read1(1 << 16)):
            content += part
            if time.monotonic() > end_s:
                raise _not_had(f"only {len(content):,} bytes in {TOTAL_S:.0f} s;")
        if answer.length and len(content) < MOST_BYTES:
            raise http.client.IncompleteRead(content, answer.length)
    return content


def _why(error: OSError | http.client.HTTPException) -> str:
    """Return why a download failed, and what may mend it, up to where the sentence goes on."""
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"a certificate that this machine does not trust ({reason.verify_message}), as of a company's proxy; set "
            "SSL_CERT_FILE to the file of its certificates, or"
        )
    if getattr(error, "code", None) == http.HTTPStatus.PROXY_AUTHENTICATION_REQUIRED or "407" in str(reason):
        return f"a proxy that wants a name and password ({reason}); set HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT, or"
    if isinstance(error, urllib.error.HTTPError):
        return f"{error.code} {' '.join(str(reason).split())};"
    if isinstance(error, urllib.error.URLError) and urllib.request.getproxies().get("https"):
        return f"{reason} from the proxy that HTTPS_PROXY names; mend or unset it, or"
    return f"{' '.join(str(getattr(reason, 'strerror', None) or reason).split())};"


def _not_had(got: str) -> ModelError:
    return ModelError(
        f"expected the face detector's file from github.com, got {got} type: affekt setup --from DIR, with the folder "
        "that affekt setup --to DIR made on another machine; or, if each picture is a face already, affekt predict "
        "--faces whole (faces='whole'), affekt data import --faces given"
    )


@cache
def _kept_for_now(content: bytes) -> Path:
    try:
        folder = tempfile.TemporaryDirectory(prefix="affekt-")
        atexit.register(folder.cleanup)
        place = Path(folder.name) / YUNET_FILE
        place.write_bytes(content)
    except OSError as error:
        raise ModelError(
            f"expected a folder to write the face detector to, got {error}; set AFFEKT_HOME to one"
        ) from error
    return place


def _check(content: bytes, source: Path | str, instead: str) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest != YUNET_SHA256:
        raise ModelError(f"expected the face detector with sha256 {YUNET_SHA256}, got {digest} in {source}; {instead}")
