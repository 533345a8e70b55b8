"""Faces turned in the picture: how many are found, and whether they are read as they are upright.

    python results/wild/angles.py affekt --cfee cfee.parquet --students students.parquet \
        --diffusionfer diffusionfer.parquet

Of each set's split `dev` so many pictures are drawn by the seed, each turned either way by every angle, its corners
filled with the median colour of its rim. A face counts as found where the middle of a box is within .35 of its side.
"not level" is YuNet's first look alone, its crop upright in the picture; all else is what `affekt predict` does: a
second look where nothing is found, close views of faces that may be turned, level crops. An answer is the most probable
of the seven expressions. Last come pictures without a face: those of the last set with the face painted over, and parts
of scikit-image's photographs; whatever is found there is false.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import skimage.data
from PIL import Image

from affekt.data.manifest import read_manifest, read_row_rgb
from affekt.faces.detection import FaceDetector, Faces
from affekt.faces.preprocessing import crop_face
from affekt.labels import LABELS
from affekt.models.card import model_folder
from affekt.models.session import Session

ANGLES = (0, 30, 45, 60, 90, 180)
SETS = ("cfee", "students", "diffusionfer")
MOST_PIXELS = 800
"""Larger pictures are shrunk to this side first: turning them is most of the work."""
WITHOUT_FACES = ("brick", "chelsea", "coffee", "grass", "gravel", "hubble_deep_field", "moon", "page", "rocket", "text")


@dataclass
class Tally:
    """What came of the pictures of one set at one angle."""

    pictures: int = 0
    found_before: int = 0
    found: int = 0
    right_before: int = 0
    right: int = 0
    right_upright: int = 0
    """Of the pictures found now, those whose upright answer is right."""
    same: int = 0
    """Of the pictures found now, those with the answer that they have upright."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    for name in SETS:
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=80, help="of each set")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    session, detector = Session(model_folder(options.model), runtime="onnxruntime"), FaceDetector()
    header = ("found at the first look", "found", "right, not level", "right", "right, not turned", "same answer")
    print(f"| set | angle | pictures | {' | '.join(header)} |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    rows = pl.DataFrame()
    for name in SETS:
        rows = read_manifest(getattr(options, name)).filter(pl.col("split") == "dev", pl.col("box_xyxy").is_not_null())
        rows = rows.filter(pl.col("emotion").is_in(LABELS[:7]))
        rows = rows.sample(min(options.pictures, rows.height), seed=options.seed)
        print_set(name, rows, session, detector, np.random.default_rng(options.seed))
    print_false(rows, detector, np.random.default_rng(options.seed))


def print_set(
    name: str, rows: pl.DataFrame, session: Session, detector: FaceDetector, rng: np.random.Generator
) -> None:
    """Print a row of the table for each angle."""
    tallies = {angle: Tally() for angle in ANGLES}
    for row in rows.iter_rows(named=True):
        image_rgb, box = shrunk(read_row_rgb(row), np.array(row["box_xyxy"]))
        sign, upright = int(rng.choice([-1, 1])), None
        for angle, tally in tallies.items():
            picture, centre = turned(image_rgb, (box[:2] + box[2:]) / 2, sign * angle)
            side = (box[2:] - box[:2]).max()
            first = on_face(detector.first_look(picture), centre, side)
            best = on_face(detector.detect(picture), centre, side)
            before, now = read(session, picture, first, "none"), read(session, picture, best, "level")
            upright = now if angle == 0 else upright
            tally.pictures += 1
            tally.found_before += before is not None
            tally.right_before += before == row["emotion"]
            if now is not None and upright is not None:
                tally.found += 1
                tally.right += now == row["emotion"]
                tally.right_upright += upright == row["emotion"]
                tally.same += now == upright
    for angle, tally in tallies.items():
        before, now = max(1, tally.found_before), max(1, tally.found)
        found = f"{tally.pictures} | {tally.found_before / tally.pictures:.3f} | {tally.found / tally.pictures:.3f}"
        right = f"{tally.right_before / before:.3f} | {tally.right / now:.3f} | {tally.right_upright / now:.3f}"
        print(f"| {name} | {angle} | {found} | {right} | {tally.same / now:.3f} |", flush=True)


def shrunk(image_rgb: np.ndarray, box_xyxy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture and its box with at most MOST_PIXELS on the longer side."""
    image = Image.fromarray(image_rgb)
    image.thumbnail((MOST_PIXELS, MOST_PIXELS))
    return np.asarray(image), box_xyxy * image.width / image_rgb.shape[1]


def turned(image_rgb: np.ndarray, point_xy: np.ndarray, degrees: int) -> tuple[np.ndarray, np.ndarray]:
    """Turn a picture counterclockwise, whole, and a point of it."""
    rim = np.concatenate([image_rgb[0], image_rgb[-1], image_rgb[:, 0], image_rgb[:, -1]])
    fill = tuple(int(value) for value in np.median(rim, axis=0))
    image = Image.fromarray(image_rgb).rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=fill)
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    away = np.array([[cosine, sine], [-sine, cosine]]) @ (point_xy - np.array(image_rgb.shape[1::-1]) / 2)
    return np.asarray(image), away + np.array(image.size) / 2


def on_face(faces: Faces, centre_xy: np.ndarray, side: float) -> Faces | None:
    """Return the surest face that is where the face is."""
    middles = (faces.box_xyxy[:, :2] + faces.box_xyxy[:, 2:]) / 2
    close = np.flatnonzero(np.linalg.norm(middles - centre_xy, axis=1) <= 0.35 * side)
    return faces[close[:1]] if len(close) else None


def read(session: Session, image_rgb: np.ndarray, face: Faces | None, alignment: str) -> str | None:
    """Return what the model calls a face, of the seven expressions; None without a face."""
    if face is None:
        return None
    preprocessing = replace(session.card.preprocessing, alignment=alignment)
    crop = crop_face(image_rgb, preprocessing, face.box_xyxy[0], face.landmarks_xy[0])
    probabilities = session.predict(crop[None]).probabilities
    assert probabilities is not None
    return LABELS[int(probabilities[0, :7].argmax())]


def print_false(rows: pl.DataFrame, detector: FaceDetector, rng: np.random.Generator) -> None:
    """Print how many faces are found where there are none."""
    pictures = []
    for row in rows.iter_rows(named=True):
        image_rgb, box = shrunk(read_row_rgb(row), np.array(row["box_xyxy"]))
        half = (box[2:] - box[:2]) * 0.65
        left, top, right, bottom = (box.reshape(2, 2).mean(axis=0) + np.array([[-1], [1]]) * half).ravel().round()
        painted = image_rgb.copy()
        painted[int(max(0, top)) : int(bottom), int(max(0, left)) : int(right)] = image_rgb.mean(axis=(0, 1))
        pictures.append(painted)
    for name in WITHOUT_FACES:
        photograph = np.atleast_3d(getattr(skimage.data, name)())[..., :3]
        for _ in range(len(pictures) // len(WITHOUT_FACES) + 1):
            height, width = photograph.shape[:2]
            size = int(rng.integers(min(height, width) // 3, min(height, width)))
            top, left = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
            part = photograph[top : top + size, left : left + size]
            pictures.append(np.ascontiguousarray(np.broadcast_to(part, (size, size, 3))))
    first = sum(len(detector.first_look(picture)) > 0 for picture in pictures)
    second = sum(len(detector.detect(picture)) > 0 for picture in pictures)
    print(f"\nPictures without a face: {len(pictures)}; with one found at the first look {first}, at either {second}.")


if __name__ == "__main__":
    main()
