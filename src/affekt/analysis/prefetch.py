"""Work on a stream of items on all cores, a little ahead of whoever takes the results, in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item], *, most: int
) -> Iterator[tuple[Item, Result]]:
    """Yield each item with the function's result, in order.

    No result waits for items that come later, as long as they take: a camera's frame is answered before the next.

    Args:
        pool: where the function runs.
        function: safe to call from several threads.
        items: taken in this thread.
        most: items under way; more wait in `items`.
    """
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    try:
        for item in items:
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) >= most or waiting[0][1].done():
                item, future = waiting.popleft()
                yield item, future.result()
        while waiting:
            item, future = waiting.popleft()
            yield item, future.result()
    finally:
        for _, future in waiting:
            future.cancel()
