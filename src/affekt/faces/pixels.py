"""Pixels: a decoded picture, of which only what is needed becomes an array, and arrays of any kind as RGB of 8 bits."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image

from affekt.errors import ConfigError
from affekt.faces.preprocessing import places_near

ROWS_AT_ONCE = 256
HALVED_FROM_STEP = 4
"""A JPEG is decoded at half its size where the detector sees at most one of so many pixels along each side."""
CHANNELS = (1, 3, 4)
"""How many a picture may have as an array: grey, RGB, RGB and alpha."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """A picture as pixels, upright."""

    pixels: np.ndarray | Image.Image
    """(height, width, 3) uint8, or what becomes that."""
    animated: bool
    """Whether this is the first of several frames or pages."""
    breaks_off: bool = False
    """Whether the file ends too early, so that the lower part may be grey."""
    shrink: Callable[[int], np.ndarray] | None = None
    """Who makes a small copy for less than it costs from the pixels, of at most so many along its longest side."""
    whole_shape: tuple[int, int] | None = None
    """Height and width of the picture, where the pixels are those of a copy at half its size."""
    whole: Callable[[], "Decoded"] | None = None
    """Who decodes the picture itself, where this is such a copy."""

    @cached_property
    def image_rgb(self) -> np.ndarray:
        """(height, width, 3) uint8 of the pixels as they are."""
        return as_rgb(self.pixels) if isinstance(self.pixels, Image.Image) else self.pixels

    @property
    def pixels_shape(self) -> tuple[int, ...]:
        """Height and width of the pixels first."""
        return self.pixels.size[::-1] if isinstance(self.pixels, Image.Image) else self.pixels.shape

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width of the picture first."""
        return self.whole_shape or self.pixels_shape

    def shrunk(self, longest_side: int) -> np.ndarray:
        """Return it with at most so many pixels along its longest side."""
        if self.shrink is not None:
            return self.shrink(longest_side)
        scale = min(1.0, longest_side / max(self.shape[:2]))
        return shrunk(self.image_rgb if scale == 1 else self.pixels, scale, self.whole_shape)

    def near(self, box_xyxy: np.ndarray, sides: np.ndarray) -> np.ndarray:
        """Return (height, width, 3) uint8; of a large one, what is farther than so many sides of a box may be black.

        `box_xyxy` are (faces, 4) places among the pixels as they are, `sides` are (faces,).
        """
        if not isinstance(self.pixels, Image.Image):
            return self.pixels
        near_rgb = np.zeros((*self.pixels_shape, 3), np.uint8)  # takes no memory where nothing is written
        for left, top, right, bottom in places_near(self.pixels_shape, box_xyxy, sides):
            part = self.pixels.crop((left, top, right, bottom)).convert("RGB")
            near_rgb[top:bottom, left:right] = np.asarray(part)
        return near_rgb


def shrunk(pixels: np.ndarray | Image.Image, scale: float, whole_shape: tuple[int, int] | None = None) -> np.ndarray:
    """Return a picture with so many times its pixels along each side, (height, width, 3) uint8.

    Of a copy at half the size, `whole_shape` is the height and width of the picture that is meant.
    """
    if isinstance(pixels, np.ndarray):
        if scale == 1:
            return pixels
        pixels = Image.fromarray(pixels)
    height, width = whole_shape or pixels.size[::-1]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Averaging whole blocks as far as they go takes a fifth of the time, and faces are found as well.
    per_pixel = round(width / pixels.width)
    blocks = max(1, blocks_of(1 / scale) // per_pixel)
    if blocks > 1:
        pixels = pixels.reduce(blocks)
    box = (0, 0, width / per_pixel / blocks, height / per_pixel / blocks)
    return np.asarray(pixels.resize(size, Image.Resampling.BILINEAR, box=box))


def blocks_of(step: float) -> int:
    """Return how many pixels along each side are averaged before so many of them become one.

    Where a picture is large enough to be decoded at half its size the number is even: both ways average the same
    pixels. Otherwise boxes of faces would move, and answers with them.
    """
    return int(step) - int(step) % 2 if step >= HALVED_FROM_STEP else int(step)


def as_rgb(image: Image.Image) -> np.ndarray:
    """Return (height, width, 3) uint8; strip by strip, which takes half the memory and time of all at once."""
    image_rgb = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, ROWS_AT_ONCE):
        strip = image.crop((0, top, image.width, min(top + ROWS_AT_ONCE, image.height)))
        image_rgb[top : top + ROWS_AT_ONCE] = np.asarray(strip.convert("RGB"))
    return image_rgb


def eight_of_sixteen(pixels: np.ndarray, most: int = 65_535) -> np.ndarray:
    """Scale values from 0 to `most` to 8 bits, and round; a few rows at a time, for a picture may fill the memory."""
    scaled = np.empty(pixels.shape, np.uint8)
    for row in range(0, len(pixels), ROWS_AT_ONCE):
        part = np.clip(pixels[row : row + ROWS_AT_ONCE], 0, most).astype(np.uint32)
        scaled[row : row + ROWS_AT_ONCE] = (255 * part + most // 2) // most
    return scaled


def rgb_of_array(pixels: np.ndarray) -> np.ndarray:
    """Return a picture that is given as an array, as `Analyzer.analyze` takes it, as `read_rgb` returns a file's."""
    shape = pixels.shape
    if problem := _problem_of_shape(shape):
        raise ConfigError(
            "expected pictures as arrays (height, width) or (height, width, channels) with 1, 3 or 4 channels, got "
            f"the shape {shape}{problem}"
        )
    scaled = _scaled_to_uint8(pixels)
    is_grey = len(shape) == 2 or shape[2] == 1
    return np.repeat(scaled.reshape(*shape[:2], 1), 3, axis=2) if is_grey else scaled[..., :3]


def _problem_of_shape(shape: tuple[int, ...]) -> str | None:
    """Return what an array that is no picture may be, and what to do; None for pictures."""
    if 0 in shape:
        return ", which holds no pixel; see where it was cut out, and leave it out"
    if len(shape) not in (2, 3):
        return "; give one picture, a list of pictures, or a batch (pictures, height, width, 3)"
    if len(shape) == 2:
        return None
    if shape[2] == 2:
        return "; of grey with alpha take the grey: array[..., 0]"
    if shape[0] in CHANNELS and shape[2] in CHANNELS:
        return ", whose channels could come first too; give a picture of more than 4 pixels on each side"
    if shape[0] in CHANNELS:
        return "; move the channels to the end: numpy.moveaxis(array, -3, -1)"
    return None if shape[2] in CHANNELS else "; give several grey pictures as a list: list(array)"


def _scaled_to_uint8(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind == "u" and pixels.itemsize == 2:
        return eight_of_sixteen(pixels)
    if pixels.dtype.kind != "f":
        raise ConfigError(
            f"expected arrays of uint8, uint16 or floats from 0 to 1, got {pixels.dtype}; convert values from 0 to 255 "
            "with array.astype('uint8')"
        )
    low, high = float(pixels.min()), float(pixels.max())
    if np.isnan(low):
        raise ConfigError("expected floats from 0 to 1, got NaN among them; replace it with numpy.nan_to_num(array)")
    if low < 0 or high > 1:
        raise ConfigError(
            f"expected floats from 0 to 1, got values from {low:g} to {high:g}; scale them, or convert values from 0 "
            "to 255 with array.astype('uint8')"
        )
    return np.rint(pixels.astype(np.float32) * 255).astype(np.uint8)
