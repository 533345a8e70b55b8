"""What was found, drawn onto the picture: boxes, expressions with their probability, and a small circumplex."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image, ImageColor, ImageDraw, ImageFont

from affekt.analysis.frames import decode
from affekt.analysis.inputs import shown
from affekt.analysis.rows import Row, breaks_off
from affekt.errors import ConfigError, DataError, says_what_to_type
from affekt.labels import LABELS, UNSURE, colours_of, labels_of_columns

DrawnPicture = str | Path | bytes | Image.Image | np.ndarray
WHITE, SHADE = (255, 255, 255), (20, 24, 28)
DRAWN_COLUMNS = {"track", "emotion", "x", "y", "width", "height", "confidence", "valence", "status"}
SMALLEST_TEXT = 11
"""Height of letters in pixels below which nobody can read them."""


@says_what_to_type
def draw(picture: DrawnPicture, rows: pl.DataFrame | Iterable[Row]) -> Image.Image:
    """Mark the faces of a picture: boxes, expressions, and valence and arousal on a small circle.

    Args:
        picture: a path, encoded bytes, a Pillow picture or an array, as `analyze` takes them; it stays as it is.
        rows: rows of a table of results, as `analyze` returns them; those without a face draw nothing. Where they are
            of several inputs, those of the picture's path are drawn.

    Returns:
        The upright picture with its marks, which a notebook shows.

    Raises:
        PictureError: the picture cannot be read.
        ConfigError: an array is no picture, or the rows are none.
        DataError: the rows are of several pictures or frames, or of another picture.

    Example:
        >>> import affekt
        >>> import numpy as np
        >>> picture = np.full((120, 90, 3), 128, np.uint8)
        >>> rows = affekt.analyze(picture, faces="whole")
        >>> affekt.draw(picture, rows).size
        (90, 120)
    """
    given: Any = rows.to_dicts() if isinstance(rows, pl.DataFrame) else rows
    found = list(given) if isinstance(given, Iterable) else [given]
    if not all(isinstance(row, dict) and row.keys() >= DRAWN_COLUMNS for row in found):
        raise ConfigError(
            f"expected a polars frame or dictionaries as affekt.analyze returns them, got {type(rows).__name__}; "
            "type: affekt.draw(picture, affekt.analyze(picture))"
        )
    source = str(picture) if isinstance(picture, Path) else picture
    marked = Image.fromarray(decode(source, is_lenient=breaks_off(found)).image_rgb)
    # Drawn from the least sure to the surest face, so that the surest label lies on top.
    for row in reversed([row for row in _rows_of_one(picture, found) if row["status"] == "ok"]):
        _draw_face(marked, row)
    return marked


def _rows_of_one(picture: DrawnPicture, rows: list[Row]) -> list[Row]:
    """Return the rows of one picture or frame, found by the picture's path where they are of paths."""
    inputs = {str(row.get("input")) for row in rows}
    if isinstance(picture, str | Path) and any(not name.isdecimal() for name in inputs):
        rows = [row for row in rows if _is_same(row.get("input"), str(picture))]
        if not rows:
            raise DataError(
                f"expected rows of {picture}, got those of {min(inputs)}{' and others' if len(inputs) > 1 else ''}; "
                f"type: affekt.draw({str(picture)!r}, affekt.analyze({str(picture)!r}))"
            )
    pictures = {(row.get("input"), row.get("frame")) for row in rows}
    if len(pictures) > 1:
        raise DataError(
            f"expected the rows of one picture, got those of {len(pictures)} pictures or frames; choose one, for "
            "instance with rows.filter(input='0')"
        )
    return rows


def _is_same(name: str | None, path: str) -> bool:
    return name is not None and (name == shown(path) or os.path.realpath(name) == os.path.realpath(path))


