"""A video at a glance: each person's expressions, valence and arousal over time, as an SVG picture and as a page.

`timeline.svg.jinja` and `timeline.html.jinja` hold how they look; here the rows of a table become paths.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import polars as pl

from affekt.analysis.inputs import place_below, shown
from affekt.analysis.rows import origin_words
from affekt.files import written_whole
from affekt.labels import EXPRESSION_COLOURS, LABELS, PROBABILITY_COLUMNS

TIMELINE_COLUMNS = ("time_s", "track", "status", *PROBABILITY_COLUMNS, "valence", "arousal")
PICTURE_WIDTH = 1000
PIXELS_PER_SECOND = 30
WIDEST_PAGE = 20_000
LEFT, RIGHT, LEGEND, TITLE, BANDS, LINES, GAP, AXIS = 72, 12, 30, 22, 90, 70, 14, 24
"""Margins, then heights, in pixels: the legend, a person's title, bands and lines, the gap below each, the axis."""
LONGEST_GAP_S = 1.0
"""A track is drawn in pieces where its face was not seen for longer, and for longer than it usually is not."""
SHORTEST_S = 0.5
"""People seen for less time are left out."""
MOST_PEOPLE = 20
LINE_COLOURS = {"valence": "#0f8b8d", "arousal": "#d6336c"}
ROUND_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True)
class Scale:
    """From seconds to pixels."""

    length_s: float
    width: int

    @property
    def pixels_per_s(self) -> float:
        """Return how wide a second is drawn."""
        return (self.width - LEFT - RIGHT) / max(self.length_s, 1e-9)

    def x(self, time_s: pl.Series | np.ndarray) -> np.ndarray:
        """Return pixels from the left edge."""
        return LEFT + np.asarray(time_s) * self.pixels_per_s


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
    last_s = float(rows["time_s"].cast(pl.Float64).max() or 0.0)  # pyright: ignore[reportArgumentType]
    page_width = int(min(max(PICTURE_WIDTH, PIXELS_PER_SECOND * last_s), WIDEST_PAGE))
    left_out = rows.filter(pl.col("status") == "ok")["track"].drop_nulls().n_unique() - len(people)
    written = []
    # A page scrolls, so its legend stands outside the drawing.
    for ending, width, legend_height in (("svg", PICTURE_WIDTH, LEGEND), ("html", page_width, 0)):
        drawing = _drawing(people, Scale(last_s, width), legend_height, origin_words(origin))
        height = drawing["axis_top"] + AXIS + (TITLE if left_out else 0)
        template = TEMPLATES.get_template(f"timeline.{ending}.jinja")
        text = template.render(name=shown(Path(name).name), left_out=left_out, height=height, **drawing)
        written.append(place_below(folder, name, f".{ending}", told_apart=told_apart))
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


def _drawing(people: list[pl.DataFrame], scale: Scale, legend_height: int, origin: str) -> dict[str, Any]:
    """Return what the template draws: the people below each other, over one axis of time."""
    drawn, top = [], legend_height
    for person in people:
        drawn.append({"top": top, **_person(person, scale, origin)})
        top += drawn[-1]["height"]
    return {
        "people": drawn,
        "axis_top": top,
        "ticks": _ticks(scale),
        "width": scale.width,
        "left": LEFT,
        "right": scale.width - RIGHT,
        "legend_height": legend_height,
        "lines_height": LINES,
        "bands": EXPRESSION_COLOURS,
        "lines": LINE_COLOURS,
    }


def _person(person: pl.DataFrame, scale: Scale, origin: str) -> dict[str, Any]:
    """Return one person's title, paths and height, in pixels from its own upper edge; no paths of what is unknown."""
    has_bands, has_lines = (person[column].null_count() == 0 for column in ("p_neutral", "valence"))
    title = f"person {person['track'][0]}, {person['time_s'][0]:.1f} to {person['time_s'][-1]:.1f} s"
    pieces = [_binned(piece, scale) for piece in _pieces(person)]
    bands_bottom = TITLE + BANDS * has_bands
    zero = bands_bottom + GAP * has_bands + LINES / 2
    return {
        "title": title + (f"; valence and arousal {origin}" if origin and has_lines else ""),
        "bands": [band for piece in pieces for band in _bands(piece, scale, bands_bottom)] if has_bands else [],
        "bands_middle": TITLE + BANDS / 2,
        "lines": [(name, _line(piece, name, scale, zero)) for name in LINE_COLOURS for piece in pieces]
        if has_lines
        else [],
        "zero": zero,
        "height": TITLE + (BANDS + GAP) * has_bands + (LINES + GAP) * has_lines,
    }


def _pieces(person: pl.DataFrame) -> list[pl.DataFrame]:
    """Cut a track where its face was not seen for long."""
    steps_s = person["time_s"].diff().fill_null(0.0)
    usual_s = np.median(steps_s[1:]) if len(steps_s) > 1 else 0.0
    cut = (steps_s > max(LONGEST_GAP_S, 1.5 * usual_s)).cast(pl.Int64).cum_sum()
    return person.with_columns(cut.alias("piece")).partition_by("piece", maintain_order=True)


def _binned(piece: pl.DataFrame, scale: Scale) -> pl.DataFrame:
    """Average what falls on one pixel, so that an hour of video draws no more than a screen of points."""
    pixel = pl.Series("pixel", np.floor(scale.x(piece["time_s"])).astype(int))
    columns = ("time_s", *PROBABILITY_COLUMNS, "valence", "arousal")
    return piece.with_columns(pixel).group_by("pixel", maintain_order=True).agg(pl.col(columns).mean())


def _bands(piece: pl.DataFrame, scale: Scale, bottom: float) -> list[tuple[str, str]]:
    """Return each expression with the outline of its band: as high as it is probable, on top of the one before."""
    x = scale.x(piece["time_s"])
    edges = bottom - BANDS * np.cumsum(piece.select(PROBABILITY_COLUMNS).to_numpy(), axis=1)
    edges = np.column_stack([np.full(len(x), bottom), edges])
    there_and_back = np.concatenate([x, x[::-1]])
    return [
        (label, f"{_path(there_and_back, np.concatenate([edges[:, place + 1], edges[::-1, place]]))}Z")
        for place, label in enumerate(LABELS)
    ]


def _line(piece: pl.DataFrame, column: str, scale: Scale, zero: float) -> str:
    return _path(scale.x(piece["time_s"]), zero - piece[column].to_numpy() * LINES / 2)


def _path(x: np.ndarray, y: np.ndarray) -> str:
    return "M" + "L".join(f"{left:.1f} {top:.1f}" for left, top in zip(x, y, strict=True))


def _ticks(scale: Scale) -> list[tuple[str, str]]:
    """Return the places of round seconds, with room for their numbers, and these."""
    step_s = next((step for step in ROUND_STEPS_S if step * scale.pixels_per_s >= 70), ROUND_STEPS_S[-1])
    times_s = np.arange(0.0, scale.length_s + step_s / 1e6, step_s)
    return [(f"{x:.1f}", _clock(time_s, step_s)) for x, time_s in zip(scale.x(times_s), times_s, strict=True)]


def _clock(time_s: float, step_s: float) -> str:
    if step_s < 1:
        return f"{time_s:.1f} s"
    if time_s < 60:
        return f"{time_s:.0f} s"
    hours, minutes, seconds = int(time_s) // 3600, int(time_s) // 60 % 60, int(time_s) % 60
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
