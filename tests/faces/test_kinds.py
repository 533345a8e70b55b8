"""Kinds of files: what is told by how a file begins, and which libraries read what Pillow does not."""

import base64
import io
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from affekt.errors import PictureError
from affekt.faces import kinds
from affekt.faces.pictures import picture_size, read_rgb

NOISE = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)

# Four colours, turned by EXIF: 48 x 32 pixels as stored. Made with pillow-heif 1.8, which encodes, as pi-heif does not.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ADRpbG9jAAAAAERAAAIAAQAAAAAB7AABAAAAAAAAAEcAAgAAAAACMwABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAA"
    "AAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABB2lwcnAAAADmaXBjbwAAAHZodmNDAQNwAAAA"
    "kAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq"
    "5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xh"
    "cAAAADAAAAABAAAAIAAAAAH////wAAAAAv///+AAAAACAAAAEHBpeGkAAAAAAwgICAAAAAlpcm90AwAAABlpcG1hAAAAAAAAAAEA"
    "AQaBAgMFhIYAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAHNtZGF0AAAAQygBrxOA5TH3/4PE/1T8/t2SwSsvHFf3Pv7J3v4V"
    "HP9Pj44ssfyI3dcjk/+Lu2nMBsPTe8zc5vLhfYCND/gaK53Q7m4AAAAGRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA="
)


@pytest.fixture
def no_heic(monkeypatch):
    monkeypatch.setattr(kinds, "find_spec", lambda _: None)


def encoded(kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(NOISE).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (
            "a.jpg",
            b"\0\0\0\x18ftypheic" + bytes(100),
            r'a HEIC photograph; type: pip install .*heic\]", or convert it to JPEG first',
        ),
        ("a.HEIC", b"broken", "a HEIC photograph"),
        ("a.CR3", b"\0\0\0\x18ftypcrx " + bytes(100), "a camera's raw photograph, which affekt does not read; convert"),
        ("a.dng", encoded("TIFF"), "a camera's raw photograph"),
        ("a.jxl", b"\xff\x0a" + bytes(100), "a JPEG XL picture, which affekt reads only with a plugin"),
        ("a.mp4", b"\0\0\0\x18ftypisom" + bytes(100), "not a picture"),
        ("a.heic", b"", "an empty file"),
        ("a.csv", b"path,age\nb.jpg,3\n", "not a picture; a table of pictures is a .parquet with a column image, path"),
    ],
)
@pytest.mark.usefixtures("no_heic")
def test_photographs_of_telephones_and_cameras_say_to_convert_them(tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PictureError, match=problem):
        read_rgb(tmp_path / name)


@pytest.mark.usefixtures("no_heic")
def test_what_a_picture_is_called_does_not_matter_where_it_can_be_read(tmp_path):
    (tmp_path / "a.heic").write_bytes(encoded())
    assert np.array_equal(read_rgb(tmp_path / "a.heic"), NOISE)
    with pytest.raises(PictureError, match="encoded picture: a HEIC photograph"):
        read_rgb(b"\0\0\0\x18ftypheic" + bytes(100))


def test_a_heic_photograph_is_read_upright_where_its_library_is_installed(tmp_path):
    pytest.importorskip("pi_heif")
    (tmp_path / "a.HEIC").write_bytes(HEIC)
    for source in (HEIC, tmp_path / "a.HEIC"):
        image_rgb = read_rgb(source)
        assert image_rgb.shape == (48, 32, 3)
        corners = image_rgb[[3, 3, -4, -4], [3, -4, 3, -4]].astype(int)
        assert np.abs(corners - [(60, 60, 200), (200, 60, 60), (230, 230, 230), (60, 200, 60)]).max() < 25
    assert picture_size(HEIC) == (32, 48)
    with pytest.raises(PictureError, match="encoded picture: a damaged HEIC photograph; convert it to JPEG first"):
        read_rgb(HEIC[:40])


def test_where_not_all_formats_are_taken_heic_is_none_and_no_library_is_advised():
    with pytest.raises(PictureError, match=r"^encoded picture: a HEIC photograph; convert it to JPEG first$"):
        read_rgb(HEIC, formats=("JPEG",))


