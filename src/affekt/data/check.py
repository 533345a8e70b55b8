"""What a manifest holds, and what in it would spoil a result: leaks between splits, bad pictures, bad labels."""

import shlex
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from affekt.cores import core_count, prefetch
from affekt.data.manifest import LABEL_RULES, SPLITS, ordered_splits
from affekt.data.shards import Shards
from affekt.errors import DataError, PictureError
from affekt.faces.pictures import picture_size
from affekt.labels import LABELS, is_label, ordered_labels
from affekt.terminal import progress_bar, text_table

TINY_SIDE = 32
"""Pictures with a side below this many pixels are reported as tiny."""
PICTURES_PER_CORE = 64
EXAMPLES_SHOWN = 5
"""Examples named under a finding; the report's tables hold them all."""

Finding = tuple[str, str]
"""What was looked for, empty on further lines about it, and what was found."""


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What was found in a manifest."""

    rows: int
    counts: pl.DataFrame
    """`emotion` (null: unknown) and a count for each split, in the order of labels and splits."""
    without_valence_arousal: int
    wrong_labels: pl.DataFrame
    """`split`, `source_id`, `emotion`, `valence` and `arousal` of rows whose emotion is no label, or whose valence or
    arousal is outside [-1, 1] or NaN."""
    opened: int
    """Pictures that were opened; 0 where this was not asked for."""
    unreadable: pl.DataFrame
    """`split`, `source_id` and `why` of pictures that are missing or cannot be decoded to their end."""
    tiny: pl.DataFrame
    """`split`, `source_id`, `width` and `height` of pictures with a side below `TINY_SIDE` pixels."""
    unhashed: int
    """Rows without `pixel_sha256`, among which copies cannot be found."""
    copies_within: dict[str, int]
    """By split, the rows beyond the first of their picture in it; splits without any are not named."""
    copies_across: pl.DataFrame
    """`kept`, `leaked`, `pictures`: how many rows of the split `leaked` are copies of a picture in the split `kept`."""
    conflicting: int
    """Pictures whose copies carry different emotions."""
    subjects: int
    shared_subjects: pl.DataFrame
    """`source`, `subject` and `splits` of people who are in more than one split."""

    @property
    def has_leak(self) -> bool:
        """Whether a picture or a person is in more than one split."""
        return not self.copies_across.is_empty() or not self.shared_subjects.is_empty()

    def text(self) -> str:
        """Lay the report out as plain text: the counts, then one finding per line, with examples under it."""
        splits = self.counts.columns[1:]
        blocks = [
            f"{self.rows:,} rows in {_plural(len(splits), 'split')}: {', '.join(splits)}",
            emotion_table(self.counts),
            text_table([*self._labels_and_pictures(), *self._copies_and_people()], left=2),
            "Pictures or people leak from split to split." if self.has_leak else "No leak found.",
        ]
        return "\n\n".join(blocks)

    def _labels_and_pictures(self) -> Iterator[Finding]:
        def point(value: float | None) -> str:
            return "unknown" if value is None else f"{value:g}"

        known, wrong = self.rows - self.without_valence_arousal, self.wrong_labels.height
        yield "valence, arousal", f"{known:,} rows have both, {self.without_valence_arousal:,} do not"
        yield ("LABELS", f"{wrong:,} unknown or out of range") if wrong else ("labels", "all known and in range")
        yield from _examples(
            f"{split}: {name}, {emotion or 'no emotion'}, valence {point(valence)}, arousal {point(arousal)}"
            for split, name, emotion, valence, arousal in self.wrong_labels.iter_rows()
        )
        if own := [label for label in self.counts["emotion"].drop_nulls() if label not in LABELS and is_label(label)]:
            yield "", f"of the data set's own, beside affekt's eight: {', '.join(own)}"
        if not self.opened:
            yield "pictures", "not opened"
            return
        unreadable, tiny = self.unreadable.height, self.tiny.height
        yield "pictures", f"{self.opened:,} opened, {f'{unreadable:,} un' if unreadable else 'all '}readable"
        yield from _examples(f"{split}: {why}" for split, _, why in self.unreadable.iter_rows())
        yield "tiny pictures", f"{tiny:,}" if tiny else "none"
        yield from _examples(map("{}: {}, {}x{}".format, *self.tiny))

    def _copies_and_people(self) -> Iterator[Finding]:
        within = ", ".join(f"{copies:,} in {split}" for split, copies in self.copies_within.items())
        yield "exact copies", f"within a split {within} (kept)" if within else "none within a split"
        for kept, leaked, pictures in self.copies_across.iter_rows():
            yield "LEAK", f"{_plural(pictures, 'picture')} of {leaked} copied from {kept}"
        if self.conflicting:
            yield "", f"{_plural(self.conflicting, 'picture')} with copies of another emotion"
        if self.unhashed:
            yield "", f"{self.unhashed:,} rows have no pixel hash: copies among them are not found"
        yield "people", f"{self.subjects:,} named" if self.subjects else "none named"
        if shared := self.shared_subjects.height:
            yield "LEAK", f"{_plural(shared, 'person is', 'people are')} in more than one split"
            yield from _examples(f"{name}: {', '.join(splits)}" for _, name, splits in self.shared_subjects.iter_rows())


def _examples(lines: Iterable[str]) -> Iterator[Finding]:
    shown = list(lines)
    yield from (("", line) for line in shown[:EXAMPLES_SHOWN])
    if len(shown) > EXAMPLES_SHOWN:
        yield "", f"and {len(shown) - EXAMPLES_SHOWN:,} more"


def _plural(count: int, singular: str, plural: str = "") -> str:
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def count_emotions(frame: pl.DataFrame) -> pl.DataFrame:
    """Count the rows of each `emotion`, every label and then null, in a column for each split in their order.

    The eight expressions are counted even where there are none, unless there are labels of the data set's own.
    """
    labels = ordered_labels(frame["emotion"].drop_nulls().unique())
    labels = LABELS if set(labels) <= set(LABELS) else labels
    counts = pl.DataFrame({"emotion": [*labels, None]}, schema={"emotion": pl.String})
    found = frame.group_by("emotion", "split").len().pivot("split", index="emotion", values="len")
    counts = counts.join(found, on="emotion", how="left", nulls_equal=True, maintain_order="left")
    return counts.select("emotion", pl.col(ordered_splits(frame["split"].unique())).fill_null(0).cast(pl.Int64))


def emotion_table(counts: pl.DataFrame) -> str:
    """Lay out what `count_emotions` returns as text, with totals and the share of each expression."""
    rows = [(emotion or "no expression", *numbers, sum(numbers)) for emotion, *numbers in counts.rows()]
    shown = [row for row in rows if row[0] != "no expression" or row[-1]]
    total = ("total", *(sum(column) for column in zip(*(row[1:] for row in rows), strict=True)))
    cells = [(*row, f"{row[-1] / max(total[-1], 1):.1%}") for row in (*shown, total)]
    return text_table([("expression", *counts.columns[1:], "total", "share"), *cells])


def check_manifest(frame: pl.DataFrame, *, pictures: bool = True) -> CheckReport:
    """Look for everything in a manifest that would spoil a result, as `affekt data check` does; change nothing.

    `pictures=False` opens none, which takes most of the time; `print(report.text())` shows what was found.
    """
    wrong = frame.filter(pl.any_horizontal(LABEL_RULES.values()))
    hashed = frame.filter(pl.col("pixel_sha256").is_not_null())
    people = (
        frame.filter(pl.col("subject").is_not_null())
        .unique(["source", "subject", "split"])
        .sort("source", "subject", _rank(frame))
        .group_by("source", "subject", maintain_order=True)
        .agg(pl.col("split").alias("splits"))
    )
    within, across = _copies(hashed)
    emotions = hashed.drop_nulls("emotion").group_by("pixel_sha256").agg(pl.col("emotion").n_unique())
    unreadable, tiny = _open_pictures(frame if pictures else frame.clear())
    return CheckReport(
        rows=frame.height,
        counts=count_emotions(frame),
        without_valence_arousal=frame.filter(pl.any_horizontal(pl.col("valence", "arousal").is_null())).height,
        wrong_labels=wrong.select("split", "source_id", "emotion", "valence", "arousal"),
        opened=frame.height if pictures else 0,
        unreadable=unreadable,
        tiny=tiny,
        unhashed=frame.height - hashed.height,
        copies_within=within,
        copies_across=across,
        conflicting=emotions.filter(pl.col("emotion") > 1).height,
        subjects=people.height,
        shared_subjects=people.filter(pl.col("splits").list.len() > 1),
    )


def drop_leaks(frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out rows until no picture and no person is in more than one split.

    Each picture stays in the earliest of train, val, test and then the other splits by name, and its copies in later
    splits go; then the same for each person. Copies within one split stay.
    """
    for keys in (["pixel_sha256"], ["source", "subject"]):
        rank = _rank(frame)
        known = pl.all_horizontal(pl.col(keys).is_not_null())
        frame = frame.filter(~known | (rank == rank.min().over(keys)))
    return frame


