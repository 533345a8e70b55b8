"""Make this folder's pictures of the live page: with a camera, in the dark with two faces, and on a phone.

    python docs/pictures/page.py

The portrait is NASA's of Eileen Collins, public domain, which scikit-image carries; the camera shows a film of it whose
mouth is painted over by and by. Needs `affekt[cascade]` for scikit-image, playwright, and Chromium.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import numpy as np
import skimage
from PIL import Image, ImageDraw, ImageFilter, ImageOps
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
PORTRAIT = Path(skimage.__file__).parent / "data" / "astronaut.png"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
READY_MS = 120_000
FRAMES_A_SECOND = 30
LEAST_RATE = 15
"""Frames per second that the page must read, so that its picture shows how it usually looks."""
STORY_S = ((0, "smile"), (4, "closed"), (9, "open"), (14, "smile"), (24, "smile"))
"""When the mouth is painted how; each turns into the next within the last second before it."""
MOUTH_XY = (268, 291)
"""The middle of the mouth in the film, in pixels."""
SKIN, LIPS, DARK = (229, 190, 165), (186, 104, 98), (58, 24, 24)


def main() -> None:
    """Serve the page and make the pictures."""
    if CHROMIUM is None:
        sys.exit("expected Chromium on this machine, got none; install the package chromium")
    command = [sys.executable, "-m", "affekt", "serve", "--port", "0"]
    with tempfile.TemporaryDirectory() as name:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            words = server.stdout.readline().split()
            if not words:
                sys.exit("expected the service to start, got none; what it printed above says why")
            make_pictures(words[-1], Path(name), CHROMIUM)
        finally:
            server.terminate()
            server.wait()


def make_pictures(address: str, work: Path, executable: str) -> None:
    """Open the page in each of its looks and keep what it shows."""
    options = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    options.append(f"--use-file-for-fake-video-capture={film(work / 'film.mjpeg')}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=options)
        tab = opened(browser, address, viewport={"width": 1100, "height": 860}, color_scheme="dark")
        show(tab, two_faces(work / "two.png"))
        keep(tab, "page-dark")
        phone = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 1.5, "is_mobile": True}
        tab = opened(browser, address, color_scheme="dark", **phone)
        show(tab, PORTRAIT)
        keep(tab, "page-phone")
        tab = opened(browser, address, viewport={"width": 1280, "height": 1010})
        tab.get_by_role("button", name="Start camera").click()
        tab.wait_for_timeout(1000 * 19)
        rate = tab.locator("#rate").inner_text()
        if int(rate.split()[0]) < LEAST_RATE:
            sys.exit(f"expected {LEAST_RATE} frames per second for page-camera, got {rate}; try when nothing else runs")
        keep(tab, "page-camera")
        browser.close()


def opened(browser: Browser, address: str, **look: object) -> Page:
    """Open a tab and wait until its network is loaded."""
    tab = browser.new_page(**look)  # pyright: ignore[reportArgumentType]
    tab.goto(address)
    tab.locator("body[data-state=ready]").wait_for(timeout=READY_MS)
    return tab


def show(tab: Page, picture: Path) -> None:
    """Choose a picture and wait until it is read and the bars have come to rest."""
    tab.locator("input[type=file]").set_input_files(picture)
    tab.get_by_text(f"{picture.name}: ").first.wait_for(timeout=READY_MS)
    tab.wait_for_timeout(1000)


def keep(tab: Page, name: str) -> None:
    """Save what the tab shows."""
    tab.screenshot(path=HERE / f"{name}.jpg", quality=85, type="jpeg")
    tab.close()


def two_faces(path: Path) -> Path:
    """Write the portrait beside its mirror image."""
    with Image.open(PORTRAIT) as picture:
        portrait = picture.convert("RGB").crop((0, 0, 512, 400))
    both = Image.new("RGB", (1024, 400))
    both.paste(portrait, (0, 0))
    both.paste(ImageOps.mirror(portrait), (512, 0))
    both.save(path)
    return path


def film(path: Path) -> Path:
    """Write the film of the camera."""
    with Image.open(PORTRAIT) as picture:
        smile = picture.convert("RGB").crop((90, 0, 410, 240)).resize((640, 480), Image.Resampling.LANCZOS)
    mouths = {"smile": smile, "closed": painted(smile, (30, 3), LIPS), "open": painted(smile, (19, 25), DARK)}
    with av.open(path, "w") as container:
        stream = container.add_stream("mjpeg", rate=FRAMES_A_SECOND)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 640, 480, "yuvj420p", 8_000_000
        for frame in range(STORY_S[-1][0] * FRAMES_A_SECOND):
            container.mux(stream.encode(av.VideoFrame.from_image(mouth_at(frame / FRAMES_A_SECOND, mouths))))
        container.mux(stream.encode())
    return path


def painted(smile: Image.Image, radii: tuple[int, int], colour: tuple[int, int, int]) -> Image.Image:
    """Cover the smile with skin and paint an oval mouth on it; radii across and down, in pixels."""
    x, y = MOUTH_XY
    covered = oval(smile, (x, y), (56, 25), SKIN, blur=5)
    return oval(covered, (x, y + radii[1] // 3), radii, colour, blur=1.5)


def oval(
    picture: Image.Image, centre: tuple[int, int], radii: tuple[int, int], colour: tuple[int, int, int], *, blur: float
) -> Image.Image:
    """Paint an oval with a soft edge."""
    mask = Image.new("L", picture.size)
    (x, y), (across, down) = centre, radii
    ImageDraw.Draw(mask).ellipse((x - across, y - down, x + across, y + down), fill=255)
    soft = mask.filter(ImageFilter.GaussianBlur(blur))
    return Image.composite(Image.new("RGB", picture.size, colour), picture, soft)


def mouth_at(time_s: float, mouths: dict[str, Image.Image]) -> Image.Image:
    """Return the picture at a time, blended where one mouth turns into the next."""
    at = max(place for place, (start_s, _) in enumerate(STORY_S) if start_s <= time_s)
    turned = float(np.clip(time_s - (STORY_S[at + 1][0] - 1), 0, 1))
    return Image.blend(mouths[STORY_S[at][1]], mouths[STORY_S[at + 1][1]], turned)


if __name__ == "__main__":
    main()
