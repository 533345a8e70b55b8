"""Averages over time: a row per person and marked interval, and a row per person and bin.

A frame counts for as long as it was shown (`seen_s`), so that uneven frames bend no mean. It belongs to the interval in
which it begins, and counts there until the interval's end at the latest.
"""

from statistics import NormalDist

import numpy as np
import polars as pl

from affekt.errors import ConfigError
from affekt.labels import labels_of_columns, probability_columns
from affekt.people.baseline import DIMENSIONS, over_baseline
from affekt.people.episodes import expressions_among
from affekt.people.options import SummaryOptions
from affekt.people.rows import with_best

RESAMPLES = 2000
LEAST_BLOCKS, MOST_BLOCKS = 5, 1000
"""Fewer blocks say too little for an interval; more would only take time, so those of long videos are longer."""


def with_shares(rows: pl.DataFrame) -> pl.DataFrame:
    """Add a column per expression: 1 where it is the most probable, 0 where not, empty where the model names none.

    A face that was too unsure to be named in the table has a most probable expression, too.
    """
    named = with_best(rows)["emotion"]
    labels = labels_of_columns(rows.columns)
    return rows.with_columns((named == label).cast(pl.Float64).alias(f"share_{label}") for label in labels)


def people_table(
    rows: pl.DataFrame, episodes: pl.DataFrame, intervals: pl.DataFrame, options: SummaryOptions
) -> pl.DataFrame:
    """Return a row per person and interval in which they were seen."""
    labels = labels_of_columns(rows.columns)
    over = tuple(name for name in over_baseline(labels) if name in rows.columns)
    means = (*(f"share_{label}" for label in labels), *probability_columns(labels), *DIMENSIONS, *over)
    by_person = rows.partition_by("input", "person", as_dict=True, maintain_order=True)
    episodes_of = episodes.partition_by("input", "person", as_dict=True)
    cuts = intervals.partition_by("input", as_dict=True, maintain_order=True)
    found = []
    for (name, person), own in by_person.items():
        if (name,) not in cuts:
            continue
        for cut in cuts[(name,)].to_dicts():
            inside = pl.col("time_s").is_between(cut["start_s"], cut["end_s"], closed="left")
            if (part := own.filter(inside)).is_empty():
                continue
            # A frame that lasts beyond the interval counts until its end.
            part = part.with_columns(pl.min_horizontal("seen_s", cut["end_s"] - pl.col("time_s")))
            row = {"input": name, "person": person, **{key: cut[key] for key in cut if key != "input"}}
            row |= _seen(part) | _means(part.filter("used"), means, options.block_s)
            starts = pl.col("start_s").is_between(cut["start_s"], cut["end_s"], closed="left")
            theirs = episodes_of.get((name, person), episodes.clear()).filter(starts)
            found.append(row | _counts(theirs, labels, cut["start_s"], row["used_s"]))
    if not found:
        raise ConfigError(
            "expected somebody to be seen within the markers, got nobody; their times are seconds from the first frame"
        )
    return pl.DataFrame(found, infer_schema_length=None)


def _seen(part: pl.DataFrame) -> dict[str, object]:
    used = part.filter("used")
    return {
        "tracks": " ".join(str(track) for track in sorted(part["track"].unique())),
        "first_s": part["time_s"][0],
        "last_s": part["time_s"][-1],
        "rows": len(part),
        **({"reliable_rows": len(used), "reliable_share": len(used) / len(part)} if "reliable" in part.columns else {}),
        "seen_s": part["seen_s"].sum(),
        "used_s": used["seen_s"].sum(),
    }


def _means(part: pl.DataFrame, names: tuple[str, ...], block_s: float) -> dict[str, float | None]:
    """Return each column's mean over time with its interval, and the spread of valence and arousal."""
    values = part.select(pl.col(names).cast(pl.Float64)).to_numpy()
    time_s, weights = part["time_s"].to_numpy(), part["seen_s"].to_numpy()
    if not len(part):
        time_s, values = np.zeros(1), np.full((1, len(names)), np.nan)
    weights = weights if weights.any() else np.ones(len(time_s))
    mean = np.average(values, axis=0, weights=weights)
    low, high = block_interval(time_s, values, weights, block_s)
    # Equal values would give an interval of a point: that nothing was seen to change is no evidence that nothing does.
    low, high = (np.where((values == values[0]).all(axis=0), np.nan, end) for end in (low, high))
    row = {}
    for place, name in enumerate(names):
        row |= {name: mean[place], f"{name}_low": low[place], f"{name}_high": high[place]}
        if name in DIMENSIONS:
            variance = np.average((values[:, place] - mean[place]) ** 2, weights=weights)
            row |= {f"{name}_sd": np.sqrt(variance), f"{name}_min": values[:, place].min()}
            row |= {f"{name}_max": values[:, place].max()}
    return {name: None if np.isnan(value) else float(value) for name, value in row.items()}


