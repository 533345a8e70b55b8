"""Make this folder's picture of the study page, of three drawn videos whose story is known.

    python docs/pictures/people.py

In the videos there are cuts, two people at once, and people who leave and come back; the tests check the summary of
them against the story. Needs Chromium.
"""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import numpy as np
import polars as pl
from playwright.sync_api import sync_playwright

import affekt
from drawn_faces import Capture, draw_face, no_units, prototype_units, random_identity

HERE = Path(__file__).parent
FRAMES_A_SECOND, SIDE = 8, 240
EXPRESSION_S, TURN_S = 2.0, 0.5
"""How long each expression of a story lasts, and how long its last part is in which it turns into the next."""
SEEDS = {"Ada": 34, "Ben": 56, "Cleo": 19}
"""Drawn people whose neutral faces the model takes for such, with lips dark enough not to count as covered."""
WALLS = {"grey": (150, 158, 166), "green": (104, 134, 100), "brown": (176, 146, 110)}
AWAY = ""
"""In a story, while the person is out of the picture."""


@dataclass(frozen=True)
class Shot:
    """What is seen between two cuts: a wall, and who stands before it with which story, from the left."""

    wall: str
    stories: tuple[tuple[str, tuple[str, ...]], ...]


VIDEOS = {
    "first.mp4": (
        Shot("grey", (("Ada", ("neutral", "happiness", "neutral")), ("", (AWAY,) * 3))),
        Shot("brown", (("", (AWAY,) * 3), ("Ben", ("neutral", "surprise", "neutral")))),
    ),
    "second.mp4": (
        Shot(
            "green",
            (
                ("Ada", ("neutral", "surprise", "neutral", "happiness", "happiness", "neutral")),
                ("Ben", ("neutral", "happiness", AWAY, AWAY, "neutral", "surprise")),
            ),
        ),
    ),
    "third.mp4": (
        Shot("brown", (("Cleo", ("neutral", AWAY, "neutral", "happiness")), ("", (AWAY,) * 4))),
        Shot("grey", (("", (AWAY,) * 3), ("Ada", ("neutral", "happiness", "neutral")))),
    ),
}


def main() -> None:
    """Make the picture: the page of the three videos, from its top to the end of the second timeline."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        faces = work / "faces.parquet"
        affekt.predict([write_video(work / video, shots) for video, shots in VIDEOS.items()], out=faces)
        names(pl.read_parquet(faces)).write_csv(work / "people.csv")
        groups = pl.DataFrame({"input": [*VIDEOS], "condition": ["alone", "together", "alone"]})
        affekt.summarize(faces, out=work / "study", join=work / "people.csv", markers=groups)
        photograph(work / "study" / "study.html", HERE / "people-study.jpg")


def photograph(page: Path, picture: Path) -> None:
    """Open the page, click a timeline at a smile, and keep what is seen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        tab = browser.new_page(viewport={"width": 1120, "height": 1500})
        tab.goto(page.as_uri())
        plot = tab.locator(".plot").first
        box = plot.bounding_box()
        assert box is not None
        plot.click(position={"x": box["width"] * 0.25, "y": 50})
        tab.wait_for_timeout(1000)
        tab.screenshot(path=picture, quality=85, type="jpeg")
        browser.close()


def write_video(path: Path, shots: tuple[Shot, ...]) -> Path:
    """Write one of the videos, and return its path."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=FRAMES_A_SECOND)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 2 * SIDE, SIDE, "yuv420p", 4_000_000
        for picture in (picture for shot in shots for picture in frames(shot)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def frames(shot: Shot) -> Iterator[np.ndarray]:
    """Yield the pictures of a shot, (SIDE, 2 * SIDE, 3) uint8."""
    length, wall = len(shot.stories[0][1]), WALLS[shot.wall]
    for number in range(round(length * EXPRESSION_S * FRAMES_A_SECOND)):
        picture = np.full((SIDE, 2 * SIDE, 3), wall, np.uint8)
        for side, (person, story) in enumerate(shot.stories):
            place, turned = divmod(number / FRAMES_A_SECOND / EXPRESSION_S, 1)
            turned = round(max(1 - (1 - turned) / (TURN_S / EXPRESSION_S), 0), 3)
            now, following = story[int(place)], story[min(int(place) + 1, len(story) - 1)]
            # Who leaves or comes does so at the outer edge, within half a second.
            away_share = turned if following == AWAY else 1 - turned
            if now != AWAY or (following != AWAY and turned):
                start, end = (now, now) if following == AWAY else (following if now == AWAY else now, following)
                face = drawn(person, start, end, 0.0 if AWAY in (now, following) else turned, wall)
                pushed = round(SIDE * away_share) if AWAY in (now, following) else 0
                shown = face[:, pushed:] if side == 0 else face[:, : SIDE - pushed]
                left = 0 if side == 0 else SIDE + pushed
                picture[:, left : left + shown.shape[1]] = shown
        yield picture


@cache
def drawn(person: str, start: str, end: str, turned: float, wall: tuple[int, int, int]) -> np.ndarray:
    """Draw a person whose expression has turned so far into the next."""
    identity = random_identity(np.random.default_rng(SEEDS[person]))
    both = units(start) + turned * (units(end) - units(start))
    return draw_face(identity, both, Capture(background=(wall, wall)), size=SIDE)


def units(expression: str) -> np.ndarray:
    """Return the action units of an expression."""
    return no_units() if expression in ("neutral", AWAY) else prototype_units(expression, 0.9)


def told(video: str) -> list[dict[str, object]]:
    """Return what the story says: who shows what, from when to when, and on which side."""
    rows, start_s = [], 0.0
    for shot in VIDEOS[video]:
        for side, (person, story) in enumerate(shot.stories):
            for place, expression in enumerate(story):
                if expression != AWAY:
                    first_s = start_s + place * EXPRESSION_S
                    spell = {"start_s": first_s, "end_s": first_s + EXPRESSION_S}
                    rows.append({"input": video, "person": person, "side": side, "expression": expression, **spell})
        start_s += len(shot.stories[0][1]) * EXPRESSION_S
    return rows


def names(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the csv by which the tracks of one person are joined: input, track, person, by where and when they are."""
    found = []
    for (name, track), own in rows.drop_nulls("track").group_by("input", "track", maintain_order=True):
        time_s, middle = own["time_s"][len(own) // 2], np.mean((own["x"] + own["width"] / 2).to_numpy())
        [person] = {
            spell["person"]
            for spell in told(Path(str(name)).name)
            if spell["start_s"] <= time_s < spell["end_s"] and spell["side"] == int(middle > SIDE)
        }
        found.append({"input": name, "track": track, "person": person})
    return pl.DataFrame(found)


if __name__ == "__main__":
    main()
