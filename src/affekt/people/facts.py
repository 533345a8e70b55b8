"""What a summary knows of its own people, for the text on methods: who was joined or left out, and what is missing."""

from pathlib import Path

import polars as pl

from affekt.analysis.summary import counted
from affekt.labels import labels_of_columns, probability_columns
from affekt.people.averages import LEAST_BLOCKS
from affekt.people.baseline import DIMENSIONS, LEAST_PROBABILITY
from affekt.people.leaving_out import number_of_people
from affekt.people.options import CENTRE, SummaryOptions
from affekt.people.page import People
from affekt.people.rows import PERSON

MOST_MARKERS = 12
"""Named in the text; there may be one for each trial."""


def facts(
    study: People, resting: pl.DataFrame | None, options: SummaryOptions, *, left_out: int, is_joined: bool
) -> str:
    """Return what is to be reported of the people of a summary, in sentences: only what applies.

    `resting` is the table of resting faces, `left_out` how many people were left out by hand, and `is_joined` says
    whether a list joined tracks.
    """
    rows = study.rows.join(study.table, on=PERSON, how="semi")
    sentences = [
        *_joining(rows, options, is_joined=is_joined),
        *([f"{counted(left_out, 'person was', 'people were')} left out by hand."] if left_out else []),
        *_markers(study.intervals.join(study.table, on="input", how="semi", maintain_order="left")),
    ]
    if "reliable" in rows.columns:
        within = _within(rows, study.intervals)
        good = int(within["used"].sum())
        share = f"{100 * good / len(within):.0f} %"
        sentences.append(f"Of {counted(len(within), 'row')} with a face, {good:,} ({share}) were reliable.")
    if resting is not None:
        sentences.append(_resting(rows, resting, options))
    return " ".join([*sentences, *_missing(study.table, labels_of_columns(rows.columns))])


def _within(rows: pl.DataFrame, intervals: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that begin in an interval, each once: those that the table of people counts."""
    moments = rows.select(*PERSON, "time_s", "used").join(intervals.select("input", "start_s", "end_s"), on="input")
    inside = pl.col("time_s").is_between("start_s", "end_s", closed="left")
    return moments.filter(inside).unique([*PERSON, "time_s"])


def _joining(rows: pl.DataFrame, options: SummaryOptions, *, is_joined: bool) -> list[str]:
    if is_joined:
        how = "A list said which tracks are one person"
    elif options.identify is not None:
        how = (
            f"Tracks of one person were joined by a face recognition network, {Path(options.identify).name}, where the "
            f"cosine of their mean vectors was at least {options.same_person:g}"
        )
    else:
        return []
    tracks = rows.select("input", "track").n_unique()
    return [f"{how}: {counted(tracks, 'track')} became {counted(number_of_people(rows), 'person', 'people')}."]


def _markers(intervals: pl.DataFrame) -> list[str]:
    if (intervals["marker"] == "all").all():
        return []
    markers = intervals.group_by("marker", maintain_order=True).agg(
        pl.col("input").n_unique(), (pl.col("end_s") - pl.col("start_s")).mean().alias("length_s")
    )
    told = [
        f"{name} ({counted(inputs, 'recording')}, {length_s:.3g} s long{' on average' if inputs > 1 else ''})"
        for name, inputs, length_s in markers.head(MOST_MARKERS).rows()
    ]
    more = len(markers) - len(told)
    return [f"The marked intervals are {', '.join(told)}{f', and {more:,} more' if more else ''}."]


def _resting(rows: pl.DataFrame, resting: pl.DataFrame, options: SummaryOptions) -> str:
    """Say from whom a resting face was subtracted: not from those who were not seen at rest."""
    source = "all their frames" if options.baseline == CENTRE else f"their frames in the interval {options.baseline}"
    everybody = number_of_people(rows)
    known = number_of_people(rows.join(resting.filter(pl.col("baseline_rows") > 0), on=PERSON, how="semi"))
    who, lacking = "Each person's resting face", ""
    if known < everybody:
        who = f"The resting face of {known:,} of {counted(everybody, 'person', 'people')}"
        lacking = f" {counted(everybody - known, 'person', 'people')} had too few such frames that count."
    return (
        f"{who}, the median of {source}, was subtracted in the columns that end in over_baseline: in log-odds of "
        f"probabilities limited to [{LEAST_PROBABILITY:g}, {1 - LEAST_PROBABILITY:g}], and in valence and "
        f"arousal.{lacking}"
    )


def _missing(table: pl.DataFrame, labels: tuple[str, ...]) -> list[str]:
    """Say how many rows lack an interval, or means, because too little was seen."""
    means = (*(f"share_{label}" for label in labels), *probability_columns(labels), *DIMENSIONS)
    has_mean = pl.any_horizontal(pl.col(means).is_not_null())
    has_interval = pl.any_horizontal(pl.col([f"{name}_low" for name in means]).is_not_null())
    brief, empty = table.filter(has_mean, ~has_interval).height, table.filter(~has_mean).height
    told = [f"people.csv has {counted(len(table), 'row')}, each a person in a recording or interval."]
    told += [
        f"Without 95 % intervals: {brief:,}, because fewer than {LEAST_BLOCKS} blocks were seen, or no value changed."
    ] * bool(brief)
    told += [f"Without means: {empty:,}, because no frame counted."] * bool(empty)
    return told if brief or empty else []
