"""The study page: one HTML file that holds everything, for all people in videos and all faces in pictures.

`templates/study.html.jinja` says how it looks; here tables become what is drawn. Curves are whole numbers of a grid, so
that a person takes some 30 kB, and the script of the page reads its values from the drawn curves.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from affekt import __version__
from affekt.analysis import timeline
from affekt.analysis.inputs import called, shown
from affekt.analysis.summary import counted
from affekt.files import templates
from affekt.labels import colours_of, labels_of_columns, ordered_labels, probability_columns
from affekt.people.baseline import DIMENSIONS
from affekt.people.leaving_out import number_of_people
from affekt.people.markers import INTERVAL
from affekt.people.moments import faces_at, faces_of_pictures, moments_of
from affekt.people.rows import PERSON
from affekt.terminal import printable

MOST_PEOPLE, MOST_ROWS, MOST_PORTRAITS = 200, 2000, 600
"""Timelines, rows of the table, and faces in pictures on a page; the rest is counted there."""
MOST_EPISODES, MOST_MARKS = 24, 40
"""Listed, and named above the timeline, of one person."""
MOST_CELLS, HEIGHT = 600, 200
"""Of a timeline: steps from left to right, and units from bottom to top."""
DENSITY_CELLS, SHADES = 24, 5
"""Of the circumplex."""
TICKS_WIDTH = 760
"""Pixels of a timeline that its clock has room for."""
TEMPLATES = templates()
TEMPLATES.filters |= {
    "plain": lambda text: printable(shown(str(text))),
    "signed": lambda value: f"{round(value, 2) + 0.0:+.2f}".replace("-", "\N{MINUS SIGN}"),
    "percent": lambda share: f"{100 * share:.0f} %",
    "counted": counted,
    "clock": lambda time_s: timeline.clock(time_s, 0 if time_s < 60 else 1),
    "basename": lambda name: Path(name).name,
}


@dataclass(frozen=True, kw_only=True)
class People:
    """People in videos, as the page shows them."""

    rows: pl.DataFrame
    """In order, as `people_rows` returns them."""
    used: pl.DataFrame
    """Those that count, with their pieces."""
    intervals: pl.DataFrame
    """With the group columns."""
    episodes: pl.DataFrame
    table: pl.DataFrame
    """A row per person and interval."""
    whole: pl.DataFrame
    """The same, a row per person."""
    baseline: str | None = None
    """Where people rest, if a resting face was subtracted."""


def study_page(
    title: str, people: People | None, pictures: pl.DataFrame, methods: str, origin: str | None, *, with_faces: bool
) -> str:
    """Return the page as HTML; the faces are cut out of the inputs, where these are still there.

    `pictures` are faces of pictures, the surest first; `methods` is Markdown; `origin` says in
    words where valence and arousal come from, None where not even the model is known.
    """
    labels = labels_of_columns(pictures.columns)
    return TEMPLATES.get_template("study.html.jinja").render(
        title=title,
        version=__version__,
        labels=labels,
        colours={**colours_of(labels), **timeline.LINE_COLOURS},
        dimensions=DIMENSIONS,
        height=HEIGHT,
        density_cells=DENSITY_CELLS,
        with_faces=with_faces,
        people=None if people is None else _people(people, labels, with_faces=with_faces),
        gallery=None if pictures.is_empty() else _gallery(pictures, labels, with_faces=with_faces),
        origin=origin,
        methods=methods,
    )


def _people(study: People, labels: tuple[str, ...], *, with_faces: bool) -> dict[str, Any]:
    """Return what the page shows of people in videos."""

    def of(table: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
        return table.join(people, on=PERSON, how="semi", maintain_order="left")

    everybody = of(study.whole, study.table)
    seen = everybody.filter(pl.col("last_s") - pl.col("first_s") >= timeline.SHORTEST_S)
    seen = everybody if seen.is_empty() else seen
    on_page = seen.top_k(MOST_PEOPLE, by="seen_s").select(PERSON)
    rows, episodes, table = of(study.rows, on_page), of(study.episodes, on_page), of(study.table, seen)
    faces, lost = faces_at(moments_of(rows, episodes)) if with_faces else ({}, [])
    groups = [name for name in study.intervals.columns if name not in INTERVAL]
    rows_of, used_of, episodes_of, intervals_of = (
        each.partition_by(PERSON, as_dict=True) for each in (rows, of(study.used, on_page), episodes, table)
    )
    lengths_s = dict(study.rows.group_by("input").agg((pl.col("time_s") + pl.col("seen_s")).max()).iter_rows())
    nobody = study.used.clear()
    cards = []
    for row in of(seen, on_page).to_dicts():
        key = (row["input"], row["person"])
        curves = _curves(rows_of[key], used_of.get(key, nobody), max(lengths_s[row["input"]], 1e-9), labels)
        own = episodes_of.get(key, episodes.clear())
        told = own.top_k(MOST_EPISODES, by="peak_probability").sort("start_s")
        cards.append(
            row
            | curves
            | {
                "strips": _strips(own, curves["cells"] / curves["length_s"]),
                "told_episodes": told.to_dicts(),
                "marks": _marks(intervals_of[key], curves["length_s"]),
                "faces": _captioned(faces.get(key, []), told),
                # More bytes of a JPEG are a larger, sharper face.
                "portrait": max((picture for _, picture in faces.get(key, [])), key=len, default=""),
            }
        )
    has_markers = bool((study.intervals["marker"] != "all").any())
    return {
        "number": number_of_people(of(study.rows, study.table)),
        "called": called(everybody["input"].unique().to_list()),
        "inputs": everybody["input"].n_unique(),
        "cards": cards,
        "left_out": len(everybody) - len(on_page),
        "table": table.head(MOST_ROWS).to_dicts(),
        "rows_left_out": len(study.table) - min(len(table), MOST_ROWS),
        "lost": lost,
        "groups": groups,
        "has_markers": has_markers,
        "baseline": study.baseline,
        "resting": None if study.baseline is None else _resting(rows),
        "choices": _choices(table, ("input", *(["marker"] if has_markers else []), *groups)),
        "has_doubted": any(card["doubted"] for card in cards),
        "has_bands": study.rows[f"p_{labels[0]}"].null_count() == 0,
        "has_lines": study.rows["valence"].null_count() == 0,
    }


def _resting(rows: pl.DataFrame) -> dict[tuple[str, str], dict[str, float | None]]:
    """Return each person's valence and arousal at rest, by input and person; None where they have no baseline."""
    rest = [(pl.col(name) - pl.col(f"{name}_over_baseline")).drop_nulls().first().alias(name) for name in DIMENSIONS]
    return {tuple(found[name] for name in PERSON): found for found in rows.group_by(PERSON).agg(rest).to_dicts()}


