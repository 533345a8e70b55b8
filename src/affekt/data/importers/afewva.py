"""AFEW-VA (Kossaifi et al. 2017): clips from films, valence and arousal rated in every frame."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tyro.conf import Positional

from affekt.data.importers.listing import Listing, with_face_boxes
from affekt.data.manifest import SCHEMA, SPLITS
from affekt.errors import ConfigError, DataError, require_seed

SCALE = 10
"""Ratings are whole numbers in [-10, 10]."""
RATINGS = ("valence", "arousal")
PUBLISHED_CLIPS = 600
UNKNOWN_ACTOR = "unknown actor of clip "
FRAME_SCHEMA = {name: SCHEMA[name] for name in ("path", "source_id", "subject", *RATINGS, "box_xyxy")}


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
        """Refuse fractions that leave nothing to train on, and seeds that are none."""
        require_seed(self.seed)
        if min(self.val, self.test) < 0 or self.val + self.test >= 1:
            raise ConfigError(
                f"expected val and test of 0 or more, below 1 together, got {self.val} and {self.test}; 0.2 is usual"
            )

    def list_rows(self) -> Listing:
        """List the frames of every clip, with the bounds of the 68 landmarks as face box.

        Frames without landmarks are left out: a null box would say that the whole film frame is the face.
        """
        root = self.root.resolve()
        found = [*root.glob("*/*.json"), *root.glob("*/*/*.json")]
        # Copies in folders named *_cropped are passed over.
        files = sorted(
            path for path in found if path.stem == path.parent.name and "_cropped" not in str(path.relative_to(root))
        )
        if not files:
            raise DataError(
                f"expected clips as 001/001.json with 001/00000.png under {root}, got none; give the folder that "
                "holds them, as in: affekt data import afewva AFEW-VA --out afewva.parquet"
            )
        frames = pl.DataFrame([row for path in files for row in _read_clip(path)], schema=FRAME_SCHEMA, orient="row")
        rows, without = with_face_boxes(frames)
        if rows.is_empty():
            raise DataError(
                f"expected frames with landmarks in the clips under {root}, got none in {len(frames):,} frames; "
                "unpack them again"
            )
        splits = split_by_person(rows["subject"].to_list(), self.val, self.test, self.seed)
        rows = rows.with_columns(
            pl.col("subject").replace_strict(splits, return_dtype=pl.String).alias("split"),
            *(pl.when(pl.col(name).is_between(-SCALE, SCALE)).then(pl.col(name) / SCALE) for name in RATINGS),
            pl.lit("afewva").alias("source"),
            pl.lit("rated").alias("valence_arousal_origin"),
        )
        unknown = sum(person.startswith(UNKNOWN_ACTOR) for person in splits)
        outside = rows.filter(pl.any_horizontal(pl.col(RATINGS).is_null())).height
        notes = (
            f"{len(files)} clips (published: {PUBLISHED_CLIPS}) with {len(splits) - unknown} actors; valence and "
            f"arousal are divided by {SCALE}.",
            f"There is no official split: whole actors were dealt to train, val and test with seed {self.seed}.",
            "Face boxes are the bounds of the 68 landmarks.",
            f"{unknown} clips name no actor: each counts as a person of its own." if unknown else "",
            f"Valence or arousal is missing or outside [-10, 10] in {outside:,} frames: null there." if outside else "",
        )
        dropped = {"no landmarks, and so no face box": without}
        return Listing(rows=rows, dropped=dropped, notes=tuple(note for note in notes if note))


def split_by_person(people: list[str], val: float, test: float, seed: int) -> dict[str, str]:
    """Return the split of each person, given the person of each frame: each split holds about its fraction of them."""
    frames = Counter(people)
    names = sorted(frames)
    shuffled = [names[index] for index in np.random.default_rng(seed).permutation(len(names))]
    counts = np.array([frames[name] for name in shuffled])
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()
    bounds = np.array([1 - val - test, 1 - test])
    return dict(zip(shuffled, np.array(SPLITS)[(middle[:, None] > bounds).sum(axis=1)], strict=True))


def _read_clip(path: Path) -> list[tuple[Any, ...]]:
    try:
        clip = json.loads(path.read_text(encoding="utf-8-sig"))
        # Who is unknown may be anybody, but for one clip it is one person.
        actor = str(clip.get("actor") or "").strip() or f"{UNKNOWN_ACTOR}{path.stem}"
        # The frames lie one level down: the top level holds the clip's own facts.
        return [
            (
                str(path.parent / f"{key}.png"),
                f"{path.stem}/{key}",
                actor,
                *(None if frame.get(name) is None else float(frame[name]) for name in RATINGS),
                _bounds(frame.get("landmarks")),
            )
            for key, frame in sorted(clip["frames"].items())
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"expected frames with valence and arousal in {path}, got {error!r}; unpack it again"
        ) from error


def _bounds(landmarks: list[list[float]] | None) -> list[float] | None:
    return [*np.min(landmarks, axis=0).tolist(), *np.max(landmarks, axis=0).tolist()] if landmarks else None
