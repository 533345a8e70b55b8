"""Who is left out of a study by hand, such as an interviewer: after joining, so by a person's name or number."""

from pathlib import Path

import polars as pl

from affekt.data.text_table import read_text_table
from affekt.errors import ConfigError, did_you_mean
from affekt.people.rows import PERSON, inputs_meant

NEEDED = ("input", "person")
INSTEAD = "columns are input, person"


def without_people(rows: pl.DataFrame, leave_out: str | Path | None) -> pl.DataFrame:
    """Return rows of `people_rows` without the people that `leave_out` names, as `affekt.SummaryOptions` has it.

    Raises ConfigError where it names nobody, or may mean several, or would leave nobody.
    """
    if leave_out is None:
        return rows
    people = rows.select(*PERSON, "is_named").unique(maintain_order=True)
    if people.is_empty():
        raise ConfigError(
            f"expected people in videos to leave {leave_out} out of, got faces of pictures alone; type it without "
            "leave_out"
        )
    is_csv = Path(str(leave_out)).suffix.lower() == ".csv"
    gone = _listed(Path(str(leave_out)), people) if is_csv else _named(str(leave_out), people)
    left = rows.join(gone, on=PERSON, how="anti", maintain_order="left")
    if left.is_empty():
        raise ConfigError(f"expected leave_out to leave somebody, got everybody in {leave_out}; name fewer people")
    return left


def number_of_people(rows: pl.DataFrame) -> int:
    """Return how many people there are: who has a name of the user's own is one person in all videos."""
    own_input = pl.when("is_named").then(pl.lit(None)).otherwise("input").alias("input")
    return len(rows.select(own_input, "person").unique())


def _named(typed: str, people: pl.DataFrame) -> pl.DataFrame:
    """Return input and person of whom names and numbers mean, with commas between, or one name with a comma in it."""
    known = people["person"].unique().sort().to_list()
    names = [typed] if typed in known else [each.strip() for each in typed.split(",") if each.strip()]
    if not names:
        raise ConfigError(f"expected leave_out to name people, got {typed!r}; type: --leave-out {known[0]}")
    for name in names:
        meant = people.filter(person=name)
        if meant.is_empty():
            raise _unknown(name, known, "of the table")
        if not meant["is_named"].all() and people["input"].n_unique() > 1:
            raise ConfigError(
                f"expected leave_out to be a name in a table of several videos, got {name}, which is another "
                "person in each; give people names by join, or name a csv of input and person: --leave-out out.csv"
            )
    return people.filter(pl.col("person").is_in(names)).select(PERSON)


def _listed(path: Path, people: pl.DataFrame) -> pl.DataFrame:
    """Return input and person of whom a csv names."""
    table = read_text_table(path, "a csv of people to leave out", INSTEAD, NEEDED).select(NEEDED)
    for name in NEEDED:
        if len(empty := table[name].is_null().arg_true()):
            raise ConfigError(
                f"expected input and person in each row of {path}, got no {name} in row {empty[0] + 1}; fill it, or "
                "take the row out"
            )
    table = table.with_columns(inputs_meant(table["input"], people["input"], path))
    if strangers := table.join(people, on=PERSON, how="anti").rows():
        name, person = strangers[0]
        raise _unknown(person, people.filter(input=name)["person"].to_list(), f"of {name}")
    return table


def _unknown(name: str, known: list[str], where: str) -> ConfigError:
    told = ", ".join(known[:10]) + (" and others" if len(known) > 10 else "")
    instead = did_you_mean(name, known, "name one of these")
    return ConfigError(f"expected leave_out among the people {told} {where}, got {name!r}; {instead}")
