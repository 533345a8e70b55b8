"""Manifest of drawn faces: expression, valence and arousal are exactly known, and every expression is as frequent.

    python results/wild/drawn.py drawn.parquet

The package `drawn_faces` draws 900 people, eight pictures of each, 112 pixels wide, at intensities of 0.3 to 1. Only
the split `train`, 5,040 pictures, is learnt from. Needs no data.
"""

import argparse
from pathlib import Path

from affekt.data.manifest import write_manifest
from drawn_faces import drawn_manifest


def main() -> None:
    """Write the manifest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    manifest = drawn_manifest(identities=900, pictures_per_identity=8, size=112, seed=7, intensity=(0.3, 1.0))
    write_manifest(manifest, options.out)
    print(f"{manifest.height:,} pictures")


if __name__ == "__main__":
    main()
