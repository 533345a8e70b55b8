"""Pictures of strangers to pixels: few formats, few pixels, few scans."""

import re

import numpy as np

from affekt.errors import PictureError
from affekt.faces.pictures import read_rgb

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
"""Pillow's names. Left out are formats that run other programs (EPS), and those that no camera or browser writes."""
MAX_SCANS = 100
"""A progressive JPEG of some ten scans is usual; each one costs a pass over all pixels, in ten bytes of the file."""

_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_MARKER = re.compile(rb"\xff([^\x00\x01\xff\xd0-\xd8])")
"""The next marker that ends the picture or begins a segment; of a run of 0xff the last byte begins it.

0xff 0x00 is a byte of a scan's data, 0xff 0xd0-0xd7 a restart; 0xff 0x01 and 0xff 0xd8 stand alone, too.
"""


def decode_stranger(content: bytes, *, max_pixels: int) -> np.ndarray:
    """Decode a picture whose sender is not known.

    Args:
        content: the encoded picture.
        max_pixels: larger pictures are refused before they are decoded.

    Returns:
        (height, width, 3) uint8, RGB, upright.

    Raises:
        PictureError: it is none, is broken, or would take too much; the message says why, without a name.
    """
    if scans(content) > MAX_SCANS:
        raise PictureError(f"a JPEG of more than {MAX_SCANS} scans")
    try:
        return read_rgb(content, max_pixels=max_pixels, formats=FORMATS)
    except PictureError as error:
        raise PictureError(str(error).removeprefix("encoded picture: ")) from error


def scans(content: bytes) -> int:
    """Count the scans of a JPEG, without those of the thumbnails inside it; 0 for other formats.

    Counting stops beyond MAX_SCANS.
    """
    if not content.startswith(b"\xff\xd8"):
        return 0
    count, place = 0, 2
    while count <= MAX_SCANS and (found := _MARKER.search(content, place)):
        marker, place = found[1][0], found.end()
        if marker == _END_OF_IMAGE:
            break
        count += marker == _START_OF_SCAN
        place += int.from_bytes(content[place : place + 2], "big")
    return count
