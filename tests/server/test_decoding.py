"""Pictures of unknown senders: what a decoder could be made to do, and where it is ended."""

import io
import os
import struct
import sys
from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from affekt.errors import PictureError
from affekt.server import decoding
from affekt.server.decoding import Decoder, DecodeTime

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def decoder():
    with closing(Decoder(max_pixels=40_000)) as decoder:
        yield decoder


def encoded(kind, picture=NOISE, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg_of_many_scans(scans, side=1000):
    """Return a JPEG of a few hundred bytes a scan, each of which is a pass over all pixels."""
    progressive = encoded("JPEG", Image.new("RGB", (side, side)), progressive=True)
    last = progressive.rindex(b"\xff\xda")
    return progressive[:-2] + progressive[last:-2] * scans + progressive[-2:]


def tiff_of_many_strips(strips):
    """Return a TIFF of one pixel in each strip, all of them the same packed two bytes."""
    begin = 16 + 2 + 9 * 12 + 4
    places, sizes = struct.pack("<I", begin - 4) * strips, struct.pack("<H", 2) * strips
    tags = [(256, 4, 1, 1), (257, 4, 1, strips), (258, 3, 1, 8), (259, 3, 1, 32773), (262, 3, 1, 1)]
    tags += [(273, 4, strips, begin), (277, 3, 1, 1), (278, 3, 1, 1), (279, 3, strips, begin + len(places))]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return struct.pack("<4sI8xH", b"II*\0", 16, len(tags)) + entries + bytes(4) + places + sizes


def processor_s():
    """Return the processor's time of all processes that this one has waited for."""
    times = os.times()
    return times.children_user + times.children_system


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF"])
def test_what_cameras_and_browsers_write_is_read(decoder, kind):
    pixels = decoder(encoded(kind), DecodeTime(60)).image_rgb
    assert pixels.shape == (200, 200, 3)
    if kind in ("PNG", "BMP", "TIFF"):
        assert np.array_equal(pixels, np.asarray(NOISE))


@pytest.mark.parametrize("kind", ["EPS", "PDF", "ICO", "PCX", "TGA", "JPEG2000"])
def test_other_formats_are_not(decoder, kind):
    with pytest.raises(PictureError, match=r"^not a picture$"):
        decoder(encoded(kind), DecodeTime(60))


def test_too_many_pixels_are_named_without_a_file(decoder):
    with pytest.raises(PictureError, match=r"^200x201 pixels, over the limit of 40,000$"):
        decoder(encoded("PNG", Image.new("RGB", (200, 201))), DecodeTime(60))


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\xff\xff", b"\xff\xd8\xff\xda"])
def test_a_jpeg_that_breaks_off_is_only_unreadable(decoder, content):
    process = decoder._process
    with pytest.raises(PictureError):
        decoder(content, DecodeTime(60))
    assert decoder._process is process


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the processor's time there")
@pytest.mark.parametrize(
    "content", [jpeg_of_many_scans(90, side=5000), tiff_of_many_strips(2_000_000)], ids=["scans", "strips"]
)
def test_what_takes_too_long_is_ended_and_the_next_one_is_read(content, monkeypatch):
    # The processor's time alone ends it here; the clock is far away.
    monkeypatch.setattr(decoding, "CLOCK_FACTOR", 1000)
    with closing(Decoder(max_pixels=25_000_000)) as decoder:
        decoder(encoded("PNG"), DecodeTime(60))
        time_left, before_s = DecodeTime(0.25), processor_s()
        with pytest.raises(PictureError, match=r"^too long to decode, or its decoder failed$"):
            decoder(content, time_left)
        # Beside the quarter of a second, what Python took to start.
        assert processor_s() - before_s < 5
        with pytest.raises(PictureError, match="took all the time for decoding"):
            decoder(encoded("PNG"), time_left)
        assert decoder(encoded("PNG"), DecodeTime(60)).shape == (200, 200, 3)


def test_the_clock_ends_what_the_processor_does_not(monkeypatch):
    monkeypatch.setattr(decoding, "CLOCK_FACTOR", 1e-9)
    with closing(Decoder(max_pixels=4_000_000)) as decoder:
        with pytest.raises(PictureError, match=r"^too long to decode, or its decoder failed$"):
            decoder(jpeg_of_many_scans(90), DecodeTime(60))
        monkeypatch.setattr(decoding, "CLOCK_FACTOR", 2)
        assert decoder(encoded("PNG"), DecodeTime(60)).shape == (200, 200, 3)


def test_the_pictures_of_a_request_share_their_time(decoder):
    time_left, content = DecodeTime(60), tiff_of_many_strips(40_000)
    decoder(content, time_left)
    once = 60 - time_left.left_s
    decoder(content, time_left)
    assert 60 - time_left.left_s > once > 0


@pytest.mark.skipif(sys.platform != "linux", reason="no limit on memory there")
def test_what_takes_too_much_memory_is_told_so(monkeypatch):
    monkeypatch.setattr(decoding, "BASE_BYTES", 150_000_000)
    monkeypatch.setattr(decoding, "BYTES_PER_PIXEL", 0)
    with closing(Decoder(max_pixels=100_000_000)) as decoder:
        with pytest.raises(PictureError, match=r"^more than 150 MB of memory to decode$"):
            decoder(encoded("PNG", Image.new("L", (9000, 9000))), DecodeTime(60))
        assert decoder(encoded("PNG"), DecodeTime(60)).shape == (200, 200, 3)


@pytest.mark.parametrize("answer", [b"", b"no JSON\n", b"[]\n", b'{"cpu_s": 0, "shape": [9000, 9000]}\n'])
def test_a_process_that_answers_nonsense_is_replaced(answer, monkeypatch):
    with closing(Decoder(max_pixels=40_000)) as decoder:
        decoder(encoded("PNG"), DecodeTime(60))
        decoder._process.stdout.close()
        monkeypatch.setattr(decoder._process, "stdout", io.BytesIO(answer))
        with pytest.raises(PictureError, match="its decoder failed"):
            decoder(encoded("PNG"), DecodeTime(60))
        assert decoder(encoded("PNG"), DecodeTime(60)).shape == (200, 200, 3)


def test_half_of_a_large_jpeg_tells_how_large_it_is():
    content = encoded("JPEG", NOISE.resize((2001, 1200)))
    with closing(Decoder(max_pixels=4_000_000)) as decoder:
        half, whole = decoder(content, DecodeTime(60), 2000), decoder(content, DecodeTime(60), 2002)
    assert (half.shape, half.pixels_shape) == ((1200, 2001), (600, 1001, 3))
    assert (whole.shape, whole.whole_shape) == ((1200, 2001, 3), None)
