"""What a manifest holds, and what in it would spoil a result: leaks between splits, bad pictures, bad labels."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from affekt.cores import core_count
from affekt.data.manifest import LABEL_RULES, SPLITS, ordered_splits
from affekt.errors import PictureError
from affekt.faces.pictures import picture_size
from affekt.labels import LABELS
from affekt.terminal import progress_bar, text_table

TINY_SIDE = 32
"""Pictures with a side below this many pixels are reported as tiny."""
ROWS_PER_SLICE = 256
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
    """Rows that lack valence or arousal."""
    wrong_labels: pl.DataFrame
    """`split`, `source_id`, `emotion`, `valence` and `arousal` of rows whose emotion is none of the eight, or whose
    valence or arousal is outside [-1, 1] or NaN."""
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
            text_table([*self._labels(), *self._pictures(), *self._copies(), *self._people()], left=2),
            "Pictures or people leak from split to split." if self.has_leak else "No leak found.",
        ]
        return "\n\n".join(blocks)

    def _labels(self) -> list[Finding]:
        known, wrong = self.rows - self.without_valence_arousal, self.wrong_labels.height

        def line(split: str, name: str, emotion: str | None, *point: float | None) -> str:
            valence, arousal = ("unknown" if value is None else f"{value:g}" for value in point)
            return f"{split}: {name}, {emotion or 'no emotion'}, valence {valence}, arousal {arousal}"

        return [
            ("valence, arousal", f"{known:,} rows have both, {self.without_valence_arousal:,} do not"),
            ("LABELS", f"{wrong:,} unknown or out of range") if wrong else ("labels", "all known and in range"),
            *_examples(self.wrong_labels, line),
        ]

    def _pictures(self) -> list[Finding]:
        if not self.opened:
            return [("pictures", "not opened")]
        unreadable, tiny = self.unreadable.height, self.tiny.height
        count = f"{unreadable:,} unreadable" if unreadable else "all readable"
        return [
            ("pictures", f"{self.opened:,} opened, {count}"),
            *_examples(self.unreadable, "{0}: {2}".format),
            ("tiny pictures", f"{tiny:,}" if tiny else "none"),
            *_examples(self.tiny, "{}: {}, {}x{}".format),
        ]

    def _copies(self) -> list[Finding]:
        within = ", ".join(f"{copies:,} in {split}" for split, copies in self.copies_within.items())
        findings = [("exact copies", f"within a split {within} (kept)" if within else "none within a split")]
        findings += [
            ("LEAK", f"{_plural(pictures, 'picture')} of {leaked} copied from {kept}")
            for kept, leaked, pictures in self.copies_across.rows()
        ]
        if self.conflicting:
            findings.append(("", f"{_plural(self.conflicting, 'picture')} with copies of another emotion"))
        if self.unhashed:
            findings.append(("", f"{self.unhashed:,} rows have no pixel hash: copies among them are not found"))
        return findings

    def _people(self) -> list[Finding]:
        findings = [("people", f"{self.subjects:,} named" if self.subjects else "none named")]
        if shared := self.shared_subjects.height:
            findings.append(("LEAK", f"{_plural(shared, 'person is', 'people are')} in more than one split"))
            findings += _examples(self.shared_subjects, lambda _, name, splits: f"{name}: {', '.join(splits)}")
        return findings


def _examples(frame: pl.DataFrame, line: Callable[..., str]) -> list[Finding]:
    shown = [("", line(*row)) for row in frame.head(EXAMPLES_SHOWN).rows()]
    rest = frame.height - EXAMPLES_SHOWN
    return [*shown, ("", f"and {rest:,} more")] if rest > 0 else shown


def _plural(count: int, singular: str, plural: str | None = None) -> str:
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def count_emotions(frame: pl.DataFrame) -> pl.DataFrame:
    """Count the rows of each `emotion`, every label and then null, in a column for each split in their order."""
    counts = pl.DataFrame({"emotion": [*LABELS, None]}, schema={"emotion": pl.String})
    found = frame.group_by("emotion", "split").len().pivot("split", index="emotion", values="len")
    counts = counts.join(found, on="emotion", how="left", nulls_equal=True, maintain_order="left")
    return counts.select("emotion", pl.col(ordered_splits(frame["split"].unique())).fill_null(0).cast(pl.Int64))


def emotion_table(counts: pl.DataFrame) -> str:
    """Lay out what `count_emotions` returns as text, with totals and the share of each expression."""
    rows = [(emotion or "no expression", *numbers, sum(numbers)) for emotion, *numbers in counts.rows()]
    shown = [row for row in rows if row[0] in LABELS or row[-1]]
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
    """
    for keys in (["pixel_sha256"], ["source", "subject"]):
        rank = _rank(frame)
        known = pl.all_horizontal(pl.col(keys).is_not_null())
        frame = frame.filter(~known | (rank == rank.min().over(keys)))
    return frame


def _rank(frame: pl.DataFrame) -> pl.Expr:
    places = {split: place for place, split in enumerate(ordered_splits({*SPLITS, *frame["split"]}))}
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
    slices = frame.select("path", "image", "source_id").iter_slices(ROWS_PER_SLICE)
    found: list[tuple[int | None, int | None, str | None]] = []
    with (
        ThreadPoolExecutor(core_count()) as pool,
        progress_bar(total=frame.height, description="opening pictures", unit="pictures") as progress,
    ):
        for sizes in pool.map(lambda rows: [_size(*row) for row in rows.iter_rows()], slices):
            found += sizes
            progress.update(len(sizes))
    columns = {"width": pl.Int64, "height": pl.Int64, "why": pl.String}
    opened = frame.select("split", "source_id").hstack(pl.DataFrame(found, schema=columns, orient="row"))
    tiny = opened.filter(pl.min_horizontal("width", "height") < TINY_SIDE)
    return opened.filter(pl.col("why").is_not_null()).select("split", "source_id", "why"), tiny.drop("why")


def _size(path: str | None, image: bytes | None, source_id: str) -> tuple[int | None, int | None, str | None]:
    """Return the width and height of a picture in pixels, or why it cannot be read."""
    source = path if image is None else image
    assert source is not None
    try:
        return (*picture_size(source), None)
    except PictureError as error:
        # An encoded picture has no path that would name it.
        return None, None, str(error) if image is None else str(error).replace("encoded picture", source_id, 1)
