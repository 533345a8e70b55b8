"""Cross-validation: each answer comes from without its fold, as in scikit-learn; wrong turns before any training."""

import logging

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

import affekt
from affekt.data.manifest import encode_png, to_manifest
from affekt.errors import ConfigError, DataError
from affekt.evaluation.cross_validation import SPLIT, folds_of, out_of_fold, score_folds
from affekt.evaluation.evaluate import evaluate_tables
from affekt.evaluation.score import Resampling
from affekt.labels import LABELS, PROBABILITY_COLUMNS
from affekt.models.card import read_card
from affekt.training.generations import Chain, Run
from affekt.training.recipe import Recipe
from drawn_faces import drawn_manifest


@pytest.fixture(scope="module")
def rows():
    """Return 72 rows of 6 people who show four expressions, with two numbers that tell these apart fairly well."""
    rng = np.random.default_rng(0)
    shown = np.arange(72) % 4
    frame = {
        "image": [encode_png(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)) for _ in shown],
        "split": "train",
        "source": "mine",
        "source_id": [str(number) for number in range(72)],
        "emotion": [LABELS[each] for each in shown],
        "subject": [f"person {number}" for number in np.arange(72) // 4 % 6],
        "first": shown % 2 + rng.normal(0, 0.5, 72),
        "second": shown // 2 + rng.normal(0, 0.5, 72),
    }
    return to_manifest(pl.DataFrame(frame))


def regression(fold, learnt, held):
    model = LogisticRegression().fit(learnt.select("first", "second").to_numpy(), learnt["emotion"].to_numpy())
    found = dict(zip(model.classes_, model.predict_proba(held.select("first", "second").to_numpy()).T, strict=True))
    answers = {
        name: found.get(label, np.zeros(len(held))) for name, label in zip(PROBABILITY_COLUMNS, LABELS, strict=True)
    }
    return pl.DataFrame({"source_id": held["source_id"], **answers})


def test_leaving_one_person_out_is_scikit_learns_on_the_same_features(rows):
    table = out_of_fold(rows, folds_of(rows, "subject", 0), regression)
    features, truth = rows.select("first", "second").to_numpy(), rows["emotion"].to_numpy()
    how = {"groups": rows["subject"].to_numpy(), "cv": LeaveOneGroupOut()}
    expected = cross_val_predict(LogisticRegression(), features, truth, method="predict_proba", **how)
    ours = table.select(f"p_{label}" for label in sorted(set(truth))).to_numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-12)
    scored = rows.with_columns(split=pl.lit(SPLIT))
    found = evaluate_tables({"ours": table}, scored, SPLIT, Resampling(50, 0, "subject")).scores[0]
    chosen = cross_val_predict(LogisticRegression(), features, truth, **how)
    assert found.figures["accuracy"].value == accuracy_score(truth, chosen)
    assert "6 subjects" in " ".join(found.notes)


def test_what_answers_never_saw_the_fold_nor_its_people(rows):
    met = []

    def answer(fold, learnt, held):
        met.append((set(learnt["subject"]), set(held["subject"]), held.height))
        return held.select("source_id")

    table = out_of_fold(rows, folds_of(rows, "3", 1), answer)
    assert table["source_id"].equals(rows["source_id"])
    assert [len(held) for _, held, _ in met] == [2, 2, 2]
    assert sum(count for _, _, count in met) == 72
    assert not any(learnt & held for learnt, held, _ in met)


@pytest.mark.parametrize(
    ("change", "folds", "error", "sentence"),
    [
        ({}, "many", ConfigError, "expected a number of folds from 2, or subject .* got 'many'"),
        ({}, "1", ConfigError, "expected a number of folds from 2, or subject .* got '1'"),
        ({}, "7", DataError, "expected at least as many people or pictures as parts, got 6 for 7 parts"),
        ({"subject": None}, "subject", DataError, "expected the person of each row .* --subject-pattern"),
        ({"subject": "anna"}, "subject", DataError, "expected at least two people to leave one out, got 1"),
        (
            {"emotion": pl.when(pl.col("subject") == "person 0").then(pl.lit("fear")).otherwise(pl.lit("anger"))},
            "subject",
            DataError,
            "expected at least two expressions to learn from in each fold, got anger without the 12 rows of fold 1",
        ),
    ],
)
def test_a_wrong_turn_is_told_before_any_training(rows, tmp_path, change, folds, error, sentence):
    columns = {
        name: value if isinstance(value, pl.Expr) else pl.lit(value, pl.String) for name, value in change.items()
    }
    run = Run(data=tmp_path, out=tmp_path / "run")
    with pytest.raises(error, match=sentence):
        score_folds(Recipe.of("none"), Chain(), rows.with_columns(**columns), run, folds)
    assert not run.out.exists()


@pytest.mark.parametrize(("least_told_s", "epochs_told"), [(float("inf"), 0), (0.0, 4)])
def test_a_fold_tells_what_it_kept_and_no_short_epochs(tmp_path, monkeypatch, caplog, least_told_s, epochs_told):
    monkeypatch.setattr("affekt.evaluation.cross_validation.LEAST_TOLD_S", least_told_s)
    caplog.set_level(logging.INFO, "affekt")
    head = affekt.find_recipe("affekt-head").recipe.with_options(epochs=2)
    faces = drawn_manifest(identities=6, pictures_per_identity=8, size=48, seed=0)
    affekt.cross_validate(head, faces, tmp_path / "run", folds=2)
    told = [record.getMessage() for record in caplog.records]
    assert len([line for line in told if line.startswith("epoch ")]) == epochs_told
    assert len([line for line in told if line.startswith("fold ")]) == 2
    kept = [line for line in told if line.startswith("kept epoch ")]
    for fold, line in enumerate(kept, 1):
        card = read_card(tmp_path / "run" / f"fold-{fold}")
        best, loss = card.training["best_epoch"], card.metrics["validation"]["val_loss"]
        assert line == f"kept epoch {best} of 2: loss {loss:.4f}, on validation"
    assert len(kept) == 2
