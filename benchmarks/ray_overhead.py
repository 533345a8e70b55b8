"""What Ray costs: one process against one and two of Ray's workers on the same pictures, at equal cores.

`python benchmarks/ray_overhead.py` (Linux). What counts is processor time, of all processes that a command starts with
Ray's own: other programs on the machine change it less than they change the clock's. A command costs so much to start,
and so much for each picture; two numbers of pictures tell both.
"""

import ctypes
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import tyro
from predict_pictures import write_folder
from tqdm import tqdm

SUBREAPER = 36
"""Linux's PR_SET_CHILD_SUBREAPER: what Ray leaves behind becomes a child of this process, which counts its time."""
SIDES = {
    "one process, 1 core": (1, ["--threads", "1", "--shard", "1/1"]),
    "Ray, 1 worker": (1, ["--ray"]),
    "one process, 2 cores": (2, ["--threads", "2", "--shard", "1/1"]),
    "Ray, 2 workers": (2, ["--ray"]),
}
"""Cores and options of what is compared: each Ray with the line before it. All write parts."""


@dataclass(frozen=True)
class Options:
    """What is measured.

    Args:
        pictures: files of 640x360 pixels with 3.5 faces each on average; and a third of them.
        rounds: how often each command is run; the median counts.
        out: a file to add the table to.
    """

    pictures: int = 300
    rounds: int = 3
    out: Path | None = None


def cpu_s(command: list[str], cores: int, folder: Path) -> float:
    """Run a command on so many cores; return the processor seconds of it and of all that it started."""
    usable = sorted(os.sched_getaffinity(0))[:cores]
    before = _seconds_of_children()
    with subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, usable),
    ) as run:
        assert run.stderr is not None
        said = run.stderr.read()
    if run.returncode:
        raise SystemExit(f"expected {' '.join(command)} to end well, got exit code {run.returncode}:\n{said}")
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return _seconds_of_children() - before


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(found: dict[tuple[str, int], list[float]], counts: tuple[int, int]) -> str:
    """Return the table of processor time: a picture's, and that of the start."""
    lines = ["| what | ms per picture | more than one process | start, s |", "|---|--:|--:|--:|"]
    plain_s = 0.0
    for name in SIDES:
        few_s, all_s = (statistics.median(found[name, count]) for count in counts)
        picture_s = (all_s - few_s) / (counts[1] - counts[0])
        if not name.startswith("Ray"):
            plain_s = picture_s
        more = f"{picture_s / plain_s - 1:+.1%}" if name.startswith("Ray") else ""
        lines.append(f"| {name} | {1000 * picture_s:.1f} | {more} | {few_s - counts[0] * picture_s:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    options = tyro.cli(Options, description=__doc__)
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    counts = (options.pictures // 3, options.pictures)
    found: dict[tuple[str, int], list[float]] = {(name, count): [] for name in SIDES for count in counts}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for count in counts:
            write_folder(place / f"pictures-{count}", count)
        turns = [(turn, *key) for turn in range(options.rounds) for key in found]
        for turn, side, count in tqdm(turns):
            cores, given = SIDES[side]
            parts = f"parts-{turn}-{count}-{side}"
            command = [sys.executable, "-m", "affekt", "predict", f"pictures-{count}", *given, "--out", parts]
            found[side, count].append(cpu_s([*command, "--runtime", "onnxruntime"], cores, place))
    text = f"{report(found, counts)}\n\nPython {platform.python_version()}, median of {options.rounds} rounds."
    print(text)
    if options.out:
        with options.out.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


if __name__ == "__main__":
    main()