def training_advice(manifest: pl.DataFrame, path: Path) -> str:
    """Return what to type next: a training of the labels where there are two, else of valence and arousal, if known."""
    rows = manifest.filter(split="train")
    heads = ["expression"] if rows["emotion"].drop_nulls().n_unique() > 1 else []
    heads = heads or (["valence_arousal"] if rows["valence"].count() else [])
    if not heads:
        return ""
    command = ["affekt", "train", "affekt-head", "--data", str(path)]
    command += [] if "val" in set(manifest["split"]) else ["--validation", "0.2"]
    command += ["--out", f"runs/{path.stem}", *([] if heads == ["expression"] else ["--heads", *heads])]
    return f"Next, train a head on affekt's own network, in seconds or minutes:\n  {shlex.join(command)}"


def _rank(frame: pl.DataFrame) -> pl.Expr:
    places = {split: place for place, split in enumerate(ordered_splits({*SPLITS, *frame["split"]}))}
    return pl.col("split").replace_strict(places, return_dtype=pl.Int32)


def _copies(hashed: pl.DataFrame) -> tuple[dict[str, int], pl.DataFrame]:
    """Return what the report calls `copies_within` and `copies_across`."""
    ranked = hashed.select("pixel_sha256", "split", rank=_rank(hashed))
    further = ranked.filter(~pl.struct("pixel_sha256", "split").is_first_distinct())
    within = further.group_by("split", "rank").len().sort("rank").select("split", "len")
    kept = ranked.with_columns(kept=pl.col("split").sort_by("rank").first().over("pixel_sha256"))
    leaked = kept.filter(pl.col("split") != pl.col("kept")).group_by("kept", "split", "rank").len("pictures")
    return dict(within.iter_rows()), leaked.sort("rank", "kept").select(
        "kept", pl.col("split").alias("leaked"), "pictures"
    )


