"""FER+: the pictures of FER2013 with ten taggers' votes each (Barsoum et al. 2016, github.com/microsoft/FERPlus).

Two forms are read. The two tables: FER2013's pixels joined with `fer2013new.csv` by row order, because the number in a
picture's name is not its row. The folders: `FER2013Train`, `FER2013Valid` and `FER2013Test`, each with PNG files and a
`label.csv`. The two forms carry different votes for 1,602 pictures, so the notes say which was read.

`votes` are the raw votes for the eight expressions divided by their sum: votes for unknown and for no face are left
out, and single votes stay. Single votes are removed only inside the rule that decides what is kept and named. The rules
`majority`, `probability`, `crossentropy` and `multi_target` are the training modes of Microsoft's `src/ferplus.py`,
which scores validation and test by majority whatever it trains on; `argmax` is what other projects use.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import polars as pl
from tyro.conf import Positional, arg

from affekt.data.importers.fer2013 import USAGES, find_table, read_pixel_table
from affekt.data.importers.listing import Listing
from affekt.data.manifest import HAS_EMPTY_BOX, SCHEMA
from affekt.data.text_table import read_text_table
from affekt.errors import DataError
from affekt.labels import LABELS

FOLDERS = {"FER2013Train": "train", "FER2013Valid": "val", "FER2013Test": "test"}
"""The folders of the FERPlus repository and the splits they hold."""
WHOLE_PICTURE = [0.0, 0.0, 48.0, 48.0]
"""The box of every line of label.csv: the whole picture is the face."""
CHOICES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
"""What a tagger could choose, in FER+'s order: eight expressions, unknown, and no face."""
EXPRESSIONS = 8
"""The first eight choices are expressions."""
NO_AGREEMENT = -1
PUBLISHED: dict[tuple[str, str], tuple[int, int, int]] = {
    ("fer2013new.csv", "majority"): (25_057, 3_199, 3_152),
    ("fer2013new.csv", "probability"): (27_956, 3_505, 3_505),
    ("fer2013new.csv", "crossentropy"): (27_956, 3_505, 3_505),
    ("fer2013new.csv", "multi_target"): (27_671, 3_472, 3_472),
    ("fer2013new.csv", "argmax"): (28_389, 3_553, 3_546),
    ("label.csv", "majority"): (25_045, 3_191, 3_137),
    ("label.csv", "probability"): (27_947, 3_508, 3_507),
    ("label.csv", "crossentropy"): (27_947, 3_508, 3_507),
    ("label.csv", "multi_target"): (27_667, 3_472, 3_466),
    ("label.csv", "argmax"): (28_385, 3_555, 3_545),
}
"""Pictures each rule keeps of train, val and test of the original files.

Those of `fer2013new.csv`, majority apart, include the four rows that reuse a name, which the importer leaves out: it
keeps three fewer of train, and up to one fewer of test.
"""
NORMS: dict[str, tuple[float, float]] = {
    "neutral": (0.0, 0.0),
    "happiness": (0.76, 0.48),
    "sadness": (-0.63, -0.27),
    "surprise": (0.40, 0.67),
    "fear": (-0.64, 0.60),
    "disgust": (-0.60, 0.35),
    "anger": (-0.51, 0.59),
    "contempt": (-0.445, -0.0975),
}
"""Valence and arousal of the word for each expression, from -1 to 1: Russell and Mehrabian (1977), with joyful for
happiness; contempt from Warriner et al. (2013). docs/data.md says where each was read, and what could be verified."""
NOTE = (
    "Valence and arousal are projected from the votes with word norms (Russell and Mehrabian 1977; contempt from "
    "Warriner et al. 2013; neutral 0/0): nobody rated these faces."
)
"""What must be said wherever projected values are shown."""


@dataclass(frozen=True, kw_only=True)
class FerPlus:
    """FER+: FER2013's pictures with ten taggers' votes each, eight expressions."""

    pixels: Annotated[Positional[Path], arg(metavar="PIXELS")]
    """FER2013: fer2013.tar.gz, fer2013.csv or icml_face_data.csv, or a folder with one of them.
    Or the folder that holds FER2013Train, FER2013Valid and FER2013Test."""
    labels: Annotated[Positional[Path | None], arg(metavar="[LABELS]")] = None
    """fer2013new.csv. Where it is left out, the one beside the pixels; the FER2013Train... folders have their own."""
    rule: Literal["majority", "probability", "crossentropy", "multi_target", "argmax"] = "majority"
    """How votes become one expression, or the picture is left out.
    majority is Microsoft's: more than half of the votes, single votes removed."""
    valence_arousal: Literal["none", "projected"] = "none"
    """projected: compute valence and arousal from the votes with published norms of the emotion words."""

    def list_rows(self) -> Listing:
        """Read pixels and votes, and keep what the rule keeps."""
        if any((self.pixels / folder).is_dir() for folder in FOLDERS):
            if self.labels is not None:
                raise DataError(
                    f"expected no label file with the folders in {self.pixels}, which have their own label.csv, got "
                    f"{self.labels}; leave it out, or give fer2013.csv instead of the folders"
                )
            folders = [self.pixels / folder for folder in FOLDERS if (self.pixels / folder).is_dir()]
            rows, label_file = pl.concat(_read_folder(folder) for folder in folders), "label.csv"
        else:
            table = find_table(self.pixels)
            rows, label_file = _read_tables(table, self.labels or table.with_name("fer2013new.csv")), "fer2013new.csv"
        rows, dropped = keep_agreed(rows, self.rule)
        notes = [f"Votes come from {label_file}; expressions are named by the rule {self.rule}."]
        if self.valence_arousal == "projected":
            rows = projected(rows)
            notes.append(NOTE)
        published = dict(zip(USAGES.values(), PUBLISHED[label_file, self.rule], strict=True))
        return Listing(rows=rows, dropped=dropped, published=published, notes=tuple(notes))


