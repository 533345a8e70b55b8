"""From what people type to the pictures and videos they mean: files, folders, patterns, lists, standard input."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from affekt.errors import DataError

PICTURE_ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".jp2"),
    *(".ppm", ".pgm", ".pnm", ".tga"),
)
"""What a folder's pictures end in; a picture named by itself may end in anything."""
VIDEO_ENDINGS = (
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".mpg",
    ".mpeg",
    ".ts",
    ".wmv",
    ".flv",
    ".3gp",
    ".ogv",
)
"""What videos end in, wherever they are."""
LIST_ENDING = ".txt"


@dataclass(frozen=True)
class Inputs:
    """The pictures and videos to look at, in order."""

    names: tuple[str, ...]
    """Paths, as typed or as found under a folder that was typed."""
    passed_over: int
    """Files in those folders that do not end as pictures or videos do."""


def is_video(name: str) -> bool:
    """Whether a path is named like a video."""
    return Path(name).suffix.lower() in VIDEO_ENDINGS


def place_below(folder: Path, name: str, ending: str) -> Path:
    """Return where something made from an input goes: below a folder, along the input's own path, never outside."""
    path = PurePath(name)
    parts = [part for part in path.parts if part not in (path.anchor, "..")]
    return folder.joinpath(*parts[:-1], f"{parts[-1]}{ending}")


def find_inputs(arguments: Iterable[str], standard_input: Iterable[str] = ()) -> Inputs:
    """Resolve what was typed.

    A folder stands for the pictures and videos in it and below it, sorted; links to folders are followed, each folder
    once. A name with `*`, `?` or `[` that is no file is a pattern (`**` matches any depth). A `.txt` file and `-`, the
    standard input, hold a path a line, relative to the working folder. What does not exist stays: it becomes a row.

    Args:
        arguments: what was typed.
        standard_input: its lines, for `-`.

    Raises:
        DataError: a list cannot be read, or nothing was found at all.
    """
    arguments = list(arguments)
    names: list[str] = []
    passed_over = 0
    for argument in arguments:
        for name in _listed(argument, standard_input):
            if Path(name).is_dir():
                found = list(_files_below(name))
                pictures = [path for path in found if Path(path).suffix.lower() in PICTURE_ENDINGS + VIDEO_ENDINGS]
                passed_over += len(found) - len(pictures)
                names += pictures
            else:
                names.append(name)
    if not names:
        raise DataError(
            f"expected pictures, got none in {', '.join(arguments) or 'nothing'}; name a picture, a folder of pictures "
            "or a pattern such as 'faces/*.jpg'"
        )
    return Inputs(tuple(names), passed_over)


def _listed(argument: str, standard_input: Iterable[str]) -> list[str]:
    if argument == "-":
        return [line.rstrip("\n") for line in standard_input if line.strip()]
    path = Path(argument)
    if path.suffix.lower() == LIST_ENDING and path.is_file():
        try:
            return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"expected a list of paths in {argument}, got {error}; write one path a line") from error
    if glob.has_magic(argument) and not os.path.lexists(argument):
        return sorted(glob.glob(argument, recursive=True)) or [argument]  # noqa: PTH207  keeps names as typed
    return [argument]


def _files_below(folder: str) -> Iterator[str]:
    """Yield files sorted folder by folder; a link that leads back to a folder already seen is not followed again."""
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield from (os.path.join(place, name) for name in sorted(files))  # noqa: PTH118  a str keeps odd names
