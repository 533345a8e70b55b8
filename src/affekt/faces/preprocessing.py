"""The one preprocessing: an RGB picture and a face box in, a network's input out.

Training, evaluation and every runtime call these functions: no model ever sees pixels scaled or resized in two ways.
"""

import math
from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np

from affekt.errors import ConfigError

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""ITU-R BT.601 weights of red, green and blue in grey."""
ALIGNMENTS = ("none", "level")
FILTER_SIDES = 0.04
"""By how much of a box's side the filter that resizes a crop reaches beyond it, at the smallest size of an input."""
LEAST_TILT_RADIANS = 1e-6
"""A face that is turned by less is level; landmarks are not known so well, and a tilt of 0 may be rounded to this."""
LARGEST_CROP = 1_024
"""Pixels along a side of a crop that is not shrunk to a network's size: larger ones would fill the memory."""
Patch = tuple[np.ndarray, np.ndarray, np.ndarray]
"""A part of a picture, (height, width, channels), with a face's box and landmarks in it."""
Square = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels, fractions allowed."""


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """What a network wants to see; it travels in the model's card."""

    input_size: int
    """Height and width of the input, in pixels."""
    channels: int = 3
    """3 for RGB, 1 for BT.601 grey."""
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    """Subtracted from each channel after scaling pixels to 0-1, once."""
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    """Divides each channel after the mean is subtracted."""
    resize: str = "triangle"
    """Resize rule: `triangle` is linear interpolation, widened when shrinking so that nothing aliases."""
    crop_margin: float = 0.0
    """How much the square crop exceeds the longer side of the face box, as a fraction of it."""
    alignment: str = "none"
    """`none`: the crop is upright in the picture; `level`: upright in the face, where its landmarks are known."""

    def __post_init__(self) -> None:
        """Refuse values no network input can have."""
        if self.input_size < 16:
            raise ConfigError(
                f"expected an input size of at least 16 pixels, got {self.input_size}; choose a larger one"
            )
        if self.channels not in (1, 3):
            raise ConfigError(f"expected 1 or 3 channels, got {self.channels}; choose 3 for RGB or 1 for grey")
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise ConfigError(
                f"expected {self.channels} values in mean and std, got {self.mean} and {self.std}; give one per channel"
            )
        if self.resize != "triangle" or self.alignment not in ALIGNMENTS:
            raise ConfigError(
                f"expected resize 'triangle' and alignment 'none' or 'level', got {self.resize!r} and "
                f"{self.alignment!r}; update affekt to use this model"
            )


def crop_face(
    image_rgb: np.ndarray,
    preprocessing: Preprocessing,
    box_xyxy: np.ndarray | None = None,
    landmarks_xy: np.ndarray | None = None,
) -> np.ndarray:
    """Cut the square around a face out of a (height, width, 3) uint8 picture, resized to the network's input size.

    The square is centred on the box, in pixels, fractions allowed; what lies beyond the picture repeats its edge.
    Without a box the whole picture is the face, and is stretched to the square without a margin. Where the network
    wants level faces, the square is turned by the tilt of the (5, 2) landmarks, in the order of
    `detection.LANDMARKS`; without them, or where they are nan, it stays upright in the picture. The crop is
    (input_size, input_size, channels) uint8.
    """
    height, width = image_rgb.shape[:2]
    size = preprocessing.input_size
    square, tilt_radians = (0.0, 0.0, float(width), float(height)), 0.0
    if box_xyxy is not None:
        square = square_around(np.asarray(box_xyxy, dtype=np.float64), preprocessing.crop_margin)
        if preprocessing.alignment == "level" and landmarks_xy is not None:
            tilt_radians = tilt_of(landmarks_xy)
    if abs(tilt_radians) > LEAST_TILT_RADIANS:
        crop = _turned(image_rgb, square, tilt_radians, preprocessing)
    elif square == (0, 0, width, height) and width == height == size:
        crop = _in_channels(image_rgb, preprocessing.channels)
    else:
        crop = _resized(image_rgb, square, size, preprocessing.channels)
    return np.clip(np.rint(crop), 0, 255).astype(np.uint8)


def crop_faces(
    image_rgb: np.ndarray,
    box_xyxy: np.ndarray,
    landmarks_xy: np.ndarray,
    preprocessing: Preprocessing,
    grey: list[Patch] | None = None,
) -> np.ndarray:
    """Cut (faces, 4) boxes with (faces, 5, 2) landmarks out; return (faces, input_size, input_size, channels) uint8.

    A network that wants grey is given what `grey_patches` made of the faces, where that is there.
    """
    faces = zip(repeat(image_rgb), box_xyxy, landmarks_xy) if grey is None or preprocessing.channels == 3 else grey
    size, crops = preprocessing.input_size, [crop_face(pixels, preprocessing, *face) for pixels, *face in faces]
    return np.array(crops, np.uint8).reshape(-1, size, size, preprocessing.channels)


