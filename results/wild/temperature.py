"""One temperature for all sets: the mean of the sets' log losses decides it, where `affekt train` asks FER+ alone.

    python results/wild/temperature.py runs/affekt --manifests ferplus-wide.parquet:held students.parquet:dev \
        diffusionfer.parquet:dev --out runs/affekt-calibrated

CFEE is left out: it may only be measured on.
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from scipy.optimize import minimize_scalar

from affekt.data.manifest import read_manifest
from affekt.labels import LABELS, PROBABILITY_COLUMNS
from affekt.models.learnt_rows import LEARNT_FILE
from affekt.networks.predictions import open_model
from affekt.networks.weights import load_model, save_model

LEAST_PROBABILITY = 1e-12


def main() -> None:
    """Write the model folder, and print the temperature."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--manifests", nargs="+", required=True, help="manifests and their splits, as FILE:SPLIT")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    network, card = load_model(options.model)
    model = open_model(str(options.model))
    sets = []
    for each in options.manifests:
        path, _, split = each.rpartition(":")
        rows = read_manifest(path).filter((pl.col("split") == split) & pl.col("emotion").is_not_null())
        sets.append(answered(model.predict_rows(rows), rows))

    def mean_loss(log_factor: float) -> float:
        return float(np.mean([log_loss(logits / np.exp(log_factor), label) for logits, label in sets]))

    found = minimize_scalar(mean_loss, bounds=(-2, 2), method="bounded")
    temperature = card.temperature * float(np.exp(found.x))
    save_model(network, replace(card, temperature=temperature, name=options.out.name), options.out)
    if (options.model / LEARNT_FILE).is_file():
        shutil.copyfile(options.model / LEARNT_FILE, options.out / LEARNT_FILE)
    print(
        f"temperature {card.temperature:.3f} -> {temperature:.3f}, mean log loss {mean_loss(0):.4f} -> {found.fun:.4f}"
    )


def answered(table: pl.DataFrame, rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows, labels) logits and the index of each row's label."""
    probabilities = table.select(PROBABILITY_COLUMNS).to_numpy()
    return np.log(np.maximum(probabilities, LEAST_PROBABILITY)), np.array([LABELS.index(e) for e in rows["emotion"]])


def log_loss(logits: np.ndarray, label: np.ndarray) -> float:
    """Return the mean negative log probability of the labels."""
    logits = logits - logits.max(1, keepdims=True)
    return float((np.log(np.exp(logits).sum(1)) - logits[np.arange(len(label)), label]).mean())


if __name__ == "__main__":
    main()
