"""AFEW-VA (Kossaifi et al. 2017): clips from films, valence and arousal rated in every frame."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tyro.conf import Positional

from affekt.data.importers.listing import Listing
from affekt.errors import ConfigError, DataError, require_seed

SCALE = 10
"""Ratings are whole numbers in [-10, 10]."""
PUBLISHED_CLIPS = 600
UNKNOWN_ACTOR = "unknown actor of clip "


@dataclass(frozen=True, kw_only=True)
class AfewVa:
    """AFEW-VA: film clips, valence and arousal rated in every frame; no expressions."""

    root: Positional[Path]
    """Folder that holds the clips 001 to 600, or the unpacked 01 to 12 that hold them."""
    seed: int = 0
    """Deals the actors to the splits; there is no official split."""
    val: float = 0.2
    """Fraction of the frames that goes to val, whole actors at a time."""
    test: float = 0.2
    """Fraction of the frames that goes to test, whole actors at a time."""

    def __post_init__(self) -> None:
        """Refuse fractions that leave nothing to train on, and seeds that are none.

        Raises:
            ConfigError: a fraction is negative, the two reach 1, or the seed is negative or too large.
        """
        require_seed(self.seed)
        if min(self.val, self.test) < 0 or self.val + self.test >= 1:
            raise ConfigError(f"expected --val and --test of 0 or more, below 1 together, got {self.val}, {self.test}")

    def list_rows(self) -> Listing:
        """List the frames of every clip, with the bounds of the 68 landmarks as face box.

        Frames without landmarks are left out: a null box would say that the whole film frame is the face.

        Raises:
            DataError: there are no clips, an annotation file is damaged, or no frame has landmarks.
        """
        files = find_annotations(self.root.resolve())
        if not files:
            raise DataError(
                f"expected clips as 001/001.json with 001/00000.png under {self.root}, got none; give the folder that "
                "holds them, as in: affekt data import afewva AFEW-VA --out afewva.parquet"
            )
        frames = [row for path in files for row in _read_clip(path)]
        rows = [row for row in frames if row["box_xyxy"] is not None]
        if not rows:
            raise DataError(
                f"expected frames with landmarks in the clips under {self.root}, got none in {len(frames):,} frames; "
                "unpack them again"
            )
        people = [row["subject"] for row in rows]
        splits = split_by_person(people, self.val, self.test, self.seed)
        frame = pl.DataFrame(rows, infer_schema_length=None).with_columns(
            pl.Series("split", [splits[person] for person in people], dtype=pl.String),
            pl.lit("afewva").alias("source"),
            pl.lit("rated").alias("valence_arousal_origin"),
            pl.col("box_xyxy").cast(pl.List(pl.Float32)).list.to_array(4),
        )
        unknown = sum(person.startswith(UNKNOWN_ACTOR) for person in splits)
        outside = frame.select(pl.any_horizontal(pl.col("valence", "arousal").is_null()).sum()).item()
        notes = [
            f"{len(files)} clips (published: {PUBLISHED_CLIPS}) with {len(splits) - unknown} actors; valence and "
            f"arousal are divided by {SCALE}.",
            f"There is no official split: whole actors were dealt to train, val and test with seed {self.seed}.",
            "Face boxes are the bounds of the 68 landmarks.",
        ]
        if unknown:
            notes.append(f"{unknown} clips name no actor: each counts as a person of its own.")
        if outside:
            notes.append(f"Valence or arousal is missing or outside [-10, 10] in {outside:,} frames: null there.")
        without = len(frames) - len(rows)
        dropped = {"no landmarks, and so no face box": without} if without else {}
        return Listing(rows=frame, dropped=dropped, notes=tuple(notes))


def find_annotations(root: Path) -> list[Path]:
    """Return every `NNN/NNN.json` one or two folders below the root; copies in `*_cropped` folders are passed over."""
    found = [*root.glob("*/*.json"), *root.glob("*/*/*.json")]
    return sorted(
        path for path in found if path.stem == path.parent.name and "_cropped" not in str(path.relative_to(root))
    )


def split_by_person(people: list[str], val: float, test: float, seed: int) -> dict[str, str]:
    """Deal whole people to train, val and test, so that each split holds about its fraction of the frames.

    Args:
        people: the person of each frame.
        val: fraction of the frames for val.
        test: fraction of the frames for test.
        seed: shuffles the people.

    Returns:
        The split of each person.
    """
    frames = Counter(people)
    names = sorted(frames)
    shuffled = [names[index] for index in np.random.default_rng(seed).permutation(len(names))]
    counts = np.array([frames[name] for name in shuffled])
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()
    bounds = np.array([1 - val - test, 1 - test])
    return dict(zip(shuffled, np.array(["train", "val", "test"])[(middle[:, None] > bounds).sum(axis=1)], strict=True))


def _read_clip(path: Path) -> list[dict[str, Any]]:
    try:
        clip = json.loads(path.read_text(encoding="utf-8-sig"))
        # Who is unknown may be anybody, but for one clip it is one person.
        actor = str(clip.get("actor") or "").strip() or f"{UNKNOWN_ACTOR}{path.stem}"
        # The frames lie one level down: the top level holds the clip's own facts.
        return [
            {
                "path": str(path.parent / f"{key}.png"),
                "source_id": f"{path.stem}/{key}",
                "subject": actor,
                "valence": _in_range(frame.get("valence")),
                "arousal": _in_range(frame.get("arousal")),
                "box_xyxy": _bounds(frame.get("landmarks")),
            }
            for key, frame in sorted(clip["frames"].items())
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"expected frames with valence and arousal in {path}, got {error!r}; unpack it again"
        ) from error


def _in_range(rating: float | None) -> float | None:
    return rating / SCALE if rating is not None and -SCALE <= rating <= SCALE else None


def _bounds(landmarks: list[list[float]] | None) -> list[float] | None:
    if not landmarks:
        return None
    (left, top), (right, bottom) = np.min(landmarks, axis=0), np.max(landmarks, axis=0)
    return [float(left), float(top), float(right), float(bottom)] if right > left and bottom > top else None
