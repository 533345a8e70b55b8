"""How a picture is taken: what varies between pictures of one person with one expression, and what a camera adds."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from drawn_faces.identity import Colour


@dataclass(frozen=True, kw_only=True)
class Capture:
    """One picture's circumstances; the defaults are a passport photograph."""

    yaw: float = 0.0
    """Turn of the head to the picture's right, in radians."""
    pitch: float = 0.0
    """Nod of the head downwards, in radians."""
    roll: float = 0.0
    """Tilt of the head clockwise, in radians."""
    face_height: float = 0.86
    """Height of the head as a fraction of the picture's."""
    shift: tuple[float, float] = (0.0, 0.0)
    """Where the head's middle lies off the picture's middle, right and down, as fractions of its size."""
    gaze: tuple[float, float] = (0.0, 0.0)
    """Where the irises look, right and down, each -1 to 1."""
    light: tuple[float, float] = (-0.5, -0.6)
    """Where the light comes from, right and down, each -1 to 1."""
    contrast: float = 0.3
    """How strongly the light models the head, 0 to 1."""
    brightness: float = 1.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """What each colour channel is multiplied by."""
    background: tuple[Colour, Colour] = ((168, 176, 184), (120, 128, 138))
    """Colours of the upper left and the lower right corner."""
    blur: float = 0.0
    """Radius of a Gaussian blur, as a fraction of the picture's size."""
    noise: float = 0.0
    """Standard deviation of the sensor noise, in grey levels."""
    noise_seed: int = 0


def random_capture(rng: np.random.Generator, variety: float = 1.0) -> Capture:
    """Draw the circumstances of one picture.

    Args:
        rng: where the circumstances are drawn from.
        variety: how far pose, gaze, light, blur and noise reach: 1 is a snapshot, 0 a passport photograph.
    """
    base = rng.uniform(40, 215) + rng.normal(0, 18, 3)
    ends = [np.clip(base + rng.normal(0, 22, 3) + rng.normal(0, 15), 0, 255).astype(int).tolist() for _ in range(2)]
    cast = 1 + variety * np.clip(rng.normal(0, 0.03, 3), -0.12, 0.12)
    return Capture(
        yaw=variety * float(np.clip(rng.normal(0, 0.14), -0.32, 0.32)),
        pitch=variety * float(np.clip(rng.normal(0, 0.09), -0.2, 0.2)),
        roll=variety * float(np.clip(rng.normal(0, 0.08), -0.22, 0.22)),
        face_height=0.865 + variety * float(rng.uniform(-0.065, 0.065)),
        shift=(variety * float(rng.uniform(-0.03, 0.03)), variety * float(rng.uniform(-0.03, 0.03))),
        gaze=(
            variety * float(np.clip(rng.normal(0, 0.35), -1, 1)),
            variety * float(np.clip(rng.normal(0, 0.2), -0.6, 0.6)),
        ),
        light=(float(rng.uniform(-1, 1)), float(rng.uniform(-1, 0.2))),
        contrast=0.1 + variety * float(rng.uniform(0, 0.45)),
        brightness=1 + variety * float(rng.uniform(-0.18, 0.15)),
        cast=(float(cast[0]), float(cast[1]), float(cast[2])),
        background=(tuple(ends[0]), tuple(ends[1])),
        blur=variety * float(max(0.0, rng.uniform(-0.006, 0.009))),
        noise=variety * float(rng.uniform(0, 6)),
        noise_seed=int(rng.integers(2**31)),
    )


def backdrop(width: int, height: int, colours: tuple[Colour, Colour]) -> Image.Image:
    """Return an RGB picture that fades from one colour in its upper left to another in its lower right."""
    # Four pixels, stretched: the corners are the colours and their middles.
    first, last = (np.array(colour, dtype=float) for colour in colours)
    middle = (first + last) / 2
    corners = np.array([[first, middle], [middle, last]]).round().astype(np.uint8)
    return Image.fromarray(corners).resize((width, height), Image.Resampling.BILINEAR)


def photograph(image: Image.Image, capture: Capture) -> np.ndarray:
    """Return (height, width, 3) uint8 RGB: a picture as the camera sees it."""
    if capture.blur > 0:
        image = image.filter(ImageFilter.GaussianBlur(capture.blur * max(image.size)))
    pixels = np.asarray(image, dtype=np.float32)
    height, width = pixels.shape[:2]
    x, y = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
    fall = 1 + 0.35 * capture.contrast * (x[None, :] * capture.light[0] + y[:, None] * capture.light[1])
    pixels = pixels * (fall[..., None] * np.asarray(capture.cast, dtype=np.float32) * np.float32(capture.brightness))
    if capture.noise > 0:
        noise = np.random.default_rng(capture.noise_seed).standard_normal((height, width), dtype=np.float32)
        pixels = pixels + np.float32(capture.noise) * noise[..., None]
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
