"""Splits and folds: rows divided so that no person and no copy of a picture stands on two sides; and who a person is.

A group is what must stay together: the rows of one person, the copies of one picture, and whatever these two join.
"""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from affekt.data.check import count_emotions, emotion_table
from affekt.data.manifest import SPLITS, division, ordered_splits
from affekt.errors import ConfigError, DataError, require_seed

SHARES = (0.7, 0.15, 0.15)
"""The usual shares of train, validation and test."""
NAMED = "name people by a pattern of their pictures' names, as in: --subject-pattern '{subject}_*'"

_PERSON = pl.concat_str("source", "subject", separator="\0").alias("person")
"""People of two data sets may have one name; null where the person is unknown."""


def split_rows(manifest: pl.DataFrame, shares: Sequence[float] = SHARES, seed: int = 0) -> pl.DataFrame:
    """Return a manifest whose rows are divided anew into train, val and test by their shares, in the order given.

    Each expression has about the same share in every split; a share of 0 leaves a split out.

    Raises:
        ConfigError: the shares are not three numbers that sum to 1.
        DataError: there are fewer people or pictures than splits.

    Example:
        >>> from drawn_faces import drawn_manifest
        >>> faces = drawn_manifest(identities=10, pictures_per_identity=8, size=48, seed=0)
        >>> split_rows(faces, (0.6, 0.2, 0.2))["split"].value_counts(sort=True).rows()
        [('train', 48), ('val', 16), ('test', 16)]
    """
    if len(shares) != len(SPLITS) or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise ConfigError(
            f"expected three shares that sum to 1, for train, val and test, got {' '.join(map(str, shares))}; "
            "as in: --shares 0.7 0.15 0.15"
        )
    wanted = [(name, share) for name, share in zip(SPLITS, shares, strict=True) if share]
    sides = divide(manifest, [share for _, share in wanted], seed)
    return manifest.with_columns(split=pl.Series([wanted[side][0] for side in sides], dtype=pl.String))


def split_text(manifest: pl.DataFrame, seed: int | None = None) -> str:
    """Say in counts how the rows of a manifest are divided: expressions, people, and what is absent where.

    The seed is the one that divided them; None says that the data set came divided.
    """
    counts = count_emotions(manifest)
    lines = [emotion_table(counts), ""]
    splits = ordered_splits(manifest["split"].unique())
    known = manifest.select(_PERSON, "split").drop_nulls().unique()
    people = {name: known.filter(split=name).height for name in splits}
    twice = known.filter(pl.len().over("person") > 1)["person"].n_unique()
    if unknown := manifest["subject"].null_count():
        lines.append(f"people: unknown in {unknown:,} rows, whose pictures may show one person in two splits; {NAMED}")
    if any(people.values()):
        counted = ", ".join(f"{count:,} in {name}" for name, count in people.items())
        lines.append(f"people: {counted}, {format(twice, ',') if twice else 'none'} in two")
    groups = manifest.select("emotion", group=groups_of(manifest)).group_by("emotion").n_unique()
    rare = groups.filter(pl.col("group") < len(splits))["emotion"]
    for split in splits:
        absent = counts.filter((pl.sum_horizontal(splits) > 0) & (pl.col(split) == 0))["emotion"].drop_nulls()
        if len(absent):
            instead = "the data set came divided so; add pictures of it there"
            if seed is not None:
                instead = f"few people show it; try another seed (--seed {seed + 1})"
            if absent.is_in(rare.implode()).any():
                instead = "fewer people or pictures show it than there are splits; add some"
            lines.append(f"{split} has no {' and no '.join(absent)}: {instead}")
    return "\n".join(lines)


def fold_numbers(manifest: pl.DataFrame, folds: int, seed: int = 0) -> np.ndarray:
    """Return the fold of each row, (rows,) int from 0: folds of equal share, stratified, people and copies together."""
    return divide(manifest, [1 / folds] * folds, seed)


def subject_folds(manifest: pl.DataFrame) -> np.ndarray:
    """Return the fold of each row, (rows,) int from 0, with a person to each, in the order of their names.

    Copies of a picture that show two people by name would stand on both sides, and join the two in one fold.
    """
    require_subjects(manifest, "leave one person out")
    group = groups_of(manifest).to_numpy()
    person = manifest.select(_PERSON).to_series()
    first = pl.DataFrame({"group": group, "person": person}).group_by("group").min().sort("person")
    if first.height < 2:
        raise DataError(f"expected at least two people to leave one out, got {first.height}; {NAMED}")
    number = {each: index for index, each in enumerate(first["group"])}
    return np.array([number[each] for each in group])