def read_label_table(path: Path) -> pl.DataFrame:
    """Read `fer2013new.csv`: `usage`, `name` (null for rows without a picture), `counts` (votes for each choice)."""
    instead = "give its path after the pixels, or download it again"
    rows = read_text_table(path, "FER+'s fer2013new.csv", instead, needed=("Usage", "Image name", *CHOICES))
    expected = f"a Usage among {', '.join(USAGES)}"
    counts = _counts(rows, pl.col("Usage").is_in(list(USAGES)), expected, path, first_line=2)
    return rows.select(counts, usage="Usage", name="Image name")


def _counts(rows: pl.DataFrame, is_sound: pl.Expr, expected: str, path: Path, first_line: int) -> pl.Series:
    """Return the votes of rows that hold them as text; refuse rows without 10 votes, and those that are not sound."""
    votes = [pl.col(choice).cast(pl.Float64, strict=False) for choice in CHOICES]
    are_votes = pl.all_horizontal(vote.is_finite() & (vote >= 0) for vote in votes)
    broken = rows.select((~(is_sound & are_votes)).fill_null(value=True)).to_series().arg_true()
    if len(broken):
        raise DataError(
            f"expected {expected} and 10 votes in line {broken[0] + first_line} of {path}, got {rows.row(broken[0])}; "
            "download it again"
        )
    return rows.select(counts=pl.concat_arr(votes)).to_series()


def _read_tables(table: Path, label_table: Path) -> pl.DataFrame:
    """Put pixels and votes side by side by row order; refuse tables that row order does not join."""
    labels = read_label_table(label_table)
    pixels = read_pixel_table(table)
    if pixels.height != labels.height:
        raise DataError(
            f"expected as many rows in {table} as in {label_table}, got {pixels.height:,} and {labels.height:,}; "
            "give the two files that belong together"
        )
    differ = (pixels["usage"] != labels["usage"]).arg_true()
    if len(differ):
        row = differ[0]
        raise DataError(
            f"expected the same Usage in row {row} of {table} and {label_table}, got {pixels['usage'][row]} and "
            f"{labels['usage'][row]}; give the two files that belong together, in their original order"
        )
    agree = (pixels["emotion"] == chosen(labels["counts"], "majority")).drop_nulls()
    # In their order FER2013's classes agree with FER+'s in about 80 % of rows, in any other order in about 20 %.
    if len(agree) >= 200 and agree.sum() < 0.4 * len(agree):
        raise DataError(
            f"expected the rows of {table} in the order of {label_table}, got classes that agree in only "
            f"{agree.sum() / len(agree):.0%} of them; give fer2013.csv with its rows in their original order"
        )
    return labels.select("name", "counts", pixels["image"], split=pl.col("usage").replace(USAGES))


def _read_folder(folder: Path) -> pl.DataFrame:
    """Read the `label.csv` of a FER+ folder; the pictures stay where they are."""
    table = folder / "label.csv"
    if not table.is_file():
        raise DataError(f"expected label.csv in {folder}, got none; copy it from the FERPlus repository")
    columns = pl.Schema([(name, pl.String()) for name in ("name", "box", *CHOICES)])
    try:
        # A byte that is not UTF-8 can only be in a name, whose picture is then not found and counted.
        rows = pl.read_csv(table, has_header=False, schema=columns, encoding="utf8-lossy")
    except pl.exceptions.PolarsError as error:
        raise DataError(f"expected a name, a box and 10 votes in {table}, got {error}; download it again") from error
    edges = pl.col("box").str.extract_all("[^(), ]+").list.eval(pl.element().cast(pl.Float64, strict=False))
    is_box = (edges.list.len() == 4) & (edges.list.drop_nulls().list.len() == 4)
    counts = _counts(rows, is_box, "a name, a box", table, first_line=1)
    return rows.select(
        counts,
        path=pl.lit(f"{folder}/") + pl.col("name"),
        name="name",
        split=pl.lit(FOLDERS[folder.name]),
        box_xyxy=pl.when(edges != WHOLE_PICTURE).then(edges.list.to_array(4)),
    )


