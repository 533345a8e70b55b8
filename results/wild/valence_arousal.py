"""What valence and arousal add beyond the probabilities, and which part of the circle they reach.

    python results/wild/valence_arousal.py MODEL --rated diffusionfer.parquet --manifests ferplus-wide.parquet:held \
        cfee.parquet:dev students.parquet:dev diffusionfer.parquet:dev --picture circle.png

A ridge regression maps the probabilities and their logarithms to valence and arousal. Fitted to the model's own values,
its R2 says how much of the columns the probabilities hold already. Fitted to the ratings of the training split, its
concordance on the split `dev` is what a user would get without the columns.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from matplotlib.patches import Circle
from sklearn.linear_model import RidgeCV

from affekt.data.manifest import read_manifest
from affekt.labels import PROBABILITY_COLUMNS
from affekt.networks.predictions import open_model

DIMENSIONS = ("valence", "arousal")
ALPHAS = np.logspace(-2, 3, 11)
TITLES = {"ferplus-wide": "FER+ held", "cfee": "CFEE", "diffusionfer": "DiffusionFER"}
"""What the page calls a manifest's pictures."""


def main() -> None:
    """Print the table, and draw the circle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--rated", type=Path, required=True, help="manifest with ratings and the splits train and dev")
    parser.add_argument("--manifests", nargs="+", required=True, help="manifests and their splits, as FILE:SPLIT")
    parser.add_argument("--picture", type=Path, required=True)
    options = parser.parse_args()
    model = open_model(options.model, runtime="onnxruntime")
    sets = {}
    for each in options.manifests:
        path, _, split = each.rpartition(":")
        rows = read_manifest(path).filter(pl.col("split") == split)
        sets[Path(path).stem] = model.predict_rows(rows)
    rated = read_manifest(options.rated)
    train, dev = (rated.filter(pl.col("split") == split) for split in ("train", "dev"))
    said_train, said_dev = model.predict_rows(train), model.predict_rows(dev)
    print("| | valence | arousal |\n|---|--:|--:|")
    everything = pl.concat(sets.values())
    row("R2 of the columns from the probabilities, all sets", [own_r2(everything, name) for name in DIMENSIONS])
    row("CCC with ratings: the columns", [ccc(said_dev[name], dev[name]) for name in DIMENSIONS])
    fitted = [
        ridge(log_probabilities(said_train), train[name]).predict(log_probabilities(said_dev)) for name in DIMENSIONS
    ]
    row(
        "CCC with ratings: fitted to the probabilities",
        [ccc(values, dev[name]) for values, name in zip(fitted, DIMENSIONS, strict=True)],
    )
    for name, frame in sets.items():
        low = (frame["arousal"] < -0.06).mean()
        calm = frame.filter(pl.col("valence") > 0, pl.col("arousal") < 0)
        print(
            f"{name}: arousal from {frame['arousal'].min():+.2f} to {frame['arousal'].max():+.2f}, below -0.06 for "
            f"{low:.1%} of the faces; pleasant and calm {len(calm)} of {len(frame)}, with a valence of at most "
            f"{calm['valence'].max() or 0:.3f}"
        )
    draw(sets, options.picture)


def row(name: str, values: list[float]) -> None:
    """Print one row of the table."""
    print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + " |")


def log_probabilities(frame: pl.DataFrame) -> np.ndarray:
    """Return (faces, 8) log probabilities, at least 1e-4."""
    return np.log(np.maximum(frame.select(PROBABILITY_COLUMNS).to_numpy(), 1e-4))


def ridge(x: np.ndarray, y: pl.Series) -> RidgeCV:
    """Fit a ridge regression."""
    return RidgeCV(ALPHAS).fit(x, y.to_numpy())


def own_r2(frame: pl.DataFrame, name: str) -> float:
    """Return the share of a column's variance that the probabilities explain."""
    x = np.concatenate([log_probabilities(frame), frame.select(PROBABILITY_COLUMNS).to_numpy()], 1)
    return float(ridge(x, frame[name]).score(x, frame[name].to_numpy()))


def ccc(said: "pl.Series | np.ndarray", rated: pl.Series) -> float:
    """Lin's concordance (1989, Biometrics 45, 255-268)."""
    a, b = np.asarray(said, dtype=float), rated.to_numpy().astype(float)
    return float(2 * np.cov(a, b, bias=True)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2))


def draw(sets: dict[str, pl.DataFrame], path: Path) -> None:
    """Draw every face of every set on the circle."""
    figure, axes = plt.subplots(1, len(sets), figsize=(3.2 * len(sets), 3.4), sharex=True, sharey=True)
    for (name, frame), place in zip(sets.items(), np.atleast_1d(axes), strict=True):
        place.add_patch(Circle((0, 0), 1, fill=False, color="#888888", linewidth=0.8))
        place.axhline(0, color="#bbbbbb", linewidth=0.6)
        place.axvline(0, color="#bbbbbb", linewidth=0.6)
        place.scatter(frame["valence"], frame["arousal"], s=4, alpha=0.35, linewidths=0, color="#3465a4")
        place.set(
            xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal", title=TITLES.get(name, name), xlabel="valence"
        )
    np.atleast_1d(axes)[0].set_ylabel("arousal")
    figure.tight_layout()
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
