"""The face detector's file: YuNet of opencv_zoo (MIT), fetched once, checked, and kept.

Wu, Peng and Yu (2023), "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 20, 656-665.
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
TIMEOUT_S = 10.0
"""How long the host may be silent before it counts as out of reach."""


def yunet_path() -> Path:
    """Return the detector's file, fetched on first use into `AFFEKT_HOME`; one already there is never fetched again.

    Where `AFFEKT_HOME` cannot be written, the file lasts as long as this process.
    """
    try:
        place = affekt_home() / "detectors" / YUNET_FILE
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
    _check(content, str(place))
    return place


def _fetched(place: Path) -> Path:
    try:
        with urllib.request.urlopen(YUNET_URL, timeout=TIMEOUT_S) as answer:
            content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelError(
            f"expected the face detector at {place} or from {YUNET_URL}, got {reason}; put the file there by hand, "
            "or take whole pictures as faces: --faces whole to predict, --faces given to import"
        ) from error
    _check(content, YUNET_URL)
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


def _check(content: bytes, source: str) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest != YUNET_SHA256:
        raise ModelError(
            f"expected the face detector with sha256 {YUNET_SHA256}, got {digest} in {source}; delete the file and "
            "fetch it again"
        )
