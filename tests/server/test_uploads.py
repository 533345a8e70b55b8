"""Pictures of unknown senders: what Pillow could be made to do for them, and is not."""

import io

import numpy as np
import pytest
from PIL import Image

from affekt.errors import PictureError
from affekt.server.uploads import MAX_SCANS, decode_untrusted, scans

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8))


def encoded(kind, **options):
    buffer = io.BytesIO()
    NOISE.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF"])
def test_what_cameras_and_browsers_write_is_read(kind):
    assert decode_untrusted(encoded(kind), max_pixels=40_000).shape == (200, 200, 3)


@pytest.mark.parametrize("kind", ["EPS", "PDF", "ICO", "PCX", "TGA", "JPEG2000"])
def test_other_formats_are_not(kind):
    with pytest.raises(PictureError, match=r"^not a picture$"):
        decode_untrusted(encoded(kind), max_pixels=40_000)


def test_too_many_pixels_are_named_without_a_file():
    with pytest.raises(PictureError, match=r"^200x200 pixels, over the limit of 39,999$"):
        decode_untrusted(encoded("PNG"), max_pixels=39_999)


def test_scans_are_counted_through_restarts_and_without_those_of_a_thumbnail():
    plain, progressive = encoded("JPEG"), encoded("JPEG", progressive=True, restart_marker_blocks=3)
    assert (scans(plain), scans(progressive), scans(encoded("PNG"))) == (1, 10, 0)
    exif = Image.Exif()
    exif[0x9286] = progressive[:5000]
    assert scans(encoded("JPEG", exif=exif)) == 1
    # What follows the end of the picture, as in motion photos, is none of it.
    assert scans(plain + progressive) == 1


def test_fill_bytes_before_markers_are_passed_over_once():
    progressive = encoded("JPEG", progressive=True)
    assert scans(progressive.replace(b"\xff\xda", b"\xff" * 1000 + b"\xda")) == 10
    # Whoever looks at the rest of the run from each of its bytes needs hours.
    assert scans(b"\xff\xd8" + b"\xff" * 4_000_000 + b"\x00") == 0
    assert scans(b"\xff\xd8" + b"\xff\x01\xff\xd8" * 1_000_000 + b"\xff\xda") == 1


def test_a_jpeg_of_endless_scans_is_refused():
    progressive = encoded("JPEG", progressive=True)
    last = progressive.rindex(b"\xff\xda")
    endless = progressive[:-2] + progressive[last:-2] * MAX_SCANS + progressive[-2:]
    with pytest.raises(PictureError, match=r"^a JPEG of more than 100 scans$"):
        decode_untrusted(endless, max_pixels=40_000)


@pytest.mark.parametrize("content", [b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\xff\xff", b"\xff\xd8\xff\xda"])
def test_a_jpeg_that_breaks_off_is_only_unreadable(content):
    with pytest.raises(PictureError):
        decode_untrusted(content, max_pixels=40_000)
