"""How many cores this process may use."""

import os


def core_count() -> int:
    """Return the cores that the system lets this process use, where it says so, else all of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
