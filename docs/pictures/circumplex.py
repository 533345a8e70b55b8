"""Make this folder's picture of the circumplex: where the words of the eight expressions lie on it.

    python docs/pictures/circumplex.py

The points are the published norms of the words, `affekt.data.importers.ferplus.NORMS`. Needs `affekt[evaluate]`.
"""

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Circle

from affekt.data.importers.ferplus import NORMS
from affekt.labels import EXPRESSION_COLOURS

HERE = Path(__file__).parent
NAMES: dict[str, tuple[str, tuple[float, float]]] = {
    "neutral": ("left", (9, -11)),
    "fear": ("center", (0, -14)),
    "contempt": ("right", (-9, 0)),
    "happiness": ("right", (-9, 0)),
    "surprise": ("right", (-9, 0)),
}
"""Where a name stands beside its point, in points, if not to the right: so that no two touch."""
INK, FAINT = "#1f2328", "#d0d7de"


def main() -> None:
    """Draw and save the picture."""
    canvas = Figure(figsize=(6, 5.4), facecolor="white")
    axes = canvas.add_axes((0.17, 0.08, 0.66, 0.84))
    axes.set(xlim=(-1.02, 1.02), ylim=(-1.02, 1.02), aspect="equal")
    axes.set_axis_off()
    axes.add_patch(Circle((0, 0), 1, facecolor="#f6f8fa", edgecolor=FAINT, linewidth=1.5))
    axes.plot([-1, 1], [0, 0], [0, 0], [-1, 1], color=FAINT, linewidth=1.2)
    ends = ((0, 1.1, "aroused, +1"), (0, -1.1, "calm, -1"), (1.2, 0, "pleasant\n+1"), (-1.25, 0, "unpleasant\n-1"))
    for x, y, text in ends:
        axes.text(x, y, text.replace("-1", "\N{MINUS SIGN}1"), ha="center", va="center", color=INK, fontsize=11)
    for name, (valence, arousal) in NORMS.items():
        axes.plot(valence, arousal, "o", color=EXPRESSION_COLOURS[name], markersize=11, markeredgecolor="white")
        side, offset = NAMES.get(name, ("left", (9, 0)))
        axes.annotate(
            name, (valence, arousal), offset, textcoords="offset points", ha=side, va="center", fontsize=11, color=INK
        )
    axes.annotate("valence", (0.98, -0.06), ha="right", va="center", fontsize=10, color="#59636e")
    axes.annotate("arousal", (-0.04, 0.97), ha="right", va="top", fontsize=10, color="#59636e")
    canvas.savefig(HERE / "circumplex.png", dpi=130)


if __name__ == "__main__":
    main()
