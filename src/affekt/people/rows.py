"""The rows of people in videos: a table is read, tracks of one person are joined, and each row gets its time.

The columns that are added:

| column | holds |
|---|---|
| person | whose face it is: the first of the tracks that were joined, or a name that a csv gave, as text |
| piece | number of the stretch of frames without a long gap, a cut or a change of track; episodes never cross it |
| seen_s | seconds until the person's next row, or the usual step between rows before a gap and at the end |
| used | whether the row's scores count: `reliable` where the table says that of any face, else all |
"""

import logging
import shlex
from collections import Counter
from pathlib import Path, PurePath

import numpy as np
import polars as pl

from affekt.analysis.inputs import resolve
from affekt.analysis.rows import scores_of
from affekt.analysis.table import FORMATS, change_of, is_own, open_table
from affekt.data.text_table import read_text_table
from affekt.errors import ConfigError, DataError, first_line
from affekt.files import is_utf16
from affekt.labels import LABELS, labels_of_columns, probability_columns
from affekt.people.codebook import refuse_taken
from affekt.people.writing import TABLES

logger = logging.getLogger(__name__)

NEEDED = ("input", "time_s", "track", "status")
WHAT, INSTEAD = "a table of `affekt predict`", "type: affekt predict VIDEO --out faces.parquet"
INSTEAD_IN_PYTHON = "type: affekt.predict('VIDEO', out='faces.parquet')"
Joining = str | Path | pl.DataFrame | None
"""Tracks that are one person: pairs, a csv's path, or its columns input, track and person."""
PERSON = ("input", "person")
"""What tells one person of one video from another."""
NAME = "name\0"
"""The column of a name that somebody gave; the user's own columns have other names."""
OF_IDENTIFIED = ("faces", "similarity")
"""Columns of `identified.csv` that are of a track, and so no groups of a person."""
BOX = ("x", "y", "width", "height")


def is_told(said: dict[str, str]) -> bool:
    """Whether metadata say how a table came about: other programs leave some of their own in Parquet."""
    return not {"model", "affekt_version"}.isdisjoint(said)


def read_table(table: str | Path | pl.DataFrame | pl.LazyFrame) -> tuple[pl.LazyFrame, dict[str, str]]:
    """Return a table of results, lazily, and what its metadata says of the run that made it; nothing of a frame.

    Raises DataError where it cannot be read, or lacks a column that is needed.
    """
    if isinstance(table, pl.DataFrame | pl.LazyFrame):
        frame = table.lazy()
        _refuse_absent(frame, "one")
        return frame, {}
    if not isinstance(table, str | Path):
        raise ConfigError(
            f"expected {WHAT} as a path or a polars frame, got {type(table).__name__}; {INSTEAD_IN_PYTHON}"
        )
    path = Path(table)
    if path.suffix.lower() not in FORMATS or not path.is_file():
        got = "no such file" if path.suffix.lower() in FORMATS else "another ending than .csv, .parquet or .jsonl"
        if path.is_dir():
            raise DataError(f"expected {WHAT}, got the folder {path}; {_typed_instead_of(path)}")
        raise DataError(f"expected {WHAT} at {path}, got {got}; {INSTEAD}")
    if is_utf16(path):
        raise DataError(f"expected {WHAT} in UTF-8, got {path} in UTF-16; in Excel, save it as: CSV UTF-8")
    try:
        frame, said = open_table(path)
        _refuse_absent(frame, f"{path} of `affekt summarize`" if path.stem in TABLES else str(path))
        statuses = frame.select(pl.col("status").cast(pl.String)).collect()["status"]
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise DataError(f"expected {WHAT} in {path}, got {first_line(error)}; {INSTEAD}") from error
    if statuses.null_count():
        row = int(statuses.is_null().to_numpy().argmax())
        raise DataError(
            f"expected a status in each row of {path}, got none in row {row + 1}: it breaks off; copy it again"
        )
    if len(again := (statuses == "status").arg_true()):
        raise DataError(f"expected one table in {path}, got its header again in row {again[0] + 1}; take that row out")
    if is_told(said) and (changed := change_of(path)):
        logger.warning("%s is %s; it is summarized as it is", path, changed)
    return frame, said


