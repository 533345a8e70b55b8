"""A learning curve: fewer rows among the more, all scored on the same ones; wrong turns before any training."""

import numpy as np
import polars as pl
import pytest

from affekt.data.manifest import encode_png, to_manifest
from affekt.errors import ConfigError, DataError
from affekt.evaluation import learning_curve as module
from affekt.evaluation.learning_curve import learning_curve, sizes_of
from affekt.labels import LABELS, PROBABILITY_COLUMNS
from affekt.training.generations import Chain, Run
from affekt.training.recipe import Recipe

RECIPE = Recipe.of("none")


@pytest.fixture(scope="module")
def rows():
    """Return 90 rows of three expressions, 30 of them of the split test."""
    rng = np.random.default_rng(0)
    frame = {
        "image": [encode_png(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)) for _ in range(90)],
        "split": ["train"] * 50 + ["val"] * 10 + ["test"] * 30,
        "source": "mine",
        "source_id": [str(number) for number in range(90)],
        "emotion": [LABELS[number % 3] for number in range(90)],
    }
    return to_manifest(pl.DataFrame(frame))


@pytest.fixture
def met(monkeypatch):
    """Answer in the place of a network, the better the more rows it would have learnt from, and note what it met."""
    calls = []

    def answer(recipe, chain, run, learnt, held):
        calls.append((run.out.name, set(learnt["source_id"]), held["source_id"].to_list()))
        right = np.arange(held.height) % 60 < learnt.height / 2
        said = np.where(right, np.arange(held.height) % 3, 7)
        shares = 0.05 + 0.6 * np.eye(8)[said]
        return pl.DataFrame({"source_id": held["source_id"], **dict(zip(PROBABILITY_COLUMNS, shares.T, strict=True))})

    monkeypatch.setattr(module, "answer_of_network", answer)
    return calls


def test_the_fewer_rows_are_among_the_more_and_all_answer_for_the_test_split(rows, met, tmp_path):
    found = learning_curve(
        RECIPE, Chain(), rows, Run(data=tmp_path, out=tmp_path / "run", seed=3), "20,60,40", resamples=20
    )
    assert [name for name, _, _ in met] == ["rows-20", "rows-40", "rows-60"]
    few, more, most = (learnt for _, learnt, _ in met)
    assert [len(few), len(more), len(most)] == [20, 40, 60]
    assert few < more < most
    test = rows.filter(split="test")["source_id"].to_list()
    assert all(held == test for _, _, held in met)
    assert not most & set(test)
    assert [scores.name for scores in found.scores] == ["20 rows", "40 rows", "60 rows"]
    accuracies = [scores.figures["accuracy"].value for scores in found.scores]
    assert accuracies == pytest.approx([10 / 30, 20 / 30, 1])


def test_the_report_has_the_curve(rows, met, tmp_path):
    learning_curve(RECIPE, Chain(), rows, Run(data=tmp_path, out=tmp_path / "run"), "20,60", resamples=20)
    page = (tmp_path / "run" / "report" / "report.html").read_text(encoding="utf-8")
    assert page.count("rows learnt from") == 2, "accuracy and macro F1"


def test_without_rows_held_back_it_says_how_to_get_them(rows, met, tmp_path):
    run = Run(data=tmp_path, out=tmp_path / "run")
    with pytest.raises(DataError, match=r"rows of the split 'test', got none .* affekt data split"):
        learning_curve(RECIPE, Chain(), rows.filter(pl.col("split") != "test"), run, "20,40")
    assert not met


@pytest.mark.parametrize("text", ["20", "20,20", "5,20", "20,61", "20,many", "", "20;40"])
def test_sizes_that_are_none_are_one_sentence_with_some_that_are(text):
    with pytest.raises(
        ConfigError, match=r"two or more numbers of rows from 10 to 60 as curve, got .*--curve 10,20,60"
    ):
        sizes_of(text, 60)
    assert sizes_of("10,20,60", 60) == (10, 20, 60)