def divide(rows: pl.DataFrame, shares: Sequence[float], seed: int) -> np.ndarray:
    """Return the side of each row, (rows,) int from 0: every side takes its share of each expression, in whole groups.

    Groups come in random order, the large ones first; each goes where most is missing of what it shows. This is the
    greedy rule of Sechidis, Tsoumakas and Vlahavas (2011), "On the Stratification of Multi-label Data", on groups.
    """
    require_seed(seed)
    columns = rows["emotion"].fill_null(""), groups_of(rows)
    emotion, group = (column.rank("dense").cast(pl.Int64).to_numpy() - 1 for column in columns)
    counts = np.zeros((group.max(initial=-1) + 1, emotion.max(initial=-1) + 1))
    np.add.at(counts, (group, emotion), 1)
    if len(counts) < len(shares):
        raise DataError(
            f"expected at least as many people or pictures as parts, got {len(counts)} for {len(shares)} parts; add "
            "data, or choose fewer parts"
        )
    missing = np.outer(shares, counts.sum(axis=0))  # (sides, expressions): how many rows each side still lacks
    size, side_of = counts.sum(axis=1), np.full(len(counts), -1)
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-size[order], kind="stable")]
    _place(order[size[order] > 1], counts, missing, side_of)
    # Pictures that belong with no other are dealt out at once but for the last few, for there may be many.
    for kind in range(counts.shape[1]):
        single = order[(size[order] == 1) & (counts[order, kind] == 1)]
        lacking = missing[:, kind].clip(min=0)
        whole = np.floor(lacking * len(single) / max(lacking.sum(), 1)).astype(int)
        side_of[single[: whole.sum()]] = np.repeat(np.arange(len(shares)), whole)
        missing[:, kind] -= whole
    _place(order[side_of[order] < 0], counts, missing, side_of)
    return side_of[group]


def _place(groups: np.ndarray, counts: np.ndarray, missing: np.ndarray, side_of: np.ndarray) -> None:
    """Give each group to the side that lacks most of it; the last ones to the sides that have none yet."""
    unplaced, total = int((side_of < 0).sum()), counts.sum(axis=0)
    used = np.isin(np.arange(len(missing)), side_of)
    for each in groups:
        # What a side lacks counts relative to how much of the expression there is, so that rare ones are shared too.
        gain = missing @ (counts[each] / total)
        if unplaced <= (~used).sum():
            gain[used] = -np.inf
        side_of[each] = side = gain.argmax()
        used[side] = True
        missing[side] -= counts[each]
        unplaced -= 1


