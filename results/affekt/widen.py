"""Widen FER+ for training: validation set apart by name, and the pictures without a majority as further votes.

    affekt data import ferplus fer2013.tar.gz --valence-arousal projected --rule argmax --out argmax.parquet
    python results/affekt/widen.py ferplus-clean.parquet argmax.parquet --out ferplus-wide.parquet

The tenth of Training that `affekt train --seed 0` would carve becomes the split `held`, so that a network and its
teachers, trained with the same seed, are chosen on the same pictures. Training pictures whose votes have no majority
come in without an expression, with their votes; copies of a picture in `held` or `val` stay out. With `--repeat` the
rare expressions stand in training several times.
"""

import argparse
from pathlib import Path

import polars as pl

from affekt.data.manifest import read_manifest, select_split, to_manifest, write_manifest
from affekt.data.splits import carve_validation

TIMES = {"contempt": 6, "disgust": 4, "fear": 2}
"""How often each training picture of a rare expression stands in the manifest with `--repeat`."""


def repeated(manifest: pl.DataFrame) -> pl.DataFrame:
    """Add the further copies of rare training pictures, with source ids of their own."""
    training = select_split(manifest, "train")
    copies = [
        training.filter(pl.col("emotion") == expression).with_columns(pl.col("source_id") + f"-again{copy}")
        for expression, times in TIMES.items()
        for copy in range(1, times)
    ]
    return pl.concat([manifest, *copies])


def main() -> None:
    """Write the wide manifest and print its counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("majority", type=Path, help="FER+ by the rule majority, leaks dropped")
    parser.add_argument("argmax", type=Path, help="FER+ by the rule argmax, which leaves almost nothing out")
    parser.add_argument("--out", type=Path, default=Path("ferplus-wide.parquet"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--held", type=int, default=0, help="hold so many of that tenth, the others train; 0: all")
    parser.add_argument("--repeat", action="store_true", help="repeat contempt 6, disgust 4 and fear 2 times")
    options = parser.parse_args()
    majority = read_manifest(options.majority)
    training, held = carve_validation(select_split(majority, "train"), 0.1, options.seed)
    if options.held:
        drawn = held.sample(held.height, shuffle=True, seed=options.seed)
        held, more = drawn.head(options.held), drawn.tail(-options.held)
        training = pl.concat([training, more.join(held, on="pixel_sha256", how="anti")])
    test = select_split(majority, "val")
    kept_apart = pl.concat([held, test])
    undecided = (
        select_split(read_manifest(options.argmax), "train")
        .join(majority, on="source_id", how="anti")
        .join(kept_apart, on="pixel_sha256", how="anti")
        .with_columns(emotion=pl.lit(None, pl.String))
    )
    parts = [training, undecided.select(training.columns), held.with_columns(split=pl.lit("held")), test]
    wide = pl.concat(parts)
    written = repeated(wide) if options.repeat else wide
    write_manifest(to_manifest(written), options.out)
    print(
        f"{training.height:,} training pictures, {undecided.height:,} more without a majority, "
        f"{written.height - wide.height:,} repeated, {held.height:,} held, {test.height:,} in val"
    )


if __name__ == "__main__":
    main()
