"""A function over many batches on all cores of a CPU: one batch a core, not one operation over all of them."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(function: Callable[[Item], Result], items: Iterable[Item], threads: int) -> list[Result]:
    """Apply a function without gradients, in threads that each run torch's operations on one core.

    Cores then never wait for one another within an operation, as they do where small batches are split.

    Args:
        function: called in several threads at once.
        items: taken one at a time, when a thread is free.
        threads: how many.

    Returns:
        The results, in the order of the items.

    Raises:
        Exception: the first that the function or the items raise; no further item is taken then.
    """
    numbered = enumerate(items)
    taking = threading.Lock()
    stopped = threading.Event()
    results: dict[int, Result] = {}

    @torch.inference_mode()
    def work() -> None:
        torch.set_num_threads(1)
        try:
            while not stopped.is_set():
                with taking:
                    taken = next(numbered, None)
                if taken is None:
                    return
                number, item = taken
                results[number] = function(item)
        except BaseException:
            stopped.set()
            raise

    threads_before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads) as pool:
            workers = [pool.submit(work) for _ in range(threads)]
            try:
                for worker in workers:
                    worker.result()
            finally:
                stopped.set()
    finally:
        # What a thread sets is also what threads made later start with.
        torch.set_num_threads(threads_before)
    return [results[number] for number in sorted(results)]
