"""What a check of a manifest found, and its text."""

from dataclasses import dataclass

import polars as pl

SHOWN = 5
"""Examples named under a finding; the report's tables hold them all."""
INDENT = " " * 18


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What was found in a manifest."""

    rows: int
    """Rows of the manifest."""
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
    """`split`, `source_id`, `width` and `height` of pictures with a side below `affekt.data.check.TINY_SIDE` pixels."""
    unhashed: int
    """Rows without `pixel_sha256`, among which copies cannot be found."""
    copies_within: dict[str, int]
    """By split, the rows beyond the first of their picture in it; splits without any are not named."""
    copies_across: pl.DataFrame
    """`kept`, `leaked`, `pictures`: how many rows of the split `leaked` are copies of a picture in the split `kept`."""
    conflicting: int
    """Pictures whose copies carry different emotions."""
    subjects: int
    """People named in the manifest."""
    shared_subjects: pl.DataFrame
    """`source`, `subject` and `splits` of people who are in more than one split."""

    @property
    def has_leak(self) -> bool:
        """Whether a picture or a person is in more than one split."""
        return not self.copies_across.is_empty() or not self.shared_subjects.is_empty()

    def text(self) -> str:
        """Lay the report out as plain text: the counts, then one finding a line, with examples under it."""
        splits = self.counts.columns[1:]
        lines = [f"{self.rows:,} rows in {_plural(len(splits), 'split')}: {', '.join(splits)}", ""]
        lines += [*_counts_table(self.counts), "", *self._label_lines(), *self._picture_lines(), *self._leak_lines()]
        verdict = "Pictures or people leak from split to split." if self.has_leak else "No leak found."
        return "\n".join([*lines, "", verdict])

    def _label_lines(self) -> list[str]:
        known = self.rows - self.without_valence_arousal
        wrong = self.wrong_labels.height
        lines = [
            _finding("valence, arousal", f"{known:,} rows have both, {self.without_valence_arousal:,} do not"),
            _finding(
                "LABELS" if wrong else "labels",
                f"{wrong:,} unknown or out of range" if wrong else "all known and in range",
            ),
        ]
        examples = [
            f"{split}: {name}, {emotion or 'no emotion'}, valence {_value(valence)}, arousal {_value(arousal)}"
            for split, name, emotion, valence, arousal in self.wrong_labels.head(SHOWN).rows()
        ]
        return lines + _examples(examples, self.wrong_labels)

    def _picture_lines(self) -> list[str]:
        if not self.opened:
            return [_finding("pictures", "not opened")]
        unreadable = f"{self.unreadable.height:,} unreadable" if self.unreadable.height else "all readable"
        lines = [_finding("pictures", f"{self.opened:,} opened, {unreadable}")]
        lines += _examples([f"{split}: {why}" for split, _, why in self.unreadable.head(SHOWN).rows()], self.unreadable)
        lines.append(_finding("tiny pictures", f"{self.tiny.height:,}" if self.tiny.height else "none"))
        tiny = [f"{split}: {name}, {width}x{height}" for split, name, width, height in self.tiny.head(SHOWN).rows()]
        return lines + _examples(tiny, self.tiny)

    def _leak_lines(self) -> list[str]:
        within = ", ".join(f"{copies:,} in {split}" for split, copies in self.copies_within.items())
        lines = [_finding("exact copies", f"within a split {within} (kept)" if within else "none within a split")]
        lines += [
            _finding("LEAK", f"{_plural(pictures, 'picture')} of {leaked} copied from {kept}")
            for kept, leaked, pictures in self.copies_across.rows()
        ]
        if self.conflicting:
            lines.append(_finding("", f"{_plural(self.conflicting, 'picture')} with copies of another emotion"))
        if self.unhashed:
            lines.append(_finding("", f"{self.unhashed:,} rows have no pixel hash: copies among them are not found"))
        lines.append(_finding("people", f"{self.subjects:,} named" if self.subjects else "none named"))
        if self.shared_subjects.height:
            people = _plural(self.shared_subjects.height, "person is", "people are")
            lines.append(_finding("LEAK", f"{people} in more than one split"))
            shared = [f"{name}: {', '.join(splits)}" for _, name, splits in self.shared_subjects.head(SHOWN).rows()]
            lines += _examples(shared, self.shared_subjects)
        return lines


def _counts_table(counts: pl.DataFrame) -> list[str]:
    """Lay out emotions by splits with totals, numbers right-aligned."""
    splits = counts.columns[1:]
    totals = counts.select(pl.lit("total").alias("emotion"), pl.exclude("emotion").sum())
    shown = counts.filter(pl.col("emotion").is_not_null() | pl.any_horizontal(pl.exclude("emotion") > 0))
    rows = pl.concat([shown.with_columns(pl.col("emotion").fill_null("no emotion")), totals]).rows()
    cells = [["", *splits, "total"]]
    cells += [[name, *(f"{number:,}" for number in (*numbers, sum(numbers)))] for name, *numbers in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join([name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))])
        for name, *rest in cells
    ]


def _value(number: float | None) -> str:
    return "unknown" if number is None else f"{number:g}"


def _finding(name: str, sentence: str) -> str:
    return f"{name:<{len(INDENT)}}{sentence}"


def _examples(examples: list[str], found: pl.DataFrame) -> list[str]:
    more = [f"and {found.height - SHOWN:,} more"] if found.height > SHOWN else []
    return [INDENT + example for example in [*examples, *more]]


def _plural(count: int, singular: str, plural: str | None = None) -> str:
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
