"""Whole runs of the reference recipes: affekt against Keras, on one machine, on the same JPEG files, by turns.

The backbone is frozen. Keras passes every picture through it in every epoch; affekt does so once and trains on the
features. What is timed begins with files on disk and ends with the trained network; starting the process, importing
libraries and a warm-up on 16 pictures (which traces Keras's graph) come before on both sides.
Weights are random: none are downloaded, and speed does not depend on them.
"""

import io
import os
import platform
import shlex
import statistics
import sys
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import tyro
from before import check
from environments import python_of
from jobs import Jobs, kept_jobs
from PIL import Image
from speed_found import held
from tqdm import tqdm

from affekt.files import written_whole
from affekt.labels import LABELS
from affekt.models.runtimes import openvino_has_bf16
from drawn_faces import drawn_manifest

HERE = Path(__file__).resolve().parent
BATCH_SIZE = 128
AIM = 30
"""How many times as fast as Keras affekt should be."""
PICTURES = {"efficientnetv2b0": 1024, "mobilenetv2": 1024, "xception": 512, "vgg16-va": 256}
"""Training pictures of each recipe, meant to keep all recipes together near ten minutes on two fast cores."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    recipes: tuple[str, ...] = ("efficientnetv2b0", "mobilenetv2", "xception")
    """Reference recipes; vgg16-va is known too, and slow."""
    pictures: int = 0
    """Training pictures, whole batches of 128; a quarter as many validate. 0 takes 1,024, and 512 of Xception."""
    epochs: int = 15
    """Epochs; early stopping is off on both sides."""
    repetitions: int = 1
    """Runs of each side, by turns; tables show medians."""
    seed: int = 0
    """Decides the pictures, the first weights and the order."""
    out: Path = HERE / "results-training.md"
    """Where the table goes."""


@dataclass(frozen=True)
class Side:
    """One of those that are compared."""

    python: Path
    script: str
    precision: str = "fp32"


@dataclass(frozen=True)
class Measurement:
    """The runs of one recipe."""

    recipe: str
    training: int
    validation: int
    seconds: dict[str, list[float]]
    """Seconds of every run, by side: `affekt`, `affekt bf16` where the processor has it, and `keras`."""


def write_pictures(count: int, seed: int, folder: Path) -> list[dict[str, Any]]:
    """Draw faces into JPEG files of 224 x 224 pixels, and return each one's path and targets."""
    people = max(3, -(-count // 16))
    manifest = drawn_manifest(identities=people, pictures_per_identity=16, size=224, seed=seed)
    manifest = manifest.sample(count, shuffle=True, seed=seed)
    rows = []
    for number, row in enumerate(manifest.iter_rows(named=True)):
        path = folder / f"{number:05d}.jpg"
        Image.open(io.BytesIO(row["image"])).save(path, quality=92)
        rows.append({"path": str(path), **{name: row[name] for name in ("emotion", "valence", "arousal")}})
    return rows


def sides_here() -> dict[str, Side]:
    """Return who is compared. Ours is the Python that this runs in, at bf16 too where the processor computes in it."""
    ours = Side(Path(sys.executable), "affekt_fit.py")
    half = {"affekt bf16": replace(ours, precision="bf16")} if openvino_has_bf16() else {}
    return {"affekt": ours, **half, "keras": Side(python_of("keras"), "keras_fit.py")}


def measure(options: Options, sides: dict[str, Side], jobs: Jobs) -> tuple[list[Measurement], dict[str, str]]:
    """Run every recipe on every side, by turns, and return the measurements and the libraries' versions."""
    measurements, versions = [], {"python": platform.python_version()}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        counts = {recipe: options.pictures or PICTURES[recipe] for recipe in options.recipes}
        pictures = write_pictures(max(counts.values()) * 5 // 4, options.seed, folder)
        turns = tqdm(total=len(sides) * options.repetitions * len(counts), unit="run")
        for recipe, training in counts.items():
            rows = pictures[: training * 5 // 4]
            job = {"recipe": recipe, "epochs": options.epochs, "seed": options.seed, "batch_size": BATCH_SIZE}
            job |= {"labels": LABELS, "train": rows[:training], "val": rows[training:]}
            seconds: dict[str, list[float]] = {name: [] for name in sides}
            for repetition in range(options.repetitions):
                for name in list(sides)[:: 1 if repetition % 2 == 0 else -1]:
                    turns.set_description(f"{recipe} in {name}")
                    side = sides[name]
                    result = jobs.run(side.python, side.script, {**job, "precision": side.precision}, folder)
                    seconds[name].append(result["seconds"])
                    versions |= result["versions"]
                    turns.update()
            measurements.append(Measurement(recipe, training, len(rows) - training, seconds))
        turns.close()
    return measurements, versions


def cpu_model() -> str:
    """Return the processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def table(measurements: list[Measurement], epochs: int) -> pl.DataFrame:
    """Return a row per recipe and each of our sides: medians, pictures per second over the whole run, the ratio."""
    rows = []
    for one in measurements:
        seconds = {name: statistics.median(values) for name, values in one.seconds.items()}
        keras_s = seconds.pop("keras")
        passes = (one.training + one.validation) * epochs
        for name, ours_s in seconds.items():
            rows.append(
                {
                    "recipe": one.recipe,
                    "precision": "bf16" if name.endswith("bf16") else "fp32",
                    "pictures (train + val)": f"{one.training} + {one.validation}",
                    "Keras, s": f"{keras_s:.1f}",
                    "affekt, s": f"{ours_s:.2f}",
                    "Keras, pictures/s an epoch": f"{passes / keras_s:.1f}",
                    "affekt, pictures/s an epoch": f"{passes / ours_s:.0f}",
                    "times as fast": f"{keras_s / ours_s:.1f}",
                    "aim": held(keras_s / ours_s, AIM, least=True),
                }
            )
    return pl.DataFrame(rows)


def report(options: Options, measurements: list[Measurement], versions: dict[str, str], load: float) -> str:
    """Return the results page."""
    frame = table(measurements, options.epochs)
    lines = [" | ".join(frame.columns), " | ".join("---" for _ in frame.columns)]
    lines += [" | ".join(row) for row in frame.iter_rows()]
    runs = [
        f"* {one.recipe}: "
        + "; ".join(f"{name} {', '.join(f'{s:.2f}' for s in one.seconds[name])} s" for name in one.seconds)
        for one in measurements
    ]
    of_runs = "of one run a side"
    if options.repetitions > 1:
        of_runs = f"medians of {options.repetitions} runs a side, by turns"
    return f"""# Whole runs of the reference recipes, affekt against Keras

Written by `benchmarks/frozen_training.py`; [README.md](README.md) says what is and is not timed.

{chr(10).join(f"| {line} |" for line in lines)}

{options.epochs} epochs, batches of {BATCH_SIZE}, 224 px, frozen backbone, random weights. Precision is affekt's,
`--precision`: its default is fp32, bf16 is measured where the processor computes in it. Keras computes in fp32.
Seconds are {of_runs}, from JPEG files on disk to the trained
network. All epochs were run on all sides; nothing is extrapolated. Each run:

{chr(10).join(runs)}

* Machine: {cpu_model()}, {len(os.sched_getaffinity(0))} cores; load average before the start {load:.2f}
* Versions: {", ".join(f"{name} {version}" for name, version in versions.items())}
* Command: `python benchmarks/frozen_training.py {shlex.join(sys.argv[1:])}`, seed {options.seed}
* When: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC
"""


def main() -> None:
    """Measure, print the table and write the page."""
    options = tyro.cli(Options, description=__doc__)
    unknown = [recipe for recipe in options.recipes if recipe not in PICTURES]
    if unknown:
        raise SystemExit(f"expected --recipes among {' '.join(PICTURES)}, got {unknown[0]}; choose one of these")
    if options.pictures < 0 or (options.pictures > BATCH_SIZE and options.pictures % BATCH_SIZE):
        # Keras trains on an incomplete last batch, affekt leaves it for another epoch.
        raise SystemExit(f"expected --pictures in whole batches of {BATCH_SIZE}, got {options.pictures}; type 256")
    takes = "eleven minutes at its defaults on two AVX-512 cores, and two more the first time"
    check(takes, out=options.out, disk_gb=2, detector=False)
    sides = sides_here()
    load = os.getloadavg()[0]
    with kept_jobs(options.out, options) as jobs:
        measurements, versions = measure(options, sides, jobs)
        page = report(options, measurements, versions, load)
        with written_whole(options.out) as temporary:
            temporary.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
