"""The predictions table: read, validated, and joined with the manifest's rows of one split.

| column | meaning |
|---|---|
| source_id | the picture's name in the manifest |
| source | the data set; needed only where two data sets of the manifest share names |
| p_neutral ... p_contempt | probabilities, 0-1, summing to 1: one for each label, whatever labels the model has |
| valence, arousal | any finite number |

Either the probabilities or valence and arousal may be absent; further columns are ignored. The table that
`affekt predict` writes is taken too, as it is: see `affekt.evaluation.result_rows`.
"""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from affekt.data.importers.names import ALIASES
from affekt.data.manifest import manifest_labels, select_split
from affekt.data.text_table import read_text_table, refuse_other_case
from affekt.errors import DataError, first_line
from affekt.evaluation.figures import DIMENSIONS
from affekt.files import in_six_digits
from affekt.labels import LABELS, labels_of_columns, ordered_labels, probability_columns

SUM_TOLERANCE = 5e-3
"""Probabilities rounded to three decimals are off by less than this together."""
MARKS = {"input", "face", "status"}
"""Columns that a table of results has and a predictions table has not."""
WHAT, INSTEAD = "a predictions table", "write it as Parquet or csv"


@dataclass(frozen=True)
class Matched:
    """The rows of one split with their predictions, in the manifest's order."""

    rows: pl.DataFrame
    """The split's rows that have any label: the same for every model, so that all get the same resamples."""
    split: str
    labels: tuple[str, ...]
    """Of the predictions, where they have probabilities, else of the manifest."""
    label: np.ndarray
    """(n,) indices into the labels, -1 where the expression is unknown."""
    probabilities: np.ndarray | None
    """(n, labels) summing to 1, NaN where the label is unknown; None if not predicted or not known for any row."""
    votes: np.ndarray
    """(n, labels) summing to 1, NaN where unknown."""
    truth: dict[str, np.ndarray]
    """(n,) for `valence` and `arousal`, NaN where unknown; empty if not predicted or not known for any row."""
    predicted: dict[str, np.ndarray]
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


def is_result_table(frame: pl.DataFrame) -> bool:
    """Return whether a table has the columns of a table of results, and names no rows of a manifest."""
    return set(frame.columns) >= MARKS and "source_id" not in frame.columns


def read_predictions(path: Path) -> pl.DataFrame:
    """Read a predictions table from .parquet or .csv; the table of `affekt predict` comes back as it is."""
    if not path.is_file():
        raise DataError(f"expected a predictions table at {path}, got no such file; give a .parquet or .csv file")
    if path.suffix.lower() != ".parquet":
        table = read_text_table(path, WHAT, INSTEAD)
        return table if is_result_table(table) else validate_predictions(table, str(path))
    try:
        frame = pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"expected {WHAT} in {path}, got {first_line(error)}; {INSTEAD}") from error
    return frame if is_result_table(frame) else validate_predictions(frame, str(path))


def validate_predictions(frame: pl.DataFrame, name: str = "the predictions") -> pl.DataFrame:
    """Bring a predictions table, called `name` in errors, to its types; probabilities are divided by their sum."""
    refuse_other_case(frame.columns, ("source_id", *probability_columns((*LABELS, *ALIASES)), *DIMENSIONS), name)
    if "source_id" not in frame.columns or frame.is_empty():
        raise DataError(
            f"expected a column source_id and rows in {name}, got {len(frame)} rows of {', '.join(frame.columns)}; "
            "name each picture as the manifest does"
        )
    keys = [column for column in ("source", "source_id") if column in frame.columns]
    probabilities = _part(frame, probability_columns(labels_of_columns(frame.columns)), name)
    parts = [*probabilities, *_part(frame, DIMENSIONS, name)]
    if not parts:
        raise DataError(
            f"expected a probability of each label, as p_neutral, or valence and arousal, in {name}, got "
            f"{', '.join(frame.columns)}; name the columns so"
        )
    try:
        frame = frame.select(pl.col(keys).cast(pl.String), pl.col(parts).cast(pl.Float64))
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"expected numbers in {', '.join(parts)} of {name}, got {first_line(error)}; mend the column"
        ) from error
    _check_values(frame, keys, parts, name)
    if not probabilities:
        return frame
    total = pl.sum_horizontal(probabilities)
    return frame.with_columns(pl.when(total > 0).then(pl.col(probabilities) / total))


def _part(frame: pl.DataFrame, columns: tuple[str, ...], name: str) -> list[str]:
    present = [column for column in columns if column in frame.columns]
    if present and len(present) < len(columns):
        absent = ", ".join(column for column in columns if column not in present)
        raise DataError(f"expected {', '.join(columns)} together in {name}, got none of {absent}; add or drop columns")
    return present if any(frame[column].null_count() < len(frame) for column in present) else []