def _marks(intervals: pl.DataFrame, length_s: float) -> list[dict[str, Any]]:
    """Return the longest intervals, as far as the timeline goes, each with the line on which it has room."""
    marks = intervals.top_k(MOST_MARKS, by="seen_s").sort("start_s", maintain_order=True)
    marks = marks.with_columns(pl.col("start_s", "end_s").clip(0, length_s))
    lines = lines_of(marks["start_s"].to_list(), marks["end_s"].to_list())
    return [mark | {"line": line} for mark, line in zip(marks.to_dicts(), lines, strict=True)]


def lines_of(starts: Iterable[float], ends: Iterable[float]) -> list[int]:
    """Return for each stretch, in the order of their starts, the first line on which none before it is in its way."""
    free_from: list[float] = []
    lines: list[int] = []
    for start, end in zip(starts, ends, strict=True):
        line = next((each for each, free in enumerate(free_from) if free <= start), len(free_from))
        free_from[line : line + 1] = [end]
        lines.append(line)
    return lines


def _choices(table: pl.DataFrame, columns: Iterable[str]) -> dict[str, list[str]]:
    """Return what each column can be filtered by: its values, where there are several."""
    values = {name: table[name].drop_nulls().unique().sort().to_list() for name in columns}
    return {name: found for name, found in values.items() if len(found) > 1}


def _captioned(faces: list[tuple[float, str]], episodes: pl.DataFrame) -> list[dict[str, Any]]:
    apexes = {row["apex_s"]: row for row in episodes.to_dicts()}
    return [
        {"time_s": time_s, "picture": picture, "expression": apexes.get(time_s, {}).get("expression")}
        for time_s, picture in faces
    ]


def _curves(rows: pl.DataFrame, used: pl.DataFrame, length_s: float, labels: tuple[str, ...]) -> dict[str, Any]:
    """Return the drawing of one person: curves on a grid of cells, the clock, and the density of the circumplex."""
    usual_s = max(float(np.median(rows["seen_s"])), length_s / MOST_CELLS)
    cells = int(np.clip(np.ceil(length_s / usual_s - 1e-6), 1, MOST_CELLS))
    cell = (pl.col("time_s") / length_s * cells + 1e-6).floor().clip(0, cells - 1).cast(pl.Int64).alias("cell")
    columns = (*probability_columns(labels), *DIMENSIONS)
    binned = used.group_by("piece", cell, maintain_order=True).agg(pl.col(columns).mean())
    pieces = binned.partition_by("piece", maintain_order=True)
    doubted = rows.filter(~pl.col("used")).select(cell)["cell"].unique().to_list()
    # A short stretch that is not reliable is drawn over, as an episode goes on over it.
    drawn = [range(piece["cell"][0], piece["cell"][-1] + 1) for piece in pieces]
    doubted = np.array(sorted(set(doubted).difference(*drawn)), int)
    return {
        "length_s": length_s,
        "cells": cells,
        "bands": [] if binned[columns[0]].null_count() else _bands(pieces, labels),
        "lines": {
            name: "".join(_line(piece["cell"], (1 - piece[name].to_numpy()) * HEIGHT / 2) for piece in pieces)
            for name in DIMENSIONS
            if not binned[name].null_count()
        },
        "doubted": _stretches(doubted, cells),
        "ticks": [
            (f"{float(x) / TICKS_WIDTH:.2%}", text) for x, text in timeline.ticks(length_s, TICKS_WIDTH / length_s)
        ],
        "density": _density(used),
    }