def _refuse_absent(frame: pl.LazyFrame, what: str) -> None:
    names = frame.collect_schema().names()
    if absent := [name for name in NEEDED if name not in names]:
        raise DataError(f"expected {WHAT}, got {what} without {', '.join(absent)}; {INSTEAD}")


def _typed_instead_of(folder: Path) -> str:
    """Return what to type instead of a folder: a table in it, or its pictures, or else a table."""
    tables = (path for path in sorted(folder.glob("*")) if path.suffix.lower() in FORMATS and is_own(path))
    if (table := next(tables, None)) is not None:
        return f"type: affekt summarize {shlex.quote(str(table))} --out study"
    if resolve(str(folder), passed_over=Counter()):
        return f"type: affekt predict {shlex.quote(str(folder))} --out faces.parquet --summary study"
    return INSTEAD


def people_rows(frame: pl.LazyFrame, join: Joining, longest_gap_s: float) -> pl.DataFrame:
    """Return the rows with a face in a video, in the order of input, person and time, with the columns added.

    There are none where all faces are of pictures. Raises ConfigError where what is to be joined cannot be.
    """
    names = frame.collect_schema().names()
    in_videos = pl.col("time_s").is_not_null(), pl.col("track").is_not_null()
    rows = _faces(
        frame.filter(*in_videos),
        pl.col("time_s").cast(pl.Float64),
        pl.col("track").cast(pl.Int64),
        (pl.col("shot") if "shot" in names else pl.lit(0)).alias("shot"),
    )
    in_order = ("input", pl.col("track").min().over(PERSON), "person", "time_s")
    return timed(_joined(rows, join).sort(in_order), longest_gap_s)


