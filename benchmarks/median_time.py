"""How long a call takes; plain Python, for affekt's environment and the peers' alike."""

import statistics
import time
from collections.abc import Callable


def median_s(call: Callable[[], object], measured_s: float) -> float:
    """Return the median seconds of a call, after one that is not counted; at least three are."""
    call()
    times: list[float] = []
    end_s = time.perf_counter() + measured_s
    while len(times) < 3 or time.perf_counter() < end_s:
        start_s = time.perf_counter()
        call()
        times.append(time.perf_counter() - start_s)
    return statistics.median(times)
