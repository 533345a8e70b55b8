"""The sentences that stand under a table: what is not defined, left out or out of the ordinary."""

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from affekt.evaluation.figures import DEFINITIONS, Figure, dimension_of
from affekt.evaluation.predictions import Matched
from affekt.labels import LABELS

LEAST_ROWS = 30
"""From fewer, resamples differ less than new rows would: all may be right in each."""
LEAST_PEOPLE = 20
"""The same where people are drawn: how far few of them differ is not known well enough for an interval."""


def notes_on(matched: Matched, figures: Mapping[str, Figure], by: str) -> tuple[str, ...]:
    """Say what a reader of the figures must know, whose intervals resample by `row` or `subject`."""
    return (
        *_on_expression(matched),
        *_on_dimensions(matched),
        *_on_intervals(figures),
        *_on_resampling(matched.rows, by),
    )


def origin_tag(rows: pl.DataFrame) -> str:
    """Return what every title over valence and arousal must say: empty for rated values only."""
    origins = set(rows["valence_arousal_origin"].drop_nulls())
    tags = {"projected": "projected, not rated", "synthetic": "synthetic"}
    return " and ".join(tag for origin, tag in tags.items() if origin in origins)


def picture_tag(rows: pl.DataFrame) -> str:
    """Return `synthetic` when pictures of the rows are drawn, else nothing."""
    return "synthetic" if (rows["valence_arousal_origin"] == "synthetic").any() else ""


def _on_expression(matched: Matched) -> Iterator[str]:
    if matched.probabilities is None:
        return
    known = matched.label >= 0
    truth, chosen = matched.label[known], matched.probabilities[known].argmax(axis=1)
    present = np.unique(truth)
    absent = [label for index, label in enumerate(LABELS) if index not in present]
    if len(present) == 1:
        yield f"The truth is {LABELS[present[0]]} throughout: AUC is not defined and kappa and alpha say nothing."
    elif absent:
        yield (
            f"No row is {' or '.join(absent)}: recall, AUC and PR-AUC are means over the other {len(present)} of "
            f"{len(LABELS)} classes."
        )
    if len(np.unique(chosen)) == 1 and len(chosen) > 1:
        yield f"Every row is predicted {LABELS[chosen[0]]}."
    if known.sum() < len(known):
        yield f"The expression is known for {known.sum()} of {len(known)} rows."
    voted = int((~np.isnan(matched.votes[known]).any(axis=1)).sum())
    if 0 < voted < known.sum():
        yield f"Votes are known for {voted} of {known.sum()} rows; KL and JS are over those."


def _on_dimensions(matched: Matched) -> Iterator[str]:
    for name, values in matched.truth.items():
        known = ~np.isnan(values)
        truth, predicted = values[known], matched.predicted[name][known]
        if len(truth) < len(values):
            yield f"{name.capitalize()} is known for {len(truth)} of {len(values)} rows."
        if np.ptp(truth) == 0:
            yield f"The true {name} is {truth[0]:.3f} throughout: CORR is not defined."
        if np.ptp(predicted) == 0:
            same = np.ptp(truth) == 0 and truth[0] == predicted[0]
            ccc = "CORR and CCC are not defined" if same else "CORR is not defined and CCC is 0"
            yield f"The predicted {name} is {predicted[0]:.3f} throughout: {ccc}."
        zeros = int((truth == 0).sum())
        if zeros:
            yield (
                f"The true {name} is exactly 0 in {zeros} of {len(truth)} rows, where only a prediction of exactly 0 "
                "counts for SAGR."
            )
        outside = int((np.abs(predicted) > 1).sum())
        if outside:
            yield f"{outside} of {len(predicted)} predictions of {name} lie outside [-1, 1]."


def _on_resampling(rows: pl.DataFrame, by: str) -> Iterator[str]:
    hashes = rows["pixel_sha256"].drop_nulls()
    if copies := len(hashes) - hashes.n_unique():
        yield f"{copies} of {len(rows)} rows are exact copies of others, and count as if they were other pictures."
    # People of two data sets may have one name.
    known = rows.drop_nulls("subject").select("source", "subject")
    people = known.n_unique()
    if by == "row" and people < len(known):
        yield (
            f"The {len(known)} rows whose subject is known show {people} subjects: intervals that resample rows "
            "are too narrow for new people; resample by subject for those."
        )
    drawn, units, least = (people, "subjects", LEAST_PEOPLE) if by == "subject" else (len(rows), "rows", LEAST_ROWS)
    if drawn < least:
        yield f"The intervals come from {drawn} {units}: from fewer than {least} they are too narrow."


def _on_intervals(figures: Mapping[str, Figure]) -> Iterator[str]:
    for key, figure in figures.items():
        if figure.value < figure.low - 1e-9 or figure.value > figure.high + 1e-9:
            of = f" of {dimension_of(key)}" if dimension_of(key) else ""
            why = (
                "resampling adds its own noise to a figure that cannot fall below 0."
                if key == "ece"
                else "its resamples lie to one side of it, as with few rows or rare classes; trust neither far."
            )
            yield f"{DEFINITIONS[key].title}{of} lies outside its percentile interval: {why}"
