"""Reading pictures: every mode becomes RGB, every damage becomes one sentence."""

import io
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from affekt.errors import PictureError
from affekt.faces.pictures import picture_size, read_picture, read_rgb, rgb_of_image

NOISE = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_png_keeps_every_pixel(height, width, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    assert np.array_equal(read_rgb(encoded(Image.fromarray(pixels))), pixels)
    assert np.array_equal(read_rgb(encoded(Image.fromarray(pixels[..., 0]))), np.repeat(pixels[..., :1], 3, axis=2))


def test_a_path_and_its_bytes_give_the_same(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(Image.fromarray(NOISE)))
    for source in (path, str(path), path.read_bytes()):
        found = read_rgb(source)
        assert found.dtype == np.uint8
        assert np.array_equal(found, NOISE)
        assert picture_size(source) == (30, 40)


def test_red_stays_in_channel_zero():
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    assert read_rgb(encoded(Image.fromarray(red)))[0, 0].tolist() == [255, 0, 0]
    jpeg = read_rgb(encoded(Image.fromarray(red), "JPEG"))[0, 0]
    assert jpeg[0] > 250
    assert jpeg[1:].max() < 5


def test_16_bit_grey_is_scaled():
    deep = np.array([[0, 257, 65535], [32768, 514, 128]], np.uint16)
    expected = [[0, 1, 255], [128, 2, 0]]
    assert read_rgb(encoded(Image.fromarray(deep)))[..., 1].tolist() == expected


def test_palette():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    assert read_rgb(encoded(image))[0].tolist() == [[10, 20, 30], [200, 100, 50]]


def test_cmyk():
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    pixel = read_rgb(encoded(red, "TIFF"))[8, 8]
    assert pixel.tolist() == [255, 0, 0]


def test_alpha_is_dropped():
    image = Image.fromarray(np.dstack([NOISE, np.full((40, 30), 128, np.uint8)]))
    assert np.array_equal(read_rgb(encoded(image)), NOISE)


@pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_exif_orientation_is_undone(orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(read_rgb(encoded(Image.fromarray(NOISE), exif=exif)), np.rot90(NOISE, turn))


def test_a_missing_file_says_so(tmp_path):
    for read in (read_rgb, picture_size):
        with pytest.raises(PictureError, match=r"gone\.png: no such file"):
            read(tmp_path / "gone.png")
        with pytest.raises(PictureError, match=r"no\*\.png: no such file; nothing matches this pattern$"):
            read(tmp_path / "no*.png")


@pytest.mark.parametrize("content", [b"", b"just text", b"\x89PNG\r\n\x1a\n"], ids=["empty", "text", "magic only"])
def test_what_is_no_picture_says_so(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    for read in (read_rgb, picture_size):
        for source in (tmp_path / "a.png", content):
            with pytest.raises(PictureError, match=r"a\.png|encoded picture"):
                read(source)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_truncated_picture_says_so(kind):
    whole = encoded(Image.fromarray(NOISE), kind)
    for read in (read_rgb, picture_size):
        with pytest.raises(PictureError, match="truncated"):
            read(whole[: len(whole) * 2 // 3])


def test_a_folder_is_no_picture(tmp_path):
    with pytest.raises(PictureError, match="directory"):
        read_rgb(tmp_path)


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@pytest.mark.parametrize("side", [13_378, 30_000])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side):
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    with pytest.raises(PictureError, match="pixels"):
        read_rgb(b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", b""))


def test_large_pictures_are_read_without_a_warning():
    program = (
        "import io\nfrom PIL import Image\nfrom affekt.faces.pictures import read_rgb\n"
        "file = io.BytesIO()\nImage.MAX_IMAGE_PIXELS = 1000\nImage.new('RGB', (30, 40)).save(file, 'PNG')\n"
        "print(read_rgb(file.getvalue()).shape)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "(40, 30, 3)"
    assert run.stderr == ""


def test_jpeg_size_is_that_of_the_whole_picture():
    assert picture_size(encoded(Image.new("RGB", (333, 222)), "JPEG")) == (333, 222)


def test_the_16_bits_of_a_ppm_are_scaled_too():
    header = b"P5 2 1 65535\n"
    assert read_rgb(header + struct.pack(">2H", 0, 65535))[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_pixels_of_32_bits_are_refused_for_nobody_says_what_is_white(dtype):
    with pytest.raises(PictureError, match="32 bits a pixel; save it with 8 or 16"):
        read_rgb(encoded(Image.fromarray(np.ones((4, 4), dtype)), "TIFF"))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_counts_and_is_told(kind):
    first = Image.fromarray(np.full((16, 16, 3), 200, np.uint8))
    moving = encoded(first, kind, save_all=True, append_images=[first.point(lambda value: 255 - value)])
    decoded = read_picture(moving)
    assert decoded.animated
    assert decoded.image_rgb.mean() == pytest.approx(200, abs=2)
    assert not read_picture(encoded(first, kind)).animated


def test_the_preview_beside_a_telephones_photograph_is_no_animation():
    image = Image.fromarray(NOISE)
    assert not read_picture(encoded(image, "MPO", save_all=True, append_images=[image.resize((8, 8))])).animated


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 95, "subsampling": 0}])
def test_a_jpeg_that_breaks_off_is_read_as_far_as_it_goes_where_that_is_asked(tmp_path, options):
    whole = encoded(Image.fromarray(NOISE).resize((300, 400)), "JPEG", **options)
    expected = read_rgb(whole)
    for lost, most_changed in ((1, 0), (2, 0), (3, 0.01), (len(whole) // 20, 0.2)):
        (tmp_path / "a.jpg").write_bytes(whole[:-lost])
        for source in (whole[:-lost], tmp_path / "a.jpg"):
            read = read_picture(source, is_lenient=True)
            assert (read.image_rgb != expected).mean() <= most_changed
            # Nothing of the picture is lost with its end. Of a progressive one nobody knows.
            if lost <= 2 and not options.get("progressive"):
                assert not read.breaks_off
                assert np.array_equal(read_picture(source).image_rgb, expected)
                assert picture_size(source) == (300, 400)
            else:
                assert read.breaks_off
                for refused in (read_picture, picture_size):
                    with pytest.raises(PictureError, match="truncated"):
                        refused(source)
    assert not read_picture(whole, is_lenient=True).breaks_off


def retagged(content, tag, before, after):
    """Return a TIFF with another number in one of its tags."""
    for kind in (3, 4):
        content = content.replace(*(struct.pack("<HHLL", tag, kind, 1, value) for value in (before, after)))
    return content


@pytest.mark.parametrize("compression", [None, "tiff_deflate"])
@pytest.mark.parametrize("kind", ["plain", "white at 0", "channels apart", "12 bits"])
def test_a_tiff_of_many_bits_is_read_by_its_tags(kind, compression):
    ramp = np.repeat(np.arange(16, dtype=np.uint16)[None] * 17, 4, axis=0)
    deep = Image.fromarray(ramp * 257)
    expected = np.repeat(ramp[..., None], 3, axis=2)
    if kind == "channels apart":
        tifffile = pytest.importorskip("tifffile")
        file, planes = io.BytesIO(), np.stack([ramp, ramp // 2, ramp // 3]) * 257
        expected, how = (
            np.stack([ramp, ramp // 2, ramp // 3], axis=2),
            {"photometric": "rgb", "planarconfig": "separate"},
        )
        tifffile.imwrite(file, planes, compression="deflate" if compression else None, **how)
        content = file.getvalue()
    elif kind == "12 bits":
        bits = "".join(f"{value * 273 // 17:012b}" for value in ramp.ravel().tolist())
        packed = int(bits, 2).to_bytes(len(bits) // 8)
        content = retagged(encoded(Image.frombytes("L", (24, 4), packed), "TIFF", compression=compression), 258, 8, 12)
        content = retagged(content, 256, 24, 16)
    else:
        content = encoded(deep, "TIFF", compression=compression)
        if kind == "white at 0":
            content, expected = retagged(content, 262, 1, 0), 255 - expected
    assert np.array_equal(read_rgb(content), expected)
    with Image.open(io.BytesIO(content)) as image:
        assert np.array_equal(rgb_of_image(image), expected)


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0", encoded(Image.fromarray(NOISE))[:-40], b"no picture"])
def test_what_has_no_pixels_or_is_no_jpeg_is_unreadable_all_the_same(content):
    said = []
    for is_lenient in (False, True):
        with pytest.raises(PictureError) as problem:
            read_picture(content, is_lenient=is_lenient)
        said.append(str(problem.value))
    assert said[0] == said[1]


def test_a_pipe_is_refused_unopened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PictureError, match=r"pipe\.jpg: a pipe or a device, not a file"):
        read_rgb(tmp_path / "pipe.jpg")


def test_a_link_to_itself_says_so(tmp_path):
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    with pytest.raises(PictureError, match=r"loop\.jpg: Too many levels of symbolic links"):
        read_rgb(tmp_path / "loop.jpg")


def test_a_file_without_permission_says_so(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(NOISE)))

    def denied(*arguments, **named):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", denied)
    with pytest.raises(PictureError, match=r"a\.png: Permission denied"):
        read_rgb(tmp_path / "a.png")


def test_limits_are_the_callers(tmp_path):
    with pytest.raises(PictureError, match="30x40 pixels, over the limit of 1,000"):
        read_rgb(encoded(Image.fromarray(NOISE)), max_pixels=1000)
    with pytest.raises(PictureError, match="not a picture"):
        read_rgb(encoded(Image.fromarray(NOISE)), formats=("JPEG",))


@pytest.mark.parametrize(("scans", "is_read"), [(90, True), (91, False), (5460, False)])
def test_a_jpeg_of_very_many_scans_is_refused_before_it_is_decoded(tmp_path, scans, is_read):
    usual = encoded(Image.fromarray(NOISE), "JPEG", progressive=True)
    last = usual.rindex(b"\xff\xda")
    # Behind a restart marker, where what counts segments loses its way.
    content = usual[:-2] + (b"\xff\xd0" + usual[last:-2]) * scans + usual[-2:]
    (tmp_path / "many.jpg").write_bytes(content)
    for source in (content, tmp_path / "many.jpg"):
        if is_read:
            assert read_rgb(source).shape == NOISE.shape
        else:
            with pytest.raises(
                PictureError, match=f"JPEG of {scans + 10:,} scans, over the limit of 100; save it anew"
            ):
                read_rgb(source)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_an_opened_picture_gives_what_its_file_gives_and_stays_as_it_is(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.new("RGB", (6, 4), (250, 10, 20)), "JPEG", exif=exif)
    with Image.open(io.BytesIO(content)) as image:
        np.testing.assert_array_equal(rgb_of_image(image), read_rgb(content))
        assert image.size == (6, 4)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_an_opened_picture_of_any_mode_becomes_rgb(mode):
    assert rgb_of_image(Image.new(mode, (5, 3))).shape == (3, 5, 3)


def test_an_opened_picture_that_cannot_be_used_says_so():
    with pytest.raises(PictureError, match=r"^32 bits a pixel"):
        rgb_of_image(Image.new("F", (5, 3)))
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(encoded(Image.fromarray(noise))[:400])) as image, pytest.raises(PictureError):
        rgb_of_image(image)


def test_postscript_is_refused_whatever_it_is_called_for_reading_it_would_run_it(tmp_path):
    path = tmp_path / "portrait.jpg"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n%%EOF\n")
    with pytest.raises(PictureError, match="a PostScript drawing; save it as PNG"):
        read_rgb(path)


def png_with(path, *chunks):
    """Write a PNG of noise with chunks of text or profiles before its pixels, and return its pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    content = path.read_bytes()
    framed = b"".join(
        len(data).to_bytes(4) + name + data + (zlib.crc32(name + data) ^ wrong).to_bytes(4)
        for name, data, wrong in chunks
    )
    path.write_bytes(content[:33] + framed + content[33:])
    return pixels


LONG = zlib.compress(bytes(3_000_000))


@pytest.mark.parametrize(
    "chunk",
    [(b"zTXt", b"note\0\0" + LONG, 0), (b"iCCP", b"profile\0\0" + LONG, 0), (b"tEXt", b"note\0words", 1)],
    ids=["long text", "long profile", "wrong checksum"],
)
def test_text_and_profiles_never_make_a_picture_unreadable(tmp_path, chunk):
    path = tmp_path / "a.png"
    pixels = png_with(path, chunk)
    for source in (path, path.read_bytes()):
        np.testing.assert_array_equal(read_rgb(source), pixels)
        assert picture_size(source) == (30, 20)


def test_a_png_whose_pixels_are_broken_stays_unreadable(tmp_path):
    path = tmp_path / "a.png"
    png_with(path, (b"tEXt", b"note\0words", 1))
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(PictureError, match=rf"^{path}: "):
        read_rgb(path)


def test_odd_exif_is_no_warning_and_makes_no_picture_unreadable(tmp_path):
    path = tmp_path / "a.jpg"
    # As many tags as there can be, and none.
    Image.new("RGB", (30, 20), "grey").save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
    with pytest.warns(UserWarning, match="Corrupt EXIF"), Image.open(path) as image:
        image.getexif()
    assert read_rgb(path).shape == (20, 30, 3)  # here each warning is an error
    command = [sys.executable, "-c", f"from affekt.faces.pictures import read_rgb; read_rgb({str(path)!r})"]
    for how in ("always", "error"):
        done = subprocess.run(command, env={**os.environ, "PYTHONWARNINGS": how}, capture_output=True, text=True)
        assert "EXIF" not in done.stderr
