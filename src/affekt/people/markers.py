"""Markers: a csv of input, start, end and name cuts a summary into intervals; further columns are groups.

An empty input means every input, an empty start the first frame, an empty end the last. A row without start, end and
name has the groups of the whole input: they stand for the empty ones of its other rows, so that all inputs can share
their markers. It is an interval, `all`, only where its input has no other row: a mean over all rows of an input would
count that time twice. So a csv of input, condition and participant is enough to carry groups along.
"""

import logging
import math
import re
from contextlib import suppress
from pathlib import Path

import polars as pl

from affekt.analysis.options import seconds_of
from affekt.analysis.summary import counted
from affekt.data.text_table import read_text_table
from affekt.errors import ConfigError
from affekt.labels import labels_of_columns
from affekt.people.codebook import refuse_taken
from affekt.people.rows import inputs_meant

logger = logging.getLogger(__name__)

OWN = ("input", "start", "end", "name")
NEAR = {
    "input": {"input", "inputs", "file", "files", "filename", "video", "videos", "path", "name"},
    "start": {"start", "starts", "begin", "begins", "beginning", "from", "onset", "onsets"},
    "end": {"end", "ends", "stop", "stops", "finish", "to", "until", "offset", "offsets", "duration", "length"},
    "name": {"name", "names", "marker", "markers", "label", "labels"},
}
"""Words of other columns that are hardly meant for groups where there is no column of the proper name."""
LEAST_S = 1e-3
LENIENT_S = 1.0
"""A marker may end this much after its recording: people round."""
INTERVAL = ("input", "marker", "start_s", "end_s")


