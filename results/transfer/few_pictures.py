"""How much of affekt's network to train on few pictures: a new head, a stage too, all of it, or all from nothing.

    python results/transfer/few_pictures.py faces.parquet --test dev --sizes 100 1000 --out few.jsonl

trains on random rows of the split train, a fifth of which choose the epoch, and scores the split that is named. Each
result is a line of the file, which is left out the next time: a stopped run goes on. The table is printed at the end.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import polars as pl

import affekt
from affekt.evaluation.evaluate import evaluate_tables
from affekt.evaluation.score import Resampling
from affekt.networks.predictions import open_model
from affekt.training.recipe import Augmentation, Recipe

CHANGES = Augmentation(flip=True, rotation_degrees=10, scale=0.1, shift=0.05, brightness=0.1, contrast=0.2, gamma=0.2)
LEARNING = {"augmentation": CHANGES, "learning_rate": 5e-4, "stage_decay": 0.5}
WAYS = {
    "new head": {},
    "last stage": LEARNING | {"trained_stages": 1},
    "all, rates halved from stage to stage": LEARNING | {"frozen": False},
    "all, from random weights": {
        **{"augmentation": CHANGES, "learning_rate": 2e-3},
        **{"frozen": False, "weights": ("none",)},
    },
}
STEPS, LEAST_EPOCHS = 300, 12
"""Of 32 pictures, where more than a head learns: as many passes as that takes, or these."""
SHOWN = ("accuracy", "macro_f1")


def recipe_of(way: str, rows: int) -> Recipe:
    """Return what is trained, for as long as that many rows ask for."""
    recipe = affekt.find_recipe("affekt-head").recipe.with_options(**WAYS[way])
    if not WAYS[way]:
        return recipe
    return recipe.with_options(epochs=max(LEAST_EPOCHS, STEPS * recipe.data.batch_size // rows))


def measured(way: str, manifest: pl.DataFrame, test: str, size: int, seed: int) -> dict[str, object]:
    """Train one way on so many rows, and score it."""
    train = manifest.filter(split="train").sample(size, seed=seed, shuffle=True)
    rows = pl.concat([train, manifest.filter(split=test)])
    recipe, start_s = recipe_of(way, size), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        affekt.train(recipe, rows, Path(folder) / "run", validation="0.2", seed=seed)
        seconds = time.perf_counter() - start_s
        table = open_model(Path(folder) / "run").predict_rows(rows.filter(split=test))
    found = evaluate_tables({way: table}, rows, test, replace(Resampling(), resamples=1000)).scores[0].figures
    figures = {name: [found[name].value, found[name].low, found[name].high] for name in SHOWN}
    return {"way": way, "size": size, "seed": seed, "seconds": round(seconds), **figures}


def table_of(results: list[dict[str, object]]) -> str:
    """Return a Markdown table: a row per way, a column per size, accuracy and macro F1 with their intervals."""
    sizes = sorted({int(str(each["size"])) for each in results})
    lines = [
        "| trained | " + " | ".join(f"{size:,} pictures" for size in sizes) + " |",
        "|---" * (len(sizes) + 1) + "|",
    ]
    for way in WAYS:
        cells = []
        for size in sizes:
            own = [each for each in results if (each["way"], each["size"]) == (way, size)]
            cells.append("; ".join(_words(each) for each in own))
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _words(result: dict[str, object]) -> str:
    parts = []
    for name in SHOWN:
        value, low, high = result[name]  # pyright: ignore[reportGeneralTypeIssues]
        parts.append(f"{name} {value:.3f} [{low:.3f}, {high:.3f}]")
    return f"{', '.join(parts)}, {result['seconds']} s"


def main() -> None:
    """Measure what the file does not hold yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--test", default="test")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, default=Path("few.jsonl"))
    given = parser.parse_args()
    manifest = affekt.read_manifest(given.manifest)
    known = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out.exists() else []
    done = {(each["way"], each["size"], each["seed"]) for each in known}
    for size in given.sizes:
        for seed in given.seeds:
            for way in WAYS:
                if (way, size, seed) not in done:
                    known.append(measured(way, manifest, given.test, size, seed))
                    with given.out.open("a") as file:
                        file.write(json.dumps(known[-1]) + "\n")
    print(table_of(known))


if __name__ == "__main__":
    main()
