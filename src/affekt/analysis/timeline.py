"""A video at a glance: expression bands, valence and arousal over time for each person, as SVG and as a page."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import polars as pl

from affekt.analysis.inputs import place_below, shown
from affekt.analysis.rows import origin_words
from affekt.files import written_whole
from affekt.labels import EXPRESSION_COLOURS, LABELS, PROBABILITY_COLUMNS

TIMELINE_COLUMNS = ("time_s", "track", "status", *PROBABILITY_COLUMNS, "valence", "arousal")
PICTURE_WIDTH = 1000
PIXELS_A_SECOND = 30
WIDEST_PAGE = 20_000
LEFT, RIGHT, BANDS, LINES, GAP, TITLE, AXIS = 72, 12, 90, 70, 14, 22, 24
"""Margins, then heights: a person's bands, the lines below them, what lies between, the title, the axis. Pixels."""
LONGEST_GAP_S = 1.0
"""A track is drawn in pieces where its face was not seen for longer, and for longer than it usually is not."""
SHORTEST_S = 0.5
"""People seen for less time are left out."""
MOST_PEOPLE = 20
LINE_COLOURS = {"valence": "#0f8b8d", "arousal": "#d6336c"}

# The first of each pair of colours is for viewers that know no light-dark.
STYLE = """
svg { font: 12px system-ui, sans-serif; color-scheme: light dark; }
svg .ink { fill: #1b1f24; fill: light-dark(#1b1f24, #e4e8ec); }
svg .soft { fill: #59636e; fill: light-dark(#59636e, #9aa5b1); }
svg .rule { stroke: #c9d0d8; stroke: light-dark(#c9d0d8, #454e59); stroke-width: 1; }
svg .ground { fill: #fff; fill: light-dark(#fff, #14171a); }
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{name}</title><style>
:root {{ color-scheme: light dark; }}
body {{ margin: 24px; font: 14px system-ui, sans-serif; background: light-dark(#fff, #14171a); }}
h1 {{ font-size: 18px; font-weight: 600; }} .scroll {{ overflow-x: auto; }}
ul {{ display: flex; flex-wrap: wrap; gap: 4px 20px; padding: 0; list-style: none; position: sticky; top: 0; }}
ul, .scroll {{ background: light-dark(#fff, #14171a); }} li::before {{ content: ""; display: inline-block; width: 10px;
  height: 10px; margin-right: 6px; border-radius: var(--corner); background: var(--colour); }}
</style></head><body><h1>{name}</h1><ul>{legend}</ul><div class="scroll">{svg}</div></body></html>
"""


@dataclass(frozen=True)
class Scale:
    """From seconds to pixels."""

    first_s: float
    last_s: float
    width: int

    def x(self, time_s: np.ndarray) -> np.ndarray:
        """Return pixels from the left edge."""
        length_s = max(self.last_s - self.first_s, 1e-9)
        return LEFT + (np.asarray(time_s) - self.first_s) / length_s * (self.width - LEFT - RIGHT)


def write_timelines(
    name: str, rows: pl.DataFrame, folder: Path, *, origin: str | None = None, told_apart: bool = False
) -> list[Path]:
    """Write a picture and a page of one video.

    Args:
        name: the video's path.
        rows: its rows, at least the columns in TIMELINE_COLUMNS.
        folder: where `NAME.svg` and `NAME.html` go, along the path of the video.
        origin: of valence and arousal, as in the model's card.
        told_apart: whether a checksum tells its files from another video's.

    Returns:
        The files written: none where nobody was seen for half a second.

    Raises:
        DataError: a file cannot be written.
    """
    people = people_of(rows)
    if not people:
        return []
    first_s, last_s = 0.0, float(rows["time_s"].cast(pl.Float64).max() or 0.0)  # pyright: ignore[reportArgumentType]
    page_width = int(min(max(PICTURE_WIDTH, PIXELS_A_SECOND * last_s), WIDEST_PAGE))
    title = escape(shown(Path(name).name))
    # Of a page that scrolls, the legend must stay in view.
    left_out = rows.filter(pl.col("status") == "ok")["track"].drop_nulls().n_unique() - len(people)
    scale = Scale(first_s, last_s, page_width)
    drawn = timeline_svg(people, scale, left_out=left_out, origin=origin, legend=False)
    page = PAGE.format(name=title, legend=_legend_of_page(), svg=drawn)
    picture = timeline_svg(people, Scale(first_s, last_s, PICTURE_WIDTH), left_out=left_out, origin=origin)
    written = []
    for ending, text in {".svg": picture, ".html": page}.items():
        written.append(place_below(folder, name, ending, told_apart=told_apart))
        with written_whole(written[-1]) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return written


