"""Manifest of CFEE's seven basic expressions: studio photographs, for measuring only.

    python results/wild/cfee.py cfee.tar cfee.parquet

Du, Tao and Martinez (2014), "Compound facial expressions of emotion", PNAS 111 (15). Research data that its owners
hand out and nobody else may.
"""

import argparse
from pathlib import Path

from tarred import labelled_pictures, with_face, write


def main() -> None:
    """Write the manifest; all its rows are of the split `dev`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tar", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    rows = [
        with_face(
            {"split": "dev", "source": "cfee", "source_id": label["image"], "emotion": label["expression"]}, image
        )
        for label, image in labelled_pictures(options.tar, "cfee")
    ]
    write(rows, options.out)


if __name__ == "__main__":
    main()
