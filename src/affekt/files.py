"""Files written whole or not at all, what lies in folders, templates, and the folder that keeps files between runs."""

import codecs
import errno
import hashlib
import json
import os
import re
import shlex
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.errors import ConfigError, DataError

if TYPE_CHECKING:
    import jinja2
    import polars as pl

LITTER = (".", "@eaDir", "@tmp", "@Recycle", "#recycle", "#snapshot", "$RECYCLE.BIN", "__MACOSX")
"""What the names of files and folders begin with that systems and programs leave among pictures."""
THUMBNAIL_ENDING = ".thm"
"""Of the small pictures that cameras write beside their videos."""
HASHED_BYTES = 2**15
"""Of a file's head, and of its tail."""
UNFINISHED = set[Path]()
"""What this process is writing, for whoever ends it in the middle of that."""
RECORD = ".affekt-made"
"""In a folder for what affekt makes: a line with name and hash of each file that it wrote there."""


def is_litter(name: str) -> bool:
    """Whether a file or folder is hidden, or holds thumbnails, checkpoints, deleted files or a Mac's resource forks."""
    return name not in (os.curdir, os.pardir) and (name.startswith(LITTER) or name.lower().endswith(THUMBNAIL_ENDING))


def folders_below(folder: str, locked: list[str] | None = None) -> Iterator[tuple[str, list[str], bool]]:
    """Yield a folder and those below it, each with its files, and whether it is, or lies in, litter.

    Links are followed, each folder once; of two ways to one the way without litter counts. Folders that may not be read
    are added to `locked`.
    """
    seen: set[str] = set()
    tops = [folder]  # and then its litter
    for number, top in enumerate(tops):
        is_left, told = number > 0, [] if number or locked is None else locked
        walk = os.walk(top or os.curdir, followlinks=True, onerror=lambda error, told=told: told.append(error.filename))
        for place, folders, files in walk:
            real = os.path.realpath(place)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            if not is_left:
                tops += [os.path.join(place, name) for name in sorted(folders) if is_litter(name)]  # noqa: PTH118
                folders[:] = [name for name in folders if not is_litter(name)]
            folders.sort()
            yield (place if folder else place.removeprefix(os.curdir + os.sep)), files, is_left


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed over it when the block ends well, deleted when it does not."""
    # Not the name itself: it may already be as long as a name can be.
    temporary = path.with_name(f".{zlib.crc32(os.fsencode(path.name)):08x}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        UNFINISHED.add(temporary)
        yield temporary
        if folder := next((place for place in path.parents if (place / RECORD).is_file()), None):
            _add_to_record(folder, {path: temporary})
        temporary.replace(path)
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        # Where the folder cannot be written, the temporary file was never there and its removal must not hide why.
        with suppress(OSError):
            temporary.unlink()
        UNFINISHED.discard(temporary)


def _not_written(path: Path, error: OSError) -> DataError:
    why = error.strerror or error
    return DataError(f"expected to write {path}, got {why}; free some space or choose another folder")


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_parquet(frame: "pl.DataFrame", path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write any table as Parquet, whole or not at all, with what the file is to say of itself."""
    from polars.exceptions import ComputeError

    with written_whole(path) as temporary:
        try:
            frame.write_parquet(temporary, metadata=metadata)
        except ComputeError as error:
            # polars reports a full disk so, not as an OSError.
            raise OSError(str(error).rpartition("IO error: ")[2]) from error


def _add_to_record(folder: Path, contents: dict[Path, Path]) -> None:
    """Note of each path what its content is now, or is about to be: an earlier line stays true of an earlier file."""
    with (folder / RECORD).open("a", encoding="utf-8") as file:
        file.writelines(f"{_line(folder, path, now)}\n" for path, now in contents.items())


def _line(folder: Path, path: Path, content: Path) -> str:
    return json.dumps([path.relative_to(folder).as_posix(), sha256_of(content)])


def made_here(folder: Path, paths: Iterable[Path]) -> list[Path]:
    """Return the files that are as affekt made them in a folder; none where its record is not there."""
    if not (folder / RECORD).is_file():
        return []
    made = {*(folder / RECORD).read_text(encoding="utf-8", errors="replace").splitlines()}
    return [path for path in paths if path.is_file() and _line(folder, path, path) in made]


def refuse_others(folder: Path, paths: Iterable[Path], option: str = "out") -> None:
    """Refuse to write over files that affekt did not make in a folder, or that changed since; raises ConfigError."""
    there = [path for path in paths if path.is_file()]
    own = {*made_here(folder, there)}
    if foreign := next((path for path in there if path not in own), None):
        raise ConfigError(
            f"expected files of affekt's own to write over in {folder}, got one that it did not make, or that was "
            f"changed since, {foreign}; move it away, or type: --{option} {beside(folder)}"
        )


def beside(folder: Path) -> str:
    """Return a name to type instead of a folder's, as a shell takes it."""
    return shlex.quote(str(folder.with_name(f"{folder.name}-new") if folder.name else folder / "new"))


def claim(folder: Path, paths: Iterable[Path], option: str = "out") -> None:
    """Begin to keep a record of what affekt makes in a folder, after a check as `refuse_others` does it."""
    paths = [path for path in paths if path.is_file()]
    refuse_others(folder, paths, option)
    if not (folder / RECORD).is_file():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _add_to_record(folder, {path: path for path in paths})
        except OSError as error:
            raise _not_written(folder, error) from error


