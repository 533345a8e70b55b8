"""One summary: from a table of results to the tables about people and the study page, in memory and on disk."""

import logging
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from affekt.analysis.inputs import refuse_pictures
from affekt.analysis.summary import counted
from affekt.errors import ConfigError, DataError
from affekt.files import refuse_others, require_folder, write_text, written_whole
from affekt.labels import labels_of_columns
from affekt.people.averages import bins_table, people_table, with_shares
from affekt.people.baseline import told_of_baseline, with_baseline
from affekt.people.codebook import codebook
from affekt.people.episodes import find_episodes, with_markers
from affekt.people.figures import ENDINGS, require_matplotlib, write_figures
from affekt.people.markers import groups_of_inputs, read_markers, told_of_markers
from affekt.people.methods import methods_text
from affekt.people.options import CENTRE, SummaryOptions
from affekt.people.page import People, study_page
from affekt.people.rows import (
    BOX,
    INSTEAD,
    PERSON,
    groups_of_people,
    lengths_of,
    people_rows,
    picture_rows,
    read_table,
    timed,
)
from affekt.people.writing import IDENTIFIED, PAGE, files_of, write_tables

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Summary:
    """The tables of a summary, as polars frames; without a face in a video those of people are empty."""

    people: pl.DataFrame
    """A row per input, person and marked interval."""
    episodes: pl.DataFrame
    """A row per stretch of an expression."""
    bins: pl.DataFrame
    """A row per person and bin of time."""
    baseline: pl.DataFrame | None
    """Each person's resting face; None if nothing was subtracted."""
    pictures: pl.DataFrame
    """A row per face in a picture, the surest first; `used` says whether it is reliable."""
    codebook: pl.DataFrame
    """A row per column of the other tables: its unit and meaning."""
    methods: str
    """The text on methods, in Markdown."""
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
    if out is not None:
        require_folder(Path(out))
        refuse_pictures(Path(out), "*")
        refuse_others(Path(out), files_of(Path(out), options))
    endings = [ending for ending in ENDINGS if ending in options.formats]
    if endings:
        require_matplotlib()
    frame, metadata = read_table(table)
    found_people = None if options.identify is None else _identified(frame, join, options)
    rows = people_rows(frame, join if found_people is None else found_people, options.longest_gap_s)
    pictures = picture_rows(frame)
    if rows.is_empty() and pictures.is_empty():
        raise DataError(f"expected faces, got none in the table; {INSTEAD}")
    people, tables, told = None, dict[str, pl.DataFrame](), list[str]()
    if len(rows):
        lengths = None if markers is None else lengths_of(frame, rows)
        people, tables, told = _of_people(rows, lengths, markers, join, options)
    labels = labels_of_columns(pictures.columns)
    if len(pictures):
        tables["pictures"] = pictures.drop(*BOX, "used")
    tables["codebook"] = codebook(tables, labels)
    is_filtered = any("reliable" in part.columns for part in (rows, pictures) if len(part))
    used = None if people is None else options
    text = methods_text(metadata, labels, used, is_filtered=is_filtered, is_joined=join is not None)
    written: list[Path] = []
    if out is not None:
        written = write_tables(tables, text, Path(out), options)
        if "page" in options.formats:
            origin, title = metadata.get("valence_arousal_origin"), Path(out).resolve().name
            page = study_page(title, people, pictures, text, origin, with_faces=options.faces)
            written.insert(0, Path(out) / PAGE)
            write_text(written[0], page)
        if people is not None and endings:
            written = [*write_figures(people, Path(out), endings), *written]
    if found_people is not None and out is not None:
        written.append(_write_identified(found_people, Path(out)))
    without = frame.select(pl.col("input").n_unique()).collect().item() - pictures["input"].n_unique()
    if without := without - rows["input"].n_unique():
        told.append(f"{counted(without, 'input')} without a face left out")
    if join is None and found_people is None:
        told += _told_of_cuts(rows)
    for line in told:
        logger.info("%s", line)
    found = {name: tables.get(name, pl.DataFrame()) for name in ("people", "episodes", "bins", "codebook")}
    baseline = tables.get("baseline")
    return Summary(**found, baseline=baseline, pictures=pictures, methods=text, written=tuple(written))


def _of_people(
    rows: pl.DataFrame,
    lengths: pl.DataFrame | None,
    markers: str | Path | pl.DataFrame | None,
    join: str | Path | None,
    options: SummaryOptions,
) -> tuple[People, dict[str, pl.DataFrame], list[str]]:
    """Return what the page shows, the tables, and what is to be told."""
    intervals, groups = read_markers(markers, rows)
    of_people = groups_of_people(join, rows, groups)
    told = [] if markers is None or lengths is None else told_of_markers(markers, intervals, groups, lengths)
    rows, resting = rows.join(intervals, on="input", how="semi", maintain_order="left"), None
    if options.baseline is not None:
        rows, resting = with_baseline(rows, intervals, options.baseline)
    # What is not reliable was not seen: an episode goes on over a short stretch of it, and ends at a long one.
    used = timed(rows.filter("used"), options.longest_gap_s)
    found = with_markers(find_episodes(used, options), intervals)
    shares = with_shares(rows)
    people = people_table(shares, found, intervals, options)
    if resting is not None:
        told += told_of_baseline(people, resting, options.baseline or CENTRE)
    bins, more = bins_table(rows, intervals, options)
    of_inputs, own = groups_of_inputs(intervals, groups), of_people.columns[len(PERSON) :]
    episodes, bins = (each.join(of_inputs, on="input", how="left", maintain_order="left") for each in (found, bins))
    people, episodes, bins = (
        each.join(of_people, on=PERSON, how="left", maintain_order="left") for each in (people, episodes, bins)
    )
    before = people.columns[: people.columns.index("tracks")]  # all groups stand side by side
    people = people.select(*before, *own, pl.exclude(*before, *own))
    tables = {
        "people": people,
        "episodes": episodes,
        "bins": bins,
        **({} if resting is None else {"baseline": resting}),
    }
    is_whole = markers is None or "page" not in options.formats
    whole = people if is_whole else people_table(shares, found, read_markers(None, rows)[0], options)
    intervals = intervals.with_columns(pl.lit(None, pl.String).alias(name) for name in own)  # the page asks for names
    drawn = {"rows": rows, "used": used, "intervals": intervals, "episodes": found, "table": people, "whole": whole}
    shown = People(**drawn, baseline=options.baseline)
    return shown, tables, [*told, *more]


def _told_of_cuts(rows: pl.DataFrame) -> list[str]:
    """Return how many people were first seen after a cut: they may have been seen before it, and count again."""
    people = rows.group_by(PERSON, maintain_order=True).agg(pl.col("shot").min())
    anew = people.filter(pl.col("shot") > pl.col("shot").min().over("input"))
    again = (
        f"after a cut each person counts as another: this may be so for {len(anew):,} of {len(people):,} people, the "
        f"first in {anew['input'].first()}; the options join and identify of affekt summarize join them"
    )
    return [again] if len(anew) else []


def _identified(frame: pl.LazyFrame, join: str | Path | None, options: SummaryOptions) -> pl.DataFrame:
    from affekt.people.identify import identified

    if join is not None:
        raise ConfigError("expected tracks joined by join or by identify, got both; leave one of them out")
    return identified(frame, Path(options.identify or ""), options.same_person)


def _write_identified(people: pl.DataFrame, folder: Path) -> Path:
    """Write who is who as csv, to be looked through, mended and given as `join`."""
    path = folder / IDENTIFIED
    with written_whole(path) as temporary:
        people.write_csv(temporary, float_precision=3)
    return path
