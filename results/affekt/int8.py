"""From the network that ships as `affekt` to the one that ships as `affekt-int8`: the same in integers of 8 bits.

    python results/affekt/int8.py --data ferplus-wide.parquet

Run it again whenever `affekt` changes, and put what it prints into docs/affekt.md. The manifest is that of make.sh: its
split `train` gives the 512 crops from which the range of every layer is read, and its split `held` says what the 8 bits
cost. Needs `pip install ".[train]"` and three minutes of one core. Weights are left out: nothing can be trained on from
them that `affekt` does not have.
"""

import argparse
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from affekt.data.manifest import read_manifest, select_split
from affekt.exporting.model_folder import random_pictures, write_model_folder
from affekt.labels import probability_columns
from affekt.models.card import LEARNT_FILE, ONNX_FILE, SHIPPED, read_card
from affekt.models.runtimes import installed_runtimes
from affekt.models.session import Session
from affekt.networks.predictions import RowPredictor

FULL, NAME = SHIPPED / "affekt", "affekt-int8"


def main() -> None:
    """Write the folder, and print what was lost and gained."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="held")
    parser.add_argument("--out", type=Path, default=SHIPPED / NAME)
    options = parser.parse_args()
    faces = read_manifest(options.data)
    with tempfile.TemporaryDirectory() as name:
        made = Path(name) / NAME
        exported = write_model_folder(FULL, made, precision="int8", manifest=faces, split=options.split)
        # What `affekt` reached is not what this one reaches; its loss stands in the card's `export`.
        replace(read_card(made), name=NAME, metrics={}).write(options.out)
        for file in (ONNX_FILE, LEARNT_FILE):
            shutil.copyfile(made / file, options.out / file)
    print(f"{options.out}: largest difference from torch {exported.difference:.3f}, points lost {exported.lost_points}")
    rows = select_split(faces, options.split)
    full = answers(FULL, "onnxruntime", rows)
    for runtime in installed_runtimes():
        moved = np.abs(answers(options.out, runtime, rows) - full).max(axis=1)
        share = (moved > 0.02).mean()
        print(f"{runtime}, {len(moved)} faces: {share:.3f} moved by over 0.02, at most {moved.max():.2f}")
    for folder in (FULL, options.out):
        print(f"{folder.name}, onnxruntime: {least_ms(folder):.2f} ms of CPU for each crop, one thread")


def answers(folder: Path, runtime: str, rows: pl.DataFrame) -> np.ndarray:
    """Return the probabilities, (rows, labels), of a model in a runtime."""
    session = Session(folder, runtime=runtime)  # pyright: ignore[reportArgumentType]
    table = RowPredictor(session.card, session.predict).predict_rows(rows)
    return table.select(probability_columns(session.card.labels)).to_numpy()


def least_ms(folder: Path, turns: int = 20) -> float:
    """Return the least processor time of several turns for each of 64 crops."""
    session, taken = Session(folder, runtime="onnxruntime", threads=1), list[float]()
    crops = random_pictures(session.card.preprocessing, 64)
    for _ in range(turns):
        start = time.process_time()
        session.predict(crops)
        taken.append(time.process_time() - start)
    return 1e3 * min(taken) / len(crops)


if __name__ == "__main__":
    main()
