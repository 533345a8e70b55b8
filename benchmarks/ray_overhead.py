"""What Ray costs: one process against one and two of Ray's workers on the same pictures, at equal cores.

`python benchmarks/ray_overhead.py` (Linux). What counts is processor time, that of this process and of all that it has
started, Ray's own among them: other programs on the machine change it less than they change the clock's. Ray and the
workers are there before the clock starts, and each has read some pictures; a cluster is begun once for many jobs.
"""

import ctypes
import logging
import os
import platform
import statistics
import tarfile
import tempfile
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import tyro
from predict_pictures import write_folder
from tqdm import tqdm

from affekt import predict

SUBREAPER = 36
"""Linux's PR_SET_CHILD_SUBREAPER: what Ray leaves to itself stays below this process, where its time is found."""
RUNTIME = "onnxruntime"


@dataclass(frozen=True)
class Options:
    """What is measured.

    Args:
        pictures: files of 640x360 pixels with 3.5 faces each on average.
        tars: so many tar files hold them, each a piece of the job; with 0 they lie in a folder, 256 pieces at most.
        rounds: how often each side reads them, in turn; the median counts.
        out: a file to add the table to.
    """

    pictures: int = 300
    tars: int = 0
    rounds: int = 5
    out: Path | None = None


def cpu_s() -> float:
    """Return the processor seconds of this process and of all below it."""
    parents, ticks = dict[int, int](), dict[int, int]()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        parents[int(process.name)] = int(fields[1])
        ticks[int(process.name)] = sum(map(int, fields[11:15]))  # its own, and of its children that have ended
    below = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in below} - below:
        below |= more
    return sum(ticks[process] for process in below) / os.sysconf("SC_CLK_TCK")


def packed(folder: Path, tars: int) -> list[str]:
    """Put a folder's pictures into tar files; return what is to be read."""
    if not tars:
        return [str(folder)]
    names = [f"{number}.tar" for number in range(tars)]
    for number, name in enumerate(names):
        with tarfile.open(name, "w") as archive:
            for path in sorted(folder.iterdir())[number::tars]:
                archive.add(path)
    return names


def seconds(given: list[str], parts: str, **how: Any) -> tuple[float, float]:
    """Read pictures; return processor and wall-clock seconds."""
    start_s, start_cpu_s = time.perf_counter(), cpu_s()
    predict(given, out=parts, runtime=RUNTIME, **how)
    return time.perf_counter() - start_s, cpu_s() - start_cpu_s


def measured(workers: int, names: list[str], options: Options, ray: Any) -> list[str]:
    """Return two lines of the table: one process on so many cores, and so many workers."""
    sides = {
        f"one process, {workers} at once": {"shard": "1/1", "threads": workers},
        f"Ray, {workers} worker{'s' if workers > 1 else ''}": {"engine": "ray"},
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    ray.init(
        address="local", num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
    )
    for turn in tqdm(range(options.rounds + 1), desc=f"{workers} cores"):
        for name, how in sides.items():  # the first turn is to get warm
            given, parts = names if turn else ["few"], f"parts-{workers}-{turn}-{name}"
            found[name].append(seconds(given, parts, **how))
    ray.shutdown()
    lines, first_s = [], 0.0
    for name, times in found.items():
        wall_ms, cpu_ms = (1000 * statistics.median(side) / options.pictures for side in zip(*times[1:], strict=True))
        lines.append(
            f"| {name} | {cpu_ms:.1f} | {'' if not first_s else f'{cpu_ms / first_s - 1:+.1%}'} | {wall_ms:.1f} |"
        )
        first_s = cpu_ms
    return lines


def main() -> None:
    """Measure and print."""
    options = tyro.cli(Options, description=__doc__)
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    ray: Any = import_module("ray")
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        write_folder(Path("pictures"), options.pictures)
        write_folder(Path("few"), 8)
        names = packed(Path("pictures"), options.tars)
        rows = [line for workers in (1, 2) for line in measured(workers, names, options, ray)]
    lines = ["| what | processor ms per picture | more than one process | wall-clock ms per picture |"]
    lines += ["|---|--:|--:|--:|", *rows, ""]
    lines.append(f"Python {platform.python_version()}, Ray {ray.__version__}, median of {options.rounds} rounds.")
    print("\n".join(lines))
    if options.out:
        with options.out.open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