def in_six_digits(value: Any) -> Any:  # noqa: ANN401  of any kind
    """Return a value, or all values of dictionaries and lists, with floats of at most six significant digits.

    Example:
        >>> in_six_digits({"valence": [0.1 + 0.2, 1e-9 / 3, None]})
        {'valence': [0.3, 3.33333e-10, None]}
    """
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: in_six_digits(each) for name, each in value.items()}
    return [in_six_digits(each) for each in value] if isinstance(value, list | tuple) else value


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_utf16(path: Path) -> bool:
    """Whether a text begins with the byte order mark of UTF-16, as Excel and PowerShell write it."""
    with path.open("rb") as file:
        return file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def templates() -> "jinja2.Environment":
    """Return what fills the templates of all pages, which lie in one folder; each caller may add filters of its own."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def remove_leftovers(folder: Path, pattern: str = "**/.*.tmp") -> None:
    """Remove what `written_whole` left in a folder where its process was killed."""
    for path in folder.glob(pattern):
        if (found := re.fullmatch(r"\.[0-9a-f]{8}\.(\d+)\.tmp", path.name)) and not _is_running(int(found[1])):
            path.unlink(missing_ok=True)


def stamp(path: str) -> list[int] | None:
    """Return what tells a file from what it was before; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116  a str keeps odd names
    except (OSError, ValueError):
        return None
    return [found.st_size, found.st_mtime_ns]


def content_of(path: str) -> list[int | str] | None:
    """Return what tells a file's content from others: size, time, and a hash of its head and tail; None without a file.

    A video takes too long to be read whole, and a program that writes into its middle changes its time.
    """
    seen = stamp(path)
    if seen is None:
        return None
    if not os.path.isfile(path):  # noqa: PTH113  as above
        return [*seen, ""]
    try:
        with open(path, "rb") as file:  # noqa: PTH123  as above
            head = file.read(HASHED_BYTES)
            file.seek(max(len(head), seen[0] - HASHED_BYTES))
            return [*seen, hashlib.blake2b(head + file.read(HASHED_BYTES), digest_size=8).hexdigest()]
    except OSError:
        return [*seen, ""]


def is_same_file(one: str | Path, other: str | Path) -> bool:
    """Whether two paths lead to one file, by whatever spelling or links, whether it is there or not."""
    try:
        # A folder that is still to be made leads back, too: new/../faces.csv.
        return os.path.realpath(one) == os.path.realpath(other) or Path(one).samefile(other)
    except (OSError, ValueError):
        return False


def refuse_input(out: Path, inputs: Iterable[str | Path], option: str = "--out") -> None:
    """Refuse to write over what is read; raises ConfigError."""
    if next((True for given in inputs if is_same_file(given, out)), False):
        raise ConfigError(
            f"expected another file as {option.removeprefix('--').replace('-', '_')} than the input {out}, got the "
            f"same; type: {option} {shlex.quote(str(out.with_stem(f'{out.stem}-new')))}"
        )


def _is_running(process: int) -> bool:
    if sys.platform == "win32":  # where the question would end it
        return True
    try:
        os.kill(process, 0)
    except OverflowError:
        return False
    except OSError as error:
        return error.errno != errno.ESRCH
    return True


FILE_ENDINGS = {
    ".csv",
    ".html",
    ".jpg",
    ".json",
    ".jsonl",
    ".mp4",
    ".onnx",
    ".parquet",
    ".pdf",
    ".png",
    ".txt",
    ".xlsx",
}
"""Of names that nobody gives to a folder."""


def require_folder(out: Path, option: str = "out") -> None:
    """Refuse an `out`, or another option, that cannot become a folder, or was hardly meant to be one.

    A file is there, or it is named like one, or nobody may write; raises ConfigError.
    """
    existing = next(place for place in (out.absolute(), *out.absolute().parents) if place.exists())
    if not existing.is_dir():
        raise ConfigError(
            f"expected a folder as {option}, {out}, got the file {existing}; {_typed(option, f'{existing}-folder')}"
        )
    if existing != out.absolute() and out.suffix.lower() in FILE_ENDINGS:
        raise ConfigError(
            f"expected a folder as {option}, got {out}, named like a file; {_typed(option, str(out.with_suffix('')))}"
        )
    if not os.access(existing, os.W_OK):
        raise ConfigError(
            f"expected a folder that can be written as {option}, {out}, got {existing}; type: --{option} NAME"
        )


def _typed(option: str, place: str) -> str:
    return f"type: --{option} {shlex.quote(place)}, or {option.replace('-', '_')}={place!r} in Python"


MIRROR = "AFFEKT_MIRROR"
"""The variable that names another origin of models and of the detector's file: an address, or a folder."""


def mirror() -> str | Path | None:
    """Return the other origin that is to be asked, an address or a folder; None for the usual ones.

    Raises ConfigError where it is neither.
    """
    named = os.environ.get(MIRROR, "")
    if not named or named.startswith(("http://", "https://")):
        return named.rstrip("/") or None
    if not Path(named).is_dir():
        raise ConfigError(f"expected a mirror as https://... or a folder, got {named!r}; check it, or unset {MIRROR}")
    return Path(named)


def affekt_home() -> Path:
    """Return the folder that keeps what affekt needs again: `AFFEKT_HOME`, or `~/.cache/affekt`."""
    folder = os.environ.get("AFFEKT_HOME") or "~/.cache/affekt"
    try:
        return Path(folder).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"expected a home folder for {folder}, got none for this user; set AFFEKT_HOME to a folder to keep files in"
        ) from error
