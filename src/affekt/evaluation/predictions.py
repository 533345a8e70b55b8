"""The predictions table: read, validated, and joined with the manifest's rows of one split.

| column | meaning |
|---|---|
| source_id | the picture's name in the manifest |
| source | the data set; needed only where two data sets of the manifest share names |
| p_neutral ... p_contempt | probabilities, 0-1, summing to 1 |
| valence, arousal | any finite number |

Either the probabilities or valence and arousal may be absent; further columns are ignored.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from affekt.data.manifest import read_text_table, select_split
from affekt.errors import DataError
from affekt.evaluation.figures import DIMENSIONS
from affekt.labels import LABELS, PROBABILITY_COLUMNS

SUM_TOLERANCE = 5e-3
"""Eight probabilities rounded to three decimals are off by less than this together."""
WHAT, INSTEAD = "a predictions table", "write it as Parquet or csv"


@dataclass(frozen=True)
class Matched:
    """The rows of one split with their predictions, in the manifest's order."""

    rows: pl.DataFrame
    """The split's rows that have any label: the same for every model, so that all meet the same resamples."""
    split: str
    label: np.ndarray
    """(n,) class indices, -1 where the expression is unknown."""
    probabilities: np.ndarray | None
    """(n, 8) summing to 1, NaN where the label is unknown; None if not predicted or not known for any row."""
    votes: np.ndarray
    """(n, 8) summing to 1, NaN where unknown."""
    truth: dict[str, np.ndarray]
    """(n,) for `valence` and `arousal`, NaN where unknown; empty if not predicted or not known for any row."""
    predicted: dict[str, np.ndarray]
    """(n,) for the same dimensions."""
    without: tuple[str, ...] = ()
    """Expressions whose rows and probabilities were left out."""

    def where(self, mask: np.ndarray) -> "Matched":
        """Return the rows of a mask, (n,) bool; a part of which none of them knows the truth is left out."""
        label = self.label[mask]
        truth = {name: values[mask] for name, values in self.truth.items() if not np.isnan(values[mask]).all()}
        predicted = {name: self.predicted[name][mask] for name in truth}
        answers = None if self.probabilities is None or (label < 0).all() else self.probabilities[mask]
        parts = {"label": label, "probabilities": answers, "votes": self.votes[mask]}
        return replace(self, rows=self.rows.filter(mask), truth=truth, predicted=predicted, **parts)


def read_predictions(path: Path) -> pl.DataFrame:
    """Read a predictions table from .parquet or .csv."""
    if not path.is_file():
        raise DataError(f"expected a predictions table at {path}, got no such file; give a .parquet or .csv file")
    if path.suffix.lower() != ".parquet":
        return validate_predictions(read_text_table(path, WHAT, INSTEAD), str(path))
    try:
        frame = pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"expected {WHAT} in {path}, got {_first_line(error)}; {INSTEAD}") from error
    return validate_predictions(frame, str(path))


def validate_predictions(frame: pl.DataFrame, name: str = "the predictions") -> pl.DataFrame:
    """Bring a predictions table, called `name` in errors, to its types; probabilities are divided by their sum."""
    if "source_id" not in frame.columns or frame.is_empty():
        raise DataError(
            f"expected a column source_id and rows in {name}, got {len(frame)} rows of {', '.join(frame.columns)}; "
            "name each picture as the manifest does"
        )
    keys = [column for column in ("source", "source_id") if column in frame.columns]
    parts = [*_part(frame, PROBABILITY_COLUMNS, name), *_part(frame, DIMENSIONS, name)]
    if not parts:
        raise DataError(
            f"expected {PROBABILITY_COLUMNS[0]} ... {PROBABILITY_COLUMNS[-1]}, or valence and arousal, in {name}, "
            f"got {', '.join(frame.columns)}; name the columns so"
        )
    try:
        frame = frame.select(pl.col(keys).cast(pl.String), pl.col(parts).cast(pl.Float64))
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"expected numbers in {', '.join(parts)} of {name}, got {_first_line(error)}; mend the column"
        ) from error
    _check_values(frame, keys, parts, name)
    if PROBABILITY_COLUMNS[0] not in parts:
        return frame
    total = pl.sum_horizontal(PROBABILITY_COLUMNS)
    return frame.with_columns(pl.when(total > 0).then(pl.col(PROBABILITY_COLUMNS) / total))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _part(frame: pl.DataFrame, columns: tuple[str, ...], name: str) -> list[str]:
    present = [column for column in columns if column in frame.columns]
    if present and len(present) < len(columns):
        absent = ", ".join(column for column in columns if column not in present)
        raise DataError(f"expected {', '.join(columns)} together in {name}, got none of {absent}; add or drop columns")
    return present if any(frame[column].null_count() < len(frame) for column in present) else []


def _check_values(frame: pl.DataFrame, keys: list[str], parts: list[str], name: str) -> None:
    rules = [(pl.struct(keys).is_duplicated(), "each source_id once")]
    rules += [(~pl.col(part).is_finite(), f"a finite {part} or null") for part in parts]
    if PROBABILITY_COLUMNS[0] in parts:
        known = pl.all_horizontal(pl.col(PROBABILITY_COLUMNS).is_not_null())
        outside = pl.any_horizontal(~pl.col(PROBABILITY_COLUMNS).is_between(-1e-6, 1 + 1e-6))
        total = pl.sum_horizontal(PROBABILITY_COLUMNS)
        rules.append((known & outside, "probabilities in [0, 1]"))
        rules.append((known & ((total - 1).abs() > SUM_TOLERANCE), "probabilities that sum to 1"))
    for rule, expected in rules:
        broken = frame.filter(rule.fill_null(value=False))
        if len(broken):
            raise DataError(
                f"expected {expected} in {name}, got {len(broken)} rows otherwise, "
                f"the first {broken.row(0, named=True)}; mend these rows"
            )


