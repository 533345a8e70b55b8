"""A manifest of drawn faces, for the demo, the tests and anyone without data."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from affekt.cores import core_count
from affekt.data.manifest import encode_png, pixel_sha256, to_manifest
from affekt.errors import ConfigError, require_seed
from affekt.labels import LABELS
from drawn_faces.capture import random_capture
from drawn_faces.expressions import valence_arousal, varied_units
from drawn_faces.identity import random_identity
from drawn_faces.pictures import draw_portrait, require_size

SOURCE = "drawn"
SPLITS = {"train": 0.70, "val": 0.15, "test": 0.15}
POOL_PAYS_FROM = 1500
"""Pictures from which starting further processes costs less than it saves; a core draws some 200 per second."""


def drawn_manifest(
    *,
    identities: int,
    pictures_per_identity: int,
    size: int = 64,
    seed: int,
    intensity: tuple[float, float] = (0.55, 1.0),
    variety: float = 1.0,
    processes: int | None = None,
) -> pl.DataFrame:
    """Draw a synthetic data set.

    The eight expressions are equally frequent, up to one picture, and the people of train, val and test (70, 15 and
    15 %) are others. Further columns: `intensity` (0 for neutral) and `skin_tone` (`light`, `medium` or `dark`).

    Args:
        identities: how many people, at least 3.
        pictures_per_identity: how many pictures of each, at least 1.
        size: height and width of the pictures in pixels.
        seed: 0 or more; the same seed gives the same manifest to the byte, however many processes draw it.
        intensity: lowest and highest intensity of the seven expressions.
        variety: how far pose, light, blur and noise reach: 1 is snapshots, 0 passport photographs.
        processes: how many draw at once; None is all cores where that pays, otherwise one. Several need the caller's
            script to be guarded by `if __name__ == "__main__"`, as multiprocessing does everywhere.

    Returns:
        A manifest with the PNG bytes in `image`, `source` "drawn" and `valence_arousal_origin` "synthetic".

    Raises:
        ConfigError: an argument is out of range.
    """
    look = _Look(pictures_per_identity, size, seed, intensity, variety)
    if identities < 3:
        raise ConfigError(f"expected at least 3 identities, one per split, got {identities}; ask for more")
    if processes is not None and processes < 1:
        raise ConfigError(f"expected at least 1 process, got {processes}; choose another number or None")
    if processes is None:
        processes = core_count() if identities * pictures_per_identity >= POOL_PAYS_FROM else 1
    draw = partial(_draw_identity, look)
    people, splits = range(identities), identity_splits(identities, seed)
    if processes == 1:
        return to_manifest(pl.DataFrame([row for rows in map(draw, people, splits) for row in rows]))
    # Forking a process that runs polars' threads can hang.
    context = multiprocessing.get_context("spawn")
    chunk = max(1, identities // (4 * processes))
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        rows = [row for rows in pool.map(draw, people, splits, chunksize=chunk) for row in rows]
    return to_manifest(pl.DataFrame(rows))


@dataclass(frozen=True)
class _Look:
    """What all people of a data set share."""

    pictures: int
    size: int
    seed: int
    intensity: tuple[float, float]
    variety: float

    def __post_init__(self) -> None:
        if self.pictures < 1:
            raise ConfigError(
                f"expected at least 1 picture per identity, got {self.pictures}; ask for more, best a multiple of 8"
            )
        require_size(self.size)
        require_seed(self.seed)
        low, high = self.intensity
        if not 0 <= low <= high <= 1:
            raise ConfigError(
                f"expected intensities with 0 <= lowest <= highest <= 1, got {self.intensity}; choose others"
            )
        if not 0 <= self.variety <= 1:
            raise ConfigError(f"expected a variety of 0 to 1, got {self.variety}; choose one in this range")


def identity_splits(identities: int, seed: int) -> list[str]:
    """Return the split of each person, drawn from the seed; each split has at least one."""
    val = max(1, round(identities * SPLITS["val"]))
    test = max(1, round(identities * SPLITS["test"]))
    names = ["train"] * (identities - val - test) + ["val"] * val + ["test"] * test
    order = np.random.default_rng([seed, 0]).permutation(identities)
    return [names[place] for place in order]


def _draw_identity(look: _Look, person: int, split: str) -> list[dict[str, object]]:
    identity = random_identity(np.random.default_rng([look.seed, 1, person]))
    rows: list[dict[str, object]] = []
    for picture in range(look.pictures):
        rng = np.random.default_rng([look.seed, 2, person, picture])
        emotion = LABELS[(person * look.pictures + picture) % len(LABELS)]
        strength = 0.0 if emotion == "neutral" else float(rng.uniform(*look.intensity))
        units = varied_units(emotion, strength, rng)
        image_rgb, box_xyxy = draw_portrait(identity, units, random_capture(rng, look.variety), size=look.size)
        valence, arousal = valence_arousal(emotion, strength, units)
        rows.append(
            {
                "image": encode_png(image_rgb),
                "split": split,
                "source": SOURCE,
                "source_id": f"{look.seed}-{person:04d}-{picture:03d}",
                "emotion": emotion,
                "valence": valence,
                "arousal": arousal,
                "valence_arousal_origin": "synthetic",
                "box_xyxy": box_xyxy.tolist(),
                "subject": f"drawn-{look.seed}-{person:04d}",  # another seed draws other people
                "pixel_sha256": pixel_sha256(image_rgb),
                "intensity": strength,
                "skin_tone": identity.skin_group,
            }
        )
    return rows
