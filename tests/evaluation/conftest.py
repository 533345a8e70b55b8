"""A small manifest with a train and a test split, and predictions of it at a chosen skill."""

import numpy as np
import polars as pl
import pytest

from affekt.data.manifest import encode_png, to_manifest
from affekt.labels import LABELS, PROBABILITY_COLUMNS

CENTRES = np.array([[0, 0], [0.8, 0.5], [-0.6, -0.3], [0.3, 0.7], [-0.6, 0.6], [-0.6, 0.3], [-0.5, 0.6], [-0.3, 0.1]])


def make_manifest(n=160, origin="rated", seed=0, **columns):
    random = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(8), np.arange(8), random.choice(8, n - 16, p=[0.3, 0.3, 0.1, 0.1, *[0.05] * 4])])
    points = np.clip(CENTRES[truth] + random.normal(0, 0.15, (n, 2)), -1, 1)
    votes = np.full((n, 8), 0.05)
    votes[np.arange(n), truth] += 0.6
    frame = {
        "image": [encode_png(random.integers(0, 256, (20, 16, 3), dtype=np.uint8)) for _ in range(n)],
        "split": ["test" if index % 2 or index < 8 else "train" for index in range(n)],
        "source": ["made"] * n,
        "source_id": [f"{index:04d}.png" for index in range(n)],
        "emotion": [LABELS[index] for index in truth],
        "votes": pl.Series(votes.tolist(), dtype=pl.Array(pl.Float32, 8)),
        "valence": points[:, 0],
        "arousal": points[:, 1],
        "valence_arousal_origin": [origin] * n,
    }
    return to_manifest(pl.DataFrame(frame | columns))


def make_predictions(manifest, split="test", skill=2.0, seed=1):
    random = np.random.default_rng(seed)
    rows = manifest.filter(pl.col("split") == split)
    n = len(rows)
    scores = random.normal(size=(n, 8))
    scores[np.arange(n), [LABELS.index(label) for label in rows["emotion"]]] += skill
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    points = {name: np.tanh(rows[name].to_numpy() + random.normal(0, 0.2, n)) for name in ("valence", "arousal")}
    columns = {name: probabilities[:, index] for index, name in enumerate(PROBABILITY_COLUMNS)}
    return pl.DataFrame({"source_id": rows["source_id"], **columns, **points})


@pytest.fixture
def manifest():
    return make_manifest()


@pytest.fixture
def predictions(manifest):
    return make_predictions(manifest)


@pytest.fixture
def manifest_of():
    return make_manifest


@pytest.fixture
def predictions_of():
    return make_predictions
