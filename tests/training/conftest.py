"""Tiny pictures, recipes and runs for the tests of training."""

import io
import json
import tarfile

import numpy as np
import polars as pl
import pytest
import torch

from affekt.data.manifest import encode_png, to_manifest
from affekt.labels import LABELS
from affekt.training.generations import Chain, Run
from affekt.training.recipe import Recipe
from affekt.training.run import train_chain


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def messages(caplog):
    caplog.set_level("INFO", logger="affekt")


def _picture(expression, rng):
    """A 32-pixel picture whose brightest tile says the expression."""
    tiles = np.full((8,), 60)
    tiles[expression] = 220
    pixels = np.kron(tiles.reshape(2, 4), np.ones((16, 8)))[..., None] + rng.normal(0, 25, (32, 32, 3))
    return encode_png(pixels.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def manifest():
    """96 pictures of 8 expressions: 64 of the split train, 16 of val, 16 of test."""
    rng = np.random.default_rng(0)
    emotions = [index % 8 for index in range(96)]
    rng.shuffle(emotions)
    return to_manifest(
        pl.DataFrame(
            {
                "image": [_picture(emotion, rng) for emotion in emotions],
                "split": ["train"] * 64 + ["val"] * 16 + ["test"] * 16,
                "source": "tiny",
                "source_id": [f"picture {index}" for index in range(96)],
                "emotion": [LABELS[emotion] for emotion in emotions],
                "votes": [(np.eye(8)[emotion] * 0.6 + 0.05).tolist() for emotion in emotions],
                "valence": [emotion / 4 - 0.8 for emotion in emotions],
                "arousal": [0.6 - emotion / 10 for emotion in emotions],
                "valence_arousal_origin": "synthetic",
            },
            schema_overrides={"votes": pl.Array(pl.Float32, 8)},
        )
    )


def write_shards(rows, folder, per_shard):
    """Write the pictures and labels of manifest rows into tars, as WebDataset has them, and return their folder."""
    folder.mkdir()
    for number in range(0, rows.height, per_shard):
        some = rows[number : number + per_shard]
        with tarfile.open(folder / f"{some['split'][0]}-{number:03}.tar", "w") as archive:
            for place, row in enumerate(some.iter_rows(named=True)):
                said = json.dumps({"emotion": row["emotion"], "valence": row["valence"], "arousal": row["arousal"]})
                for name, content in ((f"{place}.png", row["image"]), (f"{place}.json", said.encode())):
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
    return folder


@pytest.fixture(scope="session")
def tiny():
    """Build a recipe of a network of 100,000 parameters on 32-pixel pictures; any field can be changed."""

    def build(**changes):
        fields = {
            "architecture": "test_efficientnet",
            "hidden_units": 16,
            "weights": ("none",),
            "frozen": False,
            "input_size": 32,
            "learning_rate": 3e-3,
            "batch_size": 16,
            "epochs": 2,
        }
        return Recipe.of(**(fields | changes))

    return build


@pytest.fixture
def run_in(tmp_path):
    """Build a run in a folder below the test's own."""

    def build(name="run", **changes):
        fields = {"recipe_name": "tiny", "data": tmp_path / "tiny.parquet", "out": tmp_path / name, "device": "cpu"}
        return Run(**(fields | changes))

    return build


@pytest.fixture
def trained(manifest, tiny, run_in):
    """Train a tiny recipe and return its folder."""

    def build(name="run", rows=manifest, *, seed=0, resume=False, validation="auto", **changes):
        run = run_in(name, seed=seed, resume=resume, validation=validation)
        train_chain(tiny(**changes), Chain(), rows, run)
        return run.out

    return build
