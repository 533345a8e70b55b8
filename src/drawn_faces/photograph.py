"""What a camera adds: a background, a cast of light, blur and noise."""

import numpy as np
from PIL import Image, ImageFilter

from drawn_faces.capture import Capture
from drawn_faces.colours import Colour


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
