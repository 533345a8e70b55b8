"""Files written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from affekt.errors import DataError


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed over it when the block ends well, deleted when it does not.

    Raises:
        DataError: the folder cannot be made or written, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise DataError(
            f"expected to write {path}, got {error.strerror or error}; free some space or choose another folder"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
