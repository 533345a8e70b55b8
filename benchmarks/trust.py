"""How accuracy and calibration fall with pose, blur, size and what is cut off, and what the rule of `reliable` gains.

`python benchmarks/trust.py MANIFEST.parquet ... --model affekt --out trust.parquet` needs manifests of labelled faces
with a split `dev`. Each picture is read as it is, and blurred, shrunk, tilted, and moved beyond the picture's edge.
Without manifests it prints the errors of yaw, pitch and roll.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from before import check
from PIL import Image, ImageFilter
from scipy.spatial.transform import Rotation

import affekt
from affekt.data.manifest import read_manifest
from affekt.faces.detection import FaceDetector
from affekt.faces.pictures import read_picture
from affekt.faces.trust import LEAST, MEAN_FACE, MOST, is_reliable, pose_of
from affekt.labels import LABELS, PROBABILITY_COLUMNS
from drawn_faces import Capture, draw_face, no_units, random_identity

FACE = 160
"""Pixels of a face's longer side before it is changed."""
GREY = (128, 128, 128)
SHRUNK, BLURRED = (64, 40, 28, 20, 14, 10), (0.01, 0.02, 0.04, 0.06, 0.1)
"""Pixels of the face's longer side, and standard deviations in such sides."""
TILTED, CUT = (20, 40, 60, 90), (0.1, 0.2, 0.3, 0.45)
"""Degrees, either way, and the share of the face that the picture's edge cuts off."""
BINS = {
    "side": (0, 12, 16, 24, 32, 48, 80, np.inf),
    "face_score": (0, 0.75, 0.8, 0.85, 0.9, 1.01),
    "yaw": (0, 10, 20, 30, 40, 50, 180),
    "pitch": (0, 10, 20, 30, 40, 180),
    "roll": (0, 10, 20, 30, 45, 70, 180),
    "sharpness": (0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 1.01),
    "outside": (-0.01, 0.001, 0.05, 0.1, 0.2, 0.3, 1.01),
    "mouth_detail": (0, 0.3, 0.55, 0.7, 0.85, 1, 1.3, np.inf),
}
"""Edges of the bins of each quantity; of angles without their sign."""


