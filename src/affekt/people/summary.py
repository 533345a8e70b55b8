"""One summary: from a table of results to the tables about people, in memory and on disk."""

import logging
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from affekt.errors import ConfigError
from affekt.files import written_whole
from affekt.labels import labels_of_columns
from affekt.people.averages import bins_table, people_table, with_shares
from affekt.people.baseline import with_baseline
from affekt.people.codebook import codebook
from affekt.people.episodes import find_episodes, with_markers
from affekt.people.markers import groups_of_inputs, read_markers
from affekt.people.methods import methods_text
from affekt.people.options import SummaryOptions
from affekt.people.rows import people_rows, read_table, timed
from affekt.people.writing import write_tables

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Summary:
    """The tables of a summary, as polars frames."""

    people: pl.DataFrame
    """A row per input, person and marked interval."""
    episodes: pl.DataFrame
    """A row per stretch of an expression."""
    bins: pl.DataFrame
    """A row per person and bin of time."""
    baseline: pl.DataFrame | None
    """Each person's resting face; None if nothing was subtracted."""
    codebook: pl.DataFrame
    """A row per column of the other tables: its unit and meaning."""
    methods: str
    """The paragraph on methods, in Markdown."""
    written: tuple[Path, ...] = ()
    """The files, if `out` was given."""


def make_summary(
    table: str | Path | pl.DataFrame | pl.LazyFrame,
    out: str | Path | None,
    markers: str | Path | pl.DataFrame | None,
    join: str | Path | None,
    options: SummaryOptions,
) -> Summary:
    """Do what `affekt.summarize` says."""
    frame, metadata = read_table(table)
    found_people = None if options.identify is None else _identified(frame, join, options)
    rows = people_rows(frame, join if found_people is None else found_people, options.longest_gap_s)
    labels = labels_of_columns(rows.columns)
    intervals, groups = read_markers(markers, rows)
    told, resting = list[str](), None
    if options.baseline is not None:
        rows, resting, told = with_baseline(rows, intervals, options.baseline)
    # What is not reliable was not seen: an episode goes on over a short stretch of it, and ends at a long one.
    used = timed(rows.filter("used"), options.longest_gap_s)
    found = with_markers(find_episodes(used, options), intervals)
    people = people_table(with_shares(rows), found, intervals, options)
    bins, more = bins_table(rows, intervals, options)
    of_inputs = groups_of_inputs(intervals, groups)
    found, bins = (each.join(of_inputs, on="input", how="left", maintain_order="left") for each in (found, bins))
    tables = {"people": people, "episodes": found, "bins": bins, **({} if resting is None else {"baseline": resting})}
    tables["codebook"] = codebook(tables, labels)
    text = methods_text(metadata, labels, options, is_filtered="reliable" in rows.columns)
    written = () if out is None else tuple(write_tables(tables, text, Path(out), options))
    if found_people is not None and out is not None:
        written = (*written, _write_identified(found_people, Path(out)))
    if others := frame.select(pl.col("input").n_unique()).collect().item() - rows["input"].n_unique():
        told.append(f"{others} of the inputs are pictures, or videos without a face, and are left out")
    for line in (*told, *more):
        logger.info("%s", line)
    return Summary(people, found, bins, resting, tables["codebook"], text, written)


def _identified(frame: pl.LazyFrame, join: str | Path | None, options: SummaryOptions) -> pl.DataFrame:
    from affekt.people.identify import identified

    if join is not None:
        raise ConfigError("expected tracks joined by join or by identify, got both; leave one of them out")
    return identified(frame, Path(options.identify or ""), options.same_person)


def _write_identified(people: pl.DataFrame, folder: Path) -> Path:
    """Write who is who as csv, to be looked through, mended and given as `join`."""
    path = folder / "identified.csv"
    with written_whole(path) as temporary:
        people.write_csv(temporary, float_precision=3)
    return path