def carve_validation(
    train: pl.DataFrame, fraction: float, seed: int, *, expressions: int = 0
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Divide training rows in two, so that no person and no copy of a picture stands on both sides.

    Within each expression the same fraction of groups goes to validation. Returns the rows of training and of
    validation, each in the order given. Both are refused where one has no rows, or of fewer `expressions`.
    """
    if not 0 < fraction < 1:
        raise ConfigError(f"expected a validation fraction between 0 and 1, got {fraction}; 0.1 is usual")
    rows = train.select(group=groups_of(train), emotion=pl.col("emotion").fill_null(""))
    groups = rows.group_by("group", maintain_order=True).agg(pl.col("emotion").first())
    order = np.random.default_rng(seed).permutation(groups.height)
    chosen = (
        groups[order.tolist()]
        .with_columns(rank=pl.int_range(pl.len()).over("emotion"), size=pl.len().over("emotion"))
        .filter(pl.col("rank") < (pl.col("size") * fraction).round())
    )
    is_validation = rows["group"].is_in(chosen["group"].implode())
    sides = train.filter(~is_validation), train.filter(is_validation)
    if any(side.is_empty() or side["emotion"].drop_nulls().n_unique() < expressions for side in sides):
        # Of so many, rounding leaves both sides one. Halves may go either way.
        least = int(0.5 / min(fraction, 1 - fraction) + 1e-6) + 1
        counts = groups.group_by(pl.col("emotion").replace("", "unknown")).len().sort("emotion").rows()
        raise DataError(
            f"expected {least} or more people or pictures of {'each of two expressions' if expressions else 'a kind'}, "
            f"to carve {100 * fraction:g} % for validation, got "
            f"{', '.join(f'{count} of {name}' for name, count in counts)}; add pictures"
        )
    return sides


def groups_of(rows: pl.DataFrame) -> pl.Series:
    """Number each row by the first row that it shares a person or a picture with, directly or through others."""
    unknown = pl.col("subject").is_null() & pl.col("pixel_sha256").is_null()
    rows = rows.select(_PERSON, "pixel_sha256", pl.when(unknown).then("source_id").alias("source_id"))
    keys = rows.columns
    rows = rows.with_columns(group=pl.int_range(pl.len()))
    while True:
        before = rows["group"]
        for key in keys:
            first = pl.col("group").min().over(key)
            rows = rows.with_columns(group=pl.when(pl.col(key).is_not_null()).then(first).otherwise("group"))
        if rows["group"].equals(before):
            return before


def require_subjects(rows: pl.DataFrame, what_for: str) -> None:
    """Refuse rows that do not all name their person."""
    if unknown := rows["subject"].null_count():
        raise DataError(
            f"expected the person of each row to {what_for}, got none in {unknown:,} of {rows.height:,} rows, the "
            f"first {rows.filter(pl.col('subject').is_null())['source_id'][0]!r}; {NAMED}"
        )


def require_people_apart(manifest: pl.DataFrame, path: Path, subject_pattern: str | None = None) -> None:
    """Refuse a manifest, whose file the error names, with a person in `train` and in another split.

    The advice repeats the pattern that people were named by, if one was.
    """
    known = manifest.select("source", "subject", "split").drop_nulls("subject").unique().sort(pl.all())
    learnt = known.filter(split="train")
    other = known.filter(pl.col("split") != "train")
    shared = other.join(learnt, on=["source", "subject"], how="semi", maintain_order="left")
    if shared.height:
        people, split = shared.select("source", "subject").n_unique(), shared["split"][0]
        command = division(path)
        command += "" if subject_pattern is None else f" --subject-pattern {shlex.quote(subject_pattern)}"
        more = f" and {people - 1:,} more" if people > 1 else ""
        raise DataError(
            f"expected each person in one split, got {shared['subject'][0]!r}{more} in train and in {split} of {path}; "
            f"divide it anew with: {command}"
        )


def with_subjects(rows: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """Return rows with the person that each picture's name, its `source_id`, holds where the pattern has `{subject}`.

    `*` stands for any characters and `?` for one, both within a name. A pattern without a slash is of the file's name,
    one with slashes is of the last folders too: `*/{subject}/*` takes the folder that the picture lies in, if there is
    another folder around it.

    Raises:
        ConfigError: the pattern has no `{subject}`, or more than one.
        DataError: a picture's name does not fit.

    Example:
        >>> rows = pl.DataFrame({"source_id": ["happy/anna_1.png", "sad/ben_22.png"]})
        >>> with_subjects(rows, "{subject}_*.png")["subject"].to_list()
        ['anna', 'ben']
    """
    if pattern.count("{subject}") != 1:
        raise ConfigError(
            f"expected {{subject}} once in subject_pattern, got {pattern!r}; write it where the person stands in "
            "the pictures' names, as in: --subject-pattern '{subject}_*'"
        )
    parts = {"{subject}": "([^/]+?)", "*": "[^/]*", "?": "[^/]"}
    written = "".join(parts.get(part, re.escape(part)) for part in re.split(r"(\{subject\}|\*|\?)", pattern))
    # `fullmatch` anchors both ends: what stands before the pattern ends with a slash.
    form = re.compile(f"(?:.*/)?{written}")
    names = [None if (found := form.fullmatch(name)) is None else found[1] for name in rows["source_id"]]
    if None in names:
        raise DataError(
            f"expected all pictures' names to fit subject_pattern {pattern!r}, got {names.count(None):,} of "
            f"{len(names):,} that do not, the first {rows['source_id'][names.index(None)]!r}; * stands for any "
            "characters, a slash for a folder"
        )
    return rows.with_columns(subject=pl.Series(names, dtype=pl.String))
