"""One summary: from a table of results to the tables about people and the study page, in memory and on disk."""

import logging
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from affekt.analysis.inputs import refuse_pictures
from affekt.analysis.rows import origin_words
from affekt.analysis.summary import counted
from affekt.analysis.table import metadata_file
from affekt.errors import ConfigError, DataError
from affekt.files import refuse_others, require_folder, write_text, written_whole
from affekt.labels import labels_of_columns
from affekt.people.averages import bins_table, people_table, with_shares
from affekt.people.baseline import told_of_baseline, with_baseline
from affekt.people.codebook import codebook
from affekt.people.episodes import find_episodes, with_markers
from affekt.people.facts import facts
from affekt.people.figures import ENDINGS, require_matplotlib, write_figures
from affekt.people.leaving_out import number_of_people, without_people
from affekt.people.markers import groups_of_inputs, read_markers, told_of_markers
from affekt.people.methods import methods_text
from affekt.people.options import CENTRE, SummaryOptions
from affekt.people.page import People, study_page
from affekt.people.rows import (
    BOX,
    INSTEAD,
    PERSON,
    groups_of_people,
    is_told,
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
    _refuse(None if out is None else Path(out), options)
    frame, metadata = read_table(table)
    if isinstance(table, str | Path) and not is_told(metadata):
        logger.warning("%s", _lost(Path(table)))
    found_people = None if options.identify is None else _identified(frame, join, options)
    everybody = people_rows(frame, join if found_people is None else found_people, options.longest_gap_s)
    rows = without_people(everybody, options.leave_out)
    pictures = picture_rows(frame)
    if rows.is_empty() and pictures.is_empty():
        raise DataError(f"expected faces, got none in the table; {INSTEAD}")
    people, tables, told = None, dict[str, pl.DataFrame](), list[str]()
    if len(rows):
        people, tables, told = _of_people(frame, everybody, rows, markers, join, options)
    labels = labels_of_columns(pictures.columns)
    if len(pictures):
        tables["pictures"] = pictures.drop(*BOX, "used")
    tables["codebook"] = codebook(tables, labels)
    is_filtered = any("reliable" in part.columns for part in (rows, pictures) if len(part))
    left_out = number_of_people(everybody.join(rows, on=PERSON, how="anti"))
    used, known = None if people is None else options, ""
    if people is not None:
        known = facts(people, tables.get("baseline"), options, left_out=left_out, is_joined=join is not None)
    text = methods_text(metadata, labels, used, known, is_filtered=is_filtered)
    written: list[Path] = []
    if out is not None:
        written = write_tables(tables, text, Path(out), options)
        if "page" in options.formats:
            origin = origin_words(metadata.get("valence_arousal_origin")) if is_told(metadata) else None
            title = Path(out).resolve().name
            page = study_page(title, people, pictures, text, origin, with_faces=options.faces)
            written.insert(0, Path(out) / PAGE)
            write_text(written[0], page)
        if people is not None and (endings := [ending for ending in ENDINGS if ending in options.formats]):
            written = [*write_figures(people, Path(out), endings), *written]
    if found_people is not None and out is not None:
        written.append(_write_identified(found_people, Path(out)))
    with_faces = pictures["input"].n_unique() + everybody["input"].n_unique()
    if without := frame.select(pl.col("input").n_unique()).collect().item() - with_faces:
        told.append(f"{counted(without, 'input')} without a face left out")
    told += [f"{counted(left_out, 'person', 'people')} left out by hand"] * bool(left_out)
    if join is None and found_people is None:
        told += _told_of_cuts(rows if people is None else people.rows)
    for line in told:
        logger.info("%s", line)
    found = {name: tables.get(name, pl.DataFrame()) for name in ("people", "episodes", "bins", "codebook")}
    baseline = tables.get("baseline")
    return Summary(**found, baseline=baseline, pictures=pictures, methods=text, written=tuple(written))


def _refuse(out: Path | None, options: SummaryOptions) -> None:
    """Refuse a folder that is not for a summary, and formats that need what is not installed."""
    if out is not None:
        require_folder(out)
        refuse_pictures(out, "*")
        refuse_others(out, files_of(out, options))
    if {*ENDINGS} & {*options.formats}:
        require_matplotlib()


def _of_people(
    frame: pl.LazyFrame,
    everybody: pl.DataFrame,
    rows: pl.DataFrame,
    markers: str | Path | pl.DataFrame | None,
    join: str | Path | None,
    options: SummaryOptions,
) -> tuple[People, dict[str, pl.DataFrame], list[str]]:
    """Return what the page shows, the tables, and what is to be told; `everybody` has rows of who is left out, too."""
    intervals, groups = read_markers(markers, everybody)
    of_people = groups_of_people(join, everybody, groups)
    told = [] if markers is None else told_of_markers(markers, intervals, groups, lengths_of(frame, rows))
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
    whole = people if is_whole else people_table(shares, found, read_markers(None, everybody)[0], options)
    intervals = intervals.with_columns(pl.lit(None, pl.String).alias(name) for name in own)  # the page asks for names
    drawn = {"rows": rows, "used": used, "intervals": intervals, "episodes": found, "table": people, "whole": whole}
    shown = People(**drawn, baseline=options.baseline)
    return shown, tables, [*told, *more]


def _lost(table: Path) -> str:
    """Return what a summary of a table without metadata cannot say, and how it could."""
    beside = metadata_file(table).name
    got, instead = f"has no {beside} beside it", f"copy the -metadata.json of affekt's own table to {beside}"
    if table.suffix.lower() == ".parquet":
        got, instead = "was not written by affekt", "type affekt predict VIDEO --out faces.parquet --summary study"
    return (
        f"{table} {got}: methods.md cannot say which model read the faces, what it learnt from and where its limits "
        f"are; {instead}, or give affekt's own table, and leave people out by --leave-out"
    )


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
