"""What a model learnt from: a hash of each row and each person, in a small file beside the card that binds it.

`learnt_rows.parquet` has two columns: `hash`, the first 64 bits of a SHA-256, and `of`:

| of | hashed |
|---|---|
| picture | `pixel_sha256` of a training row or, where there is none, its `source` and `source_id` |
| person | `source` and `subject` of a training row |
| validation | the picture of a row that chose the epoch |

300,000 rows take 2.4 MB. Of 30,000 pictures that were never learnt from, one is taken for another with a probability of
30,000 x 300,000 / 2^64, which is 5e-10. Nobody can tell from a hash what a picture shows; whoever has a picture can
tell whether it was learnt from, which is what the file is for.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from affekt.errors import ModelError, first_line
from affekt.files import sha256_of, write_parquet
from affekt.models.card import LEARNT_FILE, Card, model_folder

SCHEMA = {"hash": pl.UInt64(), "of": pl.String()}


@dataclass(frozen=True)
class Seen:
    """How many rows of a table a model has seen, and how."""

    rows: int
    pictures: int
    """Rows whose picture, or an exact copy of it, was learnt from."""
    people: int
    """Further rows that show a person who was learnt from."""
    validation: int
    """Further rows that chose the epoch."""


def write_learnt_rows(training: pl.DataFrame, validation: pl.DataFrame, earlier: Sequence[str], folder: Path) -> str:
    """Write what is learnt from manifest rows into a run's folder, and return the file's SHA-256, for the card.

    What the models in `earlier` learnt from counts too: those whose weights or answers the training begins with.
    """
    found = [
        _hashed(_pictures(training), "picture"),
        _hashed(_people(training).drop_nulls(), "person"),
        _hashed(_pictures(validation), "validation"),
    ]
    files = [(model_folder(model) / LEARNT_FILE) for model in earlier]
    files += [Path(model).parent / LEARNT_FILE for model in earlier if Path(model).is_file()]  # of a checkpoint, say
    found += [_read(file) for file in files if file.is_file()]
    write_parquet(pl.concat(found).unique().sort("of", "hash"), folder / LEARNT_FILE)
    return sha256_of(folder / LEARNT_FILE)


def seen_rows(folder: Path, card: Card, rows: pl.DataFrame) -> Seen | None:
    """Return how many manifest rows a model has seen; None where its card does not say what it learnt from.

    Raises ModelError where the card says so, and the file beside it is missing or another one.
    """
    bound = card.training.get("learnt_rows_sha256")
    if bound is None:
        return None
    path = folder / LEARNT_FILE
    if not path.is_file() or sha256_of(path) != bound:
        got = "another file" if path.is_file() else "no such file"
        raise ModelError(
            f"expected {path}, which says what {card.name} learnt from, got {got}; copy the one that was written with "
            "the model"
        )
    learnt = _read(path)
    picture, person, chosen = (
        column.is_in(learnt.filter(of=of)["hash"].implode()).fill_null(value=False)
        for column, of in (
            (_hashes(_pictures(rows)), "picture"),
            (_hashes(_people(rows)), "person"),
            (_hashes(_pictures(rows)), "validation"),
        )
    )
    return Seen(
        rows=rows.height,
        pictures=int(picture.sum()),
        people=int((person & ~picture).sum()),
        validation=int((chosen & ~picture & ~person).sum()),
    )


def _pictures(rows: pl.DataFrame) -> pl.Series:
    name = pl.concat_str("source", "source_id", separator="\0")
    return rows.select(pl.coalesce("pixel_sha256", name).alias("picture")).to_series()


def _people(rows: pl.DataFrame) -> pl.Series:
    return rows.select(pl.concat_str("source", "subject", separator="\0").alias("person")).to_series()


def _hashed(texts: pl.Series, of: str) -> pl.DataFrame:
    return pl.DataFrame({"hash": _hashes(texts), "of": of}, schema=SCHEMA)


def _hashes(texts: pl.Series) -> pl.Series:
    found = [None if text is None else hashlib.sha256(text.encode()).digest()[:8] for text in texts]
    return pl.Series([None if each is None else int.from_bytes(each) for each in found], dtype=pl.UInt64)


def _read(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path, columns=list(SCHEMA), glob=False).cast(dict(SCHEMA.items()))  # pyright: ignore
    except (pl.exceptions.PolarsError, OSError) as error:
        got = first_line(error)
        raise ModelError(f"expected the hashes of learnt rows in {path}, got {got}; copy the file again") from error
