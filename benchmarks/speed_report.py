"""The page and the chart of the speed benchmark."""

import os
import platform
import shlex
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from environments import HERE
from frozen_training import cpu_model

from affekt.files import written_whole

REFERENCE = "EfficientNet-B0, 224 px, onnxruntime"
LIBRARIES = ("onnxruntime", "openvino", "torch", "numpy")


@dataclass
class Found:
    """What the benchmark found; medians over the turns."""

    call_s: dict[str, dict[int, float]] = field(default_factory=dict)
    """Seconds a call by crops a call, by system."""
    lost_points: dict[str, float] = field(default_factory=dict)
    """What int8 loses."""
    pictures_per_s: dict[str, float] = field(default_factory=dict)
    frames_per_s: dict[str, float] = field(default_factory=dict)
    crowds: dict[int, dict[str, float]] = field(default_factory=dict)
    """By faces a picture: faces found, seconds a picture."""
    many: dict[int, dict[str, float]] = field(default_factory=dict)
    """By pictures a run: seconds, peak memory."""
    floor: dict[str, Any] = field(default_factory=dict)
    accuracy: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """Value and 95 % interval, by system or by affekt's precision."""

    def crops_per_s(self, system: str) -> float:
        """Return the best throughput of a system."""
        return max(size / seconds for size, seconds in self.call_s[system].items())

    def accuracy_of(self, system: str) -> tuple[float, float, float] | None:
        """Return a system's accuracy: all runtimes of one affekt file share it, parity tests hold that."""
        return next((figure for name, figure in self.accuracy.items() if system.startswith(name)), None)


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table, all columns but the first to the right."""
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def crops_table(found: Found) -> str:
    """Return speed, latency and accuracy of every system."""
    reference = found.crops_per_s(REFERENCE)
    rows = []
    for name in sorted(found.call_s, key=found.crops_per_s, reverse=True):
        figure = found.accuracy_of(name)
        shown = f"{figure[0]:.3f} [{figure[1]:.3f}, {figure[2]:.3f}]" if figure else ""
        weights = "" if name.startswith(("affekt", "fer")) else " (random weights)"
        speed = found.crops_per_s(name)
        rows.append(
            [
                f"{name}{weights}",
                f"{speed:,.0f}",
                f"{1e3 * found.call_s[name][1]:.2f}",
                f"{speed / reference:.1f}",
                shown,
            ]
        )
    return table(["system", "crops/s", "one crop, ms", f"times {REFERENCE}", "accuracy"], rows)


def growth_tables(found: Found) -> str:
    """Return how the cost grows with crops a call, faces a picture and pictures a run."""
    ours = {name: calls for name, calls in found.call_s.items() if name.startswith("affekt")}
    sizes = sorted({size for calls in ours.values() for size in calls})
    crops = [[name] + [f"{1e3 * calls[size] / size:.3f}" for size in sizes] for name, calls in ours.items()]
    crowds = [
        [str(faces), f"{each['found']:.0f}", f"{1e3 * each['picture_s']:.1f}"] for faces, each in found.crowds.items()
    ]
    many = [
        [f"{count:,}", f"{each['seconds']:.2f}", f"{1e3 * each['seconds'] / count:.2f}", f"{each['peak_mb']:.0f}"]
        for count, each in found.many.items()
    ]
    return "\n\n".join(
        (
            "Milliseconds a crop, by crops a call:",
            table(["system", *map(str, sizes)], crops),
            "Faces in one 640 x 480 picture, detector included:",
            table(["faces", "found", "ms a picture"], crowds),
            "Pictures of one face in one run:",
            table(["pictures", "s", "ms a picture", "peak memory, MB"], many),
        )
    )


def floor_table(found: Found) -> str:
    """Return each stage's time beside the least that this processor needs for its arithmetic or its bytes."""
    rates = found.floor["multiply_adds_per_s"], found.floor["bytes_per_s"]
    rows = []
    for stage in found.floor["stages"]:
        arithmetic_s, memory_s = stage["multiply_adds"] / rates[0], stage["touched_bytes"] / rates[1]
        least_s = max(arithmetic_s, memory_s)
        rows.append(
            [
                stage["name"],
                f"{stage['multiply_adds'] / 1e6:.1f}",
                f"{stage['touched_bytes'] / 1e6:.2f}",
                f"{1e3 * least_s:.3f}",
                f"{1e3 * stage['measured_s']:.3f}",
                f"{stage['measured_s'] / least_s:.1f}",
            ]
        )
    header = ["stage, one face", "million multiply-adds", "MB", "floor, ms", "measured, ms", "times the floor"]
    return table(header, rows)