def main() -> None:
    """Read the pictures unless they were, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifests", nargs="*", type=Path)
    parser.add_argument("--model", default="affekt")
    parser.add_argument("--most", type=int, default=200, help="pictures of each manifest")
    parser.add_argument("--out", type=Path, help="keep the rows here; where they are, they are not computed again")
    arguments = parser.parse_args()
    out: Path | None = arguments.out
    kept = pl.read_parquet(out) if out is not None and out.is_file() else None
    takes = f"about a second for each of at most {arguments.most} pictures of each manifest"
    takes = takes if arguments.manifests else "some seconds"
    check(takes, files=arguments.manifests, models=[arguments.model], out=out, detector=kept is None)
    if not arguments.manifests and kept is None:
        tell_pose()
        return
    tables = [] if kept is None else [kept]
    there = set() if kept is None else set(kept["source"])
    for path in arguments.manifests:
        if path.stem not in there:
            tables.append(read(path, arguments.model, arguments.most))
            if out is not None:
                pl.concat(tables).write_parquet(out)
    rows = pl.concat(tables)
    card = affekt.load(arguments.model).session.card
    tell(rows, is_level=card.preprocessing.alignment == "level")


def read(manifest: Path, model: str, most: int) -> pl.DataFrame:
    """Return the rows of the largest face of each changed picture, with the truth and the change."""
    analyzer = affekt.load(model, largest=True, details=True)
    dev = read_manifest(manifest).filter(pl.col("split") == "dev", pl.col("emotion").is_not_null())
    dev = dev.sample(min(most, len(dev)), seed=0, shuffle=True)
    frames = []
    for row in dev.iter_rows(named=True):
        names, pictures = zip(*changed(row), strict=True)
        found = analyzer.analyze(pictures).with_columns(
            pl.Series("change", names), truth=pl.lit(row["emotion"]), source=pl.lit(manifest.stem)
        )
        frames.append(found)
    return pl.concat(frames)


def changed(row: dict) -> Iterator[tuple[str, Image.Image]]:
    """Yield a picture as it is and changed, on grey, its face in the size of FACE."""
    image = Image.fromarray(read_picture(row["image"] or row["path"]).image_rgb)
    left, top, right, bottom = row["box_xyxy"] or (0, 0, *image.size)
    scale = FACE / max(right - left, bottom - top)
    image = image.resize(
        (round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC, reducing_gap=3
    )
    side, centre = 2 * FACE, (scale * (left + right) / 2, scale * (top + bottom) / 2)
    whole = Image.new("RGB", (side, side), GREY)
    whole.paste(image, (round(side / 2 - centre[0]), round(side / 2 - centre[1])))
    yield "as it is", whole
    for pixels in SHRUNK:
        small = round(side * pixels / FACE)
        yield f"shrunk {pixels}", whole.resize((small, small), Image.Resampling.BOX, reducing_gap=3)
    for sigma in BLURRED:
        yield f"blurred {sigma}", whole.filter(ImageFilter.GaussianBlur(sigma * FACE))
    for degrees in (sign * degrees for degrees in TILTED for sign in (-1, 1)):
        yield f"tilted {degrees}", whole.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor=GREY)
    for share in CUT:
        edge = round(FACE * (share + 0.5))
        yield f"cut right {share}", whole.crop((0, 0, side - edge, side))
        yield f"cut below {share}", whole.crop((0, 0, side, side - edge))


def tell_pose() -> None:
    """Print the mean errors of yaw, pitch and roll, of other faces than the mean face and of drawn heads."""
    random, detector = np.random.default_rng(0), FaceDetector()
    errors: dict[str, list[np.ndarray]] = {"other faces": [], "drawn heads": []}
    for _ in range(2000):
        pose = random.uniform((-40, -25, -40), (40, 25, 40))
        face = MEAN_FACE + random.normal(0, 0.05, (5, 3)) * (1, 1, 1.5)
        turned = Rotation.from_euler("yxz", pose * (-1, -1, 1), degrees=True).apply(face)
        landmarks = turned[:, :2] + random.normal(0, 0.025, (5, 2))
        errors["other faces"].append(pose_of(landmarks[None])[0] - pose)
    for _ in range(200):
        pose = random.uniform((-30, -20, -10), (30, 20, 10))
        yaw, pitch, roll = map(float, np.radians(pose))
        capture = Capture(yaw=yaw, pitch=-pitch, roll=roll, face_height=0.6)
        found = detector.detect(draw_face(random_identity(random), no_units(), capture, size=256))
        if len(found):
            errors["drawn heads"].append(pose_of(found.landmarks_xy[:1])[0] - pose)
    for name, found in errors.items():
        mean, bias = np.abs(found).mean(axis=0), np.mean(found, axis=0)
        print(f"{name}: {len(found)}, mean error {mean.round(1)} degrees, of these {bias.round(1)} one way")


def tell(rows: pl.DataFrame, *, is_level: bool) -> None:
    """Print accuracy, confidence and their gap for each quantity and change, and with and without the rule."""
    faces = rows.filter(status="ok").with_columns(side=pl.max_horizontal("width", "height"))
    best = faces.select(PROBABILITY_COLUMNS).to_numpy().argmax(axis=1)
    right = pl.Series("right", np.array(LABELS)[best] == faces["truth"].to_numpy())
    quantities = {name: faces[name].to_numpy() for name in (*LEAST, *MOST)}
    reliable = is_reliable(faces.select("yaw", "pitch", "roll").to_numpy(), quantities, is_level=is_level)
    faces = faces.with_columns(right.cast(pl.Float64), reliable=reliable)
    for name, edges in BINS.items():
        value = faces[name].abs().to_numpy()
        place = np.digitize(value, edges)
        print(f"\n| {name} | faces | accuracy | mean confidence |\n|---|--:|--:|--:|")
        for at in range(1, len(edges)):
            _line(f"{edges[at - 1]:g} to {edges[at]:g}", faces.filter(pl.Series(place == at)))
    print("\n| change | faces | accuracy | mean confidence | reliable |\n|---|--:|--:|--:|--:|")
    for change in rows["change"].unique(maintain_order=True):
        kept = faces.filter(pl.col("change") == change)
        _line(change, kept, f" {kept['reliable'].mean():.2f} |" if len(kept) else "")
    _tell_roll(rows)
    print("\n| faces | number | accuracy | mean confidence |\n|---|--:|--:|--:|")
    for name, kept in (
        ("all", faces),
        ("reliable", faces.filter("reliable")),
        ("not", faces.filter(~pl.col("reliable"))),
    ):
        _line(name, kept)
        for source in kept["source"].unique(maintain_order=True):
            _line(f"{name}, {source}", kept.filter(source=source))


def _tell_roll(rows: pl.DataFrame) -> None:
    """Print how far the roll of a picture that is turned by so much is from that of the picture as it is."""
    names = rows["change"].unique(maintain_order=True).to_list()
    roll = rows["roll"].to_numpy().reshape(-1, len(names))
    for place, name in enumerate(names):
        if name.startswith("tilted"):
            off = roll[:, place] - roll[:, 0] - float(name.removeprefix("tilted "))
            off = (off[np.isfinite(off)] + 180) % 360 - 180
            print(
                f"{name}: roll off by {np.abs(off).mean():.1f} degrees, {off.mean():.1f} one way, of {len(off)} faces"
            )


def _line(name: str, faces: pl.DataFrame, more: str = "") -> None:
    if len(faces):
        print(f"| {name} | {len(faces):,} | {faces['right'].mean():.2f} | {faces['confidence'].mean():.2f} |{more}")


if __name__ == "__main__":
    main()