def block_interval(
    time_s: np.ndarray, values: np.ndarray, weights: np.ndarray, block_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % intervals of weighted means, (columns,) low and high, from a bootstrap of blocks of time.

    Frames next to each other say nearly the same, so blocks of neighbouring frames are drawn, not frames (Carlstein
    1986). `time_s` is (n,) in order, `values` (n, columns), `weights` (n,). NaN where there are too few blocks.
    """
    columns = values.shape[1]
    block_s = max(block_s, (time_s[-1] - time_s[0]) / MOST_BLOCKS)
    block = np.floor((time_s - time_s[0]) / block_s + 1e-6)
    starts = np.flatnonzero(np.diff(block, prepend=-1.0))
    if len(starts) < LEAST_BLOCKS:
        return np.full(columns, np.nan), np.full(columns, np.nan)
    sums = np.add.reduceat(np.column_stack([values * weights[:, None], weights]), starts)
    chances = np.full(len(starts), 1 / len(starts))
    counts = np.random.default_rng(0).multinomial(len(starts), chances, size=RESAMPLES)
    totals = counts.astype(np.float64) @ sums
    outside = _share_outside(len(starts))
    low, high = np.quantile(totals[:, :-1] / totals[:, -1:], [outside, 1 - outside], axis=0)
    return low, high


def _share_outside(blocks: int) -> float:
    """Return the share of resamples on either side of the interval: less than .025, for few blocks spread too little.

    The expanded percentile interval (Hesterberg 2015): as wide as Student's t makes it, by its expansion in 1 / n.
    """
    z, n = 1.959964, blocks - 1
    t = z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
    t += (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    return NormalDist().cdf(-t * np.sqrt(blocks / n))


def _counts(
    episodes: pl.DataFrame, labels: tuple[str, ...], start_s: float, seen_s: float
) -> dict[str, float | int | None]:
    """Return number, rate, mean length and first start of the episodes of each expression."""
    row: dict[str, float | int | None] = {"episodes": len(episodes)}
    for label in expressions_among(labels):
        own = episodes.filter(pl.col("expression") == label)
        row[f"episodes_{label}"] = len(own)
        row[f"episodes_per_min_{label}"] = 60 * len(own) / seen_s if seen_s else None
        row[f"episode_mean_s_{label}"] = float(own["length_s"].to_numpy().mean()) if len(own) else None
        row[f"latency_s_{label}"] = float(own["start_s"].to_numpy().min()) - start_s if len(own) else None
    return row


def bins_table(rows: pl.DataFrame, intervals: pl.DataFrame, options: SummaryOptions) -> tuple[pl.DataFrame, list[str]]:
    """Return a row per person and bin, and what is to be told.

    Times are from the first frame or from the start of a marker. `emotion` has the highest mean probability.
    """
    labels = labels_of_columns(rows.columns)
    probabilities, over = probability_columns(labels), over_baseline(labels)
    columns = (*probabilities, *DIMENSIONS, *(name for name in over if name in rows.columns))
    used, told = rows.filter("used"), list[str]()
    zero_s = used.select("input").unique().with_columns(pl.lit(0.0).alias("zero_s"))
    if options.align_to is not None:
        own = intervals.filter(pl.col("marker") == options.align_to)
        if own.is_empty():
            known = ", ".join(sorted(intervals["marker"].unique()))
            raise ConfigError(
                f"expected align_to among the markers {known}, got {options.align_to!r}; name one of these"
            )
        without = len(zero_s) - own["input"].n_unique()
        told = [f"{without} inputs have no marker {options.align_to}: the bins leave them out"] if without else []
        zero_s = own.group_by("input").agg(pl.col("start_s").min().alias("zero_s"))
    # Times are decimal, and 0.3 / 0.1 is less than 3.
    number = ((pl.col("time_s") - pl.col("zero_s")) / options.bin_s + 1e-6).floor().cast(pl.Int64)
    weight = pl.col("seen_s")
    means = [
        pl.when(pl.col(name).null_count() > 0)
        .then(None)
        .when(weight.sum() > 0)
        .then((pl.col(name) * weight).sum() / weight.sum())
        .otherwise(pl.col(name).mean())
        .alias(name)
        for name in columns
    ]
    bins = (
        used.join(zero_s, on="input", maintain_order="left")
        .group_by("input", "person", number.alias("bin"), maintain_order=True)
        .agg(pl.len().alias("rows"), weight.sum(), *means)
    )
    best, is_named = pl.concat_list(probabilities).list.arg_max(), used[probabilities[0]].null_count() == 0
    emotion = pl.lit(pl.Series(labels)).gather(best) if is_named else pl.lit(None, pl.String)
    bins = bins.with_columns(emotion.alias("emotion"), (pl.col("bin") * options.bin_s).alias("start_s"))
    return bins.select("input", "person", "start_s", "rows", "seen_s", "emotion", *columns), told