def lengths_of(frame: pl.LazyFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return `input` and `length_s` of the videos with a face: until their last frame, seen or not, was shown."""
    usual_s = rows.group_by("input").agg(pl.col("seen_s").median())
    last_s = frame.group_by("input").agg(pl.col("time_s").cast(pl.Float64).max()).collect()
    return usual_s.join(last_s, on="input").select("input", (pl.col("time_s") + pl.col("seen_s")).alias("length_s"))


def picture_rows(frame: pl.LazyFrame) -> pl.DataFrame:
    """Return the faces of pictures, which have no time, the surest of their expression first.

    `emotion` is their most probable expression, and `confidence` its probability.
    """
    names = frame.collect_schema().names()
    face = (pl.col("face") if "face" in names else pl.lit(None)).cast(pl.Int64).alias("face")
    rows = _faces(frame.filter(pl.col("time_s").is_null()), face)
    columns = list(probability_columns(labels_of_columns(rows.columns)))
    return (
        with_best(rows)
        .with_columns(pl.max_horizontal(columns).alias("confidence"))
        .sort("confidence", descending=True, nulls_last=True, maintain_order=True)
    )


def with_best(rows: pl.DataFrame) -> pl.DataFrame:
    """Name each face by its most probable expression, also where the table was too unsure to name it."""
    labels = labels_of_columns(rows.columns)
    columns = probability_columns(labels)
    best = pl.Series(np.array(labels)[rows.select(columns).fill_null(0.0).to_numpy().argmax(axis=1)])
    named = pl.when(pl.col(columns[0]).is_not_null()).then(best).otherwise(pl.col("emotion").cast(pl.String))
    return rows.with_columns(named.alias("emotion"))


def _faces(frame: pl.LazyFrame, *own: pl.Expr) -> pl.DataFrame:
    """Return the rows with a face: input, the columns `own`, scores, box, and whether they are used."""
    names = frame.collect_schema().names()
    labels = labels_of_columns(names) or LABELS
    reliable = pl.col("reliable").cast(pl.Boolean)

    def known(name: str, kind: type[pl.DataType]) -> pl.Expr:
        return (pl.col(name) if name in names else pl.lit(None)).cast(kind).alias(name)

    rows = frame.filter(pl.col("status") == "ok").select(
        pl.col("input"),
        *own,
        *(known(name, pl.Float64) for name in scores_of(labels)),
        known("emotion", pl.String).cast(pl.Enum(labels)),
        *(known(name, pl.Float32) for name in BOX),
        *([reliable.alias("reliable")] if "reliable" in names else []),
        (reliable.fill_null(reliable.is_null().all()) if "reliable" in names else pl.lit(True)).alias("used"),
    )
    try:
        found = rows.collect()
        # The live page writes the column, but does not know what belongs there.
        is_told = "reliable" not in found.columns or found["reliable"].null_count() < len(found) or found.is_empty()
        return found if is_told else found.drop("reliable")
    except pl.exceptions.PolarsError as error:
        got = f"a column of another kind: {first_line(error)}"
        raise DataError(f"expected {WHAT}, got {got}; {INSTEAD}") from error


def timed(rows: pl.DataFrame, longest_gap_s: float) -> pl.DataFrame:
    """Add `seen_s` and `piece` to rows in order."""
    step_s = (pl.col("time_s").shift(-1) - pl.col("time_s")).over(PERSON)
    rows = rows.with_columns(step_s.alias("seen_s"))
    # Who is there in one frame alone was seen for as long as others in a frame.
    usual_s = pl.coalesce(pl.col("seen_s").median().over(PERSON), pl.col("seen_s").median().over("input"), pl.lit(0.0))
    is_gap = (pl.col("seen_s") > pl.max_horizontal(pl.lit(longest_gap_s), 1.5 * usual_s)).fill_null(True)
    ends = is_gap | (pl.col("track").shift(-1) != pl.col("track")) | pl.col("shot").shift(-1).ne_missing(pl.col("shot"))
    rows = rows.with_columns(
        ends.shift(1, fill_value=False).cum_sum().alias("piece"),
        pl.when(is_gap).then(usual_s).otherwise("seen_s").alias("seen_s"),
    )
    if len(twice := rows.filter((pl.col("time_s").shift(-1) == pl.col("time_s")).over(PERSON))):
        first = twice.row(0, named=True)
        there = rows.filter(pl.all_horizontal(pl.col(name) == first[name] for name in (*PERSON, "time_s")))
        is_joined = there["track"].n_unique() > 1
        instead = "leave one of their tracks out of join" if is_joined else "the table has that row twice: keep one"
        raise ConfigError(
            f"expected a person to be at one place at a time, got several faces of person {first['person']} at "
            f"{first['time_s']:g} s of {first['input']}; {instead}"
        )
    return rows


def _joined(rows: pl.DataFrame, join: Joining) -> pl.DataFrame:
    """Add `person`, and `is_named` where a csv gave a name."""
    rows = rows.with_columns(pl.col("track").cast(pl.String).alias("person"), pl.lit(False).alias("is_named"))
    if join is None:
        return rows
    if rows.is_empty():
        raise ConfigError("expected a table of videos to join tracks of, got one of pictures alone; leave out join")
    if isinstance(join, pl.DataFrame):
        named = join.select("input", "track", pl.col("person").alias(NAME))
    elif _is_csv(join):
        named = _named(Path(join), rows).select("input", "track", NAME)
    else:
        named, inputs = _pairs(str(join)), rows["input"].unique()
        if len(inputs) > 1:
            raise ConfigError(
                f"expected a csv as join for a table of {len(inputs):,} videos, as each has tracks of its own, got "
                f"{join!r}; write one with the columns input, track, person, and type: --join tracks.csv"
            )
        named = named.select(pl.lit(inputs[0]).alias("input"), "track", NAME)
    if strangers := named.join(rows, on=["input", "track"], how="anti").rows():
        name, track, _ = strangers[0]
        raise ConfigError(
            f"expected join to name tracks of the table, got track {track} of {name}; look at its column track"
        )
    has_names = pl.col(NAME).is_not_null() & (isinstance(join, pl.DataFrame) or _is_csv(join))
    rows = rows.join(named, on=["input", "track"], how="left")
    return rows.with_columns(pl.coalesce(NAME, "person").alias("person"), has_names.alias("is_named")).drop(NAME)


def _pairs(join: str) -> pl.DataFrame:
    """Read `1=3,2=4` as a person's name for each track: the first of its group."""
    try:
        groups = [[int(track) for track in group.split("=")] for group in join.split(",")]
        tracks = [track for group in groups for track in group]
        if len(set(tracks)) < len(tracks) or any(len(group) < 2 for group in groups):
            raise ValueError
    except ValueError:
        raise ConfigError(
            f'expected join as pairs of tracks, each track once, or a csv, got {join!r}; type: --join "1=3,2=4"'
        ) from None
    return pl.DataFrame({"track": tracks, NAME: [str(group[0]) for group in groups for _ in group]})


def _is_csv(join: str | Path) -> bool:
    return Path(join).suffix.lower() == ".csv"


def groups_of_people(join: str | Path | None, rows: pl.DataFrame, others: list[str]) -> pl.DataFrame:
    """Return input, person, and the further columns of a csv of tracks, which are groups of a person in an input.

    No name may be among the `others`, groups of inputs. Raises ConfigError.
    """
    if join is None or not _is_csv(join):
        return rows.select(PERSON).clear()
    named = _named(Path(join), rows).rename({NAME: "person"})
    groups = named.columns[3:]
    refuse_taken(groups, others, labels_of_columns(rows.columns), join)
    told = named.group_by(PERSON, maintain_order=True).agg(pl.col(groups).drop_nulls().unique(maintain_order=True))
    for name in groups:
        if len(several := told.filter(pl.col(name).list.len() > 1)):
            found = several.row(0, named=True)
            raise ConfigError(
                f"expected one {name} of person {found['person']} of {found['input']} in {join}, got "
                f"{' and '.join(found[name])}; write the same in each of their rows, or once"
            )
    return told.with_columns(pl.col(groups).list.first())


def _named(path: Path, rows: pl.DataFrame) -> pl.DataFrame:
    """Read a csv of tracks: input, track, NAME, and columns of one's own."""
    table = read_text_table(path, "a csv of tracks", "columns are input, track, person", ("input", "track", "person"))
    for name in ("input", "track", "person"):
        if len(empty := table[name].is_null().arg_true()):
            raise ConfigError(
                f"expected input, track and person in each row of {path}, got no {name} in row {empty[0] + 1}; fill "
                "it, or take the row out"
            )
    further = [name for name in table.columns if name not in ("input", "track", "person", *OF_IDENTIFIED)]
    groups = [name for name in further if table[name].null_count() < len(table)]  # Excel may leave empty ones
    try:
        table = table.select("input", pl.col("track").cast(pl.Int64), pl.col("person").alias(NAME), *groups)
    except pl.exceptions.PolarsError as error:
        raise ConfigError(f"expected whole numbers as track in {path}, got {error}; mend the column") from error
    if len(twice := table.filter(table.select("input", "track").is_duplicated())):
        name, track = twice.row(0)[:2]
        raise ConfigError(f"expected each track once in {path}, got track {track} of {name} twice; keep one row")
    return table.with_columns(inputs_meant(table["input"], rows["input"], path))


def inputs_meant(typed: pl.Series, inputs: pl.Series, path: Path) -> pl.Series:
    """Return for each name that somebody typed the input of the table: the same, or the only one that ends so.

    An end begins at the border of a folder: `dyad.mp4` and `Group B/dyad.mp4`, but not `yad.mp4`.
    """
    known = inputs.unique().sort().to_list()
    by_end: dict[tuple[str, ...], list[str]] = {}
    for name in known:
        parts = PurePath(name).parts
        for place in range(len(parts)):
            by_end.setdefault(parts[place:], []).append(name)
    found = {}
    for name in typed.drop_nulls().unique(maintain_order=True).to_list():
        candidates = [name] if name in known else by_end.get(PurePath(name).parts, [])
        if len(candidates) != 1:
            near = candidates or [each for end, ends in by_end.items() if _is_alike(name, end) for each in ends]
            got = f"{name}, which is {'several' if candidates else 'none'} of them"
            instead = f"did you mean {_shortest(near[0], by_end)}?" if near else "write it as the table does"
            raise ConfigError(f"expected inputs of the table in {path}, such as {known[0]}, got {got}; {instead}")
        found[name] = candidates[0]
    return typed.replace_strict(found, default=None, return_dtype=pl.String)


def _is_alike(typed: str, end: tuple[str, ...]) -> bool:
    """Whether a name differs from the end of a path by capitals, or lacks the ending of the file."""
    path, typed = str(PurePath(*end)).casefold(), str(PurePath(typed)).casefold()
    return typed in (path, path.removesuffix(PurePath(path).suffix))


def _shortest(name: str, by_end: dict[tuple[str, ...], list[str]]) -> str:
    """Return the shortest end of a path that no other input has."""
    parts = PurePath(name).parts
    ends = (parts[place:] for place in reversed(range(len(parts))))
    return str(next((PurePath(*end) for end in ends if by_end[end] == [name]), name))
