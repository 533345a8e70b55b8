"""Two ways to look at less of a picture, and what each loses: a smaller first look, and a JPEG decoded at half size.

    python results/wild/cheaper.py --students ../shared/data/students.tar --cfee ../shared/data/cfee.tar

Collages of 640x360 hold one to six of the students' faces. A first look at 320 pixels is accepted where each face that
it sees, from a score of .2 on, is sure and large; faces of the whole look that it lacks are lost. And pictures of
12 megapixels with one face of CFEE or of the students are read as JPEG files, which are decoded at half their size
where that is enough, and as arrays of all pixels. How far the answers are apart is held against two changes that nobody
would see: another quality of the JPEG, and the picture moved by three pixels.
"""

import argparse
import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from affekt.analysis.analyzer import Analyzer
from affekt.faces.detection import FaceDetector, Faces
from affekt.faces.pictures import read_rgb

SCORES, LEAST_SIDE, SAME = (0.7, 0.8, 0.85, 0.88), 15, 0.4
SIDES = (300, 600, 1200)
SIZE, QUALITIES, MOVED = (4032, 3024), (88, 94), (3, 2)


def faces_of(path: Path, count: int, generator: np.random.Generator) -> list[Image.Image]:
    """Return so many of an archive's pictures."""
    with tarfile.open(path) as archive:
        members = [member for member in archive if member.name.lower().endswith((".jpg", ".png"))]
        chosen = generator.choice(len(members), count, replace=False)
        files = (archive.extractfile(members[place]) for place in chosen)
        return [Image.open(io.BytesIO(file.read())).convert("RGB") for file in files if file]


def clutter(width: int, height: int, generator: np.random.Generator) -> Image.Image:
    """Return soft patches of colour with grain."""
    coarse = Image.fromarray(generator.integers(30, 200, (height // 40, width // 40, 3), np.uint8))
    soft = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    return Image.fromarray(np.clip(soft + generator.normal(0, 4, (height, width, 1)), 0, 255).astype(np.uint8))


def collage(faces: list[Image.Image], smallest: float, generator: np.random.Generator) -> np.ndarray:
    """Return 640x360 pixels with one to six faces, their sides from the smallest to 170 pixels."""
    picture = clutter(640, 360, generator)
    for cell in generator.permutation(6)[: generator.integers(1, 7)]:
        side = int(np.exp(generator.uniform(np.log(smallest), np.log(170))))
        left, top = cell % 3 * 213 + generator.integers(213 - side), cell // 3 * 180 + generator.integers(180 - side)
        picture.paste(faces[generator.integers(len(faces))].resize((side, side)), (int(left), int(top)))
    return np.asarray(picture)


def missing(faces: Faces, others: Faces) -> int:
    """Return how many of the faces are at none of the others' places."""
    low = np.maximum(faces.box_xyxy[:, None, :2], others.box_xyxy[None, :, :2])
    high = np.minimum(faces.box_xyxy[:, None, 2:], others.box_xyxy[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    area, area_of_others = ((each.box_xyxy[:, 2:] - each.box_xyxy[:, :2]).prod(axis=1) for each in (faces, others))
    overlap = shared / (area[:, None] + area_of_others - shared)
    return int((overlap.max(axis=1, initial=0) < SAME).sum())


def first_looks(path: Path, collages: int) -> None:
    """Print what a first look at half size loses."""
    generator = np.random.default_rng(0)
    faces = faces_of(path, 1500, generator)
    whole, small = FaceDetector(), FaceDetector(longest_side=320, score_threshold=0.2)
    for smallest in (16, 100):
        pictures = [collage(faces, smallest, generator) for _ in range(collages)]
        looks = [(whole.first_look(picture), small.first_look(picture)) for picture in pictures]
        for least in SCORES:
            # Sides in pixels of the small look.
            sides = [(seen.box_xyxy[:, 2:] - seen.box_xyxy[:, :2]).max(axis=1, initial=0) / 2 for _, seen in looks]
            taken = [
                (found, seen)
                for (found, seen), side in zip(looks, sides, strict=True)
                if len(seen) and seen.score.min() >= least and side.min() >= LEAST_SIDE
            ]
            lost, false = (sum(missing(*pair) for pair in pairs) for pairs in (taken, [pair[::-1] for pair in taken]))
            of = sum(len(found) for found, _ in looks)
            print(
                f"faces of {smallest} to 170 pixels, all scores at least {least}: {len(taken) / len(looks):.3f} of "
                f"{len(looks)} pictures accepted, {lost / of:.4f} of {of} faces lost, {false / of:.4f} more found"
            )


def half_decoded(path: Path, count: int) -> None:
    """Print by how much answers change where JPEGs are decoded at half size, and where next to nothing changes."""
    generator = np.random.default_rng(0)
    faces, scene = faces_of(path, count, generator), clutter(SIZE[0], SIZE[1], generator)
    models = {name: Analyzer(name) for name in ("affekt", "affekt-fast")}
    for side in SIDES:
        changes = {name: list[list[float]]() for name in models}
        for face in faces:
            picture, by = scene.copy(), side / (0.55 * face.height)
            pasted = face.resize((round(face.width * by), round(face.height * by)), Image.Resampling.BICUBIC)
            picture.paste(pasted, ((SIZE[0] - pasted.width) // 2, (SIZE[1] - pasted.height) // 2))
            for name, model in models.items():
                if (change := changes_of(picture, model)) is not None:
                    changes[name].append(change)
        for name, found in changes.items():
            for what, of_all in zip(("half", "quality", "moved"), np.array(found).T, strict=True):
                print(
                    f"{path.stem}, {name}, faces of {side} pixels, {what}: {np.median(of_all):.4f} in the middle, "
                    f"{of_all.max():.3f} at most, {(of_all > 0.02).mean():.3f} of {len(of_all)} over 0.02",
                    flush=True,
                )


def changes_of(picture: Image.Image, model: Analyzer) -> list[float] | None:
    """Return the largest change of a probability for each of three changes; None where not each shows one face."""
    files = []
    for quality in QUALITIES:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality)
        files.append(file.getvalue())
    wholes_rgb = [read_rgb(file) for file in files]
    moved_rgb = np.roll(wholes_rgb[0], MOVED, axis=(0, 1))
    rows = [model.analyze([given]) for given in (wholes_rgb[0], files[0], wholes_rgb[1], moved_rgb)]
    if any(each["status"].to_list() != ["ok"] for each in rows):
        return None
    columns = [column for column in rows[0].columns if column.startswith("p_")]
    first, *others = (each.select(columns).to_numpy()[0] for each in rows)
    return [float(np.abs(other - first).max()) for other in others]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=Path, required=True)
    parser.add_argument("--cfee", type=Path, required=True)
    parser.add_argument("--collages", type=int, default=600)
    parser.add_argument("--faces", type=int, default=60)
    options = parser.parse_args()
    if options.collages:
        first_looks(options.students, options.collages)
    for path in (options.cfee, options.students):
        half_decoded(path, options.faces)


if __name__ == "__main__":
    main()
