"""Timelines for papers: one figure per person, as PNG or PDF, at the width of a column."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from affekt.analysis.inputs import called, place_below, shown
from affekt.analysis.timeline import LINE_COLOURS, ROUND_STEPS_S, clock
from affekt.errors import needs_extra
from affekt.faces.kinds import WRITER
from affekt.files import written_whole
from affekt.labels import colours_of, labels_of_columns, probability_columns
from affekt.people.markers import INTERVAL
from affekt.people.page import People, lines_of
from affekt.people.rows import PERSON
from affekt.terminal import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENDINGS = ("png", "pdf")
FOLDER = "figures"
WIDTH_IN, DOTS_PER_INCH = 85 / 25.4, 300
"""A column of most journals, in inches."""
BANDS_IN, LINES_IN, AROUND_IN = 0.95, 0.75, 0.85
"""Heights of the bands, of the lines, and of what stands above, between and below them."""
MOST_BINS, MOST_TICKS = 600, 6
LETTERS_WIDE = 55
"""Letters of a marker's name for which the figure has room from left to right."""
LEAST_SHARE = 0.99
"""Of the time: who was seen for less has grey to be seen and named."""
UNSEEN, DOUBT, INK = "#e4e4e4", "#8a8a8a", "#222222"
CUT: Any = {"color": INK, "linewidth": 0.5, "linestyle": (0, (3, 2))}
STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "hatch.linewidth": 0.5,
    "pdf.fonttype": 42,  # text stays text
}
WITHOUT_DATE: dict[str, dict[str, Any]] = {"png": {"Software": WRITER}, "pdf": {"CreationDate": None}}
"""The same table gives the same file."""


def require_matplotlib() -> None:
    """Refuse figures where the library is not installed; raises MissingExtra."""
    with needs_extra("evaluate"):
        import matplotlib as _  # noqa: F401


def write_figures(people: People, out: Path, endings: Iterable[str]) -> list[Path]:
    """Write the timeline of each person in each ending asked for, below `figures`; return the files."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    written: list[Path] = []
    titles = called(people.rows["input"].unique().to_list())
    for (name, person), used in people.used.partition_by(*PERSON, as_dict=True, maintain_order=True).items():
        of_input = people.rows.filter(pl.col("input") == name)
        whose = "_person-" + re.sub(r"[^\w-]+", "_", str(person))
        with rc_context(STYLE):
            figure = Figure(dpi=DOTS_PER_INCH, layout="constrained")
            _paint(figure, used, str(person), of_input, people.intervals.filter(pl.col("input") == name))
            figure.suptitle(f"{printable(shown(titles[name]))}, person {printable(str(person))}", fontsize=7, color=INK)
            for ending in endings:
                path = place_below(out / FOLDER, name, f"{whose}.{ending}")
                path = (
                    place_below(out / FOLDER, name, f"{whose}.{ending}", told_apart=True) if path in written else path
                )
                with written_whole(path) as temporary:
                    figure.savefig(temporary, format=ending, metadata=WITHOUT_DATE[ending])
                written.append(path)
    return written


def _paint(
    figure: Any,  # noqa: ANN401
    used: pl.DataFrame,
    person: str,
    of_input: pl.DataFrame,
    intervals: pl.DataFrame,
) -> None:
    """Paint what is known of one person: bands of expressions, lines of valence and arousal."""
    labels = labels_of_columns(used.columns)
    has_bands = bool(labels) and used[probability_columns(labels)[0]].null_count() < len(used)
    has_lines = "valence" in used.columns and used["valence"].null_count() < len(used)
    heights = [BANDS_IN] * has_bands + [LINES_IN] * has_lines
    figure.set_size_inches(WIDTH_IN, sum(heights) + AROUND_IN)
    axes: list[Axes] = list(figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0])
    end_s = max(float(of_input["time_s"][-1]), float(of_input["time_s"].max() or 0), 1e-3)  # pyright: ignore[reportArgumentType]
    pieces = [_binned(piece, end_s / MOST_BINS) for piece in used.partition_by("piece", maintain_order=True)]
    seen = _stretches(of_input.filter(pl.col("person") == person))
    doubted = seen.filter(~pl.col("used")).select("start_s", "end_s").rows()
    # A short stretch that is not reliable is drawn over, as on the study page.
    spans = [(piece["time_s"][0], piece["time_s"][-1]) for piece in pieces]
    doubted = [times for times in doubted if not any(first < times[0] < last for first, last in spans)]
    cuts_s = of_input.group_by("shot").agg(pl.col("time_s").min()).sort("shot")["time_s"][1:].to_list()
    for ax in axes:
        ax.set_facecolor(UNSEEN)
        for start_s, stop_s in doubted:
            ax.axvspan(start_s, stop_s, facecolor="white", edgecolor=DOUBT, hatch="/" * 6, linewidth=0, zorder=0.5)
        for cut_s in cuts_s:
            ax.axvline(cut_s, **CUT, zorder=3)
    for piece in pieces:
        _paint_piece(axes, piece, labels if has_bands else (), has_lines=has_lines)
    if has_bands:
        axes[0].set(ylim=(0, 1), yticks=(0, 0.5, 1), ylabel="probability")
    if has_lines:
        axes[-1].axhline(0, color=INK, linewidth=0.4, zorder=1)
        axes[-1].set(ylim=(-1, 1), yticks=(-1, 0, 1), ylabel="valence, arousal")
    figure.align_ylabels(axes)
    _name_markers(axes, intervals, end_s)
    _name_times(axes[-1], end_s)
    seen_s = float((seen["end_s"].clip(0, end_s) - seen["start_s"]).sum())
    is_drawn = {"not reliable": bool(doubted), "not seen": seen_s < LEAST_SHARE * end_s, "cut": bool(cuts_s)}
    others = [name for name, is_there in is_drawn.items() if is_there]
    _name_colours(figure, labels if has_bands else (), others, has_lines=has_lines)


def _paint_piece(axes: Sequence["Axes"], piece: pl.DataFrame, labels: Sequence[str], *, has_lines: bool) -> None:
    time_s = piece["time_s"].to_numpy()
    if labels:
        bands = piece.select(probability_columns(labels)).to_numpy().T
        axes[0].stackplot(time_s, bands, colors=[colours_of(labels)[label] for label in labels], linewidth=0)
    if has_lines:
        axes[-1].axvspan(time_s[0], time_s[-1], color="white", linewidth=0, zorder=0)
        for name, colour in LINE_COLOURS.items():
            axes[-1].plot(time_s, piece[name].to_numpy(), color=colour, linewidth=0.8)


def _binned(piece: pl.DataFrame, step_s: float) -> pl.DataFrame:
    """Average what falls into one step, so that an hour draws no more than a column of a journal can show.

    A piece keeps its first and last time, so that it is drawn as long as it was seen.
    """
    times, columns = pl.col("time_s"), [name for name in piece.columns if name.startswith("p_") or name in LINE_COLOURS]
    binned = piece.group_by((times / step_s).floor().alias("bin"), maintain_order=True).agg(
        times.mean(), pl.col(columns).mean()
    )
    ends = piece["time_s"][[0, -1]]
    last = ends[1] + float(piece["seen_s"][-1])
    return pl.concat(
        [binned[:1].with_columns(time_s=pl.lit(ends[0])), binned, binned[-1:].with_columns(time_s=pl.lit(last))]
    )


def _stretches(rows: pl.DataFrame) -> pl.DataFrame:
    """Return stretches of one person's rows in which all are used, or none is: used, start_s and end_s."""
    stretch = pl.struct("piece", "used").rle_id().alias("stretch")
    start_s, end_s = pl.col("time_s").first().alias("start_s"), (pl.col("time_s") + pl.col("seen_s")).last()
    return rows.group_by(stretch, maintain_order=True).agg(pl.col("used").first(), start_s, end_s.alias("end_s"))


