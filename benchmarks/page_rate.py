"""Frames a second that the live page reads, in a real Chromium whose camera shows a film of a moving face.

The page is served by `affekt serve`; the server computes nothing. The rate is taken from the saved table: frames
divided by the seconds from the first to the last, after a warm-up that is left out.
"""

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import numpy as np
import skimage
from before import check
from PIL import Image
from playwright.sync_api import sync_playwright

from affekt.server.app import PAGE

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
READY_MS = 120_000


def film(folder: Path) -> Path:
    """Film NASA's portrait of Eileen Collins, which scikit-image carries, wandering at 30 frames per second."""
    with Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png") as picture:
        portrait = picture.convert("RGB").resize((420, 420))
    path = folder / "film.mjpeg"
    with av.open(path, "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 640, 480, "yuvj420p", 8_000_000
        for turn in np.linspace(0, 2 * np.pi, 120, endpoint=False):
            view = Image.new("RGB", (640, 480), (96, 104, 112))
            view.paste(portrait, (round(110 + 110 * np.cos(turn)), round(30 + 30 * np.sin(turn))))
            container.mux(stream.encode(av.VideoFrame.from_image(view)))
        container.mux(stream.encode())
    return path


def measured(address: str, camera: Path, seconds: float, executable: str) -> tuple[list[dict[str, str]], str]:
    """Return the table of a camera that ran for some seconds, and what the page says computes."""
    options = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    options.append(f"--use-file-for-fake-video-capture={camera}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=options)
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.goto(address)
        tab.locator("body[data-state=ready]").wait_for(timeout=READY_MS)
        tab.get_by_role("button", name="Start camera").click()
        tab.wait_for_timeout(1000 * seconds)
        tab.get_by_role("button", name="Stop camera").click()
        with tab.expect_download() as download:
            tab.get_by_role("button", name="Save csv").click()
        rows = list(csv.DictReader(Path(download.value.path()).read_text(encoding="utf-8").splitlines()))
        words = tab.locator("#model").inner_text()
        browser.close()
    return rows, words


def main() -> None:
    """Serve the page, run the camera and print the rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="affekt", help="a model that comes with affekt, or a model folder")
    parser.add_argument("--seconds", type=float, default=20, help="how long the camera runs after the warm-up")
    parser.add_argument("--warm-up", type=float, default=5, help="seconds at the start that are left out")
    parser.add_argument(
        "--compute", choices=("auto", "wasm", "webgpu"), default="auto", help="what the page computes with"
    )
    parser.add_argument("--chromium", default=CHROMIUM, help="the browser's program")
    given = parser.parse_args()
    if given.chromium is None or shutil.which(given.chromium) is None:
        sys.exit(f"expected Chromium on this machine, got {given.chromium}; install the package chromium")
    if not (PAGE / "vendor").is_dir():
        sys.exit("expected the live page's libraries, got none; type: make page")
    check("half a minute", models=[given.model])
    command = [sys.executable, "-m", "affekt", "serve", "--model", given.model, "--port", "0"]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            words = server.stdout.readline().split()
            if not words:
                sys.exit("expected the service to start, got none; what it printed above says why")
            address = f"{words[-1]}?compute={given.compute}"
            seconds = given.seconds + given.warm_up
            rows, engine = measured(address, film(Path(folder)), seconds, given.chromium)
        finally:
            server.terminate()
            server.wait()
    report(rows, engine, given.warm_up)


def report(rows: list[dict[str, str]], engine: str, warm_up_s: float) -> None:
    """Print the rate, how even it is, and whether the face was followed."""
    frames = {int(row["frame"]): row for row in rows if float(row["time_s"]) >= warm_up_s}
    times = np.array([float(row["time_s"]) for row in frames.values()])
    steps_ms = 1000 * np.diff(times)
    followed = np.mean([row["status"] == "ok" for row in frames.values()])
    print(engine)
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{(len(times) - 1) / (times[-1] - times[0]):.1f} frames/s over {times[-1] - times[0]:.1f} s")
    print(f"from frame to frame: median {np.median(steps_ms):.0f} ms, 95 % below {np.quantile(steps_ms, 0.95):.0f} ms")
    print(
        f"the face was found in {followed:.1%} of frames, under {len({row['track'] for row in rows} - {''})} number(s)"
    )


if __name__ == "__main__":
    main()
