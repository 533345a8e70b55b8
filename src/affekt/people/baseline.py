"""The baseline: each person's resting face, and how far each of their frames is from it.

Faces differ at rest: one looks sad, another cheerful, without an expression. Differences are taken in log-odds, where a
step means the same ratio of odds everywhere, while one of .1 in probability means little around .5 and much near 0. In
valence and arousal they are taken as they are.
"""

import polars as pl

from affekt.analysis.summary import counted
from affekt.errors import ConfigError, did_you_mean
from affekt.labels import labels_of_columns
from affekt.people.options import CENTRE

LEAST_PROBABILITY = 1e-3
"""Probabilities nearer to 0 or 1 count as this near: some thousand pictures calibrated them, which tell no less."""
LEAST_S = 5.0
"""A resting face of less time is told: neighbouring frames are nearly the same, so it would be that of one moment."""
DIMENSIONS = ("valence", "arousal")


def over_baseline(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns that `with_baseline` adds."""
    return (
        *(f"log_odds_{label}_over_baseline" for label in labels),
        *(f"{name}_over_baseline" for name in DIMENSIONS),
    )


def with_baseline(rows: pl.DataFrame, intervals: pl.DataFrame, baseline: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return rows with the columns of `over_baseline`, and the table of resting faces.

    A resting face is the median of the person's frames that are used: of all, or of those in the marker called
    `baseline`. Who was named by a csv rests in one video for all.
    """
    # Only a name of the user's own is the same person in another video.
    who = pl.when("is_named").then("person").otherwise(pl.concat_str("input", "person", separator="\0")).alias("who")
    rows = rows.with_columns(who)
    resting = rows.filter("used")
    if baseline == CENTRE and CENTRE in intervals["marker"]:
        raise ConfigError(f"expected no marker called {CENTRE}, which is all of a person's frames; rename the marker")
    if baseline != CENTRE:
        marked = intervals.filter(pl.col("marker") == baseline).select("input", "start_s", "end_s")
        if marked.is_empty():
            known = ", ".join(sorted(intervals["marker"].unique())) or "none"
            instead = did_you_mean(baseline, [*intervals["marker"].unique(), CENTRE], "name one of these")
            raise ConfigError(
                f"expected a baseline among the markers {known}, or {CENTRE}, got {baseline!r}; {instead}"
            )
        inside = pl.col("time_s").is_between("start_s", "end_s", closed="left")
        until_s = pl.min_horizontal("seen_s", pl.col("end_s") - pl.col("time_s"))
        resting = resting.join(marked, on="input").filter(inside).with_columns(until_s).sort("seen_s")
        resting = resting.unique(["input", "person", "time_s"], keep="last", maintain_order=True)
    labels = labels_of_columns(rows.columns)
    odds = [_log_odds(label).median().alias(f"rest_{label}") for label in labels]
    points = [pl.col(name).median().alias(f"rest_{name}") for name in DIMENSIONS]
    counts = (pl.len().alias("baseline_rows"), pl.col("seen_s").sum().alias("baseline_s"))
    faces = resting.group_by("who").agg(*counts, *odds, *points)
    rows = rows.join(faces, on="who", how="left", maintain_order="left")
    differences = [
        *(_log_odds(label) - pl.col(f"rest_{label}") for label in labels),
        *(pl.col(name) - pl.col(f"rest_{name}") for name in DIMENSIONS),
    ]
    rows = rows.with_columns(each.alias(name) for each, name in zip(differences, over_baseline(labels), strict=True))
    probabilities = [(1 / (1 + (-pl.col(f"rest_{label}")).exp())).alias(f"p_{label}") for label in labels]
    people = rows.select("input", "person", "who").unique(maintain_order=True)
    of_rest = (*probabilities, *(pl.col(f"rest_{name}").alias(name) for name in DIMENSIONS))
    table = people.join(faces, on="who", maintain_order="left")
    table = table.select("input", "person", "baseline_rows", "baseline_s", *of_rest)
    return rows.drop("who", "baseline_rows", "baseline_s", pl.selectors.starts_with("rest_")), table


def told_of_baseline(people: pl.DataFrame, resting: pl.DataFrame, baseline: str) -> list[str]:
    """Return which people of the table of people have no resting face, and which have one of little time."""
    faces = (
        people.select("input", "person").unique(maintain_order=True).join(resting, on=("input", "person"), how="left")
    )
    of_all = f"of {counted(len(faces), 'person', 'people')}, counted per recording,"
    told = list[str]()
    where = "" if baseline == CENTRE else f" in {baseline}"
    if len(none := faces.filter(pl.col("baseline_rows").is_null())):
        name, person = none.row(0)[:2]
        told.append(
            f"{len(none):,} {of_all} had no frame that counts{where}, and so no baseline; the first is person "
            f"{person} of {name}"
        )
    if len(few := faces.filter(pl.col("baseline_s") < LEAST_S - 1e-6)):
        first = few.row(0, named=True)
        told.append(
            f"{len(few):,} {of_all} had a baseline of less than {LEAST_S:g} s{where}; the first is person "
            f"{first['person']} of {first['input']}, with {counted(first['baseline_rows'], 'frame')}, "
            f"{first['baseline_s']:.3g} s"
        )
    return told


def _log_odds(label: str) -> pl.Expr:
    p = pl.col(f"p_{label}").clip(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return (p / (1 - p)).log()
