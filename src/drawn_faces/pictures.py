"""Pictures of one drawn person, and of several side by side."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from affekt.errors import ConfigError, require_seed
from affekt.labels import LABELS
from drawn_faces.capture import Capture, backdrop, photograph, random_capture
from drawn_faces.expressions import no_units, valence_arousal, varied_units
from drawn_faces.features import draw_brow, draw_eye, draw_mouth, draw_nose
from drawn_faces.geometry import SIGNS, ellipse, smooth
from drawn_faces.hair import beard, glasses, hair_before, hair_behind
from drawn_faces.head import Head
from drawn_faces.identity import Identity, darker, random_identity
from drawn_faces.skin import draw_folds, shade

SIZES = (16, 1024)
"""Smallest and largest side of a drawn face, in pixels."""

MOST_PEOPLE = 6
SCALE = 2
"""Scenes are drawn this many times larger and shrunk, so that edges are smooth."""

FOREHEAD = 0.25
"""Part of a head's height that lies above the box of its face."""


def draw_face(identity: Identity, units: np.ndarray, capture: Capture | None = None, *, size: int = 64) -> np.ndarray:
    """Draw one face that fills a square picture.

    Args:
        identity: who it is.
        units: action units (2, 27), as from `prototype_units` or `varied_units`.
        capture: how the picture is taken; None is a passport photograph.
        size: height and width in pixels, 16 to 1024.

    Returns:
        (size, size, 3) uint8 RGB, the same to the byte for the same arguments.

    Raises:
        ConfigError: the size is out of range, or the units have another shape.
    """
    return draw_portrait(identity, units, capture, size=size)[0]


