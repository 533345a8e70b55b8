"""CPU time of a crop on one core, by model folder, runtime and crops per call: python benchmarks/crop_cpu.py MODEL ...

CPU time says much on a machine that other work shares, where seconds say little.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from before import check

from affekt.models.card import ONNX_FILE, read_card
from affekt.models.runtimes import installed_runtimes, open_engine


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    models: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Model folders with inputs of one size, as `affekt export` writes them."""
    sizes: tuple[int, ...] = (1, 8, 16, 64, 128)
    """Crops a call."""
    rounds: int = 4
    """Rounds over everything; the first is not counted, of the others the least is shown."""


def cpu_s(call: Callable[[], object]) -> float:
    """Return the CPU seconds of a call, all threads together."""
    start_s = time.process_time()
    call()
    return time.process_time() - start_s


def main() -> None:
    """Measure and print."""
    options = tyro.cli(Options, description=__doc__)
    if not options.models:
        sys.exit("expected model folders, got none; type: affekt export affekt --out fp32, and name fp32")
    check("a minute or less for two models", models=options.models, disk_gb=0, detector=False)
    wanted, *others = (read_card(folder).preprocessing for folder in options.models)
    sizes = {(each.channels, each.input_size) for each in (wanted, *others)}
    if len(sizes) > 1:
        sys.exit(f"expected models with inputs of one size, got {sorted(sizes)}; name those of each size by themselves")
    shape = (max(options.sizes), wanted.channels, wanted.input_size, wanted.input_size)
    faces = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    side = np.ones((768, 768), np.float32)
    engines = {
        f"{folder.name}, {runtime}": open_engine(folder / ONNX_FILE, runtime, threads=1)
        for folder in options.models
        for runtime in installed_runtimes()
    }
    least: dict[tuple[str, int], float] = {}
    matrix_s = float("inf")
    for number in range(options.rounds):
        matrix_s = min(matrix_s, cpu_s(lambda: side @ side))
        for name, engine in engines.items():
            for size in options.sizes:
                calls = max(1, 16 // size)
                spent = [cpu_s(lambda engine=engine, size=size: engine(faces[:size])) / size for _ in range(calls)]
                if number:
                    least[name, size] = min([*spent, least.get((name, size), float("inf"))])
    print(f"numpy's matrix product: {len(side) ** 3 / matrix_s / 1e9:.1f} billion multiply-adds a CPU second")
    print("CPU ms per crop, by crops per call")
    for name in engines:
        print(f"{name}: " + ", ".join(f"{size}: {1e3 * least[name, size]:.2f}" for size in options.sizes))


if __name__ == "__main__":
    main()
