"""What a manifest holds, and what in it would spoil a result: leaks between splits, bad pictures, bad labels."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import polars as pl
from tqdm import tqdm

from affekt.cores import core_count
from affekt.data.check_report import CheckReport
from affekt.data.manifest import has_unknown_emotion, is_out_of_range
from affekt.errors import PictureError
from affekt.faces.pictures import picture_size
from affekt.labels import LABELS

TINY_SIDE = 32
"""Pictures with a side below this many pixels are reported as tiny."""
SPLIT_ORDER = ("train", "val", "test")
"""A copy stays in the earliest of these splits; other splits come after them, by name."""
ROWS_A_SLICE = 256


def check_manifest(frame: pl.DataFrame, *, pictures: bool = True) -> CheckReport:
    """Look for everything in a manifest that would spoil a result.

    Args:
        frame: a manifest.
        pictures: whether to open every picture, which takes most of the time.

    Returns:
        What was found; nothing is changed.
    """
    wrong = pl.any_horizontal(has_unknown_emotion(), is_out_of_range("valence"), is_out_of_range("arousal"))
    hashed = frame.filter(pl.col("pixel_sha256").is_not_null())
    people = (
        frame.filter(pl.col("subject").is_not_null())
        .unique(["source", "subject", "split"])
        .sort("source", "subject", _rank(frame))
        .group_by("source", "subject", maintain_order=True)
        .agg(pl.col("split").alias("splits"))
    )
    unreadable, tiny = _open_pictures(frame if pictures else frame.clear())
    return CheckReport(
        rows=frame.height,
        counts=count_emotions(frame),
        without_valence_arousal=frame.filter(pl.any_horizontal(pl.col("valence", "arousal").is_null())).height,
        wrong_labels=frame.filter(wrong).select("split", "source_id", "emotion", "valence", "arousal"),
        opened=frame.height if pictures else 0,
        unreadable=unreadable,
        tiny=tiny,
        unhashed=frame.height - hashed.height,
        copies_within=_copies_within(hashed),
        copies_across=_copies_across(hashed),
        conflicting=hashed.drop_nulls("emotion")
        .group_by("pixel_sha256")
        .agg(pl.col("emotion").n_unique())
        .filter(pl.col("emotion") > 1)
        .height,
        subjects=people.height,
        shared_subjects=people.filter(pl.col("splits").list.len() > 1),
    )


def drop_leaks(frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out rows until no picture and no person is in more than one split.

    Each picture stays in the earliest of train, val, test and then the other splits by name, and its copies in later
    splits go; then the same for each person. Copies within one split stay.

    Args:
        frame: a manifest.

    Returns:
        The rows that stay, in their order.
    """
    for keys in (["pixel_sha256"], ["source", "subject"]):
        rank = _rank(frame)
        known = pl.all_horizontal(pl.col(keys).is_not_null())
        frame = frame.filter(~known | (rank == rank.min().over(keys)))
    return frame


def count_emotions(frame: pl.DataFrame) -> pl.DataFrame:
    """Count the rows of each emotion in each split.

    Returns:
        `emotion`, every label and then null, and one column of counts for each split, in `SPLIT_ORDER`.
    """
    counts = pl.DataFrame({"emotion": [*LABELS, None]}, schema={"emotion": pl.String})
    for split in ordered(frame["split"].unique()):
        found = frame.filter(pl.col("split") == split).group_by("emotion").agg(pl.len().cast(pl.Int64).alias(split))
        counts = counts.join(found, on="emotion", how="left", nulls_equal=True, maintain_order="left")
    return counts.with_columns(pl.exclude("emotion").fill_null(0))


def ordered(splits: Iterable[str]) -> list[str]:
    """Put train, val and test first, then the other splits by name."""
    return sorted(splits, key=lambda split: (SPLIT_ORDER.index(split) if split in SPLIT_ORDER else 3, split))


def _rank(frame: pl.DataFrame) -> pl.Expr:
    places = {split: place for place, split in enumerate(ordered({*SPLIT_ORDER, *frame["split"]}))}
    return pl.col("split").replace_strict(places, return_dtype=pl.Int32)


def _copies_within(hashed: pl.DataFrame) -> dict[str, int]:
    further = hashed.filter(~pl.struct("pixel_sha256", "split").is_first_distinct())
    return dict(further.group_by("split", _rank(hashed).alias("rank")).len().sort("rank").select("split", "len").rows())


def _copies_across(hashed: pl.DataFrame) -> pl.DataFrame:
    earliest = pl.col("split").sort_by("rank").first().over("pixel_sha256")
    ranked = hashed.select("pixel_sha256", "split", _rank(hashed).alias("rank")).with_columns(earliest.alias("kept"))
    leaked = ranked.filter(pl.col("split") != pl.col("kept")).group_by("kept", "split", "rank").len("pictures")
    return leaked.sort("rank", "kept").select("kept", pl.col("split").alias("leaked"), "pictures")


def _open_pictures(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the pictures that cannot be read, and the tiny ones."""
    slices = frame.select("path", "image", "source_id").iter_slices(ROWS_A_SLICE)
    with (
        ThreadPoolExecutor(core_count()) as pool,
        tqdm(total=frame.height, desc="opening pictures", unit=" pictures", disable=None) as progress,
    ):
        found: list[tuple[int | None, int | None, str | None]] = []
        for part in pool.map(_open_slice, slices):
            found += part
            progress.update(len(part))
    columns = {"width": pl.Int64, "height": pl.Int64, "why": pl.String}
    opened = frame.select("split", "source_id").hstack(pl.DataFrame(found, schema=columns, orient="row"))
    tiny = opened.filter(pl.min_horizontal("width", "height") < TINY_SIDE)
    return opened.filter(pl.col("why").is_not_null()).select("split", "source_id", "why"), tiny.drop("why")


def _open_slice(part: pl.DataFrame) -> list[tuple[int | None, int | None, str | None]]:
    return [_open(*row) for row in part.iter_rows()]


def _open(path: str | None, image: bytes | None, source_id: str) -> tuple[int | None, int | None, str | None]:
    source = path if image is None else image
    assert source is not None
    try:
        return (*picture_size(source), None)
    except PictureError as error:
        # An encoded picture has no path that would name it.
        return None, None, str(error) if image is None else str(error).replace("encoded picture", source_id, 1)