def people_of(rows: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the rows of each person seen for long enough, those seen longest first, in the order of time."""
    seen = rows.filter(pl.col("track").is_not_null(), pl.col("status") == "ok").sort("time_s")
    people = seen.partition_by("track", maintain_order=True)
    people = [person for person in people if _length_s(person) >= SHORTEST_S]
    return sorted(people, key=_length_s, reverse=True)[:MOST_PEOPLE]


def _length_s(person: pl.DataFrame) -> float:
    return person["time_s"][-1] - person["time_s"][0]


def timeline_svg(
    people: list[pl.DataFrame], scale: Scale, *, left_out: int = 0, origin: str | None = None, legend: bool = True
) -> str:
    """Draw each person's bands and lines below each other, over one axis of time, and say how many are left out."""
    parts, top = ([_legend(scale.width)], 30) if legend else ([], 0)
    for person in people:
        block, height = _person(person, scale, top, origin_words(origin))
        parts.append(block)
        top += height
    parts.append(_axis(scale, top))
    height = top + AXIS
    if left_out:
        more = f"{left_out} more {'person' if left_out == 1 else 'people'}, seen for less time: in the table only"
        parts.append(f'<text class="soft" x="{LEFT}" y="{height + TITLE - 8}">{more}</text>')
        height += TITLE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{scale.width}" height="{height}" '
        f'viewBox="0 0 {scale.width} {height}"><style>{STYLE}</style>'
        f'<rect class="ground" width="{scale.width}" height="{height}"/>{"".join(parts)}</svg>'
    )


def _person(person: pl.DataFrame, scale: Scale, top: float, origin: str) -> tuple[str, float]:
    """Return one person's drawing and its height."""
    number, first_s, last_s = person["track"][0], person["time_s"][0], person["time_s"][-1]
    has_dimensions = person["valence"].null_count() == 0
    title = f"person {number}, {first_s:.1f} to {last_s:.1f} s"
    title += f"; valence and arousal {origin}" if origin and has_dimensions else ""
    parts = [f'<text class="ink" x="{LEFT}" y="{top + TITLE - 8}">{title}</text>']
    height = float(TITLE)
    pieces = [_binned(piece, scale) for piece in _pieces(person)]
    if person["p_neutral"].null_count() == 0:
        parts += [_bands(piece, scale, top + height) for piece in pieces]
        parts.append(_label("expression", top + height + BANDS / 2))
        height += BANDS + GAP
    if has_dimensions:
        middle = top + height + LINES / 2
        parts.append(f'<line class="rule" x1="{LEFT}" x2="{scale.width - RIGHT}" y1="{middle}" y2="{middle}"/>')
        for column, colour in LINE_COLOURS.items():
            parts += [_line(piece, column, colour, scale, middle) for piece in pieces]
        parts += [_label("+1", middle - LINES / 2 + 4), _label("0", middle + 4), _label("-1", middle + LINES / 2 + 4)]
        height += LINES + GAP
    return "".join(parts), height


def _pieces(person: pl.DataFrame) -> list[pl.DataFrame]:
    """Cut a track where its face was not seen for long."""
    steps_s = person["time_s"].diff().fill_null(0.0)
    usual_s = np.median(steps_s[1:]) if len(steps_s) > 1 else 0.0
    cut = (steps_s > max(LONGEST_GAP_S, 1.5 * usual_s)).cast(pl.Int64).cum_sum()
    return person.with_columns(cut.alias("piece")).partition_by("piece", maintain_order=True)


