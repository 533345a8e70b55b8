"""Sets in which a picture's name says what it shows and who it is: KDEF, JAFFE, SFEW, and CK+ in either shape.

Each has a `Naming`, which says how; what does not fit it is left out and counted.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import polars as pl
from tyro.conf import Positional

from affekt.data.importers.listing import Listing
from affekt.data.importers.own import pictures_below
from affekt.errors import ConfigError, DataError


@dataclass(frozen=True)
class Naming:
    """How the pictures of a set are named."""

    source: str
    form: str
    """Regular expression of a path below the root, whatever its case, with the group `label`, and perhaps `subject` and
    `split`; any other group becomes a group attribute."""
    labels: dict[str, str]
    """Emotion of each label that the form finds, in lower case."""
    example: str
    notes: tuple[str, ...]
    published: tuple[tuple[str, int], ...] = ()

    def rows(self, root: Path) -> tuple[pl.DataFrame, dict[str, int]]:
        """Return the rows of the pictures below a folder that are named so, and how many are left out, by reason.

        Raises DataError where no picture is named so.
        """
        names, dropped = pictures_below(root)
        form = re.compile(self.form, re.IGNORECASE)
        matches = [(name, found) for name in names if (found := form.fullmatch(name))]
        dropped[f"not named as {self.example}"] = len(names) - len(matches)
        if not matches:
            raise DataError(
                f"expected pictures named as {self.example} under {root}, got none among {len(names):,} pictures; "
                f"give the folder that holds them, as in: affekt data import {self.source} "
                f"{self.source.upper()} --out {self.source}.parquet"
            )
        rows = pl.DataFrame([{"source_id": name, **found.groupdict()} for name, found in matches])
        rows = rows.with_columns(
            emotion=pl.col("label").str.to_lowercase().replace_strict(self.labels),
            path=pl.lit(f"{root}/") + pl.col("source_id"),
            source=pl.lit(self.source),
            split=pl.col("split").str.to_lowercase() if "split" in rows.columns else pl.lit("train"),
        )
        if "subject" in rows.columns:
            rows = rows.with_columns(pl.col("subject").str.to_uppercase())
        return rows.drop("label"), dict(dropped)


@dataclass(frozen=True, kw_only=True)
class Named:
    """A set of which the pictures' names say everything."""

    root: Positional[Path]
    """Folder that holds the pictures, at any depth."""

    naming: ClassVar[Naming]

    def list_rows(self) -> Listing:
        """List the pictures that are named as those of the set are."""
        rows, dropped = self.naming.rows(self.root.resolve())
        return Listing(rows=rows, dropped=dropped, published=dict(self.naming.published), notes=self.naming.notes)


def _pairs(codes: str) -> dict[str, str]:
    words = codes.split()
    return dict(zip(words[::2], words[1::2], strict=True))


NO_SPLITS = "The set has no splits: all rows are train."
WHOLE_HEADS = "Pictures show the whole head: import with --faces yunet, so that a model meets the crops of predict."
KDEF_CODES = "af fear an anger di disgust ha happiness ne neutral sa sadness su surprise"
SFEW_CODES = "angry anger disgust disgust fear fear happy happiness neutral neutral sad sadness surprise surprise"


