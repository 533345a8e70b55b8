"""One whole run of a reference recipe in affekt, timed: python affekt_fit.py JOB.json writes the job's result file.

The job is described in `frozen_training.py`; `keras_fit.py` does the same job in Keras.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl
from environments import job_file

from affekt import __version__
from affekt.data.manifest import to_manifest

WARM_UP_ROWS = 16


def manifest_of(job: dict[str, Any], rows: int | None = None) -> pl.DataFrame:
    """Return the job's pictures as a manifest, at most `rows` of each split."""
    pictures = [{"split": split, **row} for split in ("train", "val") for row in job[split][:rows]]
    frame = pl.DataFrame(pictures).with_columns(
        source=pl.lit("drawn"), source_id=pl.col("path"), valence_arousal_origin=pl.lit("synthetic")
    )
    return to_manifest(frame)


def run(job: dict[str, Any], manifest: pl.DataFrame, epochs: int) -> float:
    """Train in a folder that is thrown away, and return the seconds."""
    from affekt.training.recipes import find_recipe
    from affekt.training.run import train

    recipe = find_recipe(job["recipe"]).recipe.with_options(
        weights=("none",), precision=job["precision"], epochs=epochs, early_stopping_patience=0
    )
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        train(recipe, manifest, Path(folder) / "run", validation="val", seed=job["seed"], device="cpu")
        return time.perf_counter() - start


def main() -> None:
    """Warm up on a few pictures, then time the job."""
    job = json.loads(job_file("frozen_training.py").read_text(encoding="utf-8"))
    import torch

    run(job, manifest_of(job, WARM_UP_ROWS), epochs=1)
    seconds = run(job, manifest_of(job), job["epochs"])
    versions = {"affekt": __version__, "torch": torch.__version__}
    Path(job["result"]).write_text(json.dumps({"seconds": seconds, "versions": versions}), encoding="utf-8")


if __name__ == "__main__":
    main()