def _binned(piece: pl.DataFrame, scale: Scale) -> pl.DataFrame:
    """Average what falls on one pixel, so that an hour of video draws no more than a screen of points."""
    pixel = pl.Series("pixel", np.floor(scale.x(piece["time_s"].to_numpy())).astype(int))
    columns = ("time_s", *PROBABILITY_COLUMNS, "valence", "arousal")
    return piece.with_columns(pixel).group_by("pixel", maintain_order=True).agg(pl.col(columns).mean())


def _bands(piece: pl.DataFrame, scale: Scale, top: float) -> str:
    x = scale.x(piece["time_s"].to_numpy())
    heights = np.cumsum(piece.select(PROBABILITY_COLUMNS).to_numpy(), axis=1) * BANDS
    lower = np.zeros(len(x))
    paths = []
    for place, label in enumerate(LABELS):
        upper = heights[:, place]
        outline = [*zip(x, top + BANDS - upper, strict=True), *zip(x[::-1], top + BANDS - lower[::-1], strict=True)]
        colour = EXPRESSION_COLOURS[label]
        paths.append(f'<path d="M{_points(outline)}Z" fill="{colour}"><title>{label}</title></path>')
        lower = upper
    return "".join(paths)


def _line(piece: pl.DataFrame, column: str, colour: str, scale: Scale, middle: float) -> str:
    x = scale.x(piece["time_s"].to_numpy())
    y = middle - piece[column].to_numpy() * LINES / 2
    points = _points(list(zip(x, y, strict=True)))
    return f'<path d="M{points}" fill="none" stroke="{colour}" stroke-width="1.8"><title>{column}</title></path>'


def _points(points: list[tuple[float, float]]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _label(text: str, y: float) -> str:
    return f'<text class="soft" x="{LEFT - 6}" y="{y}" text-anchor="end" font-size="10">{text}</text>'


def _legend(width: int) -> str:
    entries = [*EXPRESSION_COLOURS.items(), *LINE_COLOURS.items()]
    step = min(92, (width - LEFT) / len(entries))
    return "".join(
        f'<rect x="{LEFT + step * place}" y="8" width="10" height="10" rx="{2 if place < len(LABELS) else 5}" '
        f'fill="{colour}"/><text class="ink" x="{LEFT + step * place + 14}" y="17">{name}</text>'
        for place, (name, colour) in enumerate(entries)
    )


def _legend_of_page() -> str:
    corners = {**dict.fromkeys(EXPRESSION_COLOURS, 2), **dict.fromkeys(LINE_COLOURS, 5)}
    return "".join(
        f'<li style="--colour: {colour}; --corner: {corners[name]}px">{name}</li>'
        for name, colour in {**EXPRESSION_COLOURS, **LINE_COLOURS}.items()
    )


def _axis(scale: Scale, top: float) -> str:
    """Draw the seconds, at round steps that leave room for their numbers."""
    length_s = max(scale.last_s - scale.first_s, 1e-9)
    room_s = length_s * 70 / (scale.width - LEFT - RIGHT)
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
    step_s = next((step for step in steps if step >= room_s), steps[-1])
    ticks = np.arange(0.0, scale.last_s + step_s / 1e6, step_s)
    return "".join(
        f'<line class="rule" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + 5}"/>'
        f'<text class="soft" x="{x:.1f}" y="{top + 18}" text-anchor="middle">{_clock(tick, step_s)}</text>'
        for tick, x in zip(ticks, scale.x(ticks), strict=True)
    )


def _clock(time_s: float, step_s: float) -> str:
    if step_s < 1:
        return f"{time_s:.1f} s"
    if time_s < 60:
        return f"{time_s:.0f} s"
    hours, minutes, seconds = int(time_s) // 3600, int(time_s) // 60 % 60, int(time_s) % 60
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
