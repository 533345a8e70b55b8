"""How often a recognition network mistakes people: `python benchmarks/identify.py FACES --model sface.onnx`.

FACES has a folder of pictures for each person, one face in each. Every pair of pictures is compared, and each threshold
of `affekt summarize --same-person` gets two rates: of pairs of two people that would be taken for one, and of pairs of
one person that would be taken for two. Pictures in which YuNet finds no face are left out and counted.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from before import check
from tyro.conf import Positional

from affekt.faces.detection import FaceDetector
from affekt.faces.pictures import read_rgb
from affekt.people.identify import Recogniser
from affekt.terminal import text_table

THRESHOLDS = (0.2, 0.25, 0.3, 0.363, 0.4, 0.45, 0.5, 0.6)


@dataclass(frozen=True)
class Measurement:
    """What is measured.

    Args:
        faces: A folder with a folder of pictures for each person.
        model: An ONNX file of a recognition network.
    """

    faces: Annotated[Path, Positional]
    model: Path

    def __call__(self) -> None:
        """Print the rates."""
        check("some hundredths of a second per picture", files=[self.faces, self.model])
        recogniser, detector = Recogniser(self.model), FaceDetector()
        vectors, people, missed = list[np.ndarray](), list[str](), 0
        for path in sorted(path for path in self.faces.glob("*/*") if path.is_file()):
            image_rgb = read_rgb(str(path))
            found = detector.detect(image_rgb)
            missed += not len(found)
            if len(found):
                vectors.append(recogniser(image_rgb, found.landmarks_xy[0]))
                people.append(path.parent.name)
        if len(set(people)) < 2:
            sys.exit(f"expected pictures of two people or more in {self.faces}, got {len(set(people))}")
        rows = [(f"{limit:g}", f"{mixed:.2%}", f"{split:.2%}") for limit, mixed, split in rates(vectors, people)]
        print(f"{len(people)} faces of {len(set(people))} people, {missed} pictures without a face")
        print(text_table([("cosine from", "two taken for one", "one taken for two"), *rows]))


def rates(vectors: list[np.ndarray], people: list[str]) -> list[tuple[float, float, float]]:
    """Return for each threshold the share of pairs of two people above it, and of pairs of one person below it."""
    cosine = np.array(vectors) @ np.array(vectors).T
    first, second = np.triu_indices(len(people), 1)
    pairs, same = cosine[first, second], np.array(people)[first] == np.array(people)[second]
    return [(limit, float((pairs[~same] >= limit).mean()), float((pairs[same] < limit).mean())) for limit in THRESHOLDS]


if __name__ == "__main__":
    tyro.cli(Measurement, description=__doc__)()
