"""The face crops of manifest rows, decoded when they are asked for. No torch here."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl

from affekt.cores import core_count
from affekt.data.manifest import read_row_rgb
from affekt.errors import ConfigError, DataError, PictureError
from affekt.faces.preprocessing import Preprocessing, crop_face


class Crops:
    """The face crops of manifest rows, as a sequence: `crops[3]` decodes the picture of the fourth row."""

    def __init__(self, rows: pl.DataFrame, preprocessing: Preprocessing) -> None:
        """Keep where the pictures are, not the pictures."""
        wanted = [name for name in ("path", "image", "source_id", "box_xyxy") if name in rows.columns]
        self.rows = rows.select(wanted)
        self.preprocessing = preprocessing

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.rows.height

    def __getitem__(self, index: int) -> np.ndarray:
        """Decode and crop one face to (input_size, input_size, channels) uint8.

        Raises:
            DataError: the picture is missing or unreadable, or its box is empty: a blank one never stands in for it.
        """
        row = self.rows.row(index, named=True)
        try:
            return crop_face(read_row_rgb(row), self.preprocessing, row["box_xyxy"])
        except PictureError as error:
            raise DataError(f"{error}; list all such pictures with: affekt data check") from error
        except ConfigError as error:
            raise DataError(f"picture of {row['source_id']}: {error}") from error

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of all crops together: (rows, input_size, input_size, channels)."""
        size = self.preprocessing.input_size
        return len(self), size, size, self.preprocessing.channels

    def batches(self, batch_size: int) -> Iterator[np.ndarray]:
        """Decode all crops in their order, on all cores; yield (batch_size or fewer, ...) uint8.

        Raises:
            DataError: a picture is missing or unreadable.
        """
        with ThreadPoolExecutor(core_count()) as pool:
            for start in range(0, len(self), batch_size):
                yield np.stack(list(pool.map(self.__getitem__, range(start, min(start + batch_size, len(self))))))
