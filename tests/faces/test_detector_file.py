"""The detector's file: fetched once, checked, kept; every failure is one sentence."""

import hashlib
import io
import urllib.error

import pytest

from affekt.errors import ModelError
from affekt.faces import detector_file
from affekt.faces.detector_file import YUNET_FILE, yunet_path

CONTENT = b"a detector"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    monkeypatch.setattr(detector_file, "YUNET_SHA256", hashlib.sha256(CONTENT).hexdigest())
    return tmp_path


def answering(monkeypatch, answer):
    asked = []

    def urlopen(url, timeout):
        asked.append(url)
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer)

    monkeypatch.setattr(detector_file.urllib.request, "urlopen", urlopen)
    return asked


def test_it_is_fetched_once(home, monkeypatch):
    asked = answering(monkeypatch, CONTENT)
    assert yunet_path().read_bytes() == CONTENT
    assert yunet_path() == home / "detectors" / YUNET_FILE
    assert len(asked) == 1


def test_another_file_is_refused_and_not_kept(home, monkeypatch):
    answering(monkeypatch, b"a web page")
    with pytest.raises(ModelError, match="expected the face detector with sha256"):
        yunet_path()
    assert not list(home.rglob("*.onnx"))


def test_a_damaged_file_is_named(home):
    place = home / "detectors" / YUNET_FILE
    place.parent.mkdir()
    place.write_bytes(CONTENT[:4])
    with pytest.raises(ModelError, match="delete the file") as caught:
        yunet_path()
    assert str(place) in str(caught.value)


def test_without_a_network_the_error_says_where_to_put_it(home, monkeypatch):
    answering(monkeypatch, urllib.error.URLError("no route"))
    with pytest.raises(ModelError, match="no route; put the file there by hand") as caught:
        yunet_path()
    assert str(home / "detectors" / YUNET_FILE) in str(caught.value)