@pytest.mark.parametrize(
    ("pixels", "problem"),
    [
        (
            np.ones((4, 4), np.int16),
            "a TIFF of 16-bit signed grey, which affekt does not read; save it with 8 or 16 bits",
        ),
        (np.ones((4, 4, 2), np.uint16), "a TIFF of 16-bit grey with alpha, which affekt does not read; save it as PNG"),
        (
            np.ones((4, 4, 3), np.float16),
            "a TIFF of 16-bit float colour, which affekt does not read; save it with 8 or",
        ),
    ],
)
def test_a_tiff_that_is_not_read_says_what_it_is_and_what_to_save(pixels, problem):
    tifffile, file = pytest.importorskip("tifffile"), io.BytesIO()
    how = {1: {}, 2: {"extrasamples": ["unassalpha"]}, 3: {"photometric": "rgb"}}[pixels[0, 0].size]
    tifffile.imwrite(file, pixels, **{"photometric": "minisblack", "planarconfig": "contig" if how else None, **how})
    with pytest.raises(PictureError, match=problem):
        read_rgb(file.getvalue())


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            b"\xff\xd8\xff\xc0\0\x0b\x0c\0\x08\0\x08\1\1\x11\0" + bytes(40),
            "begins like a picture, but is damaged or of a kind",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "a pointer of Git LFS, not the picture; type: git",
        ),
        (b"\n<!DOCTYPE html><html>", "a web page, not a picture"),
        (b"PK\3\4" + bytes(40), "a zip archive, whose pictures are read if its name ends in .zip"),
        (encoded("WEBP")[:-60], "damaged, broken off, or packed in a way that is not known"),
        (HEIC[:-60], "a damaged HEIC photograph; convert it to JPEG first"),
    ],
)
def test_what_lies_where_a_picture_should_is_called_what_it_is(tmp_path, content, problem):
    if content.startswith(HEIC[:12]):
        pytest.importorskip("pi_heif")
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(PictureError) as found:
        read_rgb(tmp_path / "a.jpg")
    assert f"a.jpg: {problem}" in str(found.value)
    assert "\n" not in str(found.value)


def test_jpeg_xl_is_read_where_a_plugin_of_pillow_reads_it(tmp_path, monkeypatch):
    (tmp_path / "pillow_jxl.py").write_text(
        "import io\n"
        "from PIL import Image, PngImagePlugin\n"
        "def opened(file, name):\n"
        "    with file:\n"
        "        return PngImagePlugin.PngImageFile(io.BytesIO(file.read()[2:]))\n"
        "Image.register_open('JXL', opened, lambda head: head.startswith(b'\\xff\\x0a'))\n",
        encoding="utf-8",
    )
    (tmp_path / "a.jxl").write_bytes(b"\xff\x0a" + encoded())
    with pytest.raises(
        PictureError, match="a JPEG XL picture, which affekt reads only with a plugin of Pillow for it; co"
    ):
        read_rgb(tmp_path / "a.jxl")
    assert not kinds.is_picture_ending(".jxl")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert np.array_equal(read_rgb(tmp_path / "a.jxl"), NOISE)
        assert kinds.is_picture_ending(".jxl")
        (tmp_path / "a.jxl").write_bytes(b"\xff\x0a")
        with pytest.raises(PictureError, match="a JPEG XL picture, damaged; convert it to JPEG first"):
            read_rgb(tmp_path / "a.jxl")
    finally:
        Image.OPEN.pop("JXL", None)
        Image.ID.remove("JXL")
        sys.modules.pop("pillow_jxl")


def tiff_of(bits, kind, channels):
    """Return a TIFF of one pixel by its tags: bits per channel, and whether they are whole numbers or floats."""
    tags = {256: [1], 257: [1], 258: [bits] * channels, 259: [1], 262: [2 if channels == 3 else 1], 273: [200]}
    tags |= {277: [channels], 278: [1], 279: [bits // 8 * channels], 339: [kind] * channels}
    entries, extra = b"", b""
    for tag, values in tags.items():
        packed = struct.pack(f"<{len(values)}H", *values)
        if len(packed) > 4:
            packed, extra = struct.pack("<I", 8 + 2 + 12 * len(tags) + 4 + len(extra)), extra + packed
        entries += struct.pack("<HHI", tag, 3, len(values)) + packed.ljust(4, b"\0")
    return (b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + extra).ljust(200, b"\0") + bytes(64)


@pytest.mark.parametrize(
    ("bits", "kind", "channels", "told"),
    [(32, 3, 3, "32-bit float colour"), (64, 3, 1, "64-bit float grey"), (32, 1, 3, "32-bit colour")],
)
def test_a_tiff_that_is_too_deep_says_what_it_is(bits, kind, channels, told):
    with pytest.raises(PictureError, match=f"a TIFF of {told}, which affekt does not read; save it with 8 or 16 bits"):
        read_rgb(tiff_of(bits, kind, channels))
