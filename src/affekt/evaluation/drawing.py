"""How the report's charts look, and how matplotlib's SVG becomes part of a page that has a light and a dark face."""

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from affekt.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

INK, FAINT, PAPER = "#010203", "#010204", "#010205"
"""Stand-ins for the page's colours of text, of hairlines and of the ground; `render` swaps them for CSS variables."""
ACCENT, SECOND = "#2f74c0", "#d9822b"

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "affekt",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.5,
}


Paint = Callable[["Canvas"], None]
"""Draws on an empty matplotlib figure."""


def render(paint: Paint, name: str, size: tuple[float, float] = (4.4, 3.6)) -> str:
    """Draw a chart and return it as an SVG element for a page.

    Args:
        paint: draws the chart.
        name: unique in the page; it prefixes the ids in the SVG.
        size: width and height in inches of 72 CSS pixels; the page scales the chart to its column.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure as Canvas
    except ImportError as error:
        raise MissingExtra("matplotlib", "evaluate") from error
    # The rc context keeps this chart's look out of whatever else the process draws.
    with mpl.rc_context(STYLE):
        canvas = Canvas(figsize=size, layout="constrained")
        paint(canvas)
        buffer = io.StringIO()
        canvas.savefig(buffer, format="svg", dpi=216, metadata={"Date": None, "Creator": None})
    return _for_page(buffer.getvalue(), name)


def _for_page(svg: str, name: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"|(<svg[^>]*?) height="[^"]*"', r"\1\2", svg, count=1)
    svg = re.sub(r"font: ([\d.]+px|[^;\"]*? ?[\d.]+px) [^;\"]*", r"font: \1 var(--sans)", svg)
    for stand_in, variable in ((INK, "ink"), (FAINT, "faint"), (PAPER, "paper")):
        svg = svg.replace(stand_in, f"var(--{variable})")
    return svg.strip()