def match(
    predictions: pl.DataFrame,
    manifest: pl.DataFrame,
    split: str,
    name: str = "the predictions",
    without: tuple[str, ...] = (),
) -> Matched:
    """Join predictions with the labelled rows of a split.

    A part (probabilities, or valence and arousal) is scored on the rows where its truth is known. Predictions of the
    manifest's other rows are left out; the manifest is whole, so that a mistaken split can be told. Rows of expressions
    in `without` are not scored, and the probabilities of the others are divided by their sum, as in the protocols of
    seven expressions.
    """
    predictions = validate_predictions(predictions, name)
    keys = [column for column in ("source", "source_id") if column in predictions.columns]
    rows = select_split(manifest, split)
    if rows.select(pl.struct(keys).is_duplicated().any()).item():
        raise DataError(
            f"expected each source_id once in the split {split!r}, got names that several data sets share; "
            f"add a column source to {name}"
        )
    _check_strangers(predictions, manifest, keys, split, name)
    rows = rows.filter(~pl.col("emotion").is_in(without).fill_null(value=False))
    rows = _labelled_rows(predictions, rows, split, name)
    truth = rows.select("source", "source_id", "emotion", "votes", *DIMENSIONS)
    joined = truth.join(predictions, on=keys, how="left", suffix="_predicted", maintain_order="left")
    _check_missing(joined, predictions, keys, split, name)
    return _arrays(rows, joined, split, without)


def _labelled_rows(predictions: pl.DataFrame, rows: pl.DataFrame, split: str, name: str) -> pl.DataFrame:
    label, point = pl.col("emotion").is_not_null(), pl.any_horizontal(pl.col(DIMENSIONS).is_not_null())
    parts = {PROBABILITY_COLUMNS[0]: label, "valence": point}
    wanted = [known for column, known in parts.items() if column in predictions.columns]
    if rows.filter(pl.any_horizontal(wanted)).is_empty():
        raise DataError(
            f"expected labels for what {name} predict ({', '.join(predictions.columns[1:])}), got none in the "
            f"{len(rows)} rows of the split {split!r}; choose another split or manifest"
        )
    return rows.filter(label | point)


def _check_strangers(predictions: pl.DataFrame, manifest: pl.DataFrame, keys: list[str], split: str, name: str) -> None:
    strangers = predictions.join(manifest.select(keys), on=keys, how="anti")
    if len(strangers):
        raise DataError(
            f"expected predictions of rows of the manifest, got {len(strangers)} of {len(predictions)} in {name} "
            f"that it lacks, the first {strangers['source_id'][0]!r}; check that both are of one data set and that the "
            f"predictions are of the split {split!r}"
        )


def _check_missing(joined: pl.DataFrame, predictions: pl.DataFrame, keys: list[str], split: str, name: str) -> None:
    absent = pl.lit(value=False)
    if PROBABILITY_COLUMNS[0] in predictions.columns:
        probability = pl.any_horizontal(pl.col(PROBABILITY_COLUMNS).is_null())
        absent |= pl.col("emotion").is_not_null() & probability
    if "valence" in predictions.columns:
        for dimension in DIMENSIONS:
            absent |= pl.col(dimension).is_not_null() & pl.col(f"{dimension}_predicted").is_null()
    missing = joined.filter(absent)
    if missing.is_empty():
        return
    elsewhere = len(predictions.join(joined, on=keys, how="anti"))
    hint = f"; {elsewhere} predictions are of other rows, so check the split" if elsewhere else ""
    raise DataError(
        f"expected exactly one prediction for each of the {len(joined)} labelled rows of the split {split!r}, "
        f"got none for {len(missing)} in {name}, the first {missing['source_id'][0]!r}{hint}; "
        "predict these too, a picture without a found face included"
    )


def _arrays(rows: pl.DataFrame, joined: pl.DataFrame, split: str, without: tuple[str, ...]) -> Matched:
    index = {label: number for number, label in enumerate(LABELS)}
    left_out = [index[label] for label in without]
    label = joined["emotion"].replace_strict(index, default=-1, return_dtype=pl.Int64).fill_null(-1).to_numpy()
    probabilities = None
    if PROBABILITY_COLUMNS[0] in joined.columns and (label >= 0).any():
        probabilities = joined.select(PROBABILITY_COLUMNS).to_numpy().astype(np.float64)
        probabilities = _without(probabilities, left_out)
        probabilities[label < 0] = np.nan
    unknown = [float("nan")] * len(LABELS)
    votes = np.array([unknown if row is None else row for row in joined["votes"].to_list()], dtype=np.float64)
    known = [
        name for name in DIMENSIONS if f"{name}_predicted" in joined.columns and joined[name].null_count() < len(joined)
    ]
    return Matched(
        rows=rows,
        split=split,
        label=label,
        probabilities=probabilities,
        votes=_without(votes, left_out),
        truth={name: _floats(joined[name]) for name in known},
        predicted={name: _floats(joined[f"{name}_predicted"]) for name in known},
        without=without,
    )


def _without(shares: np.ndarray, left_out: list[int]) -> np.ndarray:
    """Give (n, 8) shares of 1 to the other classes alone; equally, where nothing else was given to any."""
    if not left_out:
        return shares
    shares = shares.copy()
    shares[:, left_out] = 0
    total = shares.sum(axis=1, keepdims=True)
    kept = np.ones(len(LABELS))
    kept[left_out] = 0
    return np.where(total == 0, kept / kept.sum(), shares / np.where(total == 0, 1, total))


def _floats(column: pl.Series) -> np.ndarray:
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()
