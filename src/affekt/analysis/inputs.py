"""From what people type to the pictures and videos they mean: files, folders, patterns, lists, standard input."""

import fnmatch
import glob
import os
import re
import sys
import zlib
from collections import Counter
from collections.abc import Iterable
from functools import cache
from itertools import takewhile
from pathlib import Path, PurePath

from affekt.analysis.remote import addresses_below, is_address, is_elsewhere, without_secrets
from affekt.errors import ConfigError, DataError, install
from affekt.faces.kinds import (
    HEIC_ENDINGS,
    JPEG_XL_ENDING,
    PICTURE_ENDINGS,
    RAW_ENDINGS,
    is_copy,
    is_picture_ending,
    kind_of_file,
)
from affekt.files import RECORD, THUMBNAIL_ENDING, beside, folders_below, is_litter, is_utf16

VIDEO_ENDINGS = (
    *(".mp4", ".m4v", ".mov", ".qt", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".vob", ".ts", ".mts", ".m2ts"),
    *(".wmv", ".asf", ".flv", ".3gp", ".3g2", ".ogv", ".mxf"),
)
"""What videos end in where their content does not tell."""
FOUND_ENDINGS = frozenset(PICTURE_ENDINGS + VIDEO_ENDINGS)
SOUND_ENDINGS = (".m4a", ".m4b", ".aac", ".mka", ".weba", ".ogg", ".oga", ".opus", ".wma", ".mp3", ".wav")
"""What sound ends in, which begins as videos do."""
PHOTOGRAPHS = (*HEIC_ENDINGS, *RAW_ENDINGS, JPEG_XL_ENDING)
"""What pictures end in that are passed over and told of, because not everybody can read them."""
LITTER = "litter"
"""Under this, pictures and videos are counted that are hidden or thumbnails."""
AGAIN = "again"
"""And under this, paths that were named again."""
COPIES = "copies"
"""And under this, copies of other pictures and videos that affekt made."""
ABSENT = "absent"
"""And under this, paths of lists where nothing is."""
LIST_ENDING = ".txt"
CAMERA = "camera:"
"""What cameras begin with, their number or name behind it."""
SEPARATORS = (os.sep, os.altsep or os.sep)
LONGEST_NAME = 255
"""Bytes that the name of a file may have on most systems."""
ANY_DEPTH = re.compile(rf"(|.*?[/{re.escape(os.sep)}])\*\*(?:[/{re.escape(os.sep)}](.*))?", re.DOTALL)
"""A pattern with `**`, all folders below one: what stands before it, and behind."""


def is_camera(name: str) -> bool:
    """Whether a camera is meant, as `camera:0`."""
    return name.startswith(CAMERA)


def is_video(name: str) -> bool:
    """Whether a file is a video by its content or, where that does not tell, by its ending; or a camera is meant."""
    if is_camera(name):
        return True
    kind, ending = kind_of_file(name), Path(name.partition("?")[0] if is_address(name) else name).suffix.lower()
    return kind == "video" or (kind is None and ending in VIDEO_ENDINGS)


