"""What the speed benchmark found, and what follows from it: rates, straight lines, the aims."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

REFERENCE = "EfficientNet-B0, 224 px, onnxruntime"
OURS = "affekt"
DETECTOR = "affekt's detector alone, pictures decoded before"
DECODED = "affekt's decoder and detector alone"
STRAIGHT = 0.15
"""How far from a straight line through its ends a measurement may lie, as a fraction of itself, and count as on it."""

Figure = tuple[float, float, float]
"""A value and its 95 % interval."""


@dataclass
class Found:
    """What the benchmark found; medians over the turns."""

    calls: dict[str, dict[int, dict[str, float]]] = field(default_factory=dict)
    """By system and crops per call: seconds a call, `s`, and peak memory of the process so far, `peak_mb`."""
    multiply_adds: dict[str, float] = field(default_factory=dict)
    """A crop's, of affekt's models and of REFERENCE."""
    lost_points: dict[str, dict[str, float]] = field(default_factory=dict)
    """What int8 loses, by model."""
    shipped: list[str] = field(default_factory=list)
    """What affekt's own files are called among the systems, without their runtime; the default model first."""
    pictures: dict[str, dict[str, float]] = field(default_factory=dict)
    """By system: `s` a picture, and where measured `frame_s` a frame and `faces` found per picture."""
    crowds: dict[int, dict[str, float]] = field(default_factory=dict)
    """By faces per picture: `faces` found, `s` a picture, `peak_mb`."""
    many: dict[int, dict[str, float]] = field(default_factory=dict)
    """By pictures per run: `s`, `peak_mb`."""
    floor: dict[str, Any] = field(default_factory=dict)
    """Rates of one core and the stages on it."""
    accuracy: dict[str, Figure] = field(default_factory=dict)
    """By system; affekt's without their runtime."""

    def crops_per_s(self, system: str) -> float:
        """Return the best throughput of a system."""
        return max(size / call["s"] for size, call in self.calls[system].items())

    def accuracy_of(self, system: str) -> Figure | None:
        """Return a system's accuracy: all runtimes of one affekt file share it, parity tests hold that."""
        return next((figure for name, figure in self.accuracy.items() if system.startswith(name)), None)

    def ours(self) -> list[str]:
        """Return affekt's files and runtimes, the fastest first."""
        return sorted((name for name in self.calls if name.startswith(OURS)), key=self.crops_per_s, reverse=True)


def held(value: float, aim: float, *, least: bool = False) -> str:
    """Return an aim and whether a value reached it: at most the aim or, with `least`, at least."""
    reached = value >= aim if least else value <= aim
    return f"{aim:g}: {'reached' if reached else '**missed**'}"


@dataclass(frozen=True)
class Aim:
    """One aim: what was wanted, what was found, and why where it was missed."""

    wanted: str
    found: str
    reached: bool
    why: str


def aims(found: Found, cores: int) -> list[Aim]:
    """Hold what was found against the aims; each reason is computed from what was measured."""
    return [_many_crops(found, cores), _one_crop(found, cores), _pipeline(found), *_accuracy(found)]


def _many_crops(found: Found, cores: int) -> Aim:
    reference = found.crops_per_s(REFERENCE)
    ratios = {name: found.crops_per_s(name) / reference for name in found.ours()}
    best = max(ratios, key=ratios.__getitem__)
    multiply_adds = found.multiply_adds[best.split()[0]]
    fewer = found.multiply_adds[REFERENCE] / multiply_adds
    most = cores * found.floor["multiply_adds_per_s"] / multiply_adds
    why = (
        f"{best.split()[0]} has {multiply_adds / 1e6:.0f} million multiply-adds per crop, {fewer:.1f} times fewer than "
        f"EfficientNet-B0, and {best} does {ratios[best] / fewer:.1f} times as many of them per second. At the matrix "
        f"rate of all {cores} cores, float32 would reach {most:,.0f} crops/s, {most / reference:.0f} times "
        "EfficientNet-B0. The aim needs a smaller network, or a processor with instructions for few bits."
    )
    wanted = "30 times EfficientNet-B0's crops/s"
    return Aim(wanted, _best_and_shipped(found, best, ratios, "{:.1f} times"), ratios[best] >= 30, why)


