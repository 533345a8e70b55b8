"""Covered faces: which cheap measure tells a drawn mask, sunglasses or a hand from a face that is free.

    python results/wild/covered.py affekt cfee.parquet students.parquet diffusionfer.parquet

Of each set's split `dev` so many pictures are drawn by the seed, and each is covered in three ways, placed by YuNet's
landmarks. A measure is larger for a covered face if it is worth something; its threshold is the one that takes 2 % of
the free faces of all sets for covered, and the table says how many of the covered ones it then finds. Of the one that
`reliable` goes by, the second table says how many free faces are lost at its own threshold, small ones too.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image, ImageDraw

from affekt.data.manifest import read_manifest, read_row_rgb
from affekt.faces.detection import FaceDetector, Faces
from affekt.faces.preprocessing import crop_face
from affekt.faces.trust import LEAST, LEVEL_GREY, MOUTH, trust_of
from affekt.models.card import model_folder
from affekt.models.session import Session

MOST_PIXELS = 500
SMALLER = (1, 3, 6)
"""Whole factors by which free faces are shrunk."""
MOUTH_DETAIL = "little detail at the mouth, of that at the eyes"
MASKS = ((170, 205, 230), (240, 240, 240), (25, 25, 30), (90, 130, 170))
Place = Callable[[float, float], tuple[float, float]]
"""From steps across and down from between the eyes, in distances from there to the mouth, to a point of the picture."""


@dataclass(frozen=True)
class Seen:
    """A face, free or covered, as YuNet's first look finds it."""

    source: str
    smaller: int
    cover: str
    is_smile: bool
    reliable: bool
    measures: dict[str, float]
    confidence: float
    emotion: int


def mask(draw: ImageDraw.ImageDraw, at: Place, width: float, rng: np.random.Generator) -> None:
    """Draw a mask of one of four colours with three pleats."""
    colour = MASKS[rng.integers(len(MASKS))]
    outline = ((-0.85, 0.35), (0, 0.23), (0.85, 0.35), (0.8, 1.1), (0.4, 1.65), (-0.4, 1.65), (-0.8, 1.1))
    draw.polygon([at(*point) for point in outline], fill=colour)
    for down in (0.7, 0.95, 1.2):
        pleat = tuple(int(value * 0.93) for value in colour)
        draw.line([at(-0.75, down), at(0.75, down)], fill=pleat, width=max(1, int(width / 60)))


def sunglasses(draw: ImageDraw.ImageDraw, at: Place, width: float, _: np.random.Generator) -> None:
    """Draw two dark glasses and what joins them."""
    for side in (-0.5, 0.5):
        draw.polygon(ellipse(at, side, 0, 0.38, 0.29), fill=(20, 20, 22))
    draw.line([at(-0.5, 0), at(0.5, 0)], fill=(20, 20, 22), width=max(2, int(width / 12)))


def hand(draw: ImageDraw.ImageDraw, at: Place, _: float, rng: np.random.Generator) -> None:
    """Draw four fingers of a skin's colour over the mouth."""
    skin = np.array([[224, 172, 142], [141, 85, 60], [198, 134, 102], [241, 194, 168]][rng.integers(4)])
    for finger in range(4):
        colour = tuple(int(value) for value in skin * (0.88 + 0.04 * finger))
        draw.polygon(ellipse(at, 0.36 * finger - 0.55, 1, 0.2, 0.65), fill=colour)


COVERS = {"mask": mask, "sunglasses": sunglasses, "hand": hand}


def ellipse(at: Place, across: float, down: float, half_width: float, half_height: float) -> list[tuple[float, float]]:
    """Return its outline."""
    turns = np.linspace(0, 2 * np.pi, 40)
    return [at(across + half_width * np.cos(turn), down + half_height * np.sin(turn)) for turn in turns]


def covered(image_rgb: np.ndarray, face: Faces, cover: str, rng: np.random.Generator) -> np.ndarray:
    """Return a picture whose face is covered."""
    right_eye, left_eye, _, mouth_right, mouth_left = face.landmarks_xy[0].astype(float)
    eyes, down = (right_eye + left_eye) / 2, (mouth_right + mouth_left - right_eye - left_eye) / 2
    across = np.array([down[1], -down[0]])

    def at(right: float, lower: float) -> tuple[float, float]:
        x, y = eyes + right * across + lower * down
        return float(x), float(y)

    image = Image.fromarray(image_rgb)
    COVERS[cover](ImageDraw.Draw(image), at, float(np.linalg.norm(down)), rng)
    return np.asarray(image)


def largest(faces: Faces) -> Faces | None:
    """Return the largest face."""
    if not len(faces):
        return None
    area = np.prod(faces.box_xyxy[:, 2:] - faces.box_xyxy[:, :2], axis=1)
    return faces[np.array([area.argmax()])]


