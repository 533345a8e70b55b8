"""One training over several processes, and the precision of each.

Nothing is to be configured: torchrun's environment says it all.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from affekt.terminal import show_progress


@dataclass(frozen=True)
class World:
    """This process among those that train together."""

    rank: int = 0
    """0 is the process that writes files and shows progress."""
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def share(self, rows: Tensor) -> Tensor:
        """Return this process's part of a batch of row numbers; parts are equal but for the last rows."""
        return rows.tensor_split(self.size)[self.rank]

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return a module whose gradients are averaged over the processes."""
        return DistributedDataParallel(module) if self.size > 1 else module

    def gather(self, rows: Tensor) -> Tensor:
        """Put the parts of all processes, split by `share`, back together in order, on the CPU if there are several."""
        if self.size == 1:
            return rows
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, rows.cpu())
        return torch.cat(parts)

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def joined_world() -> Iterator[World]:
    """Join the other processes if torchrun started this one, and leave them at the end if they had not been joined."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield World()
        return
    already_joined = dist.is_initialized()
    if not already_joined:
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    show_progress(dist.get_rank() == 0)
    try:
        yield World(dist.get_rank(), dist.get_world_size())
    finally:
        if not already_joined:
            dist.destroy_process_group()


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Return the context in which a forward pass runs at the given precision."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()
