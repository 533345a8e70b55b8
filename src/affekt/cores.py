"""The processor: how many cores this process may use, and what it is called."""

import os
import platform
import zlib
from pathlib import Path


def core_count() -> int:
    """Return the cores that the system lets this process use, where it says so, else all of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """Return the processor's name and, where the system lists what it can do, a number that changes with it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    # Hosts of virtual machines often hide the model, but not AMX or AVX-512.
    abilities = fields.get("flags") or fields.get("Features") or ""
    return f"{fields.get('model name') or platform.machine()} {zlib.crc32(abilities.encode()):08x}"