def crop_as_it_is(
    image_rgb: np.ndarray, preprocessing: Preprocessing, box_xyxy: np.ndarray | None, landmarks_xy: np.ndarray | None
) -> np.ndarray:
    """Cut out what a network is given of a face, before it is shrunk to the network's size; arguments as `crop_face`.

    The crop is in colour. Its side is that of the square in the picture, but at least the network's and at most 1,024
    pixels: (side, side, 3) uint8.
    """
    side = float(max(image_rgb.shape[:2]))
    if box_xyxy is not None:
        left, _, right, _ = square_around(np.asarray(box_xyxy, dtype=np.float64), preprocessing.crop_margin)
        side = right - left
    size = min(max(math.ceil(side), preprocessing.input_size), LARGEST_CROP)
    in_colour = replace(preprocessing, input_size=size, channels=3, mean=(0.5,) * 3, std=(0.5,) * 3)
    return crop_face(image_rgb, in_colour, box_xyxy, landmarks_xy)


def tilt_of(landmarks_xy: np.ndarray) -> float:
    """Return by how many radians a face is turned in the picture, clockwise as seen; 0 where a landmark is nan.

    Its horizontal is the line between the eyes, and between the corners of the mouth, plus what stands at right angles
    to the line from the eyes down to the mouth: in profile, where the first are short, the second is long.
    """
    right_eye, left_eye, _, mouth_right, mouth_left = np.asarray(landmarks_xy, dtype=np.float64)
    across = left_eye - right_eye + mouth_left - mouth_right
    down = mouth_left + mouth_right - left_eye - right_eye
    tilt_radians = math.atan2(across[1] - down[0], across[0] + down[1])
    return 0.0 if math.isnan(tilt_radians) else tilt_radians


def _turned(image_rgb: np.ndarray, square: Square, tilt_radians: float, preprocessing: Preprocessing) -> np.ndarray:
    """Cut out a square that is turned about its centre, (input_size, input_size, channels) float32.

    The upright square around it is resized first, to pixels of 1/sqrt(2) of the crop's, so that a face costs the same
    however many pixels it has. Read from there by linear interpolation, the crop is as smooth as an upright one: the
    variances of two triangle filters add up, and each is half of that of the one filter that cuts upright crops.
    """
    size = preprocessing.input_size
    cosine, sine = math.cos(tilt_radians), math.sin(tilt_radians)
    reach = abs(cosine) + abs(sine)  # sides of the upright square in sides of the turned one
    around = square_around(np.array(square), reach - 1)
    wide = math.ceil(math.sqrt(2) * reach * size)
    pixels = _resized(image_rgb, around, wide, preprocessing.channels)
    # Centres of the crop's pixels, from the middle of the square, in pixels of the upright one.
    steps = ((np.arange(size) + 0.5) / size - 0.5) * wide / reach
    x = (wide - 1) / 2 + steps[None, :] * cosine - steps[:, None] * sine
    y = (wide - 1) / 2 + steps[None, :] * sine + steps[:, None] * cosine
    column, row = x.astype(int), y.astype(int)  # never the first half pixel nor the last: none lies beyond
    right_share, lower_share = (x - column).astype(np.float32)[..., None], (y - row).astype(np.float32)[..., None]
    # As one long line, pixels are taken in half of the time that two indices take.
    line, place = pixels.reshape(-1, pixels.shape[-1]), row * wide + column
    upper, lower = (
        line.take(first, axis=0) * (1 - right_share) + line.take(first + 1, axis=0) * right_share
        for first in (place, place + wide)
    )
    return upper * (1 - lower_share) + lower * lower_share


def _in_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    return grey_of(pixels) if channels == 1 and pixels.shape[-1] == 3 else pixels


def grey_of(pixels_rgb: np.ndarray) -> np.ndarray:
    """Return (height, width, 1) uint8 of (height, width, 3): BT.601 grey, rounded."""
    return np.rint(pixels_rgb @ LUMA).astype(np.uint8)[..., None]


def grey_patches(image_rgb: np.ndarray, box_xyxy: np.ndarray, landmarks_xy: np.ndarray, margin: float) -> list[Patch]:
    """Return each face by itself: all that crops are made of in grey, and box and landmarks in pixels of that.

    Crops of it are those of the picture in colour. Several of each face cost the change to grey once.
    """
    places = places_near(image_rgb.shape, box_xyxy, sides_near(landmarks_xy, margin))
    patches: list[Patch] = []
    for (left, top, right, bottom), box, landmarks in zip(places, box_xyxy, landmarks_xy, strict=True):
        grey = grey_of(image_rgb[top:bottom, left:right])
        patches.append((grey, box - np.array([left, top] * 2, float), landmarks - np.array([left, top], float)))
    return patches


