"""How much of a network to train on few pictures: a new head, the last stages too, all of it, or all from nothing.

    python results/transfer/few_pictures.py faces.parquet --backbone affekt-fast --test dev --out few.jsonl

trains on random rows of the split train, a fifth of which choose the epoch, and scores the splits that are named. Each
result is a line of the file, which is left out the next time: a stopped run goes on. The table is printed at the end,
with the floor below it.
A backbone that learnt from these very pictures would make every figure too good, so that is refused.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean

import polars as pl

import affekt
from affekt.evaluation.evaluate import evaluate_tables, floor_predictions
from affekt.evaluation.score import Resampling
from affekt.models.card import model_folder, read_card
from affekt.networks.predictions import open_model
from affekt.training.recipe import Augmentation, Recipe

CHANGES = Augmentation(flip=True, rotation_degrees=10, scale=0.1, shift=0.05, brightness=0.1, contrast=0.2, gamma=0.2)
LEARNING = {"augmentation": CHANGES, "learning_rate": 5e-4}
WAYS = {
    "new head": {},
    "head and last stage": LEARNING | {"trained_stages": 1, "stage_decay": 0.5},
    "all, rates halved from stage to stage": LEARNING | {"frozen": False, "stage_decay": 0.5},
    "all, one rate": LEARNING | {"frozen": False},
    "all, from random weights": LEARNING | {"frozen": False, "weights": ("none",), "learning_rate": 2e-3},
}
LEAST_EPOCHS = 6
"""Where more than a head learns; else as many passes as the steps take."""
SHOWN = ("accuracy", "macro_f1")


def recipe_of(way: str, rows: int, backbone: str, steps: int) -> Recipe:
    """Return what is trained, for about so many steps where more than a head learns."""
    card = read_card(model_folder(backbone))
    looks = card.preprocessing
    recipe = affekt.find_recipe("affekt-head").recipe.with_options(
        architecture=card.architecture,
        hidden_units=card.hidden_units,
        weights=(backbone,),
        input_size=looks.input_size,
        crop_margin=looks.crop_margin,
    )
    if not WAYS[way]:
        return recipe
    return recipe.with_options(**{"epochs": max(LEAST_EPOCHS, steps * recipe.data.batch_size // rows), **WAYS[way]})


def measured(recipe: Recipe, rows: pl.DataFrame, size: int, seed: int) -> dict[str, object]:
    """Train on so many of the training rows, and score the split test."""
    train = rows.filter(split="train").sample(size, seed=seed, shuffle=True)
    test, start_s = rows.filter(split="test"), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        affekt.train(recipe, pl.concat([train, test]), Path(folder) / "run", validation="0.2", seed=seed)
        seconds = time.perf_counter() - start_s
        table = open_model(Path(folder) / "run").predict_rows(test)
    found = evaluate_tables({"it": table}, test, "test", replace(Resampling(), resamples=2)).scores[0].figures
    return {"seconds": round(seconds), **{name: found[name].value for name in SHOWN}}


def table_of(results: list[dict[str, object]]) -> str:
    """Return a Markdown table: a row per way, a column per size; means over the seeds, with the least and the most."""
    sizes = sorted({int(str(each["size"])) for each in results})
    lines = [
        "| trained | " + " | ".join(f"{size:,} pictures" for size in sizes) + " |",
        "|---" * (len(sizes) + 1) + "|",
    ]
    for way in WAYS:
        cells = [_words([each for each in results if (each["way"], each["size"]) == (way, size)]) for size in sizes]
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _words(runs: list[dict[str, object]]) -> str:
    if not runs:
        return "not measured"
    parts = []
    for name in SHOWN:
        values = [float(str(run[name])) for run in runs]
        parts.append(f"{name} {mean(values):.3f} ({min(values):.3f} to {max(values):.3f})")
    seeds = f"{len(runs)} seed{'s' * (len(runs) > 1)}"
    return f"{', '.join(parts)}, {seeds}"


def main() -> None:
    """Measure what the file does not hold yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--backbone", default="affekt-fast")
    parser.add_argument("--test", nargs="+", default=["test"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--out", type=Path, default=Path("few.jsonl"))
    given = parser.parse_args()
    manifest = affekt.read_manifest(given.manifest).drop_nulls("emotion")
    if known := set(read_card(model_folder(given.backbone)).training["sources"]) & set(manifest["source"]):
        parser.error(
            f"{given.backbone} learnt from {', '.join(known)} already: choose another backbone, or other pictures"
        )
    test = manifest.filter(pl.col("split").is_in(given.test)).with_columns(split=pl.lit("test"))
    rows = pl.concat([manifest.filter(split="train"), test])
    known = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out.exists() else []
    done = {(each["way"], each["size"], each["seed"]) for each in known}
    for size in given.sizes:
        for seed in given.seeds:
            for way in given.ways:
                if (way, size, seed) not in done:
                    found = measured(recipe_of(way, size, given.backbone, given.steps), rows, size, seed)
                    known.append({"way": way, "size": size, "seed": seed, **found})
                    with given.out.open("a") as file:
                        file.write(json.dumps(known[-1]) + "\n")
    blind, _ = floor_predictions(rows, "test")
    floor = evaluate_tables({"it": blind}, rows, "test", replace(Resampling(), resamples=2)).floor.figures
    told = ", ".join(f"{name} {floor[name].value:.3f}" for name in SHOWN)
    print(table_of(known), f"floor: {told}", sep="\n\n")


if __name__ == "__main__":
    main()
