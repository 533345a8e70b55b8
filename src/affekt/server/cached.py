"""Things that take long to be had, or to be refused: a download, an open model."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from affekt.errors import AffektError

FORGET_FAILURE_S = 60.0
"""How long a failure is believed before it is tried again."""

Thing = TypeVar("Thing")


class Remembered(Generic[Thing]):
    """Makes something once; a failure is remembered for a while, so that not every request waits for it."""

    def __init__(self, make: Callable[[], Thing], *, forget_failure_s: float = FORGET_FAILURE_S) -> None:
        """Remember how it is made."""
        self._make = make
        self._forget_failure_s = forget_failure_s
        self._lock = threading.Lock()
        self._things: list[Thing] = []
        self._failure: AffektError | None = None
        self._failed_at_s = 0.0

    def __call__(self) -> Thing:
        """Return it, made by whoever asks first while the others wait.

        Raises:
            AffektError: it cannot be had.
        """
        with self._lock:
            if not self._things:
                self._things.append(self._made())
            return self._things[0]

    def _made(self) -> Thing:
        if self._failure is not None and time.monotonic() - self._failed_at_s < self._forget_failure_s:
            raise self._failure.with_traceback(None)
        try:
            return self._make()
        except AffektError as error:
            self._failure, self._failed_at_s = error, time.monotonic()
            raise
