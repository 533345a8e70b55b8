"""How well cuts are found in films made of photographs: `python benchmarks/cuts.py CFEE/ --others STUDENTS/`.

The first folder has portraits before one wall, the second faces from elsewhere. A shot is a photograph that is bent
from frame to frame as a head is that talks, nods and tilts, seen by a camera that shakes, zooms or pans, with the noise
of its sensor, written as H.264 and read again. The first table is of minutes without a cut; the second of films whose
cuts are known, read by `affekt predict`: cuts found, shots begun where none is, and tracks that go on over a cut.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import av
import numpy as np
import polars as pl
import tyro
from before import check
from PIL import Image
from scipy.ndimage import gaussian_filter1d
from tyro.conf import Positional

import affekt
from affekt.analysis.shots import ShotCounter, small_copy
from affekt.terminal import text_table

FPS, WIDTH, HEIGHT = 25, 320, 240
PHOTO_SIZE, SEEN_PX = (500, 375), 384
"""A camera that is not near sees so much of a photograph's width; there is room for its shaking and panning."""
MESH = (12, 9)
"""Cells across and down, whose corners are moved."""
SHOT_S, BLEND_S = (2.0, 4.0), 0.5
EVENT_S = 5.0
"""What happens now and then in a shot happens so often."""
PASSER_PX = 110
NEAR_S = 0.5
"""A cut counts as found within this time: a dissolve has no moment."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """How a shot is taken."""

    shake_px: float = 0.0
    """Standard deviation of the hand."""
    zoom: float = 1.0
    """How much larger all is at the end."""
    pan_px: float = 0.0
    """How far it turns to the right and back, every `EVENT_S`."""
    near: float = 1.0
    """How much larger all is throughout."""
    lively: float = 1.0
    """How much the head moves."""
    noise: float = 3.0
    """Standard deviation of the sensor's noise, in grey levels."""
    light: float = 1.0
    quality: int = 26
    """Of H.264, from 0, the best, to 51."""
    event: str = ""
    """What happens now and then: a flash, a lamp, somebody who passes, another expression."""


TALKS = {
    "on a tripod": Camera(),
    "hand-held": Camera(shake_px=3),
    "slow zoom": Camera(zoom=1.5),
    "pans": Camera(pan_px=50),
    "lively, hand-held": Camera(shake_px=3, lively=2.5),
    "dim and noisy": Camera(noise=14, light=0.4),
    "low bit rate, hand-held": Camera(shake_px=2, quality=42),
    "flashes": Camera(event="flash"),
    "a lamp goes on and off": Camera(event="lamp"),
    "somebody passes": Camera(event="passing"),
    "another expression": Camera(event="expression"),
}
CUTS = ("another place", "another person, same wall", "nearer, same person", "dissolve", "dissolve, same wall", "black")


@dataclass(eq=False)
class Sets:
    """The photographs."""

    portraits: list[Image.Image]
    others: list[Image.Image]
    pairs: list[tuple[int, int]] = field(default_factory=list)
    """A portrait and the most alike one, the most alike first: these show the same person."""

    def __post_init__(self) -> None:
        """Compare all portraits."""
        small = np.array([small_copy(np.asarray(each)).ravel() for each in self.portraits])
        far = (small**2).sum(axis=1)[:, None] + (small**2).sum(axis=1) - 2 * small @ small.T
        np.fill_diagonal(far, np.inf)
        order = far.min(axis=1).argsort()
        self.pairs = list(zip(order.tolist(), far.argmin(axis=1)[order].tolist(), strict=True))


def slow(random: np.random.Generator, frames: int, spread: float, pace_s: float) -> np.ndarray:
    """Return a smooth random movement, (frames,)."""
    margin = round(4 * pace_s * FPS)
    moved = gaussian_filter1d(random.normal(size=frames + 2 * margin), pace_s * FPS)
    return spread * moved[margin : margin + frames] / moved.std()


