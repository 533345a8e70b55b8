"""The live page in a real Chromium, served by the real service; skipped in one line where a part is missing."""

import csv
import importlib.util
import re
import shutil
import threading
import time
from pathlib import Path

import av
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from affekt.faces.detector_file import YUNET_FILE
from affekt.faces.preprocessing import Preprocessing
from affekt.models.card import ONNX_FILE, SHIPPED, Card, shipped_models
from affekt.server.run import listen, make_server
from affekt.server.settings import Settings

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "src" / "affekt" / "server" / "page"
YUNET = ROOT / ".." / "shared" / "models" / YUNET_FILE
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ANSWER_MS = 60_000
"""Longest time anything on the page may take, on a busy machine."""


def missing():
    if not (PAGE / "vendor" / "ready").is_file():
        return "the live page is not built; type: make page"
    if CHROMIUM is None:
        return "no Chromium on this machine; install the package chromium"
    if importlib.util.find_spec("playwright") is None:
        return 'playwright is not installed; type: pip install ".[dev]"'
    if not YUNET.is_file():
        return f"shared/models/{YUNET_FILE} is not beside the checkout"
    return None


# One test says in one line what is missing; the others would say it forty times.
collect_ignore_glob = ["test_[!a]*.py", "test_arithmetic.py"] if missing() else []


@pytest.fixture
def lacking():
    """Say what the browser tests lack; None where they can run."""
    return missing()


@pytest.fixture
def page_folder():
    """Return where the page's files are."""
    return PAGE


@pytest.fixture(scope="session")
def astronaut():
    """NASA's portrait of Eileen Collins, public domain, which scikit-image carries: one face."""
    skimage = pytest.importorskip("skimage")
    return Path(skimage.__file__).parent / "data" / "astronaut.png"


@pytest.fixture(scope="session")
def astronaut_rgb(astronaut):
    with Image.open(astronaut) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Return the model that comes with affekt; without it a small random network, which sees every pixel."""
    if "affekt" in shipped_models():
        return SHIPPED / "affekt"
    return random_network(tmp_path_factory.mktemp("model") / "random")


def random_network(folder):
    random = np.random.default_rng(0)
    weights = {
        "first": random.normal(0, 0.3, (8, 1, 3, 3)),
        "second": random.normal(0, 0.2, (16, 8, 3, 3)),
        "expression": random.normal(0, 2, (16, 8)),
        "dimensions": random.normal(0, 1, (16, 2)),
    }
    nodes = [
        helper.make_node("Conv", ["faces", "first"], ["a"], strides=[2, 2]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "second"], ["c"], strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("ReduceMean", ["d"], ["features"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["features", "expression"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("MatMul", ["features", "dimensions"], ["unbounded"]),
        helper.make_node("Tanh", ["unbounded"], ["valence_arousal"]),
    ]
    shapes = {"probabilities": ["n", 8], "valence_arousal": ["n", 2]}
    graph = helper.make_graph(
        nodes,
        "random",
        [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", 1, 48, 48])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )
    preprocessing = Preprocessing(input_size=48, channels=1, mean=(0.5,), std=(0.25,), crop_margin=0.1)
    heads = ("expression", "valence_arousal")
    Card(name="random", architecture="none", hidden_units=1, heads=heads, preprocessing=preprocessing).write(folder)
    opsets = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / ONNX_FILE)
    return folder


@pytest.fixture(scope="session")
def address(model, tmp_path_factory):
    """Run the service with the real detector and return where."""
    home = tmp_path_factory.mktemp("home")
    (home / "detectors").mkdir()
    shutil.copy(YUNET, home / "detectors")
    settings = Settings(model=model, port=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFFEKT_HOME", str(home))
        server, listener = make_server(settings), listen(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def camera_film(tmp_path_factory, astronaut_rgb):
    """Film what the camera will see: one face that wanders to and fro, four seconds over and over."""
    path = tmp_path_factory.mktemp("camera") / "film.mjpeg"
    portrait = Image.fromarray(astronaut_rgb).resize((420, 420))
    with av.open(path, "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 640, 480, "yuvj420p", 8_000_000
        for turn in np.linspace(0, 2 * np.pi, 120, endpoint=False):
            view = Image.new("RGB", (640, 480), (96, 104, 112))
            view.paste(portrait, (round(110 + 110 * np.cos(turn)), round(30 + 30 * np.sin(turn))))
            container.mux(stream.encode(av.VideoFrame.from_image(view)))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def chromium(camera_film):
    """Start Chromium with a camera that shows the film and asks nobody."""
    from playwright.sync_api import sync_playwright

    options = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera_film}",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


class Visit:
    """The page, open in a window of its own, and all that went wrong and out of it."""

    def __init__(self, context, address):
        self.context = context
        self.address = address
        self.tab = context.new_page()
        self.tab.set_default_timeout(ANSWER_MS)
        self.problems = []
        self.requests = []
        self.tab.on("console", lambda said: self.problems.append(said.text) if said.type == "error" else None)
        self.tab.on("pageerror", lambda error: self.problems.append(str(error)))
        context.on("request", lambda request: self.requests.append(request))

    def open(self):
        self.tab.goto(self.address)
        return self

    def until_ready(self):
        self.tab.locator("body[data-state=ready]").wait_for()
        return self

    def until_told(self, text):
        from playwright.sync_api import TimeoutError as TooLate

        try:
            self.tab.locator("#status", has_text=text).wait_for()
        except TooLate as late:
            said = self.tab.locator("#status").inner_text()
            raise AssertionError(f"expected {text!r} to be told, got {said!r}") from late

    def until_rows(self, count):
        """Wait until the camera has filled so many rows of the table."""
        stop_s = time.monotonic() + ANSWER_MS / 1000
        while not (told := re.search(r"([\d,]+) rows?$", self.tab.locator("#rate").inner_text())) or (
            int(told[1].replace(",", "")) < count
        ):
            assert time.monotonic() < stop_s, f"no {count} rows: {self.tab.locator('#status').inner_text()}"
            self.tab.wait_for_timeout(200)

    def choose(self, *pictures):
        self.tab.set_input_files("#files", list(pictures))

    def saved(self):
        """Press Save and return the table's text."""
        with self.tab.expect_download() as download:
            self.tab.get_by_role("button", name="Save csv").click()
        return Path(download.value.path()).read_text(encoding="utf-8")

    def rows(self):
        return list(csv.DictReader(self.saved().splitlines()))


@pytest.fixture(scope="session")
def open_visit(chromium, address):
    """Return a function that opens the page with a window's options, such as `color_scheme`; who opens it closes it."""

    def opened(*, ready=True, before=lambda visit: None, path="", **options):
        made = Visit(chromium.new_context(permissions=["camera"], **options), address + path)
        before(made)
        made.open()
        return made.until_ready() if ready else made

    return opened


@pytest.fixture(scope="session")
def _desk(open_visit):
    made = open_visit()
    yield made
    made.context.close()


@pytest.fixture
def opened(_desk):
    """Return the page, opened once for many tests since loading it takes longest, and as it is after Forget all."""
    yield _desk
    assert _desk.problems == []
    _desk.tab.get_by_role("button", name="Forget all").click()
    _desk.until_told("Everything is forgotten.")


@pytest.fixture
def visit(open_visit):
    """Return a function as `open_visit` does; what it opened is closed when the test ends."""
    visits = []

    def opened(**options):
        visits.append(open_visit(**options))
        return visits[-1]

    yield opened
    for made in visits:
        made.context.close()
