"""What the backbone of affekt is worth elsewhere: frozen, under a new head, against the network from random weights.

    python results/affekt/transfer.py fer2013.parquet ferplus-wide.parquet --out transfer

Two tasks that the backbone never saw, with 100, 1,000 and 5,000 labelled pictures to learn from:

* FER2013's own seven labels (other annotators than FER+'s) on photographs that affekt was not trained on: of
  PublicTest, of which 700 are kept to test on, and, where those run out, the pictures of Training that were held.
* affekt's drawn faces: other pictures altogether.

A tenth of the pictures to learn from chooses the epoch. One seed; accuracy with its bootstrap interval.
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl

from affekt.data.manifest import read_manifest, select_split
from affekt.evaluation.evaluate import evaluate_tables
from affekt.evaluation.table import interval, number
from affekt.networks.predictions import open_model
from affekt.training.recipe import Recipe
from affekt.training.recipes import affekt, affekt_head
from affekt.training.run import Run, train
from drawn_faces import drawn_manifest

SIZES = (100, 1000, 5000)
TEST_PICTURES = 700
SCRATCH_STEPS = 1000
"""Steps of 32 pictures, at least 12 passes: what a training from random weights gets."""


def main() -> None:
    """Train and score each pair, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fer2013", type=Path, help="manifest of FER2013, leaks dropped")
    parser.add_argument("wide", type=Path, help="what widen.py wrote: its split held was never trained on")
    parser.add_argument("--out", type=Path, default=Path("transfer"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="columns of the table; all of them")
    options = parser.parse_args()
    print(f"| task | labelled pictures | {' | '.join(options.ways)} |")
    print("|---|---|" + "---|" * len(options.ways))
    tasks = {
        "FER2013 labels": photographs(options.fer2013, options.wide, options.seed),
        "drawn faces": drawings(options.seed),
    }
    for task, manifest in tasks.items():
        available = select_split(manifest, "train").height
        for size in sorted({min(size, available) for size in SIZES}):
            learnt = select_split(manifest, "train").head(size)
            rows = pl.concat([learnt, select_split(manifest, "test")])
            cells = [
                accuracy(WAYS[way](size), rows, options.out / f"{task} {size} {way}".replace(" ", "-"), options.seed)
                for way in options.ways
            ]
            print(f"| {task} | {size:,} | {' | '.join(cells)} |", flush=True)


def photographs(fer2013: Path, wide: Path, seed: int) -> pl.DataFrame:
    """Return FER2013's PublicTest, shuffled: some rows to test on, the others to learn from; then the held pictures."""
    labelled = read_manifest(fer2013).filter(pl.col("emotion").is_not_null())
    public_test = select_split(labelled, "val").sample(fraction=1, shuffle=True, seed=seed)
    held = labelled.join(select_split(read_manifest(wide), "held"), on="pixel_sha256", how="semi")
    return pl.concat(
        [
            split_apart(public_test, pl.int_range(pl.len()) < TEST_PICTURES),
            held.sample(fraction=1, shuffle=True, seed=seed).with_columns(split=pl.lit("train")),
        ]
    )


def drawings(seed: int) -> pl.DataFrame:
    """Return drawn faces, shuffled: people to test on, and others to learn from."""
    rows = drawn_manifest(identities=720, pictures_per_identity=8, size=96, seed=seed, intensity=(0.6, 1.0))
    people = rows["subject"].unique(maintain_order=True)[:90].to_list()
    return split_apart(rows.sample(fraction=1, shuffle=True, seed=seed), pl.col("subject").is_in(people))


def split_apart(rows: pl.DataFrame, is_test: pl.Expr) -> pl.DataFrame:
    """Name the split of each row anew."""
    return rows.with_columns(split=pl.when(is_test).then(pl.lit("test")).otherwise(pl.lit("train")))


def frozen(size: int) -> Recipe:
    """Return the recipe of a new head on affekt's backbone, whatever the number of pictures."""
    del size
    return affekt_head()


def scratch(size: int) -> Recipe:
    """Return the recipe of the whole network from random weights, with affekt's own augmentation, in small batches."""
    return replace(
        affekt_head(),
        weights=("none",),
        frozen=False,
        augmentation=affekt().augmentation,
        epochs=max(12, SCRATCH_STEPS * 32 // size),
        ema_decay=0.99,
    )


WAYS = {"frozen affekt, new head": frozen, "from random weights": scratch}


def accuracy(recipe: Recipe, manifest: pl.DataFrame, out: Path, seed: int) -> str:
    """Train, and return the accuracy on the split test with its interval."""
    shutil.rmtree(out, ignore_errors=True)
    train(recipe, manifest, Run(recipe_name=out.name, data=out, out=out, validation="0.1", seed=seed))
    table = open_model(out).predict_rows(select_split(manifest, "test"))
    [scores] = evaluate_tables({out.name: table}, manifest, "test", seed=seed, progress=False).scores
    found = scores.figures["accuracy"]
    return f"{number(found.value)} {interval(found)}"


if __name__ == "__main__":
    main()