def shot(photo: Image.Image, other: Image.Image, frames: int, camera: Camera, seed: int) -> Iterator[np.ndarray]:
    """Yield the frames of one shot, (HEIGHT, WIDTH, 3) uint8; the other photograph is whom events bring."""
    random = np.random.default_rng(seed)
    hand = np.array([slow(random, frames, camera.shake_px, 0.15) for _ in range(2)])
    head = np.array([slow(random, frames, camera.lively * px, 0.4) for px in (5.0, 3.0)])
    tilt = slow(random, frames, camera.lively * 0.04, 0.5)
    jaw = np.abs(slow(random, frames, 5.0, 0.06)) * (slow(random, frames, 1.0, 1.0) > -0.5)
    flicker = 1 + slow(random, frames, 0.01, 0.2)
    noise = (camera.noise * random.standard_normal((6, HEIGHT, WIDTH, 3), np.float32)).astype(np.int16)
    for n in range(frames):
        since_s = n / FPS % EVENT_S
        is_odd = int(n / FPS // EVENT_S) % 2 == 1
        shown = photo
        if camera.event == "expression":  # within a fifth of a second, and back at the next time
            share = min(since_s / 0.2, 1) if is_odd else 1 - min(since_s / 0.2, 1)
            shown = Image.blend(photo, other, share if n / FPS >= EVENT_S else 0.0)
        pan = camera.pan_px * np.sin(np.pi * min(since_s / 2, 1)) ** 2
        size = camera.near * WIDTH / SEEN_PX * camera.zoom ** (n / frames)
        picture = np.asarray(bent(shown, head[:, n], tilt[n], jaw[n], hand[:, n] + [pan, 0], size), np.float32)
        light = camera.light * flicker[n]
        light *= 0.55 if camera.event == "lamp" and is_odd else 1.0
        flash_s = (1 + n / FPS // EVENT_S % 3) / FPS  # one to three frames
        light *= 4.0 if camera.event == "flash" and EVENT_S / 2 < since_s <= EVENT_S / 2 + flash_s else 1.0
        if camera.event == "passing" and since_s < 0.8:
            left = round((WIDTH + PASSER_PX) * since_s / 0.8) - PASSER_PX
            passer = np.asarray(other.resize((PASSER_PX, HEIGHT)))[:, max(-left, 0) : WIDTH - left]
            picture[:, max(left, 0) : max(left, 0) + passer.shape[1]] = 0.5 * passer
        lit = (light * picture).astype(np.int16) + np.roll(noise[n % 6], 7 * n, axis=1)
        yield np.clip(lit, 0, 255).astype(np.uint8)


def bent(photo: Image.Image, head: np.ndarray, tilt: float, jaw: float, camera: np.ndarray, size: float) -> Image.Image:
    """Return the photograph as seen with its head shifted and tilted, its jaw dropped, and the camera moved."""
    across, down = np.meshgrid(np.linspace(0, WIDTH, MESH[0] + 1), np.linspace(0, HEIGHT, MESH[1] + 1))
    x = (across - WIDTH / 2) / size + PHOTO_SIZE[0] / 2 + camera[0]
    y = (down - HEIGHT / 2) / size + PHOTO_SIZE[1] / 2 + camera[1]
    right, below = x - PHOTO_SIZE[0] / 2, y - 0.45 * PHOTO_SIZE[1]
    near_head = np.exp(-((right / 110) ** 2) - (below / 130) ** 2)
    near_jaw = np.exp(-((right / 50) ** 2) - ((below - 70) / 35) ** 2)
    source_x = np.clip(x - near_head * (head[0] - tilt * below), 0, PHOTO_SIZE[0] - 1)
    source_y = np.clip(y - near_head * (head[1] + tilt * right) - near_jaw * jaw, 0, PHOTO_SIZE[1] - 1)
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    cells = []
    for row in range(MESH[1]):
        for column in range(MESH[0]):
            box = (across[0, column], down[row, 0], across[0, column + 1], down[row + 1, 0])
            quad = [axis[row + v, column + u] for v, u in corners for axis in (source_x, source_y)]
            cells.append((tuple(map(round, box)), tuple(quad)))
    return photo.transform((WIDTH, HEIGHT), Image.Transform.MESH, cells, Image.Resampling.BILINEAR)


def film(sets: Sets, kind: str, cuts: int, seed: int) -> Iterator[tuple[np.ndarray, bool]]:
    """Yield frames, each with whether a shot begins with it; in a dissolve or a fade that is in its middle."""
    random = np.random.default_rng(seed)
    tail: list[np.ndarray] = []
    place, blended = 0, round(BLEND_S * FPS) if kind.startswith(("dissolve", "black")) else 0
    for number in range(cuts + 1):
        length = round(random.uniform(*SHOT_S) * FPS) + blended
        camera = Camera(shake_px=float(random.choice([0, 2, 3])))
        place = place if kind.startswith("nearer") else int(random.choice(len(sets.portraits)))
        is_elsewhere = kind in ("another place", "dissolve", "black") and number % 2
        photo = random.choice(len(sets.others)) if is_elsewhere else place
        source = sets.others if is_elsewhere else sets.portraits
        if kind.startswith("nearer"):
            camera = replace(camera, near=1.3 if number % 2 else 1.0)
        frames = list(shot(source[photo], source[photo], length, camera, seed + number + 1))
        middle = len(tail) // 2
        for n, earlier in enumerate(tail):
            share = (n + 1) / (len(tail) + 1)
            parts = (max(1 - 2 * share, 0), max(2 * share - 1, 0)) if kind == "black" else (1 - share, share)
            yield (parts[0] * earlier + parts[1] * frames[n]).astype(np.uint8), n == middle
        end = len(frames) - blended if number < cuts else len(frames)
        for n in range(len(tail), end):
            yield frames[n], n == 0 and number > 0
        tail = frames[end:]


def write(path: Path, frames: Iterator[np.ndarray], quality: int) -> None:
    """Write a film."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": str(quality), "preset": "veryfast"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def shots_of(path: Path, every: int) -> list[int]:
    """Return the shot of one frame in so many of a film."""
    counter, found = ShotCounter(), list[int]()
    with av.open(path) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % every == 0:
                found += counter.add(small_copy(frame.to_ndarray(format="rgb24")), number / FPS)
    return found + counter.finish()


def score(rows: pl.DataFrame, cuts_s: list[float]) -> tuple[int, int, int]:
    """Return how many cuts are found, how many shots begin where no cut is, and how many tracks go on over a cut."""
    begun_s = rows.group_by("shot").agg(pl.col("time_s").min()).sort("shot")["time_s"].to_list()[1:]
    found = sum(any(abs(each - cut) <= NEAR_S for each in begun_s) for cut in cuts_s)
    false = sum(all(abs(each - cut) > NEAR_S for cut in cuts_s) for each in begun_s)
    lives = rows.drop_nulls("track").group_by("track").agg(first=pl.col("time_s").min(), last=pl.col("time_s").max())
    over = sum(any(first < cut - NEAR_S and last > cut + NEAR_S for cut in cuts_s) for _, first, last in lives.rows())
    return found, false, over


@dataclass(frozen=True)
class Measurement:
    """What is measured.

    Args:
        portraits: A folder of portraits before one wall.
        others: A folder of faces from elsewhere.
        minutes: Of each kind of talk without a cut; 0 leaves that table out.
        cuts: Of each kind; 0 leaves that table out.
        every: One frame in so many is looked at.
        model: Which model reads the faces of the films with cuts; the fastest is enough.
    """

    portraits: Annotated[Path, Positional]
    others: Path
    minutes: float = 1.0
    cuts: int = 30
    every: int = 1
    model: str = "affekt-fast"

    def __call__(self) -> None:
        """Print both tables."""
        check("15 minutes", files=[self.portraits, self.others], models=[self.model], disk_gb=1)
        people = 12 * max(round(2 * self.minutes), 1)  # half a minute of each, in each kind of talk
        sets = Sets(_photos(self.portraits, people, 1000), _photos(self.others, 1, 400))
        with tempfile.TemporaryDirectory() as folder:
            if self.minutes:
                self._talks(sets, Path(folder, "talk.mp4"))
            if self.cuts:
                self._cuts(sets, Path(folder, "cuts.mp4"))

    def _talks(self, sets: Sets, path: Path) -> None:
        rows, total = [], 0
        for number, (name, camera) in enumerate(TALKS.items()):
            frames, each = round(self.minutes * 60 * FPS), round(30 * FPS)
            false = 0
            for part in range(max(frames // each, 1)):  # half a minute of each person
                photo, other = (sets.portraits[place] for place in sets.pairs[12 * part + number])
                write(path, shot(photo, other, min(each, frames), camera, 1000 * number + part), camera.quality)
                false += max(shots_of(path, self.every)) - 1
            rows.append((name, f"{self.minutes:g}", str(false)))
            total += false
            print(*rows[-1], flush=True)
        rows.append(("all", f"{self.minutes * len(TALKS):g}", str(total)))
        print(text_table([("talking heads", "minutes", "false cuts"), *rows]), flush=True)

    def _cuts(self, sets: Sets, path: Path) -> None:
        rows, every_s = [], self.every / FPS if self.every > 1 else 0.0
        for number, kind in enumerate(CUTS):
            cuts_s: list[float] = []

            def told(kind: str = kind, number: int = number, cuts_s: list[float] = cuts_s) -> Iterator[np.ndarray]:
                for n, (frame, begins) in enumerate(film(sets, kind, self.cuts, 5000 + 100 * number)):
                    cuts_s.extend([n / FPS] * begins)
                    yield frame

            write(path, told(), Camera().quality)
            rows_of_film = affekt.predict(path, model=self.model, every_s=every_s).lazy().collect()
            found, false, over = score(rows_of_film, cuts_s)
            rows.append((kind, str(len(cuts_s)), str(found), str(false), str(over)))
            print(*rows[-1], flush=True)
        print(text_table([("cut to", "cuts", "found", "false", "tracks over a cut"), *rows]))


def _photos(folder: Path, fewest: int, most: int) -> list[Image.Image]:
    """Read so many pictures of a folder, evenly from all, in one size."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if len(paths) < fewest:
        sys.exit(f"expected at least {fewest} JPEG or PNG files in {folder}, got {len(paths)}; name another folder")
    chosen = paths[:: max(len(paths) // most, 1)][:most]
    return [Image.open(path).convert("RGB").resize(PHOTO_SIZE, Image.Resampling.BICUBIC) for path in chosen]


if __name__ == "__main__":
    tyro.cli(Measurement, description=__doc__)()