def _stretches(cells: np.ndarray, number: int) -> list[tuple[str, str]]:
    """Return where each run of cells begins and how wide it is, as shares of all."""
    runs = np.split(cells, np.flatnonzero(np.diff(cells) > 1) + 1)
    return [(f"{run[0] / number:.2%}", f"{len(run) / number:.2%}") for run in runs if len(run)]


def _bands(pieces: list[pl.DataFrame], labels: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return each label with the area below its upper edge, from the top one down: each covers a part of the last."""
    paths = dict.fromkeys(labels, "")
    for piece in pieces:
        upto = np.cumsum(piece.select(probability_columns(labels)).to_numpy(), axis=1)
        for place, label in enumerate(labels):
            line = _line(piece["cell"], HEIGHT * (1 - upto[:, place]))
            paths[label] += f"{line}V{HEIGHT}H{2 * piece['cell'][0]}z"
    return [*reversed(paths.items())]


def _line(cell: pl.Series, y: np.ndarray) -> str:
    """Return a path through the middles of cells, two units wide each, in steps from point to point."""
    x = np.concatenate([[2 * cell[0]], 2 * cell.to_numpy() + 1, [2 * cell[-1] + 2]])
    y = np.rint(y).astype(int)[[0, *range(len(y)), -1]]
    steps = np.column_stack([np.diff(x), np.diff(y)]).ravel()
    return f"M{x[0]} {y[0]}l" + " ".join(map(str, steps.tolist()))


def _strips(episodes: pl.DataFrame, cells_per_s: float) -> list[tuple[str, str]]:
    """Return each expression that has episodes with the stretches they cover, one unit high, two units per cell."""
    paths: dict[str, str] = {}
    for (label,), own in episodes.partition_by("expression", as_dict=True).items():
        starts = np.floor(2 * cells_per_s * own["start_s"].to_numpy() + 1e-6).astype(int)
        ends = np.maximum(np.ceil(2 * cells_per_s * own["end_s"].to_numpy() - 1e-6).astype(int), starts + 1)
        edges = np.zeros(ends.max() + 2, int)
        np.add.at(edges, starts, 1)
        np.add.at(edges, ends, -1)
        turns = np.flatnonzero(np.diff(edges.cumsum() > 0, prepend=False)).tolist()
        paths[label] = "".join(f"M{x} 0H{end}v1H{x}z" for x, end in zip(turns[::2], turns[1::2], strict=True))
    return [(label, paths[label]) for label in ordered_labels(paths)]


def _density(used: pl.DataFrame) -> list[str]:
    """Return the cells of valence and arousal, from left and from top, as a path per shade, palest first."""
    if used.is_empty() or used["valence"].null_count() or used["arousal"].null_count():
        return []
    points = used.select(DIMENSIONS).to_numpy().clip(-1, 1)
    edges = np.linspace(-1, 1, DENSITY_CELLS + 1)
    time_s, _, _ = np.histogram2d(points[:, 0], -points[:, 1], bins=[edges, edges], weights=used["seen_s"].to_numpy())
    shade = np.ceil(SHADES * np.sqrt(time_s / max(time_s.max(), 1e-9))).astype(int)
    return [
        "".join(f"M{x} {y}h1v1h-1z" for x, y in np.argwhere(shade == number).tolist())
        for number in range(1, SHADES + 1)
    ]


def _gallery(portraits: pl.DataFrame, labels: tuple[str, ...], *, with_faces: bool) -> dict[str, Any]:
    """Return the faces of pictures by expression, those that are not reliable apart, as many of each as fit."""
    parts = [(label, portraits.filter(pl.col("used"), emotion=label)) for label in labels]
    parts += [("unnamed", portraits.filter("used", pl.col("emotion").is_null()))]
    parts += [("not reliable", portraits.filter(~pl.col("used")))]
    parts = [(title, part) for title, part in parts if len(part)]
    most = MOST_PORTRAITS // len(parts)
    shown = pl.concat([part.head(most) for _, part in parts])
    faces = iter(faces_of_pictures(shown) if with_faces else [""] * len(shown))
    return {
        "number": len(portraits),
        "parts": [
            {
                "title": title,
                "number": len(part),
                "faces": [row | {"picture": next(faces)} for row in part.head(most).to_dicts()],
            }
            for title, part in parts
        ],
    }
