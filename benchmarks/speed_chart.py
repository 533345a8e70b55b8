"""The chart of the speed benchmark: accuracy against crops per second, each point with its name."""

import statistics
from pathlib import Path
from typing import Any

from speed_found import OURS, Found

from affekt.files import written_whole

COLOURS = {"affekt-fast": "#d9503f", OURS: "#2f74c0", "fer": "#b07d00"}
OTHER = "#59636e"
MARKERS = {"fp32": "o", "fp16": "D", "int8": "s"}
"""By precision; systems that name none have a triangle."""


def write_chart(found: Found, path: Path) -> None:
    """Draw every system in its fastest runtime; those with random weights, whose accuracy says nothing, in a strip."""
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas
    from matplotlib.ticker import LogLocator, NullFormatter

    style: Any = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
    with mpl.rc_context(style), written_whole(path) as temporary:
        canvas = Canvas(figsize=(8, 4.5), layout="constrained")
        axes, strip = canvas.subplots(2, sharex=True, height_ratios=(7, 1))
        names = _in_fastest_runtime(found)
        better = _better_half(found, names)
        worse = [name for name in names if name not in better]
        for place, name in (*enumerate(better), *enumerate(worse)):
            _draw_point(axes, strip, found, name, (name in better, place % 2))
        axes.set(ylabel="accuracy on FER+ PublicTest", xscale="log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        # Both rows share the axis: the narrower margin of the two would cut off the outermost names.
        axes.margins(x=0.15, y=0.2)
        strip.margins(x=0.15)
        axes.legend(handles=_legend(), loc="lower left", frameon=False, fontsize=9)
        axes.grid(alpha=0.3)
        axes.tick_params(bottom=False, which="both")
        label = "faces per second, already cut out (to the right: faster)"
        strip.set(xlabel=label, ylim=(-1, 1), yticks=[0], yticklabels=["random\nweights"])
        canvas.savefig(temporary, format="png", dpi=150)


def _legend() -> list[Any]:
    """Return what the shapes and the lines mean."""
    from matplotlib.lines import Line2D

    shapes = {f"affekt in {word}": marker for word, marker in MARKERS.items()} | {"other tools": "^"}
    handles = [Line2D([], [], marker=marker, color=OTHER, ls="", label=label) for label, marker in shapes.items()]
    return [*handles, Line2D([], [], marker="|", ms=12, mew=1.5, color=OTHER, ls="", label="95 % interval")]


def _in_fastest_runtime(found: Found) -> list[str]:
    """Return one name per file: that of its fastest runtime; the fastest first."""
    fastest: dict[str, str] = {}
    for name in sorted(found.calls, key=found.crops_per_s, reverse=True):
        fastest.setdefault(name.partition(",")[0], name)
    return list(fastest.values())


def _better_half(found: Found, names: list[str]) -> list[str]:
    """Return those that are at least as accurate as the middle one: their names stand above their points."""
    accuracies = {name: figure[0] for name in names if (figure := found.accuracy_of(name))}
    return [name for name, accuracy in accuracies.items() if accuracy >= statistics.median(accuracies.values())]


def _draw_point(axes: Any, strip: Any, found: Found, name: str, label: tuple[bool, int]) -> None:
    accuracy, speed, short = found.accuracy_of(name), found.crops_per_s(name), name.partition(",")[0]
    colour = next((colour for start, colour in COLOURS.items() if short.split()[0] == start), OTHER)
    marker = next((marker for word, marker in MARKERS.items() if word in short), "^")
    if accuracy is None:
        strip.plot(speed, 0, marker, color=colour, clip_on=False)
        strip.annotate(short, (speed, 0), (7, 0), textcoords="offset points", fontsize=9, va="center")
        return
    value, low, high = accuracy
    axes.errorbar(speed, value, [[value - low], [high - value]], fmt=marker, color=colour, mec="white", ms=9)
    is_above, step = label
    distance = 5 + 13 * step  # neighbours' names take turns, near and farther off, so that none covers another
    end, offset, side = (high, distance, "bottom") if is_above else (low, -distance, "top")
    axes.annotate(
        short, (speed, end), (0, offset), textcoords="offset points", fontsize=9, ha="center", va=side, color=colour
    )