def shown(name: str) -> str:
    r"""Return a path as text: a byte that is none in UTF-8 becomes `\xe9`, so that every table can hold it."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def told_of_passed_over(passed_over: Counter[str]) -> list[str]:
    """Return what a person should know of the files passed over, by their endings: a sentence each."""
    photographs = Counter({ending: passed_over[ending] for ending in PHOTOGRAPHS if passed_over[ending]})
    left, again, copies, absent = (passed_over[each] for each in (LITTER, AGAIN, COPIES, ABSENT))
    told = []
    if left:
        told.append(f"passed over {left:,} hidden, thumbnail or checkpoint file{'' if left == 1 else 's'}")
    if again:
        told.append(f"read once what was named {again:,} time{'' if again == 1 else 's'} more")
    if copies:
        told.append(f"passed over {copies:,} cop{'y' if copies == 1 else 'ies'} that affekt made")
    if photographs:
        counted = ", ".join(f"{count:,} {ending}" for ending, count in photographs.most_common())
        instead = f", or for HEIC type: {install('heic')}" if photographs.keys() & set(HEIC_ENDINGS) else ""
        told.append(f"passed over {counted}: convert them to JPEG first{instead}")
    if absent:
        told.append(
            f"{absent:,} path{'' if absent == 1 else 's'} of a list not found: they count from the folder you type in, "
            f"{os.getcwd()}, or from the list's own"  # noqa: PTH109  as text
        )
    if others := passed_over.total() - photographs.total() - left - again - copies - absent:
        told.append(f"passed over {others:,} file{'' if others == 1 else 's'} not named like pictures or videos")
    return told


def place_below(folder: Path, name: str, ending: str, *, told_apart: bool = False) -> Path:
    """Return where something made from an input goes: below a folder, along the input's own path, never outside.

    `told_apart` puts the checksum of the whole path before the ending, for a place that another input has.
    """
    # Windows allows no colon in a file's name.
    path = PurePath(name.replace(":", "-") if is_camera(name) else name)
    parts = [part for part in path.parts if part not in (path.anchor, "..")]
    ending = f"~{zlib.crc32(os.fsencode(name)):08x}{ending}" if told_apart else ending
    return folder.joinpath(*parts[:-1], _shortened(parts[-1], LONGEST_NAME - len(ending)) + ending)


def called(inputs: Iterable[str]) -> dict[str, str]:
    """Return a name for each input: what tells it from the others, without the folder that all are in."""
    parts = {name: PurePath(name).parts for name in inputs}
    levels = zip(*(own[:-1] for own in parts.values()), strict=False)
    shared = sum(1 for _ in takewhile(lambda level: len(set(level)) == 1, levels))
    return {name: str(PurePath(*own[shared:])) for name, own in parts.items()}


def _shortened(name: str, most: int) -> str:
    """Return a name of at most so many bytes; what is cut off is told apart by its checksum."""
    encoded = os.fsencode(name)
    if len(encoded) <= most:
        return name
    return f"{os.fsdecode(encoded[: most - 9])}~{zlib.crc32(encoded):08x}"


def is_below(name: str, folder: Path) -> bool:
    """Whether a path lies in a folder, or is the folder, by whatever links."""
    return "\0" not in name and Path(os.path.realpath(name)).is_relative_to(os.path.realpath(folder))


def refuse_pictures(folder: Path, *patterns: str) -> None:
    """Refuse, by a ConfigError, to write results among pictures or videos that affekt did not make.

    They are found by the patterns of a glob. A folder with affekt's record is one of results, whatever was put into it
    since.
    """
    if (folder / RECORD).is_file():
        return
    found = (path for pattern in patterns for path in folder.glob(pattern) if path.suffix.lower() in FOUND_ENDINGS)
    if foreign := next((path for path in found if not is_litter(path.name) and not is_copy(path)), None):
        raise ConfigError(
            f"expected a folder for results alone as out, got {folder}, where {foreign} is; type: "
            f"--out {beside(folder)}"
        )


def find_inputs(
    arguments: Iterable[str],
    standard_input: Iterable[str] = (),
    *,
    copies: Iterable[Path] = (),
    fetch: bool = False,
) -> tuple[tuple[str, ...], Counter[str]]:
    """Return the pictures and videos that were typed, in order, and how many other files folders hold, by ending.

    A folder stands for the pictures and videos in it and below it, sorted, without what is hidden and thumbnails; links
    to folders are followed, each folder once; one that may not be read stays itself, to become a row that says so. A
    path that is named again is taken once. A name with `*`, `?` or `[` that is no file is a pattern (`**` matches any
    depth). A `.txt` file and `-`, the standard input, hold a path a line, relative to the working folder or to the
    list's own; quotes and blanks around it are left out. `camera:0` is a camera. A file that does not exist stays: it
    becomes a row. `copies` are folders of copies that were made earlier, which are not meant where a folder above is;
    nor are copies elsewhere, unless there is nothing else.
    With `fetch` an address may be that of a folder, or a pattern.
    """
    arguments, names, passed_over = list(arguments), list[str](), Counter[str]()
    for argument in arguments:
        found = resolve(argument, standard_input, passed_over=passed_over, fetch=fetch)
        for folder in copies:
            if not is_below(argument, folder):
                found = [path for path in found if not is_below(path, folder)]
        names += found
    if not names:
        raise nothing_found(arguments, passed_over)
    once, real = dict[str | tuple[str, str], str](), cache(os.path.realpath)  # of folders: they are few
    for name in names:
        folder, file = os.path.split(name)
        # A link to a file is one of its own: data sets of many tools are full of them.
        once.setdefault(name if is_camera(name) or is_address(name) or "\0" in name else (real(folder), file), name)
    passed_over += Counter({AGAIN: len(names) - len(once)})
    return tuple(once.values()), passed_over


def resolve(
    argument: str, standard_input: Iterable[str] = (), *, passed_over: Counter[str], fetch: bool = False
) -> list[str]:
    """Return the pictures and videos that one argument means, as `find_inputs` has it; others are counted by ending."""
    if is_address(argument):
        return _at_address(argument, passed_over) if fetch and is_elsewhere(argument) else [argument]
    _refuse_absent_folder(argument)
    names: list[str] = []
    for name in _listed(argument, standard_input, passed_over):
        if not os.path.isdir(name):  # noqa: PTH112  pathlib's raises where a folder on the way is locked
            names.append(name)
            continue
        locked, found = list[str](), list[str]()
        for place, files, is_left in folders_below(name, locked):
            for file in sorted(files):
                path, ending = os.path.join(place, file), Path(file).suffix.lower()  # noqa: PTH118  a str keeps odd names
                if is_left or is_litter(file):
                    passed_over[LITTER if ending in (*FOUND_ENDINGS, THUMBNAIL_ENDING) else ending] += 1
                elif ending in FOUND_ENDINGS or is_picture_ending(ending) or _is_found_by_content(path, ending):
                    found.append(path)
                else:
                    passed_over[ending] += 1
        names += [*_originals(found, passed_over), *locked]
    return names


def _originals(paths: list[str], passed_over: Counter[str]) -> list[str]:
    """Return paths without those of copies that affekt made, which are counted; copies alone are meant."""
    found = [path for path in paths if not is_copy(path)]
    passed_over[COPIES] += len(paths) - len(found) if found else 0
    return found or paths


def _refuse_absent_folder(argument: str) -> None:
    """Refuse what is typed like a folder and is not there; what is typed like a file, and is not, becomes a row."""
    if argument == "":
        raise DataError("expected a picture or a folder, got an empty name; name one, as in: affekt predict faces/")
    if argument == CAMERA:
        raise DataError("expected a camera's number or name, got none behind camera:; type: camera:0")
    is_file = Path(argument).suffix and not argument.endswith(SEPARATORS)
    if is_file or is_camera(argument) or argument == "-" or glob.has_magic(argument):
        return
    try:
        os.lstat(argument)
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            f"expected a picture or a folder at {argument}, got nothing there; check its name with: ls"
        ) from None
    except (OSError, ValueError):  # it may not be looked at, or no name is like it: its row says so
        return


def _at_address(address: str, passed_over: Counter[str]) -> list[str]:
    """Return what an address means: a folder as one on a disk, and a pattern all that it matches."""
    names, is_pattern = list[str](), glob.has_magic(address)
    for name in addresses_below(address):
        ending = PurePath(name).suffix.lower()
        if name == address or ((is_pattern or ending in FOUND_ENDINGS) and not any(map(is_litter, name.split("/")))):
            names.append(name)
        else:
            passed_over[LITTER if ending in FOUND_ENDINGS else ending] += 1
    return names


def _is_found_by_content(path: str, ending: str) -> bool:
    """Whether a file that is named like neither is a video; without an ending, a picture or a video."""
    kind = None if ending in SOUND_ENDINGS else kind_of_file(path)
    return kind == "video" or (kind == "picture" and not ending)


def nothing_found(arguments: list[str], passed_over: Counter[str]) -> DataError:
    """Return the error that nothing was found in what was typed."""
    places = ("the standard input (-)" if each == "-" else without_secrets(each) for each in arguments)
    found = f"got none in {', '.join(places)}" if arguments else "got no name of any"
    if told := told_of_passed_over(passed_over):
        found += f" ({', '.join(told)})"
    return DataError(
        f"expected pictures, {found}; name a picture, a folder of pictures or a pattern such as 'faces/*.jpg'"
    )


def _listed(argument: str, standard_input: Iterable[str], passed_over: Counter[str]) -> list[str]:
    if is_camera(argument):
        return [argument]
    if argument == "-":
        # Programs of Windows begin with a byte order mark.
        lines = [line.rstrip("\r\n").removeprefix("\ufeff") for line in standard_input]
        if any("\0" in line for line in lines):
            raise DataError(
                "expected a path a line on the standard input, got bytes that are no text; name pictures "
                "themselves, as in: affekt predict face.jpg"
            )
        return [_meant(line, "", passed_over) for line in lines if line.strip()]
    if Path(argument).suffix.lower() == LIST_ENDING and os.path.isfile(argument):  # noqa: PTH113  as above
        folder = os.path.dirname(argument)  # noqa: PTH120  as above
        return [_meant(line, folder, passed_over) for line in _lines(Path(argument))]
    if glob.has_magic(argument) and not os.path.lexists(argument):
        return _matches(argument, passed_over) or [argument]
    return [argument]


def _matches(pattern: str, passed_over: Counter[str]) -> list[str]:
    """Return what a pattern matches, sorted, without litter that it does not name."""
    found, named = _all_matches(pattern), [part for part in PurePath(pattern).parts if is_litter(part)]

    def is_meant(part: str) -> bool:
        return not is_litter(part) or any(fnmatch.fnmatch(part, name) for name in named)

    kept = [path for path in found if all(map(is_meant, PurePath(path).parts))]
    passed_over[LITTER] += len(found) - len(kept)
    return _originals(kept, passed_over)


def _all_matches(pattern: str) -> list[str]:
    """Return what a pattern matches, sorted; where `**` finds files, without the folders that they are in."""
    if (deep := ANY_DEPTH.fullmatch(pattern)) is None:
        return sorted(glob.glob(pattern))  # noqa: PTH207  keeps names as typed
    before, behind = deep[1], deep[2] or "*"
    # The standard library's own `**` goes round and round where links lead back.
    places = [place for top in (_all_matches(before) if before else [""]) for place, _, _ in folders_below(top)]
    found = {match for place in places for match in _all_matches(os.path.join(glob.escape(place), behind))}  # noqa: PTH118
    files = {match for match in found if not os.path.isdir(match)}  # noqa: PTH112
    return sorted(files or found)


def _meant(line: str, folder: str, passed_over: Counter[str]) -> str:
    """Return the path that a line means: as it stands, without quotes and blanks around it, or beside the list."""
    bare = re.sub(r"""^(["'])(.*)\1$""", r"\2", line.strip())
    if is_address(bare) or is_camera(bare):
        return bare
    found = next(filter(os.path.lexists, (line, bare, os.path.join(folder, bare))), None)  # noqa: PTH118  as above
    passed_over[ABSENT] += found is None
    return found or bare


def _lines(path: Path) -> list[str]:
    try:
        # Names need not be UTF-8 where they come from; a NUL is in none.
        encoding = "utf-16" if is_utf16(path) else "utf-8-sig"
        text = path.read_text(encoding=encoding, errors="surrogateescape")
    except (OSError, UnicodeError) as error:
        got = error.strerror if isinstance(error, OSError) else "text in UTF-16 that breaks off"
        raise DataError(f"expected a list of paths in {path}, got {got}; write one path a line") from error
    if "\0" in text:
        raise DataError(f"expected a list of paths in {path}, got no text in UTF-8; write one path a line")
    if sys.getfilesystemencoding() != "utf-8":
        text = os.fsdecode(text.encode("utf-8", "surrogateescape"))
    return [line for line in text.split("\n") if line.strip()]
