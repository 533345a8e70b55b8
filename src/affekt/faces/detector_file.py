"""The face detector's file, YuNet of opencv_zoo (MIT): in the package, kept at home, or fetched once; always checked.

Only the standard library is imported here: the package is built with it.
"""

import atexit
import hashlib
import http.client
import tempfile
import urllib.request
from functools import cache
from pathlib import Path

from affekt.errors import ConfigError, DataError, ModelError
from affekt.files import affekt_home, written_whole

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


def yunet_path() -> Path:
    """Return the detector's file: the package's own, else that in `AFFEKT_HOME`, where it is fetched to on first use.

    Where `AFFEKT_HOME` cannot be written, a fetched file lasts as long as this process.

    Raises:
        ModelError: it cannot be had, or is another file than it should be.
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


def kept_path() -> Path:
    """Return where the file is kept, once it has been fetched or copied."""
    return affekt_home() / "detectors" / YUNET_FILE


def copy_detector(source: Path, target: Path) -> None:
    """Copy the file from one place to another, whole or not at all.

    Raises:
        ModelError: the source cannot be read, or is another file than it should be.
        DataError: the target cannot be written.
    """
    try:
        content = source.read_bytes()
    except OSError as error:
        raise ModelError(
            f"expected the face detector's file {YUNET_FILE} in {source.parent}, got {error.strerror}; on a machine "
            "with a network, type: affekt setup --to DIR"
        ) from error
    _check(content, source, "on a machine with a network, type: affekt setup --to DIR")
    with written_whole(target) as temporary:
        temporary.write_bytes(content)


def _fetched(place: Path) -> Path:
    try:
        with urllib.request.urlopen(YUNET_URL, timeout=TIMEOUT_S) as answer:
            content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelError(
            f"expected the face detector's file from github.com, got {reason}; type: affekt setup --from DIR, with the "
            "folder that affekt setup --to DIR made on another machine, or say that each picture is a face already: "
            "faces whole to predict, faces given to import"
        ) from error
    _check(content, YUNET_URL, "fetch it on another machine: affekt setup --to DIR")
    try:
        with written_whole(place) as temporary:
            temporary.write_bytes(content)
    except DataError:
        # It was paid for, and the next process may have a home to keep it in.
        return _kept_for_now(content)
    return place


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