@dataclass(frozen=True, kw_only=True)
class Kdef(Named):
    """KDEF: 70 people, seven posed expressions, five views, two sessions."""

    naming: ClassVar[Naming] = Naming(
        source="kdef",
        # A session, the sex, a number, an expression (AF is afraid) and a view: full and half left, straight, ...
        form=r"(?:.*/)?[AB](?P<subject>[FM][0-9]{2})(?P<label>AF|AN|DI|HA|NE|SA|SU)(?P<view>FL|HL|S|HR|FR)\.[^./]+",
        labels=_pairs(KDEF_CODES),
        example="AF01/AF01ANS.JPG",
        published=(("train", 4900),),
        notes=(
            "Sessions A and B show the same people: AF01 and BF01 are both F01.",
            "`view` is kept: FL and FR are profiles, in which a detector finds few faces.",
            WHOLE_HEADS,
            NO_SPLITS,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Jaffe(Named):
    """JAFFE: ten Japanese women, seven posed expressions, 213 grey pictures."""

    naming: ClassVar[Naming] = Naming(
        source="jaffe",
        form=r"(?:.*/)?(?P<subject>[A-Z]{2})\.(?P<label>AN|DI|FE|HA|NE|SA|SU)[0-9]*\.[0-9]+\.[^./]+",
        labels=_pairs(KDEF_CODES.replace("af ", "fe ")),
        example="KA.HA1.29.tiff",
        published=(("train", 213),),
        notes=("Labels are what was posed, not what raters saw.", WHOLE_HEADS, NO_SPLITS),
    )


@dataclass(frozen=True, kw_only=True)
class Sfew(Named):
    """SFEW 2.0: frames of films, seven expressions; aligned faces where they are there, else whole frames."""

    naming: ClassVar[Naming] = Naming(
        source="sfew",
        form=r"(?:.*/)?(?P<split>train|val)(?:/.*)?/(?P<label>angry|disgust|fear|happy|neutral|sad|surprise)/"
        r"(?P<film>[^/]+?)_[0-9]+_[0-9]+\.[^./]+",
        labels=_pairs(SFEW_CODES),
        example="Train/Angry/Airheads_000519240_00000005.png",
        published=(("train", 891), ("val", 431)),
        notes=(
            "The published counts are of aligned faces; of whole frames there are 958 and 436.",
            "The labels of Test were never published: its pictures are left out. `film` is kept.",
        ),
    )

    def list_rows(self) -> Listing:
        """List the aligned faces, or the whole frames where there are none: both are the same pictures."""
        listing = super().list_rows()
        is_aligned = listing.rows["source_id"].str.to_lowercase().str.contains("aligned")
        if not is_aligned.any():
            note = "These are whole frames: import with --faces yunet, which takes the largest face of each."
            return replace(listing, published={"train": 958, "val": 436}, notes=(note,))
        dropped = {**listing.dropped, "whole frames, beside aligned faces": int((~is_aligned).sum())}
        return replace(listing, rows=listing.rows.filter(is_aligned), dropped=dropped)


CK_LABELS = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
"""By the numbers of CK+'s emotion files."""
CK_FOLDERS = Naming(
    source="ckplus",
    form=r"(?:.*/)?(?P<label>anger|contempt|disgust|fear|happy|sadness|surprise)/(?P<subject>S[0-9]{3})_[^/]+",
    labels={label: label for label in CK_LABELS} | {"happy": "happiness"},
    example="anger/S010_004_00000017.png",
    published=(("train", 981),),
    notes=("CK+ in folders: the last three frames of each labelled sequence, and no neutral face.", NO_SPLITS),
)


@dataclass(frozen=True, kw_only=True)
class CkPlus:
    """CK+: sequences from neutral to the peak of an expression, or Kaggle's folders of their last frames."""

    root: Positional[Path]
    """Folder that holds cohn-kanade-images and Emotion, or a folder for each expression."""
    peak_frames: int = 3
    """So many last frames of a labelled sequence show its expression."""
    neutral_frames: int = 1
    """So many first frames of a labelled sequence are neutral; 0 leaves them out."""

    def __post_init__(self) -> None:
        """Refuse numbers of frames that are none."""
        if self.peak_frames < 1 or self.neutral_frames < 0:
            raise ConfigError(
                f"expected peak_frames of 1 or more and neutral_frames of 0 or more, got {self.peak_frames} and "
                f"{self.neutral_frames}; 3 and 1 are usual"
            )

    def list_rows(self) -> Listing:
        """List first and last frames of the labelled sequences, or the pictures in folders."""
        root = self.root.resolve()
        if (root / "Emotion").is_dir():
            return self._of_sequences(root)
        rows, dropped = CK_FOLDERS.rows(root)
        return Listing(rows=rows, dropped=dropped, published=dict(CK_FOLDERS.published), notes=CK_FOLDERS.notes)

    def _of_sequences(self, root: Path) -> Listing:
        images = root / "cohn-kanade-images"
        if not images.is_dir():
            raise DataError(f"expected the sequences in {images}, got no such folder; unpack them beside Emotion")
        rows: list[dict[str, str]] = []
        labelled, without, short = 0, 0, 0
        # Folders without a file are sequences without a label; .DS_Store files lie about.
        for file in sorted((root / "Emotion").glob("S*/*/*_emotion.txt")):
            sequence = "/".join(file.parts[-3:-1])
            frames = sorted((images / sequence).glob("[!.]*.png"))
            labelled, without = labelled + 1, without + (not frames)
            if 0 < len(frames) < self.peak_frames + self.neutral_frames:
                short += 1
                continue
            peak = frames[-self.peak_frames :]
            for frame in (*frames[: self.neutral_frames], *peak):
                emotion = _ck_label(file) if frame in peak else "neutral"
                rows.append(
                    {"path": str(frame), "source_id": frame.stem, "subject": file.parts[-3], "emotion": emotion}
                )
        if not rows:
            raise DataError(
                f"expected S005/001/S005_001_00000011_emotion.txt and the like in {root / 'Emotion'}, and their frames "
                f"in {images}, got {labelled} such files without frames; unpack both again"
            )
        notes = (
            f"{labelled} sequences have a label (published: 327, of 593). Of each, the first {self.neutral_frames} "
            f"frames are taken as neutral and the last {self.peak_frames} as its expression.",
            NO_SPLITS,
        )
        frame = pl.DataFrame(rows).with_columns(source=pl.lit("ckplus"), split=pl.lit("train"))
        dropped = {"labelled sequence without frames": without, "labelled sequence with too few frames": short}
        return Listing(rows=frame, dropped=dropped, notes=notes)


def _ck_label(file: Path) -> str:
    text = file.read_text(encoding="utf-8-sig", errors="replace").strip()  # as "3.0000000e+00"
    try:
        return {float(number): label for number, label in enumerate(CK_LABELS)}[float(text)]
    except (ValueError, KeyError):
        raise DataError(f"expected a number from 0 to 7 in {file}, got {text[:20]!r}; unpack it again") from None
