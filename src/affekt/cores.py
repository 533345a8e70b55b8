"""The processor: how many cores this process may use, how they share work, and what the processor is called."""

import os
import platform
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def core_count() -> int:
    """Return the cores that the system lets this process use, where it says so, else all of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prefetch(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], *, most: int
) -> Iterator[Result]:
    """Yield the function's result for each item, in order.

    No result waits for items that come later, as long as they take: a camera's frame is answered before the next. Items
    are taken in this thread, and at most so many are under way.
    """
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= most or waiting[0].done():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def processor() -> str:
    """Return the processor's name and, where the system lists what it can do, a number that changes with it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    # Hosts of virtual machines often hide the model, but not AMX or AVX-512.
    abilities = fields.get("flags") or fields.get("Features") or ""
    return f"{fields.get('model name') or platform.machine()} {zlib.crc32(abilities.encode()):08x}"
