"""The chart of the speed benchmark: accuracy against crops a second."""

from pathlib import Path
from typing import Any

from speed_found import Found, short

from affekt.files import written_whole

COLOURS = {
    "affekt fp32": "#2f74c0",
    "affekt fp16": "#3fb4d8",
    "affekt int8": "#2f9e6e",
    "affekt-fast fp32": "#5b3a86",
    "affekt-fast fp16": "#9a63c9",
    "affekt-fast int8": "#d9503f",
    "fer": "#e0a100",
}
OTHER = "#59636e"
MARKERS = {"onnxruntime": "o", "openvino": "s", "cuda": "^", "TFLite": "D"}


def write_chart(found: Found, path: Path) -> None:
    """Draw every system; those with random weights, whose accuracy says nothing, in a strip below."""
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas
    from matplotlib.ticker import LogLocator, NullFormatter

    style: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}
    with mpl.rc_context(style), written_whole(path) as temporary:
        canvas = Canvas(figsize=(8, 4), layout="constrained")
        axes, strip = canvas.subplots(2, sharex=True, height_ratios=(7, 1))
        for name in sorted(found.calls, key=found.crops_per_s, reverse=True):
            accuracy, speed = found.accuracy_of(name), found.crops_per_s(name)
            colour = next((colour for start, colour in COLOURS.items() if name.startswith(start)), OTHER)
            marker = next((marker for word, marker in MARKERS.items() if word in name), "v")
            if accuracy is None:
                strip.plot(speed, 0, marker, color=colour, clip_on=False)
                strip.annotate(name, (speed, 0), (7, 0), textcoords="offset points", fontsize=8, va="center")
                continue
            value, low, high = accuracy
            spread = [[value - low], [high - value]]
            axes.errorbar(speed, value, spread, fmt=marker, color=colour, mec="white", ms=8, label=name)
        axes.set(ylabel="accuracy, FER+ PublicTest, 95 % interval", xscale="log")
        axes.yaxis.set_major_formatter(lambda value, _: short(value, 2))
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(x=0.15)
        axes.grid(alpha=0.3)
        axes.tick_params(bottom=False, which="both")
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
        strip.set(xlabel="crops a second", ylim=(-1, 1), yticks=[0], yticklabels=["random\nweights"])
        canvas.savefig(temporary, format="png", dpi=150)
