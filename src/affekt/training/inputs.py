"""Face crops and targets of a split, in the order of its rows."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from affekt.cores import core_count
from affekt.errors import DataError
from affekt.faces.preprocessing import Preprocessing
from affekt.labels import LABELS
from affekt.networks.crops import Crops
from affekt.progress import progress_bar

MEMORY_LIMIT_BYTES = 6 * 2**30
"""Crops that need less are decoded once and kept; larger splits are decoded anew each epoch by worker processes."""

DECODED_AT_ONCE = 256
"""Crops that the cores decode between two turns of the progress bar."""


@dataclass(frozen=True)
class Targets:
    """What the rows of a split say, in their order."""

    label: Tensor
    """(rows,) int64 index into LABELS, -1 where unknown."""
    votes: Tensor
    """(rows, 8) float32; the one-hot label where there are no votes, NaN where there is neither."""
    valence_arousal: Tensor
    """(rows, 2) float32, NaN where unknown."""

    def __getitem__(self, index: Tensor) -> "Targets":
        """Return the targets of some rows."""
        return Targets(self.label[index], self.votes[index], self.valence_arousal[index])

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.label)

    def to(self, device: torch.device) -> "Targets":
        """Return the targets on a device."""
        return Targets(self.label.to(device), self.votes.to(device), self.valence_arousal.to(device))


def targets_of(rows: pl.DataFrame) -> Targets:
    """Read the targets of manifest rows."""
    indices = {name: index for index, name in enumerate(LABELS)}
    index = rows["emotion"].replace_strict(indices, default=-1, return_dtype=pl.Int64)
    label = torch.from_numpy(index.to_numpy().copy())
    votes = torch.full((rows.height, len(LABELS)), torch.nan)
    known = label >= 0
    votes[known] = torch.nn.functional.one_hot(label[known], len(LABELS)).float()
    has_votes = torch.from_numpy(rows["votes"].is_not_null().to_numpy().copy())
    if has_votes.any():
        voted = rows["votes"].drop_nulls().to_numpy()
        votes[has_votes] = torch.from_numpy(voted.astype(np.float32))
    valence_arousal = rows.select("valence", "arousal").fill_null(float("nan")).to_numpy().astype(np.float32)
    return Targets(label, votes, torch.from_numpy(valence_arousal.copy()))


class CropStream:
    """Batches of crops in any order: from memory where they fit, else through worker processes."""

    def __init__(self, rows: pl.DataFrame, preprocessing: Preprocessing, *, name: str) -> None:
        """Decode all crops now if they fit into memory; `name` stands beside the progress bar."""
        self.crops = Crops(rows, preprocessing)
        fits = math.prod(self.crops.shape) <= MEMORY_LIMIT_BYTES
        self.memory = torch.from_numpy(_decode_all(self.crops, name)) if fits else None

    def __len__(self) -> int:
        """Return the number of crops."""
        return len(self.crops)

    def batches(self, batches: list[Tensor]) -> Iterator[Tensor]:
        """Yield (batch, input_size, input_size, channels) uint8 for each tensor of row numbers.

        Raises:
            DataError: a picture is missing or unreadable.
        """
        if self.memory is not None:
            yield from (self.memory[index] for index in batches)
            return
        loader = DataLoader(
            self.crops,  # pyright: ignore[reportArgumentType], any sequence will do
            batch_sampler=[index.tolist() for index in batches],
            collate_fn=self._stack,
            num_workers=core_count(),
            prefetch_factor=4,
        )
        try:
            yield from loader
        except DataError as error:
            # From a worker process, the sentence arrives at the end of the worker's traceback.
            raise DataError(str(error).rpartition(f"{DataError.__name__}: ")[2].strip()) from None

    def _stack(self, crops: list[np.ndarray]) -> Tensor:
        """Put crops together, also where there are none."""
        return torch.from_numpy(np.stack(crops) if crops else np.empty((0, *self.crops.shape[1:]), dtype=np.uint8))


def _decode_all(crops: Crops, name: str) -> np.ndarray:
    decoded = np.empty(crops.shape, dtype=np.uint8)
    done = 0
    with progress_bar(total=len(crops), description=f"decode {name}", unit="face") as bar:
        for batch in crops.batches(DECODED_AT_ONCE):
            decoded[done : done + len(batch)] = batch
            done += len(batch)
            bar.update(len(batch))
    return decoded


def in_batches(rows: int, size: int) -> list[Tensor]:
    """Return row numbers in order, in batches of at most `size`."""
    return list(torch.arange(rows).split(size))
