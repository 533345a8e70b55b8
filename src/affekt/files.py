"""Files written whole or not at all, and the folder that keeps files between runs."""

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from affekt.errors import ConfigError, DataError


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed over it when the block ends well, deleted when it does not."""
    # Not the name itself: it may already be as long as a name can be.
    temporary = path.with_name(f".{zlib.crc32(os.fsencode(path.name)):08x}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise DataError(
            f"expected to write {path}, got {error.strerror or error}; free some space or choose another folder"
        ) from error
    finally:
        # Where the folder cannot be written, the temporary file was never there and its removal must not hide why.
        with suppress(OSError):
            temporary.unlink()


def require_folder(out: Path) -> None:
    """Refuse an `out` that cannot become a folder: a file is in its way, or nobody may write there.

    Raises:
        ConfigError: it is so.
    """
    existing = next(place for place in (out.absolute(), *out.absolute().parents) if place.exists())
    if not existing.is_dir():
        raise ConfigError(f"expected a folder as out, {out}, got the file {existing}; type: --out {existing}-folder")
    if not os.access(existing, os.W_OK):
        raise ConfigError(f"expected a folder that can be written as out, {out}, got {existing}; type: --out NAME")


def affekt_home() -> Path:
    """Return the folder that keeps what affekt needs again: `AFFEKT_HOME`, or `~/.cache/affekt`."""
    folder = os.environ.get("AFFEKT_HOME") or "~/.cache/affekt"
    try:
        return Path(folder).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"expected a home folder for {folder}, got none for this user; set AFFEKT_HOME to a folder to keep files in"
        ) from error