def _one_crop(found: Found, cores: int) -> Aim:
    milliseconds = {name: 1e3 * found.calls[name][1]["s"] for name in found.ours()}
    best = min(milliseconds, key=milliseconds.__getitem__)
    least = 1e3 * found.multiply_adds[best.split()[0]] / found.floor["multiply_adds_per_s"] / cores
    why = (
        f"at the matrix rate of all {cores} cores, and nothing lost in sharing one crop out, its multiply-adds alone "
        f"take {least:.2f} ms in float32."
    )
    said = _best_and_shipped(found, best, milliseconds, "{:.2f} ms")
    return Aim("one crop in under 1 ms", said, milliseconds[best] < 1, why)


def _pipeline(found: Found) -> Aim:
    alone_s, decoded_s = found.pictures[DETECTOR]["s"], found.pictures[DECODED]["s"]
    seconds = {name: each["s"] for name, each in found.pictures.items() if name.split()[0] in found.multiply_adds}
    ratios = {name: each_s / alone_s for name, each_s in seconds.items()}
    best = min(ratios, key=ratios.__getitem__)
    listed = ", ".join(f"{stage['name']} {1e3 * stage['measured_s']:.2f}" for stage in found.floor["stages"])
    why = (
        f"one face takes, in ms of one core: {listed}. Decoding alone makes it "
        f"{decoded_s / alone_s:.2f} times; with decoding on both sides {best} takes {seconds[best] / decoded_s:.2f}."
    )
    wanted = "a picture from its file on within 1.3 times the detector alone"
    return Aim(wanted, _best_and_shipped(found, best, ratios, "{:.2f} times"), ratios[best] <= 1.3, why)


def _best_and_shipped(found: Found, best: str, figures: dict[str, float], shown: str) -> str:
    said = f"{shown.format(figures[best])} ({best})"
    if best.startswith(found.shipped[0]):
        return said
    shipped = next(name for name in figures if name.startswith(found.shipped[0]))
    return f"{said}; the default {shown.format(figures[shipped])} ({shipped})"


def _accuracy(found: Found) -> list[Aim]:
    if not found.accuracy:
        return []
    ours = found.ours()[0]
    mine = found.accuracy_of(ours)
    assert mine is not None
    name, (theirs, *_) = max(
        (item for item in found.accuracy.items() if not item[0].startswith(OURS)), key=lambda item: item[1][0]
    )
    said = f"{mine[0]:.3f} ({ours}), {theirs:.3f} ({name})"
    wanted = "higher FER+ accuracy than any other tool measured"
    return [Aim(wanted, said, mine[0] > theirs, "the table above has all.")]


def line_of(points: dict[int, float]) -> tuple[float, float]:
    """Return the slope of the straight line through the first and the last point, and the largest departure from it.

    Args:
        points: what was measured, by size.

    Returns:
        The slope, and the largest distance of a point from the line, as a fraction of the point.
    """
    sizes = np.array(sorted(points))
    values = np.array([points[size] for size in sizes])
    slope = (values[-1] - values[0]) / (sizes[-1] - sizes[0]) if len(sizes) > 1 else 0.0
    line = values[0] + slope * (sizes - sizes[0])
    return float(slope), float(np.max(np.abs(values - line) / values))


@dataclass(frozen=True)
class Growth:
    """How time or memory grows from the smallest to the largest count."""

    first: int
    last: int
    further: float
    """What each further one costs: the slope of the line through both ends."""
    off: float
    """The largest departure from that line, as a fraction of what was measured."""

    @property
    def straight(self) -> bool:
        """Whether it grows in a straight line."""
        return self.off <= STRAIGHT


def growth(measured: dict[int, dict[str, float]], figure: str) -> Growth:
    """Return how a figure, `s` or `peak_mb`, grows with the count it was measured by."""
    slope, off = line_of({size: each[figure] for size, each in measured.items()})
    return Growth(min(measured), max(measured), slope, off)