def read_markers(markers: str | Path | pl.DataFrame | None, rows: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Return the intervals, (input, marker, start_s, end_s and the group columns), and the names of these columns.

    Without markers each input is one interval. Times are from the first frame, in seconds or as 1:30 or 2min; a comma
    may be the decimal mark, and semicolons may stand between the cells.
    """
    # A video ends after its last frame, even one frame that was shown for no time that is known.
    ends = (pl.col("time_s") + pl.col("seen_s").clip(lower_bound=LEAST_S)).max()
    lengths = rows.group_by("input").agg(ends.alias("length_s")).sort("input")
    if markers is None:
        whole = lengths.with_columns(pl.lit("all").alias("marker"), pl.lit(0.0).alias("start_s"))
        return whole.select("input", "marker", "start_s", pl.col("length_s").alias("end_s")), []
    path = path_of(markers)
    table = _text(markers, path)
    groups = [name for name in table.columns if name not in OWN]
    refuse_taken(groups, (), labels_of_columns(rows.columns), path)
    table = table.with_columns(
        inputs_meant(table["input"], rows["input"], path),
        *(_seconds(table, name, path).alias(f"{name}_s") for name in ("start", "end")),
        pl.col("name").fill_null("all").alias("marker"),
    )
    intervals = _intervals(table, lengths, groups, path)
    if len(bad := intervals.filter(pl.col("end_s") <= pl.col("start_s"))):
        found = bad.row(0, named=True)
        raise ConfigError(
            f"expected each marker to end after its start in {path}, got {found['marker']!r} of {found['input']} from "
            f"{found['start_s']:g} to {found['end_s']:g} s, where an empty end is the last face; mend the row"
        )
    if len(twice := intervals.filter(intervals.is_duplicated())):
        found = twice.row(0, named=True)
        raise ConfigError(
            f"expected each marker once in {path}, got {found['marker']!r} of {found['input']} from "
            f"{found['start_s']:g} to {found['end_s']:g} s twice; keep one row"
        )
    return intervals.sort("input", "start_s", maintain_order=True), groups


def told_of_markers(
    markers: str | Path | pl.DataFrame, intervals: pl.DataFrame, groups: list[str], lengths: pl.DataFrame
) -> list[str]:
    """Return what of the markers is hardly meant: recordings left out, none of a group, and times beyond a recording.

    `lengths` has `input` and `length_s` of every recording with a face.
    """
    path, told = path_of(markers), list[str]()
    absent = lengths.join(intervals, on="input", how="anti")["input"].sort()
    if len(absent):
        told.append(
            f"{path} has no row for {counted(len(absent), 'recording')}, left out here; the first is {absent[0]}"
        )
    for name in groups:
        without = intervals.group_by("input", maintain_order=True).agg(pl.col(name).is_null().all())
        if len(inputs := without.filter(name)["input"]):
            told.append(f"{path} gives no {name} to {counted(len(inputs), 'recording')}; the first is {inputs[0]}")
    placed = intervals.join(lengths, on="input", maintain_order="left")
    is_outside = (pl.col("start_s") < 0) | (pl.col("start_s") >= pl.col("length_s"))
    beyond = placed.filter(is_outside | (pl.col("end_s") > pl.col("length_s") + LENIENT_S))
    if len(beyond):
        first = beyond.row(0, named=True)
        told.append(
            f"{path} goes beyond the recording in {len(beyond):,} of {counted(len(placed), 'interval')}; the first is "
            f"{first['marker']!r} of {first['input']}, from {first['start_s']:g} to {first['end_s']:g} s, where the "
            f"recording ends at {first['length_s']:.1f} s"
        )
    return told


def path_of(markers: str | Path | pl.DataFrame) -> Path:
    """Return what sentences call the markers."""
    return Path(markers) if isinstance(markers, str | Path) else Path("the frame of markers")


def groups_of_inputs(intervals: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
    """Return the group columns that say one thing of each input, to go with its episodes and bins."""
    same = [
        name for name in groups if intervals.group_by("input").agg(pl.col(name).n_unique())[name].max() == 1
    ]  # fmt: skip
    return intervals.select("input", *same).unique(maintain_order=True)


def _intervals(table: pl.DataFrame, lengths: pl.DataFrame, groups: list[str], path: Path) -> pl.DataFrame:
    """Return the rows that are intervals, one per input that they mean, with the groups that are told of it."""
    only_groups = "only groups\0"
    table = table.with_columns(pl.all_horizontal(pl.col("start", "end", "name").is_null()).alias(only_groups))
    if len(twice := table.filter(only_groups).filter(pl.col("input").is_duplicated())):
        name = twice["input"][0] or "all inputs"
        raise ConfigError(
            f"expected one row without start, end and name for {name} in {path}, got {len(twice)}; make them one row, "
            "or give each a start, an end and a name"
        )
    every = table.filter(pl.col("input").is_null()).drop("input").join(lengths, how="cross")
    own = table.filter(pl.col("input").is_not_null()).join(lengths, on="input", how="inner")
    columns = (*INTERVAL, *groups, only_groups)
    intervals = pl.concat([own.select(*columns, "length_s"), every.select(*columns, "length_s")]).with_columns(
        pl.col("start_s").fill_null(0.0), pl.coalesce("end_s", "length_s").alias("end_s")
    )
    told = intervals.filter(only_groups).group_by("input").agg(pl.col(groups).drop_nulls().first().name.suffix("\0"))
    intervals = intervals.join(told, on="input", how="left", maintain_order="left")
    intervals = intervals.with_columns(pl.coalesce(name, f"{name}\0").alias(name) for name in groups)
    is_whole = pl.col(only_groups).all().over("input") & pl.col("input").is_first_distinct()
    return intervals.filter(~pl.col(only_groups) | is_whole).select(*INTERVAL, *groups)


def _text(markers: str | Path | pl.DataFrame, path: Path) -> pl.DataFrame:
    if isinstance(markers, pl.DataFrame):
        # As in a csv, an empty text is no text.
        table = markers.with_columns(pl.all().cast(pl.String).str.strip_chars().replace("", None))
    elif not isinstance(markers, str | Path):
        raise ConfigError(
            f"expected markers as a csv's path or a polars frame, got {type(markers).__name__}; columns are input, "
            "start, end, name, and any groups"
        )
    else:
        instead = "columns are input, start, end, name, and any groups"
        table = read_text_table(path, "a csv of markers", instead)
    if "input" not in table.columns and "name" not in table.columns:
        raise ConfigError(
            f"expected the columns input, start, end and name in {path}, got {', '.join(table.columns)}; name them so"
        )
    if "" in table.columns:
        raise ConfigError(f"expected a name over each column in {path}, got none over one; name it, or take it out")
    for proper in (name for name in OWN if name not in table.columns):
        if near := next((name for name in table.columns if _is_near(name, proper, table.columns)), None):
            instead = f"name the end itself, {proper}" if "dur" in near.lower() else f"rename it to {proper}"
            raise ConfigError(
                f"expected the columns input, start, end and name in {path}, got {near!r} and no {proper}; {instead}, "
                "or call it otherwise if it is a group"
            )
    if "start" not in table.columns and "end" not in table.columns:
        groups = ", ".join(name for name in table.columns if name not in OWN) or "none"
        logger.info("%s has no start and end: each row means a whole video; its group columns are %s", path, groups)
    return table.with_columns(pl.lit(None, pl.String).alias(name) for name in OWN if name not in table.columns)


def _seconds(table: pl.DataFrame, name: str, path: Path) -> pl.Series:
    times_s = pl.Series([None if typed is None else _time_s(typed) for typed in table[name]], dtype=pl.Float64)
    bad = table[name].filter(~times_s.is_finite().fill_null(True))
    if len(bad):
        raise ConfigError(
            f"expected seconds as {name} in {path}, got {bad[0]!r}; write a number such as 12.5, or 1:30, or 2min"
        )
    return times_s


def _time_s(typed: str) -> float:
    """Return a time in seconds, NaN where it is none; a comma may be the decimal mark."""
    typed = typed.replace(",", ".")
    with suppress(ValueError):
        return float(typed)  # it may be before the recording, too
    with suppress(ValueError):
        return seconds_of(typed)
    return math.nan


def _is_near(name: str, proper: str, columns: list[str]) -> bool:
    """Whether a column is hardly a group but stands for the proper one: `Begin`, `start_s`, `endTime`, `file name`."""
    words = set(re.findall("[a-z]+", re.sub("([a-z])([A-Z])", r"\1 \2", name).lower()))
    if name in OWN:
        return False
    if proper in ("start", "end"):
        return bool(words & NEAR[proper])
    # Without times a row means a whole video, and may well have a label.
    has_times = proper == "input" or {"start", "end"} & {*columns}
    return bool(has_times and words and words <= NEAR[proper])