def _open_pictures(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the pictures that cannot be read, and the tiny ones."""
    images, names = frame["image"], frame["source_id"]
    sources = Shards(frame["path"]).read(np.arange(frame.height))
    rows = ((row, source or images[row], names[row]) for row, source in sources)
    with ThreadPoolExecutor(core_count()) as pool:
        opened = prefetch(pool, _size, rows, most=PICTURES_PER_CORE * core_count())
        sizes = list(progress_bar(opened, total=frame.height, description="opening pictures", unit="pictures"))
    columns = {"row": pl.Int64, "width": pl.Int64, "height": pl.Int64, "why": pl.String}
    table = pl.DataFrame(sizes, schema=columns, orient="row").sort("row").drop("row")
    found = frame.select("split", "source_id").hstack(table)
    tiny = found.filter(pl.min_horizontal("width", "height") < TINY_SIDE)
    return found.drop_nulls("why").select("split", "source_id", "why"), tiny.drop("why")


def _size(picture: tuple[int, str | bytes, str]) -> tuple[int, int | None, int | None, str | None]:
    """Return a row with the width and height in pixels of its picture, which has a name, or why it cannot be read."""
    row, source, name = picture
    try:
        return (row, *picture_size(source), None)
    except PictureError as error:
        # An encoded picture has no path that would name it.
        return row, None, None, str(error).replace("encoded picture", name, 1)


CHECK = "affekt data check"


@contextmanager
def manifest_named(data: object) -> Iterator[None]:
    """Let an advice that ends in `CHECK` name the manifest, which whoever reads pictures of rows does not know."""
    try:
        yield
    except DataError as error:
        if str(error).endswith(CHECK) and isinstance(data, str | Path):
            raise type(error)(f"{error} {shlex.quote(str(data))}") from error
        raise
