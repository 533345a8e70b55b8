"""Pictures of several drawn people, for samples and for testing detectors."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from affekt.errors import ConfigError
from affekt.faces.pictures import encode_png
from affekt.files import written_whole
from affekt.labels import LABELS
from drawn_faces.action_units import varied_units
from drawn_faces.capture import Capture, random_capture
from drawn_faces.circumplex import valence_arousal
from drawn_faces.identity import random_identity
from drawn_faces.person import draw_person
from drawn_faces.photograph import backdrop, photograph

MOST_PEOPLE = 6
SCALE = 2
"""Scenes are drawn this many times larger and shrunk, so that edges are smooth."""


@dataclass(frozen=True, kw_only=True)
class DrawnScene:
    """A synthetic picture and what is in it, the people from left to right."""

    image_rgb: np.ndarray
    """(height, width, 3) uint8."""
    boxes_xyxy: np.ndarray
    """(people, 4) float32 in pixels: from the forehead to the chin, without ears."""
    emotions: tuple[str, ...]
    valence: np.ndarray
    """(people,) float32."""
    arousal: np.ndarray
    """(people,) float32."""


def drawn_scene(*, seed: int, people: int | None = None, width: int = 640, height: int = 360) -> DrawnScene:
    """Draw one to six people side by side before a background.

    Args:
        seed: 0 or more; the same seed gives the same picture to the byte.
        people: how many, or None for a number drawn from the seed.
        width: of the picture, in pixels, at least 160.
        height: of the picture, in pixels, at least 90.

    Returns:
        The picture, the box of every face, and the expressions.

    Raises:
        ConfigError: an argument is out of range.
    """
    _check(seed, people, width, height)
    rng = np.random.default_rng([seed, 3])
    people = people or int(rng.integers(1, MOST_PEOPLE + 1))
    capture = replace(random_capture(rng), blur=0.0)
    image = _room(rng, capture, width * SCALE, height * SCALE)
    # Half the height of a head: it must fit its share of the width, and leave room above and below.
    units_px = rng.uniform(0.7, 1.0, people) * min(width / people / 2.6, height * 0.30)
    centres_x = width * (np.arange(people) + 0.5) / people + rng.uniform(-0.15, 0.15, people) * units_px
    centres_y = height * 0.45 + rng.uniform(-0.07, 0.07, people) * units_px
    faces = {
        # The farthest first, so that nobody's shoulders cover a nearer face.
        int(place): _draw_one(
            image, rng, capture, float(centres_x[place]), float(centres_y[place]), float(units_px[place])
        )
        for place in np.argsort(units_px)
    }
    boxes, emotions, points = zip(*(faces[place] for place in range(people)), strict=True)
    return DrawnScene(
        image_rgb=photograph(image.reduce(SCALE), capture),
        boxes_xyxy=np.array(boxes, dtype=np.float32),
        emotions=emotions,
        valence=np.array([valence for valence, _ in points], dtype=np.float32),
        arousal=np.array([arousal for _, arousal in points], dtype=np.float32),
    )


def _draw_one(
    image: Image.Image, rng: np.random.Generator, capture: Capture, centre_x: float, centre_y: float, unit: float
) -> tuple[list[float], str, tuple[float, float]]:
    """Draw one person of a scene; return the box, the expression, and valence and arousal."""
    emotion = str(rng.choice(LABELS))
    intensity = 0.0 if emotion == "neutral" else float(rng.uniform(0.55, 1.0))
    units = varied_units(emotion, intensity, rng)
    pose = random_capture(rng)
    own = replace(capture, yaw=pose.yaw, pitch=pose.pitch, roll=pose.roll, gaze=pose.gaze)
    centre = (centre_x * SCALE, centre_y * SCALE)
    box = draw_person(image, random_identity(rng), units, own, centre, unit * SCALE)
    return [edge / SCALE for edge in box], emotion, valence_arousal(emotion, intensity, units)


def _check(seed: int, people: int | None, width: int, height: int) -> None:
    if people is not None and not 1 <= people <= MOST_PEOPLE:
        raise ConfigError(f"expected 1 to {MOST_PEOPLE} people, got {people}; choose a number in this range")
    if width < 160 or height < 90:
        raise ConfigError(f"expected at least 160x90 pixels, got {width}x{height}; choose a larger picture")
    if seed < 0:
        raise ConfigError(f"expected a seed of 0 or more, got {seed}; choose another")


def write_samples(folder: Path, *, count: int = 8, seed: int = 0) -> list[Path]:
    """Write sample pictures `drawn-1.png` and on, of one to six people in turn, and return their paths.

    Raises:
        DataError: the folder cannot be written.
    """
    paths = []
    for number in range(count):
        scene = drawn_scene(seed=seed + number, people=number % MOST_PEOPLE + 1)
        path = folder / f"drawn-{number + 1}.png"
        with written_whole(path) as temporary:
            temporary.write_bytes(encode_png(scene.image_rgb))
        paths.append(path)
    return paths


def _room(rng: np.random.Generator, capture: Capture, width: int, height: int) -> Image.Image:
    """Return a blurred wall with a few panels, as behind people in a room."""
    image = backdrop(width, height, capture.background)
    draw = ImageDraw.Draw(image, "RGBA")
    for _ in range(5):
        left, panel = rng.uniform(-0.1, 0.95) * width, rng.uniform(0.05, 0.3) * width
        top, level = rng.uniform(-0.1, 0.4) * height, int(rng.integers(256))
        bottom = top + rng.uniform(0.3, 0.8) * height
        draw.rectangle((left, top, left + panel, bottom), fill=(level, level, level, int(rng.integers(20, 70))))
    return image.filter(ImageFilter.GaussianBlur(width / 160))
