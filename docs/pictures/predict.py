"""Make this folder's pictures of `affekt predict`: a marked photograph, and the timeline of a drawn video.

    python docs/pictures/predict.py

The photograph is NASA's portrait of Eileen Collins, public domain, which scikit-image carries. The people of the video
are drawings. Needs `affekt[cascade]` for scikit-image, and Chromium to turn the timeline into a PNG.
"""

import subprocess
import tempfile
from pathlib import Path

import av
import numpy as np
import skimage
from PIL import Image

from affekt.cli.main import main as affekt
from drawn_faces import Capture, draw_face, no_units, prototype_units, random_identity

HERE = Path(__file__).parent
FRAMES_A_SECOND = 10
SECONDS_AN_EXPRESSION = 2.5
SIDE = 320
STORIES = (
    ("neutral", "happiness", "surprise", "happiness", "neutral", "sadness"),
    ("happiness", "neutral", "anger", "neutral", "surprise", "neutral"),
)
"""What each person's face goes through."""


def main() -> None:
    """Make the pictures."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        _photograph(work)
        _timeline(work)


def _photograph(work: Path) -> None:
    with Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png") as portrait:
        # Twice its size, so that the letters of the label are smooth.
        portrait.convert("RGB").crop((0, 0, 512, 384)).resize((1024, 768)).save(work / "astronaut.png")
    _predict(work / "astronaut.png", "--draw", work / "marked")
    with Image.open(next((work / "marked").rglob("astronaut.png.jpg"))) as marked:
        marked.save(HERE / "predict-marked.jpg", quality=85)


def _timeline(work: Path) -> None:
    video = work / "two-drawn-people.mp4"
    _write_video(video)
    _predict(video, "--out", work / "faces.parquet", "--timeline", work)
    svg = next(work.rglob("*.svg"))
    width, height = (
        round(float(side))
        for side in svg.read_text(encoding="utf-8").partition('viewBox="0 0 ')[2].partition('"')[0].split()
    )
    picture = HERE / "predict-timeline.png"
    options = ("--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={width},{height}")
    subprocess.run(["chromium", *options, f"--screenshot={picture}", svg.as_uri()], check=True, capture_output=True)


def _predict(*arguments: object) -> None:
    affekt(["predict", *map(str, arguments)])


def _write_video(path: Path) -> None:
    people = [random_identity(np.random.default_rng(seed)) for seed in (3, 11)]
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=FRAMES_A_SECOND, options={"crf": "18"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 2 * SIDE, SIDE, "yuv420p"
        for frame in range(round(len(STORIES[0]) * SECONDS_AN_EXPRESSION * FRAMES_A_SECOND)):
            now = frame / FRAMES_A_SECOND / SECONDS_AN_EXPRESSION
            faces = [
                draw_face(person, _units(story, now), Capture(), size=SIDE)
                for person, story in zip(people, STORIES, strict=True)
            ]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.concatenate(faces, axis=1), format="rgb24")))
        container.mux(stream.encode())


def _units(story: tuple[str, ...], now: float) -> np.ndarray:
    """Return the action units at a time in expressions; each is held, then turns into the next."""
    place = min(int(now), len(story) - 1)
    following = min(place + 1, len(story) - 1)
    turned = np.clip((now - place - 0.6) / 0.4, 0, 1)
    start, end = (
        no_units() if story[at] == "neutral" else prototype_units(story[at], 0.9) for at in (place, following)
    )
    return start + turned * (end - start)


if __name__ == "__main__":
    main()
