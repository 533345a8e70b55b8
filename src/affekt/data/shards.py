"""Pictures that stay in tar files, on a disk or in a bucket: a row's path names the file and the member of it.

`s3://bucket/shards/000.tar/0001.jpg` is the member `0001.jpg`, as `affekt predict` calls it too.
"""

import lzma
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from affekt.analysis.archives import TAR_ENDINGS, in_tar
from affekt.analysis.remote import is_address, opened, why, without_secrets
from affekt.errors import DataError, PictureError

MEMBER = rf"(?is)^(.*?(?:{'|'.join(map(re.escape, TAR_ENDINGS))}))/(.+)$"
NO_TAR = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError)


class Shards:
    """Which rows' pictures lie in which tar file, so that many are read in one go."""

    def __init__(self, paths: pl.Series) -> None:
        """Look at the paths of rows alone, null where a row has none; no file is opened."""
        self._paths, shard = paths, paths.str.extract(MEMBER, 1)
        self.names = [
            name
            for name in shard.unique(maintain_order=True).drop_nulls()
            if is_address(name) or not Path(name).is_dir()
        ]
        """The tar files, in the order of their first rows."""
        number = shard.replace_strict({name: place for place, name in enumerate(self.names)}, default=None)
        alone = -1 - pl.int_range(len(paths), eager=True)
        self.number = number.cast(pl.Int64).fill_null(alone).to_numpy() if self.names else alone.to_numpy()
        """(rows,) int64: the place of a row's file among `names`; a number of its own, below 0, where it is in none."""

    def read(self, rows: np.ndarray) -> Iterator[tuple[int, str | bytes | None]]:
        """Yield the numbers of rows, each once, with the encoded picture, or with the path where it is in no tar.

        Files come in the order in which `rows` names them first, and each is read once, as far as it is needed. Its
        pictures come in its own order. Raises DataError where a file is missing, breaks off, or lacks a picture.
        """
        number = self.number[rows]
        _, first, group = np.unique(number, return_index=True, return_inverse=True)
        ends = np.bincount(group).cumsum()
        by_file = np.split(rows[group.argsort(kind="stable")], ends[:-1])
        for place in first.argsort():
            wanted = np.unique(by_file[place])
            if number[first[place]] < 0:
                yield int(wanted[0]), self._paths[int(wanted[0])]
            else:
                yield from self._of_file(self.names[number[first[place]]], wanted)

    def _of_file(self, name: str, rows: np.ndarray) -> Iterator[tuple[int, bytes]]:
        wanted = dict[str, list[int]]()
        for row in rows.tolist():
            wanted.setdefault(self._paths[row][len(name) + 1 :], []).append(row)
        for member, picture in members(name, wanted.__contains__):
            yield from ((row, picture) for row in wanted.pop(member, ()))
            if not wanted:
                return
        raise DataError(
            f"expected {next(iter(wanted))} in {without_secrets(name)}, got a tar without it; import the tars again"
        )


def members(shard: str, is_wanted: Callable[[str], bool] = lambda name: True) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a tar in their order, as a stream: the name of each, and its content if that is wanted.

    Raises DataError where it is missing, may not be read, or breaks off.
    """
    try:
        with opened(shard) as file:
            for named, _, read in in_tar(file):
                name = named.removeprefix("./")
                yield name, read() if is_wanted(name) else b""
    except (PictureError, OSError, *NO_TAR) as error:
        told, place = without_secrets(shard), f"{without_secrets(shard)}: "
        got = "a file that breaks off, or no tar" if isinstance(error, NO_TAR) else why(error)
        got = str(error).removeprefix(place) if isinstance(error, PictureError) else got
        raise DataError(f"expected a whole tar at {told}, got {got}; check the file, and who may read it") from error


def is_in_tar(path: str) -> bool:
    """Whether a path is called like the member of a tar."""
    return re.match(MEMBER, path) is not None


def read_source(path: str) -> str | bytes:
    """Return the path, or the encoded picture where it lies in a tar, whose beginning is read for it alone.

    Raises PictureError where the tar, or the picture in it, cannot be read.
    """
    if not is_in_tar(path):
        return path
    try:
        [(_, source)] = Shards(pl.Series([path])).read(np.zeros(1, np.int64))
    except DataError as error:
        raise PictureError(str(error)) from error
    return source or path