def _draw_face(picture: Image.Image, row: Row) -> None:
    pen = ImageDraw.Draw(picture, "RGBA")
    left, top = row["x"], row["y"]
    right, bottom = left + row["width"], top + row["height"]
    labels = labels_of_columns(row) or LABELS
    colour = colours_of(labels).get(row["emotion"], UNSURE)
    line = max(2, round(row["height"] / 60))
    edge = line // 2  # dark on both sides, so that a grey box is seen on a grey wall
    around = (left - edge, top - edge, right + edge, bottom + edge)
    pen.rounded_rectangle(around, radius=3 * line + edge, outline=SHADE, width=line + 2 * edge)
    pen.rounded_rectangle((left, top, right, bottom), radius=3 * line, outline=colour, width=line)
    if row["valence"] is not None:
        _draw_circumplex(picture, pen, row, line, colour)
    if row["confidence"] is not None:
        _draw_label(picture, pen, row, colour)


def _draw_label(picture: Image.Image, pen: ImageDraw.ImageDraw, row: Row, colour: str) -> None:
    person = "" if row["track"] is None else f"{row['track']}  "
    # No model is ever wholly sure, whatever rounding says.
    probability = f"{row['confidence']:.0%}" if row["confidence"] < 0.995 else "> 99%"
    text = f"{person}{row['emotion'] or 'unsure'} {probability}"
    size = max(SMALLEST_TEXT, min(round(row["height"] / 9), round(picture.height / 20)))
    font = ImageFont.load_default(size)
    padding = size / 3
    width, height = pen.textlength(text, font) + 2 * padding, size * 1.2 + padding
    left, top = _place_of_label(picture, row, width, height)
    pen.rounded_rectangle((left, top, left + width, top + height), radius=padding, fill=colour, outline=SHADE)
    pen.text((left + padding, top + height / 2), text, _ink_on(colour), font, anchor="lm")


def _place_of_label(picture: Image.Image, row: Row, width: float, height: float) -> tuple[float, float]:
    """Return the corner of a label: above the box, else beside it, else inside its upper edge; within the picture."""
    left, top = max(0, min(row["x"], picture.width - width)), max(0, row["y"])
    if row["y"] >= height:
        return left, row["y"] - height
    right = row["x"] + row["width"]
    if right + width <= picture.width:
        return right, top
    return (row["x"] - width, top) if row["x"] >= width else (left, top)


def _ink_on(colour: str) -> tuple[int, int, int]:
    """Return white or near black, whichever stands out more (WCAG 2 contrast, of equal worth at luminance .18)."""
    channels = np.array(ImageColor.getrgb(colour)[:3]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return SHADE if linear @ (0.2126, 0.7152, 0.0722) > 0.2 else WHITE


def _place_of_disc(picture: Image.Image, row: Row, radius: float, line: int) -> tuple[float, float]:
    """Return the middle of a disc that hides nothing of the face where there is room: below the box or beside it."""
    left, right, bottom = row["x"], row["x"] + row["width"], row["y"] + row["height"]
    room = 2 * radius + 3 * line
    x = min(right - radius, picture.width - radius - line)
    y = min(bottom + radius + 2 * line, picture.height - radius - line)
    if bottom + room <= picture.height:
        return x, y
    if right + room <= picture.width:
        return right + radius + 2 * line, y
    return (left - radius - 2 * line if left >= room else x), y


def _draw_circumplex(picture: Image.Image, pen: ImageDraw.ImageDraw, row: Row, line: int, colour: str) -> None:
    """Draw valence to the right and arousal upwards on a disc below the box, at its right, or else beside it."""
    radius = max(10, row["height"] / 7)
    centre_x, centre_y = _place_of_disc(picture, row, radius, line)
    thin = max(1, line // 2)
    disc = (centre_x - radius, centre_y - radius, centre_x + radius, centre_y + radius)
    pen.ellipse(disc, fill=(*SHADE, 150), outline=(*WHITE, 200), width=thin)
    pen.line((centre_x - radius, centre_y, centre_x + radius, centre_y), (*WHITE, 110), thin)
    pen.line((centre_x, centre_y - radius, centre_x, centre_y + radius), (*WHITE, 110), thin)
    valence, arousal = row["valence"], row["arousal"]
    # A point in a corner of the square lies outside the circle: it is drawn at its edge, in its own direction.
    reach = radius / max(1.0, float(np.hypot(valence, arousal)))
    x, y, dot = centre_x + valence * reach, centre_y - arousal * reach, max(3, radius / 5)
    pen.ellipse((x - dot, y - dot, x + dot, y + dot), fill=colour, outline=WHITE, width=thin)
