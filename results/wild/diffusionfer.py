"""Manifest of DiffusionFER: generated faces with expression, valence and arousal as two annotators rated them.

    python results/wild/diffusionfer.py diffusionfer.tar diffusionfer.parquet

Kim and Kang, DiffusionEmotion_S, cropped; CC0 1.0. A third of the prompts' seeds, by the hash of their names, is the
split `dev`, the others are `train`: pictures of one seed stay on one side.
"""

import argparse
from pathlib import Path

from tarred import labelled_pictures, share, with_face, write

EXPRESSIONS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")
"""What the numbers in the labels mean."""


def main() -> None:
    """Write the manifest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tar", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    rows = []
    for label, image in labelled_pictures(options.tar, "diffusionfer"):
        seed = Path(label["image"]).stem.split("_")[0]
        row = {
            "split": "dev" if share(seed) < 1 / 3 else "train",
            "source": "diffusionfer",
            "source_id": label["image"],
            "emotion": EXPRESSIONS[int(label["expression"])],
            "valence": float(label["valence"]),
            "arousal": float(label["arousal"]),
            "valence_arousal_origin": "rated",
        }
        rows.append(with_face(row, image))
    write(rows, options.out)


if __name__ == "__main__":
    main()