def seen(session: Session, image_rgb: np.ndarray, face: Faces, **known: Any) -> Seen:  # noqa: ANN401  Seen's own
    """Measure a face and ask the model, about it as it is and with its lower half blank."""
    place = face.box_xyxy[0], face.landmarks_xy[0]
    crop = crop_face(image_rgb, replace(session.card.preprocessing, alignment="level"), *place)
    blank = crop.copy()
    blank[int(0.58 * len(crop)) :] = int(crop.mean())
    probabilities = session.predict(np.stack([crop, blank])).probabilities
    assert probabilities is not None
    whole, half = probabilities.astype(float) + 1e-6
    grey = crop_face(image_rgb, LEVEL_GREY, *place)[..., 0].astype(float)
    trust = trust_of(image_rgb, face.box_xyxy, face.landmarks_xy, face.score, is_level=True)
    measures = {
        "low detector score": -float(face.score[0]),
        "low confidence": -float(whole.max()),
        "little change of the answer with the lower half blank": -float((whole * np.log(whole / half)).sum()),
        "little detail at the mouth": -float(np.abs(np.diff(grey, axis=0))[MOUTH].mean()),
        MOUTH_DETAIL: -float(trust.mouth_detail[0]),
        "dark eyes, beside the cheeks": -float(grey[14:22, 8:39].mean() / (grey[24:32, 8:39].mean() + 1)),
    }
    return Seen(
        reliable=bool(trust.reliable[0]),
        measures=measures,
        confidence=float(whole.max()),
        emotion=int(whole.argmax()),
        **known,
    )


def main() -> None:
    """Print what each measure finds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--pictures", type=int, default=40, help="of each set")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    session, detector = Session(model_folder(options.model), runtime="onnxruntime"), FaceDetector()
    rng, faces = np.random.default_rng(options.seed), []
    for path in options.sets:
        rows = read_manifest(path).filter(pl.col("split") == "dev", pl.col("emotion").is_not_null())
        for row in rows.sample(min(options.pictures, rows.height), seed=options.seed).iter_rows(named=True):
            image = Image.fromarray(read_row_rgb(row))
            image.thumbnail((MOST_PIXELS, MOST_PIXELS))
            image_rgb = np.asarray(image)
            if (free := largest(detector.detect(image_rgb))) is None:
                continue
            known = {"source": path.stem, "is_smile": row["emotion"] == "happiness"}
            shown = {(cover, 1): covered(image_rgb, free, cover, rng) for cover in COVERS}
            shown |= {("free", factor): np.asarray(image.reduce(factor)) for factor in SMALLER}
            for (cover, smaller), picture in shown.items():
                if (face := largest(detector.first_look(picture))) is not None:
                    faces.append(seen(session, picture, face, cover=cover, smaller=smaller, **known))
    print_table([face for face in faces if face.smaller == 1])
    print_false_alarms([face for face in faces if face.cover == "free"])


def print_table(faces: list[Seen]) -> None:
    """Print the share of covered faces that each measure finds at 2 % false alarms, and what becomes of smiles."""
    of = {cover: [face for face in faces if face.cover == cover] for cover in ("free", *COVERS)}
    print("| measure | threshold |", " | ".join(f"{cover} ({len(of[cover])})" for cover in COVERS), "|")
    print("|---|--:|--:|--:|--:|")
    for name in faces[0].measures:
        threshold = np.quantile([face.measures[name] for face in of["free"]], 0.98)
        found = [np.mean([face.measures[name] > threshold for face in of[cover]]) for cover in COVERS]
        print(f"| {name} | {threshold:.2f} |", " | ".join(f"{share:.2f}" for share in found), "|")
    for cover, some in of.items():
        smiles = [face for face in some if face.is_smile]
        neutral = sum(face.emotion == 0 for face in smiles)
        reliable = sum(face.reliable for face in smiles)
        told = f"{neutral} of {len(smiles)} smiles read as neutral, {reliable} reliable"
        print(f"{cover}: {told}; {len(some)} faces found, {np.mean([face.reliable for face in some]):.2f} reliable")


def print_false_alarms(free: list[Seen]) -> None:
    """Print the share of free faces whose detail at the mouth alone makes them not reliable, by set and size."""
    print("\n| free faces |", " | ".join("as they are" if by == 1 else f"1/{by}" for by in SMALLER), "|")
    print("|---|--:|--:|--:|")
    for source in dict.fromkeys(face.source for face in free):
        some = {by: [face for face in free if face.source == source and face.smaller == by] for by in SMALLER}
        lost = [[face.measures[MOUTH_DETAIL] > -LEAST["mouth_detail"] for face in part] for part in some.values()]
        print(f"| {source} |", " | ".join(f"{np.mean(part):.3f} of {len(part)}" if part else "" for part in lost), "|")


if __name__ == "__main__":
    main()
