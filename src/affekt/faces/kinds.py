"""What a file is: a picture, a video or neither, by its first bytes and its name."""

import io
import os
import re
import stat
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from PIL import TiffImagePlugin

from affekt.errors import install

PICTURE_ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff"),
    *(".avif", ".jp2", ".j2k", ".jpf", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm", ".tga"),
)
"""What the pictures of a folder end in, for analysis and importers; a picture named by itself may end in anything."""
HEIC_ENDINGS = (".heic", ".heif", ".hif")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""How the files of these endings say what they are, behind `ftyp`."""
JPEG_XL, JPEG_XL_ENDING = (b"\0\0\0\x0cJXL ", b"\xff\x0a"), ".jxl"
TABLE_ENDINGS = (".csv", ".tsv", ".xlsx", ".xls", ".ods", ".json", ".jsonl", ".arrow", ".feather")
"""What tables end in that may name pictures, but are not read as a table of pictures."""
HEAD = 1024
"""Bytes of a file that tell what it is."""
STILL = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|GIF8|BM.{4}\0{4}|RIFF.{4}WEBP|II[*+]\0|MM\0[*+]|\0\0\0\x0cjP  |\xff\x4f\xff\x51"
    rb"|P[1-7][\s#]|\0\0\0\x0cJXL |\xff\x0a|8BPS\0|.{4}ftyp(avif|avis|crx |" + b"|".join(HEIC_BRANDS) + rb")",
    re.DOTALL,
)
"""How pictures begin."""
MOVING = re.compile(
    rb"\x1aE\xdf\xa3|RIFF.{4}AVI |OggS|FLV\x01|\x30\x26\xb2\x75\x8e\x66\xcf\x11|YUV4MPEG2 |DKIF\0|nut/multimedia"
    rb"|\x06\x0e\x2b\x34|\.RMF|\xb7\xd8\0\x20|\x1f\x07\0|\0{4}\x01\xbc|\x12\0\x0a"
    rb"|\0\0\x01[\xb0\xb3\xba]|\0\0\0\x01[\x09\x27\x40\x46\x67]|.{4}(moov|mdat|wide|pnot|skip)",
    re.DOTALL,
)
"""How videos begin."""
SOUND_BRANDS = (b"M4A ", b"M4B ", b"M4P ", b"aax ")
STRANGERS = {
    b"version http": "a pointer of Git LFS, not the picture; type: git lfs pull",
    b"PK\x03\x04": "a zip archive, whose pictures are read if its name ends in .zip",
}
"""What files are that often lie where a picture should, by how they begin."""
WRITER = "affekt"
"""The software that the PNGs of affekt name."""
COPY = re.compile(rb"\xff\xfe..(marked|box|pixelate|blur) ([0-9a-f]{16})?\xff|Software\0" + WRITER.encode(), re.DOTALL)
"""In the first bytes of an annotated JPEG, of a crop or of a figure."""
COPY_OF_VIDEO = re.compile(rb"data.{8}(marked|box|pixelate|blur) [0-9a-f]{16}(?![ -~])", re.DOTALL)
"""In the last bytes of an annotated MP4."""
COPY_BYTES = 256
JPEGS_ENDINGS = (".mjpeg", ".mjpg")
"""Videos whose frames are JPEGs, one behind the other: their content alone tells no more."""
RAW_ENDINGS = (".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2", ".pef", ".srw")
"""What cameras' raw photographs end in; many are TIFFs whose first page is a thumbnail."""
UNREADABLE_TAGS = (Warning, SyntaxError, ValueError, LookupError, TypeError, struct.error, OSError)
"""What Pillow raises where it cannot read a picture's tags."""


def kind_of_file(path: Path | str) -> Literal["picture", "video"] | None:
    """Return what a file is by its first bytes; None where they do not tell, or it cannot be read."""
    head = beginning(path, HEAD)
    if STILL.match(head):
        return "video" if Path(path).suffix.lower() in JPEGS_ENDINGS and head.startswith(b"\xff\xd8") else "picture"
    if MOVING.match(head) or (head[4:8] == b"ftyp" and head[8:12] not in SOUND_BRANDS):
        return "video"
    # Packets of an MPEG transport stream, a camcorder's with four bytes before each.
    is_stream = any(len(head) > 2 * size and set(head[at::size]) == {0x47} for at, size in ((0, 188), (4, 192)))
    return "video" if is_stream else None


def is_copy(path: Path | str) -> bool:
    """Whether a picture or video says that affekt made it of another: an annotated copy, a crop or a figure."""
    head = beginning(path, COPY_BYTES)
    if head[4:8] != b"ftyp":
        return COPY.search(head) is not None
    with Path(path).open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - COPY_BYTES))
        return COPY_OF_VIDEO.search(file.read()) is not None


