"""Decode a picture to an RGB array, the only place where pictures become pixels; and a face as a small picture."""

import base64
import glob
import io
import re
import stat
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from affekt.errors import PictureError
from affekt.faces.kinds import (
    RAW_ENDINGS,
    UNREADABLE_TAGS,
    beginning,
    ends_in,
    is_heic,
    is_jpeg_xl,
    reads_heic,
    reads_jpeg_xl,
    unidentified,
)
from affekt.faces.pixels import Decoded, as_rgb, eight_of_sixteen
from affekt.faces.preprocessing import Preprocessing, crop_face

# Our own limit below is the one that counts. Set once here: warnings.catch_warnings is not safe in threads.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# And what Pillow finds odd in EXIF and the like says nothing of the pixels.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\..*")
# Pillow's own reader takes channels of 16 bits that are stored one after the other for 8 bits.
TiffImagePlugin.READ_LIBTIFF = True

MAX_PIXELS = 178_956_970
"""Pictures above this many pixels are refused as decompression bombs (twice Pillow's own warning limit)."""

LARGE_PIXELS = 2_000_000
"""Of JPEGs with more pixels only what is needed becomes an array: all of it would take half of the time of decoding."""
SMALLEST_THUMBNAIL, THUMBNAIL_QUALITY = 16, 80
JPEG, JPEG_SCAN, JPEG_END = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xd9"
PROGRESSIVE, FILLINGS, TRUNCATED = b"\xff\xc2\0", (b"\x55" * 64, b"\xaa" * 64), "image file is truncated"
MOST_SCANS = 100
"""Of a JPEG: each is a pass over all pixels. Programs write ten; thousands would hold a core for long."""
BREAKS_OFF = "breaks off before its end; its rows go as far as it could be read"
PNG = b"\x89PNG\r\n\x1a\n"
PNG_CHUNKS = (b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT")
"""Of the chunks that a PNG may lack, those that change its pixels or how many pictures it holds."""
UNTOLD = re.compile(r"could not create decoder object|decoder error -?\d+|-\d+")
"""What Pillow says that nobody else understands."""
TOO_DEEP = "32 bits a pixel; save it with 8 or 16"


Looked = TypeVar("Looked")


def read_rgb(
    source: Path | str | bytes, *, max_pixels: int = MAX_PIXELS, formats: tuple[str, ...] | None = None
) -> np.ndarray:
    """Decode a file, or encoded bytes, to (height, width, 3) uint8, turned upright by its EXIF orientation.

    Grey is repeated, alpha is dropped over black, 16-bit is scaled to 8. `formats` are Pillow's names; None takes all.
    """
    return read_picture(source, max_pixels=max_pixels, formats=formats).image_rgb


def read_picture(
    source: Path | str | bytes,
    *,
    max_pixels: int = MAX_PIXELS,
    formats: tuple[str, ...] | None = None,
    before: Callable[[float], None] = lambda pixels: None,
    is_lenient: bool = False,
    halved_from: int | None = None,
) -> Decoded:
    """Decode a picture as `read_rgb` does, and tell whether it is an animation or has several pages.

    `before` is told how many pixels there will be, before they are decoded. Where it is lenient, a JPEG that breaks off
    is read as far as it goes. A JPEG of at least `halved_from` pixels along its longer side is decoded at half its
    size, which takes half the time, and can decode itself whole.
    """

    def whole() -> Decoded:
        return read_picture(source, max_pixels=max_pixels, formats=formats, before=before, is_lenient=is_lenient)

    def decoded(image: Image.Image) -> Decoded:
        before(image.width * image.height)
        if halved_from is None or max(image.size) < halved_from or not _is_large_jpeg(image):
            return _decoded(image)
        (width, height), is_turned = image.size, _is_turned(image)
        image.draft(None, (max(1, width // 2), max(1, height // 2)))
        shape = (width, height) if is_turned else (height, width)
        return replace(_decoded(image), whole_shape=shape, whole=whole)

    try:
        return _looked_at(source, decoded, max_pixels, formats)
    except PictureError as error:
        if TRUNCATED in str(error) and (content := _jpeg(source)) is not None:
            with suppress(PictureError):
                return _of_broken_off(content, max_pixels, formats, is_lenient=is_lenient)
        raise


def _jpeg(source: Path | str | bytes) -> bytes | None:
    """Return the content of a JPEG; None of other files."""
    if not (source if isinstance(source, bytes) else beginning(source)).startswith(JPEG):
        return None
    return source if isinstance(source, bytes) else Path(source).read_bytes()


def _of_broken_off(content: bytes, max_pixels: int, formats: tuple[str, ...] | None, *, is_lenient: bool) -> Decoded:
    """Decode a JPEG without its end, before which libjpeg makes up what is missing.

    It is whole where two ways of filling that up change no pixel: nothing but the end itself, of two bytes, is missing.
    Of a progressive one nobody knows: a whole pass over the pixels may be.
    """

    def decoded(filling: bytes) -> Decoded:
        return _looked_at(content.removesuffix(JPEG_END[:1]) + filling + JPEG_END, _decoded, max_pixels, formats)

    if PROGRESSIVE not in content:
        otherwise = zlib.crc32(decoded(FILLINGS[0]).image_rgb.data)  # of which only this is kept
        if zlib.crc32((whole := decoded(FILLINGS[1])).image_rgb.data) == otherwise:
            return whole
    if not is_lenient:
        raise PictureError(TRUNCATED)
    return replace(decoded(b""), breaks_off=True)


def _looked_at(
    source: Path | str | bytes,
    look: Callable[[Image.Image], Looked],
    max_pixels: int = MAX_PIXELS,
    formats: tuple[str, ...] | None = None,
) -> Looked:
    """Open a picture and look at it; of a PNG that fails, without its text and profiles, which may be at fault."""
    try:
        with _opened(source, max_pixels, formats) as image:
            return look(image)
    except PictureError:
        if (pixels := _png_of_pixels(source)) is not None:
            with suppress(PictureError), _opened(pixels, max_pixels, formats) as image:
                return look(image)
        raise


def _decoded(image: Image.Image) -> Decoded:
    # Of the formats that hold several pictures, MPO is what telephones write: a photograph and its preview.
    animated = image.format != "MPO" and getattr(image, "is_animated", False)
    is_large = _is_large_jpeg(image)
    image = _upright(image, in_place=True)
    return Decoded(image if is_large else as_rgb(_eight_bit(image, image)), animated)


def _is_large_jpeg(image: Image.Image) -> bool:
    return image.format in ("JPEG", "MPO") and image.mode == "RGB" and image.width * image.height > LARGE_PIXELS


def _is_turned(image: Image.Image) -> bool:
    """Return whether its EXIF says that width and height change places."""
    with suppress(*UNREADABLE_TAGS):
        return image.getexif().get(ExifTags.Base.Orientation, 1) in range(5, 9)
    return False


def _upright(image: Image.Image, *, in_place: bool = False) -> Image.Image:
    """Turn a picture as its EXIF says, as far as that can be read; pixels that cannot be decoded raise."""
    image.load()
    with suppress(*UNREADABLE_TAGS):
        if in_place:
            ImageOps.exif_transpose(image, in_place=True)
        else:
            image = ImageOps.exif_transpose(image)
    return image


def _png_of_pixels(source: Path | str | bytes) -> bytes | None:
    """Return a PNG without the text and profiles that Pillow can stumble over, or None where there are none."""
    content = source if isinstance(source, bytes) else beginning(source)
    if not content.startswith(PNG):
        return None
    content = content if isinstance(source, bytes) else Path(source).read_bytes()
    kept, place = [PNG], len(PNG)
    while place < len(content):
        length, name = int.from_bytes(content[place : place + 4]), content[place + 4 : place + 8]
        chunk = content[place : place + length + 12]
        is_whole = zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])
        if name[:1].isupper() or (name in PNG_CHUNKS and is_whole):
            kept.append(chunk)
        place += length + 12
    pixels = b"".join(kept)
    return pixels if len(pixels) < len(content) else None


def absent(name: Path | str) -> str:
    """Return what is said of a path that is not there: a pattern is taken for one where nothing matches it."""
    return "no such file; nothing matches this pattern" if glob.has_magic(str(name)) else "no such file"


def refuse_pipe(path: Path | str) -> None:
    """Refuse what is no file: opening a pipe would wait for its writer for ever."""
    mode = Path(path).stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise PictureError(f"{path}: a pipe or a device, not a file")


def picture_size(source: Path | str | bytes) -> tuple[int, int]:
    """Return a picture's width and height, as stored; all of it is read, at the smallest scale its format offers."""

    def size(image: Image.Image) -> tuple[int, int]:
        size = image.size
        image.draft(None, (1, 1))
        image.load()
        return size

    try:
        return _looked_at(source, size)
    except PictureError:
        if (content := _jpeg(source)) is None:
            raise
        read_picture(content)  # which raises where more than its end is missing
        return _looked_at(content + JPEG_END, size)


@contextmanager
def _opened(
    source: Path | str | bytes, max_pixels: int = MAX_PIXELS, formats: tuple[str, ...] | None = None
) -> Iterator[Image.Image]:
    name = "encoded picture" if isinstance(source, bytes) else str(source)
    try:
        if not isinstance(source, bytes):
            refuse_pipe(source)
        with _pillow(source, formats) as image:
            if image.format == "EPS":  # Pillow would run the PostScript program in it
                raise PictureError(f"{name}: a PostScript drawing; save it as PNG")
            if image.format == "TIFF" and ends_in(source, RAW_ENDINGS):
                raise PictureError(f"{name}: {unidentified(source)}")
            if image.width * image.height > max_pixels:
                raise PictureError(f"{name}: {image.width}x{image.height} pixels, over the limit of {max_pixels:,}")
            if _is_deep(image):
                raise PictureError(f"{name}: {unidentified(source) if _tiff_bits(image) == 16 else TOO_DEEP}")
            if image.format in ("JPEG", "MPO") and (scans := _scans(source)) > MOST_SCANS:
                raise PictureError(f"{name}: a JPEG of {scans:,} scans, over the limit of {MOST_SCANS}; save it anew")
            yield image
    except UnidentifiedImageError:
        raise PictureError(f"{name}: {unidentified(source, is_any_taken=formats is None)}") from None
    except FileNotFoundError:
        raise PictureError(f"{name}: {absent(name)}") from None
    except PictureError:
        raise
    except Image.DecompressionBombError:
        raise PictureError(f"{name}: over the limit of {max_pixels:,} pixels") from None
    except Exception as error:  # Pillow's decoders raise whatever their parsing of a damaged file trips over
        why = " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
        if UNTOLD.fullmatch(why):
            why = "damaged, broken off, or packed in a way that is not known"
        if is_heic(source):
            why = unidentified(source)
        # One cause, whatever the number, so that a summary can count it.
        raise PictureError(f"{name}: {re.sub(r' [(][0-9]+ bytes not processed[)]', '', why)}") from error


def _scans(source: Path | str | bytes) -> int:
    """Return in how many scans a JPEG tells its pixels: a marker of two bytes begins each, and its length a 0."""
    return (source if isinstance(source, bytes) else Path(source).read_bytes()).count(JPEG_SCAN + b"\0")


def _pillow(source: Path | str | bytes, formats: tuple[str, ...] | None) -> Image.Image:
    def opened() -> Image.Image:
        return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=formats)

    try:
        return opened()
    except UnidentifiedImageError:
        if formats is not None:
            raise
        if is_heic(source) and reads_heic():
            # Each core works on a picture of its own.
            import_module("pi_heif").register_heif_opener(decode_threads=1)
        elif is_jpeg_xl(source) and reads_jpeg_xl():
            import_module("pillow_jxl")
        else:
            raise
        return opened()
    except Warning:  # a program, or its tests, made errors of them after affekt was imported
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return opened()


def rgb_of_image(image: Image.Image) -> np.ndarray:
    """Return a picture that Pillow has opened, or made, as `read_rgb` returns a file's; the picture stays as it is."""
    if _is_deep(image):
        raise PictureError(TOO_DEEP)
    try:
        return as_rgb(_eight_bit(_upright(image), image))
    except Exception as error:  # a file's pixels are read only now, and Pillow's decoders raise as they do above
        raise PictureError(str(error) or type(error).__name__) from error


def _is_deep(image: Image.Image) -> bool:
    # A PPM of 16 bits is scaled by Pillow. Of other 32-bit pixels nobody says which value is white.
    return image.mode == "F" or (image.mode == "I" and image.format != "PPM")


def _tiff_bits(image: Image.Image) -> int | None:
    """Return how many bits a TIFF's pixels, or the first of their channels, have in the file; None of other files."""
    bits: tuple[int, ...] = getattr(image, "tag_v2", {}).get(TiffImagePlugin.BITSPERSAMPLE, ())
    return bits[0] if bits else None


def _eight_bit(image: Image.Image, file: Image.Image) -> Image.Image:
    """Return a picture of 16 bits with 8, by what the tags of its file say."""
    if not image.mode.startswith("I"):
        return image
    grey = eight_of_sixteen(np.asarray(image), most=4_095 if _tiff_bits(file) == 12 else 65_535)
    # Pillow turns what is white at 0 around where pixels have up to 8 bits.
    is_white_at_0 = getattr(file, "tag_v2", {}).get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0
    return Image.fromarray(~grey if is_white_at_0 else grey)


def thumbnail(image_rgb: np.ndarray, box_xyxy: np.ndarray | None, *, side: int, margin: float = 0.0) -> str:
    """Return a face as a small JPEG that a page can hold, a data URI; at most `side` pixels, and never enlarged.

    `margin` is that of `Preprocessing.crop_margin`; without a box the whole picture is the face.
    """
    left, top, right, bottom = (0, 0, *image_rgb.shape[1::-1]) if box_xyxy is None else box_xyxy
    size = int(np.clip((1 + margin) * max(right - left, bottom - top), SMALLEST_THUMBNAIL, side))
    crop = crop_face(image_rgb, Preprocessing(input_size=size, crop_margin=margin), box_xyxy)
    buffer = io.BytesIO()
    Image.fromarray(crop).save(buffer, "JPEG", quality=THUMBNAIL_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
