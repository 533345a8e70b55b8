"""The processor: how many cores this process may use, how they share work, and what the processor is called."""

import atexit
import math
import os
import platform
import signal
import sys
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from itertools import repeat
from pathlib import Path
from typing import TypeVar, cast

from affekt.files import UNFINISHED

Item = TypeVar("Item")
Result = TypeVar("Result")
LOOK_UP_S = 0.2
"""Seconds after which a wait looks whether somebody stops it."""


def core_count() -> int:
    """Return the cores that the system lets this process use: by its affinity, and by a container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(cores, cgroup_quota())))


def cgroup_quota(root: Path = Path("/")) -> float:
    """Return how many cores' time Linux gives to this process's control groups, v2 or v1; infinite without a limit."""
    quota = math.inf
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        groups = root / "sys/fs/cgroup" / controllers
        # A limit of a group above holds too. In a container the path may be the host's, and its own group the top.
        for group in (groups, *(groups / above for above in (Path(path.lstrip("/")), *Path(path.lstrip("/")).parents))):
            words = _text(group / "cpu.max").split() or [
                _text(group / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")
            ]
            with suppress(ValueError, ZeroDivisionError):  # `max`, -1 and nothing are no limits
                share = int(words[0]) / int(words[1])
                quota = min(quota, share if share > 0 else math.inf)
    return quota


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


class Budget:
    """So much of something may be in use at a time by all threads; whoever wants more than there is gets it alone."""

    def __init__(self, most: float) -> None:
        """Begin with all of it free."""
        self._most, self._used, self._free = most, 0.0, threading.Condition()

    @contextmanager
    def share(self) -> Iterator[Callable[[float], None]]:
        """Yield a function that takes some, once, and waits until there is enough; it is given back after the block."""
        taken = 0.0

        def take(amount: float) -> None:
            nonlocal taken
            if taken:
                return
            with self._free:
                self._free.wait_for(lambda: not self._used or self._used + amount <= self._most)
                self._used += amount
            taken = amount

        try:
            yield take
        finally:
            with self._free:
                self._used -= taken
                self._free.notify_all()


@contextmanager
def thread_pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool whose work is waited for at the end of the block, but not where somebody ends it before its time."""
    pool = ThreadPoolExecutor(threads)
    is_waited_for = True
    try:
        yield pool
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        is_waited_for = False
        raise
    finally:
        pool.shutdown(wait=is_waited_for, cancel_futures=not is_waited_for)


def leave(code: int) -> None:
    """End the process without waiting for threads that are at work, as Python's own end would, maybe for minutes."""
    atexit._run_exitfuncs()
    sys.stderr.flush()
    os._exit(code)


def leave_at_interrupt(message: str, code: int) -> None:
    """Let Ctrl-C end the process there and then, for commands that have nothing to tell or to mend.

    An exception might meet a library in C++ that takes none, and aborts. What a shell runs in its background, where
    Ctrl-C is not for it, goes on.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        return

    def end(number: int, frame: object) -> None:
        os.write(2, message.encode())  # what stands in for standard error at the moment may be no file
        for path in UNFINISHED:
            path.unlink(missing_ok=True)
        os._exit(code)

    signal.signal(signal.SIGINT, end)


def prefetch(
    pool: Executor,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    most: int,
    size: Callable[[Item], int] = lambda item: 0,
    most_bytes: float = math.inf,
) -> Iterator[Result]:
    """Yield the function's result for each item, in order.

    A result that is ready waits until the next item is taken, so that of a slow source it comes one item late. Items
    are taken in this thread, and at most so many, or of so many bytes by their `size`, are under way.
    """
    waiting: deque[tuple[Future[Result], int]] = deque()
    under_way = 0
    try:
        for item in items:
            waiting.append((pool.submit(function, item), size(item)))
            under_way += waiting[-1][1]
            del item  # its pixels, once the work is done
            is_next = len(waiting) >= most or waiting[0][0].done()
            while waiting and (is_next or under_way > most_bytes):
                is_next = False
                future, its_size = waiting.popleft()
                under_way -= its_size
                yield _result_of(future)
        while waiting:
            yield _result_of(waiting.popleft()[0])
    finally:
        for future, _ in waiting:
            future.cancel()


def _result_of(future: "Future[Result]") -> Result:
    """Wait for a result, and let Ctrl-C through: polars, and Windows, let no signal end a wait."""
    while not future.done():
        wait([future], timeout=LOOK_UP_S)
    return future.result()


def ahead(items: Iterator[Item], *, most: int) -> Iterator[Item]:
    """Yield items that another thread takes from a slow source, so many of them before they are asked for."""
    over, pool = object(), ThreadPoolExecutor(1)
    try:
        for item in prefetch(pool, lambda _: next(items, over), repeat(None), most=most):
            if item is over:
                return
            yield cast(Item, item)
    finally:
        pool.shutdown(cancel_futures=True)


def processor() -> str:
    """Return the processor's name and, where the system lists what it can do, a number that changes with it."""
    lines = _text(Path("/proc/cpuinfo")).splitlines()
    if not lines:
        return platform.processor() or platform.machine()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    # Hosts of virtual machines often hide the model, but not AMX or AVX-512.
    abilities = fields.get("flags") or fields.get("Features") or ""
    return f"{fields.get('model name') or platform.machine()} {zlib.crc32(abilities.encode()):08x}"
