"""Episodes: stretches of time in which a face shows one expression, with start, apex and end."""

import numpy as np
import polars as pl

from affekt.labels import labels_of_columns
from affekt.people.options import SummaryOptions

SCHEMA = pl.Schema(
    {
        "input": pl.String,
        "person": pl.String,
        "expression": pl.String,
        **dict.fromkeys(("start_s", "apex_s", "end_s", "length_s", "mean_probability", "peak_probability"), pl.Float64),
        **dict.fromkeys(("mean_valence", "mean_arousal"), pl.Float64),
    }
)


def expressions_among(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the labels that have episodes; a neutral face is what lies between them."""
    return tuple(label for label in labels if label != "neutral")


def find_episodes(rows: pl.DataFrame, options: SummaryOptions) -> pl.DataFrame:
    """Return the episodes of rows in order that are all used, in the order of the rows they start at.

    An episode is a stretch of one piece in which the probability is at least `end_probability` throughout and at least
    `start_probability` once: hysteresis with two thresholds (Canny 1986), so that noise around one threshold does not
    cut an episode into many. It ends when the next frame is shown.
    """
    labels = labels_of_columns(rows.columns)
    found = pl.concat([_of(label, rows, options) for label in expressions_among(labels)])
    in_order = found.sort("row", pl.col("expression").cast(pl.Enum(labels))).drop("row")
    return in_order.cast({"expression": pl.String})  # a dictionary in Parquet would be an ordered factor in R


def _of(label: str, rows: pl.DataFrame, options: SummaryOptions) -> pl.DataFrame:
    p = rows[f"p_{label}"].fill_null(0.0).to_numpy()
    time_s, seen_s, piece = (rows[name].to_numpy() for name in ("time_s", "seen_s", "piece"))
    first, last = _stretches(p >= options.end_probability, piece)
    if not len(first):
        return SCHEMA.to_frame().with_columns(pl.lit(None, pl.Int64).alias("row"))
    # A row more, so that the last stretch may end with the rows.
    bounds = np.column_stack([first, last + 1]).ravel()
    peak = np.maximum.reduceat(np.append(p, 0.0), bounds)[::2]
    end_s = time_s[last] + seen_s[last]
    # Times are decimal, and 0.4 + 0.1 is less than 0.5.
    kept = (peak >= options.start_probability) & (end_s - time_s[first] >= options.least_episode_s - 1e-6)
    first, last, end_s, peak = first[kept], last[kept], end_s[kept], peak[kept]
    apex = [start + int(p[start : stop + 1].argmax()) for start, stop in zip(first, last, strict=True)]
    # A single frame is shown for no time that is known.
    weights = np.where(seen_s > 0, seen_s, 1e-9)
    scores = np.column_stack([p, rows.select("valence", "arousal").to_numpy(), np.ones(len(p))]) * weights[:, None]
    sums = np.add.reduceat(np.vstack([scores, np.zeros(4)]), bounds)[::2][kept]
    mean, valence, arousal = (pl.Series(sums[:, place] / sums[:, 3]).fill_nan(None) for place in range(3))
    place = rows[first].select("input", "person", pl.lit(label).alias("expression"), start_s="time_s")
    times = {"apex_s": time_s[apex], "end_s": end_s, "length_s": end_s - time_s[first]}
    shown = {"mean_probability": mean, "peak_probability": peak, "mean_valence": valence, "mean_arousal": arousal}
    found = place.with_columns(pl.Series(name, values) for name, values in (times | shown).items())
    return found.cast(SCHEMA).with_columns(pl.Series("row", first))  # pyright: ignore[reportArgumentType]


def _stretches(above: np.ndarray, piece: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the first and last row of each stretch of one piece that is above, both included."""
    edge = np.ones(1, bool)
    cut = piece[1:] != piece[:-1]
    begins = above & np.concatenate([edge, ~above[:-1] | cut])
    ends = above & np.concatenate([~above[1:] | cut, edge])
    return np.flatnonzero(begins), np.flatnonzero(ends)


def with_markers(episodes: pl.DataFrame, intervals: pl.DataFrame) -> pl.DataFrame:
    """Add `markers`: the names of the intervals in which an episode starts."""
    numbered = episodes.with_row_index("episode")
    inside = (
        numbered.select("episode", "input", at_s="start_s")
        .join(intervals.select("input", "marker", "start_s", "end_s"), on="input")
        .filter(pl.col("at_s").is_between("start_s", "end_s", closed="left"))
        .group_by("episode", maintain_order=True)
        .agg(pl.col("marker").str.join("; ").alias("markers"))
    )
    return numbered.join(inside, on="episode", how="left", maintain_order="left").drop("episode")