def draw_portrait(
    identity: Identity, units: np.ndarray, capture: Capture | None = None, *, size: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one face as `draw_face` does, and return the picture and the (4,) box_xyxy of the face in it, in pixels."""
    require_size(size)
    if units.shape != no_units().shape:
        raise ConfigError(
            f"expected action units of shape {no_units().shape}, got {units.shape}; make them with prototype_units"
        )
    capture = capture or Capture()
    scale = 3 if size <= 96 else 2
    side = size * scale
    image = backdrop(side, side, capture.background)
    centre = (side * (0.5 + capture.shift[0]), side * (0.5 + capture.shift[1]))
    box = draw_person(Head(image, identity, units, capture, centre, side * capture.face_height / 2))
    return photograph(image.reduce(scale), capture), np.array(box) / scale


def require_size(size: int) -> None:
    """Refuse a picture that is too small to draw on or needlessly large.

    Raises:
        ConfigError: the size is out of range.
    """
    if not SIZES[0] <= size <= SIZES[1]:
        raise ConfigError(f"expected a size of {SIZES[0]} to {SIZES[1]} pixels, got {size}; choose one in this range")


def draw_person(head: Head) -> tuple[float, float, float, float]:
    """Draw a person's head and shoulders onto the head's picture, from the back to the front.

    Returns:
        Left, top, right, bottom of the face as detectors box it, from the forehead to the chin without the ears, in
        pixels.
    """
    contour = smooth(head.outline, 2, closed=True)
    hair_behind(head)
    _draw_body(head)
    if head.identity.hair_style not in ("headscarf", "long"):
        _draw_ears(head)
    head.fill(contour, head.skin, depth=0.0)
    draw_folds(head)
    beard(head)
    shade(head, contour)
    draw_nose(head)
    draw_mouth(head)
    for side in (0, 1):
        draw_eye(head, side)
        draw_brow(head, side)
    hair_before(head)
    if head.identity.glasses:
        glasses(head)
    pixels = head.project(head.outline, depth=0.0)
    (left, top), (right, bottom) = pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist()
    return left, top + FOREHEAD * (bottom - top), right, bottom


def _draw_body(head: Head) -> None:
    width, clothes = head.identity.face_width, head.identity.clothes
    side = [(2.05, 2.8), (1.9, 1.95), (1.3, 1.55), (0.5, 1.3)]
    shoulders = smooth([*((-x, y) for x, y in side), *side[::-1]])
    head.fill(np.concatenate([shoulders, [(2.05, 12), (-2.05, 12)]]) * [width, 1], clothes, depth=-0.4)
    for sign in SIGNS:
        sleeve = smooth([(sign * 1.3 * width, 2.5), (sign * 1.36 * width, 3.4), (sign * 1.4 * width, 6)])
        head.stroke(sleeve, darker(clothes, 0.4), 0.04, 0.5, depth=-0.4)
    colour = darker(clothes, 0.25) if head.identity.hair_style == "headscarf" else darker(head.skin, 0.2)
    neck = [(-0.58, 0.5), (-0.56, 1.2), (-0.7, 1.45), (0, 1.75), (0.7, 1.45), (0.56, 1.2), (0.58, 0.5)]
    head.fill(smooth([(x * width, y) for x, y in neck]), colour, depth=-0.35)
    for reach in (0.28, 0.20):
        head.fill(ellipse(0, 0.95, 0.54 * width, reach), darker(colour, 0.35), 0.35, depth=-0.3)


def _draw_ears(head: Head) -> None:
    colour = darker(head.skin, 0.1)
    for sign in SIGNS:
        x = sign * head.identity.face_width
        head.fill(ellipse(x, 0.08, 0.10, 0.19), colour, depth=-0.1)
        inside = smooth([(x + sign * 0.04, -0.05), (x + sign * 0.065, 0.03), (x + sign * 0.03, 0.18)])
        head.stroke(inside, darker(colour, 0.4), 0.03, 0.7, depth=-0.1)


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
    require_seed(seed)
    if people is not None and not 1 <= people <= MOST_PEOPLE:
        raise ConfigError(f"expected 1 to {MOST_PEOPLE} people, got {people}; choose a number in this range")
    if width < 160 or height < 90:
        raise ConfigError(f"expected at least 160x90 pixels, got {width}x{height}; choose a larger picture")
    rng = np.random.default_rng([seed, 3])
    people = people or int(rng.integers(1, MOST_PEOPLE + 1))
    capture = replace(random_capture(rng), blur=0.0)
    image = _room(rng, capture, width * SCALE, height * SCALE)
    # Half the height of a head: it must fit its part of the width, and leave room above and below.
    units_px = rng.uniform(0.7, 1.0, people) * min(width / people / 2.6, height * 0.30)
    centres_x = width * (np.arange(people) + 0.5) / people + rng.uniform(-0.15, 0.15, people) * units_px
    centres_y = height * 0.45 + rng.uniform(-0.07, 0.07, people) * units_px
    faces = {
        # The farthest first, so that nobody's shoulders cover a nearer face.
        int(place): _draw_one(
            image, rng, capture, (float(centres_x[place]), float(centres_y[place])), float(units_px[place])
        )
        for place in np.argsort(units_px)
    }
    boxes, emotions, points = zip(*(faces[place] for place in range(people)), strict=True)
    valence, arousal = np.array(points, dtype=np.float32).T
    return DrawnScene(
        image_rgb=photograph(image.reduce(SCALE), capture),
        boxes_xyxy=np.array(boxes, dtype=np.float32),
        emotions=emotions,
        valence=valence,
        arousal=arousal,
    )


def _draw_one(
    image: Image.Image, rng: np.random.Generator, capture: Capture, centre_xy: tuple[float, float], unit: float
) -> tuple[list[float], str, tuple[float, float]]:
    """Draw one person of a scene; return the box, the expression, and valence and arousal."""
    emotion = str(rng.choice(LABELS))
    intensity = 0.0 if emotion == "neutral" else float(rng.uniform(0.55, 1.0))
    units = varied_units(emotion, intensity, rng)
    pose = random_capture(rng)
    own = replace(capture, yaw=pose.yaw, pitch=pose.pitch, roll=pose.roll, gaze=pose.gaze)
    centre = (centre_xy[0] * SCALE, centre_xy[1] * SCALE)
    box = draw_person(Head(image, random_identity(rng), units, own, centre, unit * SCALE))
    return [edge / SCALE for edge in box], emotion, valence_arousal(emotion, intensity, units)


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