def is_picture_named(path: Path | str) -> bool:
    """Whether a file in a folder is named like a picture or, without an ending, is one by its content."""
    ending = Path(path).suffix.lower()
    return is_picture_ending(ending) or (not ending and kind_of_file(path) == "picture")


def is_picture_ending(ending: str) -> bool:
    """Whether the pictures of a folder end so, HEIC and JPEG XL included where they can be read."""
    return (
        ending in PICTURE_ENDINGS
        or (ending in HEIC_ENDINGS and reads_heic())
        or (ending == JPEG_XL_ENDING and reads_jpeg_xl())
    )


def reads_heic() -> bool:
    """Whether the library is installed that decodes HEIC."""
    return find_spec("pi_heif") is not None


def reads_jpeg_xl() -> bool:
    """Whether the plugin of Pillow is installed that decodes JPEG XL."""
    return find_spec("pillow_jxl") is not None


def is_heic(source: Path | str | bytes) -> bool:
    """Whether a file is a HEIC photograph by its first bytes."""
    head = source[:12] if isinstance(source, bytes) else beginning(source)
    return head[4:8] == b"ftyp" and head[8:] in HEIC_BRANDS


def is_jpeg_xl(source: Path | str | bytes) -> bool:
    """Whether a file is a JPEG XL picture by its first bytes."""
    return (source if isinstance(source, bytes) else beginning(source)).startswith(JPEG_XL)


def unidentified(source: Path | str | bytes, *, is_any_taken: bool = True) -> str:
    """Return what a file is that no decoder takes, as far as its beginning or its name tells.

    Where not all formats are taken that can be read, nothing is advised that would read more.
    """
    head = source[:12] if isinstance(source, bytes) else beginning(source)
    if not head:
        return "an empty file"
    if is_heic(source) or ends_in(source, HEIC_ENDINGS):
        if is_any_taken and not reads_heic():
            return f"a HEIC photograph; type: {install('heic')}, or convert it to JPEG first"
        return f"a {'damaged HEIC photograph' if is_any_taken else 'HEIC photograph'}; convert it to JPEG first"
    if ends_in(source, RAW_ENDINGS):
        return "a camera's raw photograph, which affekt does not read; convert it to JPEG first"
    if is_jpeg_xl(source):
        why = "damaged" if reads_jpeg_xl() else "which affekt reads only with a plugin of Pillow for it"
        return f"a JPEG XL picture, {why}; convert it to JPEG first"
    if head.startswith((b"II*\0", b"MM\0*")) and (told := _told_of_tiff(source)):
        return told
    if head.startswith(b"input,time_s"):
        return "not a picture, but a table of affekt predict, which affekt summarize and affekt evaluate read"
    if is_any_taken and ends_in(source, TABLE_ENDINGS):
        return (
            "not a picture; a table of pictures is a .parquet with a column image, path or url, a list of them a .txt"
        )
    if is_any_taken and STILL.match(head):
        return "begins like a picture, but is damaged or of a kind that is not read; save it anew as PNG or JPEG"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "a web page, not a picture"
    return next((told for start, told in STRANGERS.items() if head.startswith(start)), "not a picture")


def _told_of_tiff(source: Path | str | bytes) -> str | None:
    """Return what numbers the pixels of a TIFF are, and what to do; None where it does not say."""
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as file:
            tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
            file.seek(tags.next)
            tags.load(file)
        bits, kinds = tags[TiffImagePlugin.BITSPERSAMPLE], tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))
        name = {1: "", 2: " signed", 3: " float", 5: " complex", 6: " complex"}.get(kinds[0], " untold")
        colours = {1: "grey", 2: "grey with alpha"}.get(len(bits), "colour")
        hint = (
            "save it as PNG" if not name and bits[0] in (8, 16) else "save it with 8 or 16 bits per channel, unsigned"
        )
        return f"a TIFF of {bits[0]}-bit{name} {colours}, which affekt does not read; {hint}"
    except UNREADABLE_TAGS:
        return None


def ends_in(source: Path | str | bytes, endings: tuple[str, ...]) -> bool:
    """Whether a path ends so; bytes end in nothing."""
    return not isinstance(source, bytes) and Path(source).suffix.lower() in endings


def beginning(path: Path | str, length: int = 12) -> bytes:
    """Return the first bytes of a file; none where it is no file, or cannot be read."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            return b""
        with Path(path).open("rb") as file:
            return file.read(length)
    except (OSError, ValueError):
        return b""
