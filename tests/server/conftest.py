"""A service in this process or on loopback, and pictures to send it."""

import io
import threading
import time
from contextlib import contextmanager

import httpx2
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from affekt.faces.detection import Faces
from affekt.server.app import make_app
from affekt.server.run import listen, make_server
from affekt.server.settings import Settings


class OneFace:
    """Stands for the detector: all of a picture is a face."""

    longest_side = 640

    def __init__(self, **options):
        self.options = options

    def detect(self, image_rgb):
        height, width = image_rgb.shape[:2]
        return Faces(np.array([[0, 0, width, height]], np.float32), np.zeros((1, 5, 2)), np.array([0.9], np.float32))


@pytest.fixture
def picture():
    """Return a function that encodes a picture of one grey: the lighter, the happier `small_model` finds it."""

    def encode(grey=255, kind="PNG", side=40, **options):
        buffer = io.BytesIO()
        Image.fromarray(np.full((side, side, 3), grey, np.uint8)).save(buffer, kind, **options)
        return buffer.getvalue()

    return encode


@pytest.fixture
def settings(small_model, monkeypatch):
    """Return the settings of a service on a free port, whose detector finds one face in every picture."""
    monkeypatch.setattr("affekt.analysis.analyzer.FaceDetector", OneFace)
    return Settings(model=small_model, port=0)


@pytest.fixture
def client(settings):
    """Return a client of the application, without a network between them."""
    with TestClient(make_app(settings), "http://localhost") as client:
        yield client


@pytest.fixture
def serve():
    """Return a context manager that runs the real server on loopback and yields a client of it."""

    @contextmanager
    def running(settings):
        server, listener = make_server(settings), listen(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with httpx2.Client(base_url=address, timeout=30, trust_env=False) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()

    return running
