"""A table of results of two made-up people, with uneven frames and scores that change slowly."""

import numpy as np
import polars as pl
import pytest
from scipy.signal import lfilter

import affekt
from affekt.labels import LABELS, PROBABILITY_COLUMNS


def make_rows(name="a.mp4", track=0, frames=1000, seed=0, start_s=0.0):
    random = np.random.default_rng(seed)
    scores = 2 * lfilter([0.3], [1, -0.95], random.normal(size=(frames, 8)), axis=0)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    time_s = (start_s + np.cumsum(random.choice([0.04, 0.08], frames)) - 0.04).round(3)
    points = np.tanh(scores[:, :2])
    return pl.DataFrame(
        {
            "input": name,
            "time_s": time_s,
            "track": track,
            "emotion": [LABELS[place] for place in p.argmax(axis=1)],
            **{column: p[:, place] for place, column in enumerate(PROBABILITY_COLUMNS)},
            "valence": points[:, 0],
            "arousal": points[:, 1],
            "status": "ok",
        }
    )


def one_expression(probabilities, fps=10.0, label="happiness", **columns):
    """Return rows whose probability of one expression is given, the others sharing the rest."""
    p = np.asarray(probabilities, float)
    others = {f"p_{other}": (1 - p) / 7 for other in LABELS if other != label}
    time_s = np.arange(len(p)) / fps
    frame = {"input": "a.mp4", "time_s": time_s, "track": 0, f"p_{label}": p, **others, "status": "ok"}
    return pl.DataFrame(frame | columns)


@pytest.fixture
def table():
    return pl.concat([make_rows(), make_rows(track=1, seed=1, start_s=5.0), make_rows("b/b.mp4", seed=2)])


@pytest.fixture
def told(caplog):
    """Return a function that summarises and returns what is told meanwhile."""
    caplog.set_level("INFO", logger="affekt")

    def run(*given, **options):
        caplog.clear()
        affekt.summarize(*given, **options)
        return caplog.messages

    return run