def _name_markers(axes: Sequence["Axes"], intervals: pl.DataFrame, end_s: float) -> None:
    if intervals["marker"].n_unique() < 2:
        return
    rows = intervals.select(INTERVAL).unique(maintain_order=True).sort("start_s", maintain_order=True).to_dicts()
    names, starts = [printable(str(row["marker"])) for row in rows], [max(row["start_s"], 0) for row in rows]
    ends = [start + (len(name) + 1) * end_s / LETTERS_WIDE for start, name in zip(starts, names, strict=True)]
    for edge_s in {edge_s for row in rows for edge_s in (row["start_s"], row["end_s"]) if 0 < edge_s < end_s}:
        for ax in axes:
            ax.axvline(edge_s, color=INK, linewidth=0.4, zorder=3)
    for name, start_s, line in zip(names, starts, lines_of(starts, ends), strict=True):
        place = {"xy": (start_s, 1.0), "xycoords": ("data", "axes fraction")}
        place |= {"xytext": (0, 2 + 7 * line), "textcoords": "offset points"}
        axes[0].annotate(name, **place, fontsize=6, color=INK, annotation_clip=False)


def _name_times(ax: "Axes", end_s: float) -> None:
    step_s = next((step for step in ROUND_STEPS_S if end_s / step <= MOST_TICKS), ROUND_STEPS_S[-1])
    times_s = np.arange(0, end_s + step_s / 1e6, step_s)
    ax.set(xlim=(0, end_s), xticks=times_s, xticklabels=[clock(time_s, step_s) for time_s in times_s])


def _name_colours(figure: Any, labels: Sequence[str], others: Sequence[str], *, has_lines: bool) -> None:  # noqa: ANN401
    """Name the colours, and of `others` what is drawn."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [Patch(color=colour, label=label) for label, colour in colours_of(labels).items()]
    handles += [Line2D([], [], color=colour, label=name) for name, colour in LINE_COLOURS.items() if has_lines]
    signs = {"not reliable": Patch(facecolor="white", edgecolor=DOUBT, hatch="/" * 6, linewidth=0)}
    signs |= {"not seen": Patch(color=UNSEEN), "cut": Line2D([], [], **CUT)}
    for name in others:
        signs[name].set_label(name)
        handles.append(signs[name])
    figure.legend(handles=handles, loc="outside lower center", ncols=4, handlelength=1, columnspacing=1)