def page(found: Found, chart: str | None, *, load: float, arguments: list[str]) -> str:
    """Return the results page."""
    ends = table(
        ["from the file on", "pictures/s", "frames/s"],
        [
            [name, f"{speed:.1f}", f"{found.frames_per_s[name]:.1f}" if name in found.frames_per_s else ""]
            for name, speed in found.pictures_per_s.items()
        ],
    )
    whole = found.pictures_per_s["affekt's detector alone"] / found.pictures_per_s["affekt"]
    lost = ", ".join(f"{points:.2f} points of {name}" for name, points in found.lost_points.items())
    rates = found.floor["multiply_adds_per_s"] / 1e9, found.floor["bytes_per_s"] / 1e9
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES if _is_installed(name))
    peers = ", ".join(
        line
        for line in (HERE / "requirements-peers.txt").read_text().split()
        if line.startswith(("fer=", "deepf", "tensorf"))
    )
    return f"""# How fast affekt is, beside what people use today

Written by `benchmarks/speed.py`; [README.md](README.md) says what is and is not measured.

{crops_table(found)}

From uint8 crops to probabilities, at the best of the batch sizes tried; one crop: a call with one. int8 lost {lost}.
Accuracy, where given: FER+ PublicTest, majority rule, one crop, 95 % interval.
{f"![Accuracy against crops a second]({chart})" if chart else "No accuracy was measured: type `--data`."}

## Pictures and video, detector included

{ends}

The whole of affekt takes {whole:.2f} times its detector alone.

## How the cost grows

{growth_tables(found)}

## The floor

{floor_table(found)}

numpy's matrix product reaches {rates[0]:.0f} billion float32 multiply-adds a second on all cores, and a copy
{rates[1]:.1f} GB/s.

## How it was measured

* Machine: {cpu_model()}, {len(os.sched_getaffinity(0))} cores; load average before the start {load:.2f}
* Versions: python {platform.python_version()}, {versions}; peers: {peers}
* Command: `python benchmarks/speed.py {shlex.join(arguments)}`
* When: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC
"""


def _is_installed(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


def write_chart(found: Found, path: Path) -> None:
    """Draw accuracy against crops a second, every system that has both."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for name in found.call_s:
        accuracy = found.accuracy_of(name)
        if accuracy is None:
            continue
        value, low, high = accuracy
        speed = found.crops_per_s(name)
        axes.errorbar(speed, value, [[value - low], [high - value]], fmt="o", capsize=3)
        axes.annotate(name, (speed, value), xytext=(6, 4), textcoords="offset points", fontsize=8)
    axes.set_xscale("log")
    axes.set_xlabel("crops a second")
    axes.set_ylabel("accuracy, FER+ PublicTest")
    axes.margins(x=0.25)
    axes.grid(alpha=0.3)
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="svg")
    plt.close(figure)


def write_report(found: Found, out: Path, *, load: float, arguments: list[str]) -> None:
    """Write the page and, where accuracy was measured, its chart beside it; print the page."""
    chart = out.with_suffix(".svg") if found.accuracy else None
    if chart is not None:
        write_chart(found, chart)
    text = page(found, chart.name if chart else None, load=load, arguments=arguments)
    print(text)
    with written_whole(out) as temporary:
        temporary.write_text(text)
