"""What Ray costs: one process against Ray's workers on the same pictures, at equal cores.

`python benchmarks/ray_overhead.py` (Linux, about 5 minutes). One process and one worker have one core, then one process
of two threads, two workers and four have two cores. Told are the clock's time and processor time, that of this process
and of all that it has started, Ray's own among them, which other programs on the machine change less. Ray and the
workers are there before the clock starts, and have read the pictures once; how long Ray took to start is told beside.
The table and the line below it go into docs/scale.md as they are.
With `--data` Ray Data gives the same pieces to its workers (`pip install pyarrow pandas`), in place of affekt.
"""

import ctypes
import logging
import os
import platform
import shlex
import statistics
import sys
import tarfile
import tempfile
import time
from contextlib import chdir
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import tyro
from before import check
from jobs import kept_jobs
from predict_pictures import write_folder
from tqdm import tqdm

from affekt import predict
from affekt.analysis.analyzer import Analyzer
from affekt.analysis.inputs import find_inputs
from affekt.analysis.options import AnalyzerOptions
from affekt.analysis.summary import counted
from affekt.cluster.job import planned
from affekt.cluster.on_ray import Work, written
from affekt.cores import processor

SUBREAPER = 36
"""Linux's PR_SET_CHILD_SUBREAPER: what Ray leaves to itself stays below this process, where its time is found."""
RUNTIME = "onnxruntime"


@dataclass(frozen=True)
class Options:
    """What is measured.

    Args:
        pictures: files of 640x360 pixels with 3.5 faces each on average.
        tars: so many tar files hold them, each a piece of the job; with 0 they lie in a folder, cut by affekt.
        rounds: how often each side reads them, in turn; the median counts.
        data: let Ray Data read them too.
        out: a file to add the table to.
    """

    pictures: int = 600
    tars: int = 0
    rounds: int = 3
    data: bool = False
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


def by_affekt(given: list[str], parts: str, **how: Any) -> None:
    """Read pictures as `affekt predict` does."""
    predict(given, out=parts, runtime=RUNTIME, **how)


def by_ray_data(given: list[str], parts: str) -> None:
    """Let Ray Data give the pieces of a job to functions that write the parts, as affekt lets Ray's tasks."""
    data: Any = import_module("ray.data")
    data.DataContext.get_current().enable_progress_bars = False
    options = AnalyzerOptions(runtime=RUNTIME, threads=1)
    analyzer = Analyzer("affekt", options)
    job, pieces = planned(find_inputs(given)[0], analyzer, "auto")
    work = Work(job, "affekt", options, parts, str(Path.cwd()))
    rows = data.from_items([{"place": place} for place in range(len(pieces))], override_num_blocks=len(pieces))
    told = rows.map(lambda row: {"told": written(pieces[row["place"]], work)}).take_all()
    if len(told) != len(pieces) or any(row["told"] for row in told):
        raise SystemExit(f"expected {len(pieces)} parts, got {told}")


def seconds(read: Any, given: list[str], parts: str) -> tuple[float, float]:
    """Read pictures; return processor and wall-clock seconds."""
    start_s, start_cpu_s = time.perf_counter(), cpu_s()
    read(given, parts)
    return cpu_s() - start_cpu_s, time.perf_counter() - start_s


def measured(cores: int, workers: int, names: list[str], options: Options, ray: Any) -> list[str]:
    """Return lines of the table: one process on so many cores, and so many workers."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])  # Ray and its workers inherit it
    sides = {
        f"one process of {counted(cores, 'thread')}": partial(by_affekt, shard="1/1", threads=cores),
        f"Ray, {counted(workers, 'worker')}": partial(by_affekt, engine="ray"),
        **({f"Ray Data, {counted(workers, 'worker')}": by_ray_data} if options.data else {}),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    start_s = time.perf_counter()
    ray.init(
        address="local", num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
    )
    began_s = time.perf_counter() - start_s
    for turn in tqdm(range(options.rounds + 1), desc=f"{workers} on {cores}"):
        for name, read in sides.items():  # the first turn is to get warm
            found[name].append(seconds(read, names, f"parts-{workers}-{turn}-{name}"))
    ray.shutdown()
    lines, first_ms = [], (0.0, 0.0)
    for name, times in found.items():
        each_ms = [1000 * statistics.median(side) / options.pictures for side in zip(*times[1:], strict=True)]
        more = [f"{ms / first - 1:+.1%}" if first else "" for ms, first in zip(each_ms, first_ms, strict=True)]
        start = f"{began_s:.1f}" if first_ms[0] else ""
        cells = [cores, name, f"{each_ms[0]:.1f}", more[0], f"{each_ms[1]:.1f}", more[1], start]
        lines.append(f"| {' | '.join(map(str, cells))} |")
        first_ms = first_ms if first_ms[0] else (each_ms[0], each_ms[1])
    return lines


def main() -> None:
    """Measure and print."""
    options = tyro.cli(Options, description=__doc__)
    needs = {"ray": 'pip install ".[ray]"'}
    needs |= {"pyarrow": "pip install pyarrow", "pandas": "pip install pandas"} if options.data else {}
    check("about 5 minutes at its defaults on two cores", out=options.out, needs=needs)
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    ray: Any = import_module("ray")
    there = os.sched_getaffinity(0)
    with kept_jobs(options.out, options) as jobs, tempfile.TemporaryDirectory() as name, chdir(name):
        write_folder(Path("pictures"), options.pictures)
        names, rows = packed(Path("pictures"), options.tars), list[str]()
        for cores, workers in ((1, 1), (2, 2), (2, 4)):
            os.sched_setaffinity(0, there)
            if cores <= len(there):
                measure = partial(measured, cores, workers, names, options, ray)
                rows += jobs.lines(measure)
    head = "| cores | what | processor ms per picture | against one process | wall-clock ms per picture | the same |"
    lines = [f"{head} started in s |", "|--:|---|--:|--:|--:|--:|--:|", *rows, ""]
    command = shlex.join(["python", "benchmarks/ray_overhead.py", *sys.argv[1:]])
    lines.append(
        f"`{command}`: {options.pictures:,} pictures, median of {counted(options.rounds, 'round')}; {processor()}, "
        f"{counted(len(there), 'core')}, Python {platform.python_version()}, Ray {ray.__version__}."
    )
    print("\n".join(lines))
    if options.out:
        with options.out.open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
