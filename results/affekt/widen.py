"""Prepare FER+ for training: a validation set of its own name, and the pictures without a majority as further votes.

    python results/affekt/widen.py ferplus-clean.parquet argmax.parquet --out ferplus-wide.parquet

The tenth of Training that `affekt train --seed 0` would carve becomes the split `held`, so that a network and its
teachers, trained with the same seed, are chosen on the same pictures. Training pictures whose votes have no majority
come in without an expression, with their votes; copies of a picture in `held` or `val` stay out.
"""

import argparse
from pathlib import Path

import polars as pl

from affekt.data.manifest import read_manifest, select_split, to_manifest, write_manifest
from affekt.data.splits import carve_validation


def main() -> None:
    """Write the wide manifest and print its counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("majority", type=Path, help="FER+ by the rule majority, leaks dropped")
    parser.add_argument("argmax", type=Path, help="FER+ by the rule argmax, which leaves almost nothing out")
    parser.add_argument("--out", type=Path, default=Path("ferplus-wide.parquet"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    majority = read_manifest(options.majority)
    training, held = carve_validation(select_split(majority, "train"), 0.1, options.seed)
    test = select_split(majority, "val")
    undecided = (
        select_split(read_manifest(options.argmax), "train")
        .join(majority, on="source_id", how="anti")
        .join(pl.concat([held, test]), on="pixel_sha256", how="anti")
        .with_columns(emotion=pl.lit(None, pl.String))
        .select(training.columns)
    )
    wide = pl.concat([training, undecided, held.with_columns(split=pl.lit("held")), test])
    write_manifest(to_manifest(wide), options.out)
    print(
        f"{training.height:,} training pictures, {undecided.height:,} more without a majority, "
        f"{held.height:,} held, {test.height:,} in val"
    )


if __name__ == "__main__":
    main()
