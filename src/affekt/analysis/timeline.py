"""A video at a glance: each person's expressions, valence and arousal over time, as an SVG picture and as a page.

`timeline.svg.jinja` and `timeline.html.jinja` hold how they look; here the rows of a table become paths.
"""

from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl

from affekt.analysis.cut_faces import cut_face, frames_at
from affekt.analysis.inputs import shown
from affekt.analysis.rows import origin_words
from affekt.errors import PictureError
from affekt.files import templates, write_text
from affekt.labels import colours_of, labels_of_columns, probability_columns
from affekt.terminal import printable

PICTURE_WIDTH, WIDEST_PAGE = 916, 20_000
"""Pixels of the whole length of a video, in the picture and at most in the page."""
PIXELS_PER_SECOND = 30
"""In a page, of a video that is long enough."""
BANDS, LINES = 90, 70
"""Heights of the bands and of the lines, in pixels, as in the template."""
LONGEST_GAP_S = 1.0
"""A track is drawn in pieces where its face was not seen for longer, and for longer than it usually is not."""
SHORTEST_S = 0.5
"""People seen for less time are left out."""
MOST_PEOPLE = 20
LINE_COLOURS = {"valence": "#7a8800", "arousal": "#d6336c"}
ROUND_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
TEMPLATES = templates()


def write_timelines(
    title: str, rows: pl.DataFrame, places: dict[str, Path], *, origin: str | None = None, video: str | None = None
) -> list[Path]:
    """Write a picture and a page of one video into `places`, by their endings `svg` and `html`; return their files.

    There are none where nobody was seen for half a second. `origin` is that of valence and arousal in the model's card.
    The page shows a face of each person, cut out of the file `video`, if one is given.
    """
    people = people_of(rows)
    if not people:
        return []
    length_s = max(float(rows["time_s"].cast(pl.Float64).max() or 0.0), 1e-9)  # pyright: ignore[reportArgumentType]
    page_width = int(min(max(PICTURE_WIDTH, PIXELS_PER_SECOND * length_s), WIDEST_PAGE))
    labels = labels_of_columns(rows.columns)
    shared = {
        "name": printable(shown(title)),
        "colours": {**colours_of(labels), **LINE_COLOURS},
        "lines": LINE_COLOURS,
        "origin": printable(origin_words(origin)),
        "has_bands": bool(labels) and people[0][f"p_{labels[0]}"].null_count() == 0,
        "has_lines": people[0]["valence"].null_count() == 0,
        "left_out": rows.filter(pl.col("status") == "ok")["track"].drop_nulls().n_unique() - len(people),
    }
    written = []
    for ending, width in {"svg": PICTURE_WIDTH, "html": page_width}.items():
        per_s = width / length_s
        drawn = {"people": [_person(person, per_s) for person in people], "ticks": ticks(length_s, per_s)}
        drawn["has_doubted"] = any(person["doubted"] for person in drawn["people"])
        drawn["faces"] = _faces(video, people) if video is not None and ending == "html" else {}
        drawn |= {"cuts": [f"{start_s * per_s:.1f}" for start_s in _starts(rows)[1:]]}
        template = TEMPLATES.get_template(f"timeline.{ending}.jinja")
        # A page scrolls, so its legend stands outside the drawing.
        text = template.render(shared, **drawn, plot_width=width, is_page=ending == "html")
        written.append(places[ending])
        write_text(written[-1], text)
    return written


