"""How much of a picture's time holds Python's lock, and what that costs: `python benchmarks/interpreter_lock.py`.

py-spy (`pip install py-spy`, MIT) looks at a process that reads pictures on one thread, and notes at each look whether
the thread holds the lock. The share s of looks at which it does bounds the threads of one process (Amdahl 1967): n
cores do the work of 1 / (s + (1 - s) / n). A share is a ratio, so that other programs on the machine hardly change it;
pictures per second they do change, and those are of a core's own time. Ctrl-C ends it.
"""

import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import tyro
from before import check
from predict_pictures import write_folder

from affekt.analysis.analyzer import Analyzer
from affekt.analysis.options import AnalyzerOptions

CORES = (4, 16, 64)
MOST_LOST = 0.1
"""Of the cores' time, at which a second process is worth starting."""


@dataclass(frozen=True)
class Options:
    """What is measured.

    Args:
        seconds: for which the process is looked at.
        rate: looks a second.
        pictures: files of 640x360 pixels with 3.5 faces each on average, read again and again.
        model: a model that comes with affekt, or a model folder.
        out: a file to add the result to.
    """

    seconds: int = 60
    rate: int = 50
    pictures: int = 60
    model: str = "affekt"
    out: Path | None = None


def work(folder: str, model: str) -> None:
    """Read the pictures of a folder again and again on one thread, and tell how much processor time each took."""
    names = sorted(map(str, Path(folder).iterdir()))
    analyzer = Analyzer(model, AnalyzerOptions(threads=1, runtime="onnxruntime"))
    analyzer.analyze(names[:2])
    while True:
        start_s, done = time.process_time(), 0
        for answer in analyzer.answers(names):
            done += answer.ends
        print((time.process_time() - start_s) / done, flush=True)


def samples(process: int, options: Options, where: Path) -> Counter[bool]:
    """Return at how many looks a thread worked with the lock (True), and at how many at all (False)."""
    stacks = where / "stacks.txt"
    spy = ["py-spy", "record", "--pid", str(process), "--format", "raw", "--output", str(stacks), "--nonblocking"]
    found = Counter[bool]()
    for has_lock in (True, False):
        command = [*spy, "--duration", str(options.seconds // 2), "--rate", str(options.rate)]
        subprocess.run([*command, *(["--gil"] if has_lock else [])], check=True, capture_output=True)
        found[has_lock] = sum(int(line.rpartition(" ")[2]) for line in stacks.read_text(encoding="utf-8").splitlines())
    return found


def speedup(share: float, cores: int) -> float:
    """Return how many cores' work one process does on so many cores."""
    return 1 / (share + (1 - share) / cores)


def report(share: float, looks: int, picture_s: float, options: Options) -> str:
    """Return the result as Markdown."""
    rate = 1 / picture_s
    most = max(1, math.floor((1 / (1 - MOST_LOST) - 1) / share + 1)) if share else max(CORES)
    lines = [
        f"{options.model}, Python {platform.python_version()}: the lock is held for {share:.1%} of a picture's time "
        f"({looks:,} looks); {rate:.1f} pictures per second of one core.",
        "",
        "| cores | one process, pictures/s at most | of the cores used | a process per "
        f"{most} cores, pictures/s at most | of the cores used |",
        "|--:|--:|--:|--:|--:|",
    ]
    for cores in CORES:
        one, several = speedup(share, cores), cores / most * speedup(share, most)
        lines.append(
            f"| {cores} | {one * rate:.0f} | {one / cores:.0%} | {several * rate:.0f} | {several / cores:.0%} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    options = tyro.cli(Options, description=__doc__)
    takes, needs = f"{options.seconds} s, and some to draw the pictures", {"py-spy": "pip install py-spy"}
    check(takes, models=[options.model], out=options.out, needs=needs)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pictures"
        write_folder(folder, options.pictures)
        command = [sys.executable, __file__, "--work", str(folder), options.model]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as reader:
            assert reader.stdout is not None
            try:
                picture_s = float(reader.stdout.readline())  # it is at work
                found = samples(reader.pid, options, Path(name))
            finally:
                reader.terminate()
    share = found[True] / max(1, found[False])
    text = report(share, found[False], picture_s, options)
    print(text)
    if options.out:
        with options.out.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(*sys.argv[2:4])
    else:
        main()