def sides_near(landmarks_xy: np.ndarray, margin: float) -> np.ndarray:
    """Return how far from the middle of each box its crops reach, in sides of it: (faces,) for (faces, 5, 2)."""
    tilts = np.array([tilt_of(landmarks) for landmarks in landmarks_xy])
    return (abs(np.cos(tilts)) + abs(np.sin(tilts))) / 2 * (1 + max(0.0, margin)) + FILTER_SIDES


def places_near(shape: tuple[int, ...], box_xyxy: np.ndarray, sides: np.ndarray) -> list[list[int]]:
    """Return left, top, right, bottom of what is within so many sides of each box, (faces,), in a (height, width)."""
    reach = (sides * (box_xyxy[:, 2:] - box_xyxy[:, :2]).max(axis=1))[:, None] + 2
    centre = (box_xyxy[:, :2] + box_xyxy[:, 2:]) / 2
    edges = np.concatenate([np.floor(centre - reach), np.ceil(centre + reach)], axis=1)
    # Of a box beyond the picture the nearest pixel counts, which repeats its edge.
    last = np.array([shape[1], shape[0]]) - 1
    places = np.concatenate([np.clip(edges[:, :2], 0, last), np.clip(edges[:, 2:], 0, last) + 1], axis=1)
    return places.astype(int).tolist()


def _resized(image_rgb: np.ndarray, square: Square, size: int, channels: int) -> np.ndarray:
    """Resize a part of the picture to (size, size, channels) float32."""
    left, top, right, bottom = square
    rows, row_weights = triangle_taps(image_rgb.shape[0], top, bottom, size)
    columns, column_weights = triangle_taps(image_rgb.shape[1], left, right, size)
    # Only what the filter reaches is touched: a face in a large picture must not cost what the picture does.
    first_row, first_column = rows.min(), columns.min()
    touched = image_rgb[first_row : rows.max() + 1, first_column : columns.max() + 1]
    pixels = _in_channels(touched, channels).astype(np.float32)
    narrow = _resampled(pixels, rows - first_row, row_weights)
    return _resampled(narrow.swapaxes(0, 1), columns - first_column, column_weights).swapaxes(0, 1)


def _resampled(lines: np.ndarray, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return weighted sums of lines, one tap after the other.

    As a product of matrices it is no faster, and BLAS would share each face out to all cores, which work on others.
    """
    flat, taps, of_tap = lines.reshape(len(lines), -1), places.T.copy(), weights.T[..., None]
    summed = flat.take(taps[0], axis=0)
    summed *= of_tap[0]
    for tap in range(1, len(taps)):
        weighted = flat.take(taps[tap], axis=0)
        weighted *= of_tap[tap]
        summed += weighted
    return summed.reshape(len(places), *lines.shape[1:])


def square_around(box_xyxy: np.ndarray, margin: float) -> Square:
    """Return left, top, right, bottom of the square around a box, its side (1 + margin) times the box's longer side."""
    left, top, right, bottom = (float(edge) for edge in box_xyxy)
    if not (right > left and bottom > top):
        raise ConfigError(f"expected a box with right > left and bottom > top, got {box_xyxy}; mend or drop this face")
    half = max(right - left, bottom - top) * (1 + margin) / 2
    centre_x, centre_y = (left + right) / 2, (top + bottom) / 2
    return centre_x - half, centre_y - half, centre_x + half, centre_y + half


def triangle_taps(length: int, start: float, stop: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels count, and how much, for `size` points between `start` and `stop` on a line of `length` pixels.

    A triangle filter whose half-width is the larger of one source pixel and one step, as in Pillow's bilinear resize;
    pixels beyond the line repeat its ends. Indices and float32 weights are (size, taps); each row of weights sums to 1.
    """
    step = (stop - start) / size
    support = max(step, 1.0)
    centres = start + (np.arange(size) + 0.5) * step
    first = np.floor(centres - support).astype(int)
    taps = first[:, None] + np.arange(int(np.ceil(2 * support)) + 1)[None, :]
    weights = np.maximum(1 - np.abs(taps + 0.5 - centres[:, None]) / support, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    # np.clip takes three times as long on arrays as small as these.
    return np.minimum(np.maximum(taps, 0), length - 1), weights.astype(np.float32)


def normalise(crops: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Scale pixels to 0-1 once, subtract the mean and divide by the std.

    From (faces, input_size, input_size, channels) uint8, for pixels that were scaled before would be scaled twice, to
    (faces, channels, input_size, input_size) float32.
    """
    if crops.dtype != np.uint8:
        raise ConfigError(f"expected uint8 pixels in 0-255, got {crops.dtype}; pass crops as they come from crop_face")
    mean = np.asarray(preprocessing.mean, dtype=np.float32) * 255
    std = np.asarray(preprocessing.std, dtype=np.float32) * 255
    return np.ascontiguousarray(((crops - mean) / std).transpose(0, 3, 1, 2), dtype=np.float32)