def people_of(rows: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the rows of each person seen for long enough, in the order of appearance; of many, those seen longest.

    `used` is added: which rows are reliable, or all where the table does not say it of any.
    """
    seen = rows.filter(pl.col("track").is_not_null(), pl.col("status") == "ok").sort("time_s")
    seen = seen.with_columns(pl.col("reliable").fill_null(pl.col("reliable").is_null().all()).alias("used"))
    people = seen.partition_by("track", maintain_order=True)
    people = [person for person in people if _length_s(person) >= SHORTEST_S]
    longest = sorted(people, key=_length_s, reverse=True)[:MOST_PEOPLE]
    return sorted(longest, key=lambda person: person["track"][0])


def _faces(video: str, people: list[pl.DataFrame]) -> dict[int, str]:
    """Return the largest face of each person that counts, by track, as data URIs; none of a video that is not there."""
    boxed = [person.drop_nulls(["x", "y", "width", "height"]) for person in people]
    chosen = [each.sort("used", pl.col("width") * pl.col("height")).row(-1, named=True) for each in boxed if len(each)]
    faces: dict[int, str] = {}
    with suppress(PictureError):
        for time_s, image_rgb in frames_at(video, sorted({row["time_s"] for row in chosen})):
            faces |= {row["track"]: cut_face(image_rgb, row) for row in chosen if row["time_s"] == time_s}
    return faces


def _starts(rows: pl.DataFrame) -> list[float]:
    """Return when each shot begins, in seconds."""
    shots = rows.drop_nulls("shot").group_by("shot").agg(pl.col("time_s").min())
    return shots["time_s"].sort().to_list()


def _length_s(person: pl.DataFrame) -> float:
    return person["time_s"][-1] - person["time_s"][0]


def _person(person: pl.DataFrame, per_s: float) -> dict[str, object]:
    """Return one person's title, and the paths of the bands and lines at so many pixels per second."""
    used = _pieces(person.filter("used"))
    pieces = [_binned(piece, per_s) for piece in used]
    doubted = [times_s for piece in _pieces(person) for times_s in _doubted(piece)]
    # A short stretch that is not reliable is drawn over, as on the study page.
    spans = [(piece["time_s"][0], piece["time_s"][-1]) for piece in used]
    doubted = [times for times in doubted if not any(first < times[0] < last for first, last in spans)]
    said = "" if person["reliable"].is_null().all() else f", {100 * person['used'].to_numpy().mean():.0f} % reliable"
    return {
        "track": person["track"][0],
        "title": f"person {person['track'][0]}, {person['time_s'][0]:.1f} to {person['time_s'][-1]:.1f} s{said}",
        "doubted": [(f"{start * per_s:.1f}", f"{(end - start) * per_s:.1f}") for start, end in doubted],
        "bands": [band for piece in pieces for band in _bands(piece, per_s)],
        "lines": [
            (name, _path(piece["time_s"].to_numpy() * per_s, (1 - piece[name].to_numpy()) * LINES / 2))
            for name in LINE_COLOURS
            for piece in pieces
        ],
    }


def _doubted(piece: pl.DataFrame) -> list[tuple[float, float]]:
    """Return when each stretch without a reliable row begins and ends, in seconds."""
    runs = piece.with_columns(pl.col("time_s").shift(-1).fill_null(pl.col("time_s")).alias("end_s"))
    stretches = runs.group_by(pl.col("used").rle_id().alias("run"), maintain_order=True).agg(
        pl.col("used", "time_s").first(), pl.col("end_s").last()
    )
    return stretches.filter(~pl.col("used")).select("time_s", "end_s").rows()


def _pieces(person: pl.DataFrame) -> list[pl.DataFrame]:
    """Cut a track where its face was not seen for long."""
    steps_s = person["time_s"].diff().fill_null(0.0)
    usual_s = np.median(steps_s[1:]) if len(steps_s) > 1 else 0.0
    cut = (steps_s > max(LONGEST_GAP_S, 1.5 * usual_s)).cast(pl.Int64).cum_sum()
    return person.with_columns(cut.alias("piece")).partition_by("piece", maintain_order=True)


def _binned(piece: pl.DataFrame, per_s: float) -> pl.DataFrame:
    """Average what falls on one pixel, so that an hour of video draws no more than a screen of points."""
    pixel = (pl.col("time_s") * per_s).floor().alias("pixel")
    columns = ("time_s", *probability_columns(labels_of_columns(piece.columns)), "valence", "arousal")
    return piece.group_by(pixel, maintain_order=True).agg(pl.col(columns).mean())


def _bands(piece: pl.DataFrame, per_s: float) -> list[tuple[str, str]]:
    """Return each expression with the outline of its band: as high as it is probable, on top of the one before."""
    labels = labels_of_columns(piece.columns)
    time_s, probabilities = piece["time_s"].to_numpy(), piece.select(probability_columns(labels)).to_numpy()
    edges = BANDS - BANDS * np.cumsum(np.column_stack([np.zeros(len(time_s)), probabilities]), axis=1)
    x = np.concatenate([time_s, time_s[::-1]]) * per_s
    outlines = (np.concatenate([edges[:, place + 1], edges[::-1, place]]) for place in range(len(labels)))
    return [(label, f"{_path(x, y)}Z") for label, y in zip(labels, outlines, strict=True)]


def _path(x: np.ndarray, y: np.ndarray) -> str:
    return "M" + "L".join(f"{left:.1f} {top:.1f}" for left, top in zip(x, y, strict=True))


def ticks(length_s: float, per_s: float) -> list[tuple[str, str]]:
    """Return the places of round seconds, at `per_s` pixels each, with room for their numbers, and these."""
    step_s = next((step for step in ROUND_STEPS_S if step * per_s >= 70), ROUND_STEPS_S[-1])
    times_s = np.arange(0.0, length_s + step_s / 1e6, step_s)
    return [(f"{time_s * per_s:.1f}", clock(time_s, step_s)) for time_s in times_s]


def clock(time_s: float, step_s: float) -> str:
    """Return a time as its axis says it, where the axis has a number every `step_s` seconds."""
    if step_s < 1:
        return f"{time_s:.1f} s"
    if time_s < 60:
        return f"{time_s:.0f} s"
    hours, minutes, seconds = int(time_s) // 3600, int(time_s) // 60 % 60, int(time_s) % 60
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