def keep_agreed(rows: pl.DataFrame, rule: str) -> tuple[pl.DataFrame, dict[str, int]]:
    """Name what taggers agreed on by a rule of `RULES`: return manifest rows, and how many were dropped by reason.

    Of rows that share a name the last is kept: in the FER+ folders its picture has overwritten the earlier one's.
    """
    rows = rows.with_columns(emotion=chosen(rows["counts"], rule))
    reasons = {
        "no image name in the label file": pl.col("name").is_null(),
        "image name used again by a later row": ~pl.col("name").is_last_distinct(),
        "pixels are not 48x48 greys": pl.col("image").is_null() if "image" in rows.columns else pl.lit(False),
        "face box without an area": HAS_EMPTY_BOX if "box_xyxy" in rows.columns else pl.lit(False),
        f"votes do not agree enough for {rule}": pl.col("emotion").is_null(),
        "unknown won the votes": pl.col("emotion") == "unknown",
        "no face won the votes": pl.col("emotion") == "NF",
    }
    first = pl.coalesce(pl.when(broken).then(pl.lit(reason)) for reason, broken in reasons.items())
    rows = rows.with_columns(first.alias("reason"))
    dropped = dict(rows["reason"].value_counts().iter_rows())
    kept = rows.filter(pl.col("reason").is_null())
    votes = kept["counts"].to_numpy()[:, [CHOICES.index(label) for label in LABELS]]
    votes = pl.Series("votes", votes / votes.sum(axis=1, keepdims=True), dtype=SCHEMA["votes"])
    kept = kept.with_columns(votes, source=pl.lit("ferplus"), source_id=pl.col("name"))
    return kept.drop("name", "counts", "reason"), {reason: dropped.get(reason, 0) for reason in reasons}


def _without_single_votes(votes: np.ndarray) -> np.ndarray:
    """Set every choice that got a single vote to none, as Microsoft does first; unknown and no face too."""
    return np.where(votes <= 1, 0, votes)


def majority(votes: np.ndarray) -> np.ndarray:
    """Return the choice with more than half of what is left when single votes are removed; a tie can never win."""
    left = _without_single_votes(votes)
    return np.where(2 * left.max(axis=1) > left.sum(axis=1), left.argmax(axis=1), NO_AGREEMENT)


def probability(votes: np.ndarray) -> np.ndarray:
    """Return the first of the leading choices that together hold more than half of the votes.

    Single votes are removed. Then choices are taken from the most voted down, equals together, until they hold three
    quarters of what is left or there are three of them. Unknown or no face ends the taking, and is taken only if it
    comes first. The picture is kept if at most three were taken and they hold more than half of what was left.
    """
    return np.array([_first_of_leading(row) for row in _without_single_votes(votes).tolist()], dtype=int)


def _first_of_leading(left: list[float]) -> int:
    total = sum(left)
    taken: dict[int, float] = {}
    ended = False
    while sum(taken.values()) < 0.75 * total and len(taken) < 3 and not ended:
        highest = max(count for choice, count in enumerate(left) if choice not in taken)
        for choice in [choice for choice, count in enumerate(left) if count == highest and choice not in taken]:
            ended = choice >= EXPRESSIONS
            if not (ended and taken):
                taken[choice] = highest
            if ended:
                break
    if len(taken) > 3 or 2 * sum(taken.values()) <= total:
        return NO_AGREEMENT
    return next(iter(taken))


def multi_target(votes: np.ndarray) -> np.ndarray:
    """Return the most voted of the choices with 30 % or more, where these together hold more than half.

    Single votes are removed first; ties go to the lowest index.
    """
    left = _without_single_votes(votes)
    total = left.sum(axis=1)
    targets = np.where(left >= 0.3 * total[:, None], left, 0)
    return np.where(2 * targets.sum(axis=1) > total, targets.argmax(axis=1), NO_AGREEMENT)


RULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "majority": majority,
    "probability": probability,
    "crossentropy": probability,
    "multi_target": multi_target,
    "argmax": lambda votes: votes.argmax(axis=1),
}
"""What takes votes of shape (pictures, 10) and returns (pictures,) indices into `CHOICES` or `NO_AGREEMENT`.

`argmax` counts single votes too; ties go to the lowest index.
"""


def chosen(counts: pl.Series, rule: str) -> pl.Series:
    """Name the one of `CHOICES` that each picture's taggers agreed on, null where they do not agree enough."""
    winners = pl.Series("chosen", RULES[rule](counts.to_numpy()))
    return winners.replace_strict(dict(enumerate(CHOICES)), default=None, return_dtype=pl.String)


def projected(rows: pl.DataFrame) -> pl.DataFrame:
    """Fill `valence`, `arousal` and `valence_arousal_origin` from `votes`; rows without votes get null in all three."""
    votes = rows["votes"].cast(pl.Array(pl.Float64, len(LABELS))).to_numpy()
    points = votes @ np.array([NORMS[label] for label in LABELS])
    known = pl.col("votes").is_not_null()
    return rows.with_columns(
        pl.when(known).then(pl.Series(points[:, 0])).alias("valence"),
        pl.when(known).then(pl.Series(points[:, 1])).alias("arousal"),
        pl.when(known).then(pl.lit("projected")).alias("valence_arousal_origin"),
    )