def _check_values(frame: pl.DataFrame, keys: list[str], parts: list[str], name: str) -> None:
    rules = [(pl.struct(keys).is_duplicated(), "each source_id once")]
    rules += [(~pl.col(part).is_finite(), f"a finite {part} or null") for part in parts]
    if probabilities := probability_columns(labels_of_columns(parts)):
        known = pl.all_horizontal(pl.col(probabilities).is_not_null())
        outside = pl.any_horizontal(~pl.col(probabilities).is_between(-1e-6, 1 + 1e-6))
        total = pl.sum_horizontal(probabilities)
        rules.append((known & outside, "probabilities in [0, 1]"))
        rules.append((known & ((total - 1).abs() > SUM_TOLERANCE), f"{', '.join(probabilities)} that sum to 1"))
    for rule, expected in rules:
        broken = frame.filter(rule.fill_null(value=False))
        if len(broken):
            raise DataError(
                f"expected {expected} in {name}, got {len(broken)} rows otherwise, "
                f"the first {in_six_digits(broken.row(0, named=True))}; mend these rows"
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
    require_labels(labels_of_columns(predictions.columns), rows, name)
    truth = rows.select("source", "source_id", "emotion", "votes", *DIMENSIONS)
    joined = truth.join(predictions, on=keys, how="left", suffix="_predicted", maintain_order="left")
    _check_missing(joined, predictions, keys, split, name)
    return _arrays(rows, joined, manifest_labels(manifest), split, without)


def require_labels(labels: tuple[str, ...], rows: pl.DataFrame, name: str) -> None:
    """Refuse rows that show what predictions called `name` cannot say, having these labels; no labels say nothing."""
    shown = rows["emotion"].drop_nulls()
    wanted = ordered_labels(shown)
    absent = [label for label in wanted if label not in labels]
    if labels and absent:
        left = len(wanted) - len(absent)
        for label in labels:
            if (meant := ALIASES.get(label)) in absent:
                raise DataError(f"expected a column p_{meant} in {name}, got p_{label}; rename it to p_{meant}")
        without = (
            f"leave these rows out (--without {shlex.join(absent)}, without={absent} in Python), or "
            if left > 1
            else ""
        )
        raise DataError(
            f"expected {name} to know the labels of the rows, {', '.join(wanted)}, got {', '.join(labels)}; {without}"
            "take a model that was trained on these labels"
        )


def _labelled_rows(predictions: pl.DataFrame, rows: pl.DataFrame, split: str, name: str) -> pl.DataFrame:
    label, point = pl.col("emotion").is_not_null(), pl.any_horizontal(pl.col(DIMENSIONS).is_not_null())
    wanted = [label] if labels_of_columns(predictions.columns) else []
    wanted += [point] if "valence" in predictions.columns else []
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
    if probabilities := probability_columns(labels_of_columns(predictions.columns)):
        probability = pl.any_horizontal(pl.col(probabilities).is_null())
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


def _arrays(
    rows: pl.DataFrame, joined: pl.DataFrame, known_labels: tuple[str, ...], split: str, without: tuple[str, ...]
) -> Matched:
    predicted = labels_of_columns(joined.columns)
    labels = predicted or known_labels
    index = {label: number for number, label in enumerate(labels)}
    left_out = [index[label] for label in without if label in index]
    label = joined["emotion"].replace_strict(index, default=-1, return_dtype=pl.Int64).fill_null(-1).to_numpy()
    probabilities = None
    if predicted and (label >= 0).any():
        probabilities = joined.select(probability_columns(labels)).to_numpy().astype(np.float64)
        probabilities = _without(probabilities, left_out)
        probabilities[label < 0] = np.nan
    votes = _votes(joined["votes"], known_labels, labels)
    known = [
        name for name in DIMENSIONS if f"{name}_predicted" in joined.columns and joined[name].null_count() < len(joined)
    ]
    return Matched(
        rows=rows,
        split=split,
        labels=labels,
        label=label,
        probabilities=probabilities,
        votes=_without(votes, left_out),
        truth={name: _floats(joined[name]) for name in known},
        predicted={name: _floats(joined[f"{name}_predicted"]) for name in known},
        without=without,
    )


def _votes(column: pl.Series, given: tuple[str, ...], labels: tuple[str, ...]) -> np.ndarray:
    """Return votes as (n, labels), NaN where unknown; those for none of the labels are given to the others."""
    votes = np.full((len(column), len(labels)), np.nan)
    known = column.is_not_null().to_numpy()
    if not known.any():
        return votes
    found = column.drop_nulls().to_numpy().astype(np.float64)
    none = np.zeros(len(found))
    votes[known] = np.stack([found[:, given.index(label)] if label in given else none for label in labels], axis=1)
    if set(given) <= set(labels):
        return votes
    total = votes.sum(axis=1, keepdims=True)
    return np.where(total == 0, np.nan, votes / np.where(total == 0, 1, total))


def _without(shares: np.ndarray, left_out: list[int]) -> np.ndarray:
    """Give (n, labels) shares of 1 to the other classes alone; equally, where nothing else was given to any."""
    if not left_out:
        return shares
    shares = shares.copy()
    shares[:, left_out] = 0
    total = shares.sum(axis=1, keepdims=True)
    kept = np.ones(shares.shape[1])
    kept[left_out] = 0
    return np.where(total == 0, kept / kept.sum(), shares / np.where(total == 0, 1, total))


def _floats(column: pl.Series) -> np.ndarray:
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()
