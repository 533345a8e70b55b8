"""Where a detector puts its box on the pictures that affekt learns from: what the crop of a detected face should be.

    python results/affekt/measure_crop.py ferplus-clean.parquet

FER+ pictures are crops of a detector already, 48 pixels wide. Each is enlarged and surrounded by its own repeated edge,
as if it lay in a larger picture, and YuNet's box on it is compared with the picture. A network sees at prediction what
it saw in training where the square around the box is the picture: then the ratio of the sides is 1.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from affekt.data.manifest import read_manifest, read_row_rgb, select_split
from affekt.faces.detection import FaceDetector
from affekt.faces.detector_file import yunet_path

SETTINGS = ((2, 0.5), (3, 0.0), (3, 0.5), (4, 0.25))
"""How much a picture is enlarged, and how much border is added, as a fraction of its side."""


def main() -> None:
    """Print a line for each setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = select_split(read_manifest(options.manifest), "train").sample(options.pictures, seed=options.seed)
    pictures = [read_row_rgb(row) for row in rows.iter_rows(named=True)]
    detector = FaceDetector(yunet_path(), score_threshold=0.6)
    print("| enlarged | border | one face found | picture / longer side of the box | box's centre, x | y |")
    print("|---|---|---|---|---|---|")
    for factor, border in SETTINGS:
        boxes = measured(detector, pictures, factor, border)
        sides = 1 / (boxes[:, 2:] - boxes[:, :2]).max(1)
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        cells = (spread(sides), spread(centres[:, 0]), spread(centres[:, 1]))
        print(f"| {factor} | {border} | {len(boxes) / len(pictures):.3f} | {' | '.join(cells)} |")


def measured(detector: FaceDetector, pictures: list[np.ndarray], factor: int, border: float) -> np.ndarray:
    """Return (found, 4) boxes as fractions of the picture, of pictures in which one face is found."""
    boxes = []
    for picture in tqdm(pictures, leave=False, disable=None):
        side = picture.shape[0] * factor
        width = int(side * border)
        enlarged = np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR))
        faces = detector.detect(np.pad(enlarged, ((width, width), (width, width), (0, 0)), mode="edge"))
        if len(faces) == 1:
            boxes.append((faces.box_xyxy[0] - width) / side)
    return np.array(boxes)


def spread(values: np.ndarray) -> str:
    """Write the median and the middle four fifths."""
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9))
    return f"{middle:.3f} ({low:.3f}-{high:.3f})"


if __name__ == "__main__":
    main()
