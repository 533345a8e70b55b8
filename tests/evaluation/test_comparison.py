"""`affekt compare`: facts of runs, figures of those that answered for the same rows, and their paired differences."""

from dataclasses import replace

import pytest

from affekt.cli.main import main
from affekt.evaluation.comparison import compare_runs
from affekt.evaluation.evaluate import evaluate_tables
from affekt.evaluation.score import Resampling
from affekt.evaluation.tables import difference_tables, to_plain
from affekt.models.card import read_card
from affekt.networks.predictions import PREDICTIONS, with_truth


@pytest.fixture
def run_of(tmp_path, small_model, manifest, predictions_of):
    def write(name, *, skill, rows=None, folds=0, seconds=90.0):
        rows = manifest.filter(split="test") if rows is None else rows
        training = {"recipe_name": "affekt-head", "data": "faces.parquet", "rows": 1234, "seed": 3, "seconds": seconds}
        training |= {"epochs": 9, "best_epoch": 7, "validation": "0.1"}
        card = replace(read_card(small_model), training=training)
        for folder in [f"fold-{fold + 1}" for fold in range(folds)] or [""]:
            card.write(tmp_path / name / folder)
        found = predictions_of(manifest, skill=skill, seed=int(skill * 10))
        found = rows.select("source_id").join(found, on="source_id", how="left", maintain_order="left")
        with_truth(found, rows).write_parquet(tmp_path / name / PREDICTIONS)
        return tmp_path / name

    return write


def test_runs_of_the_same_rows_are_paired(run_of, manifest, predictions_of, tmp_path):
    runs = [run_of("one", skill=2.0), run_of("two", skill=1.0)]
    (tmp_path / "report").mkdir()
    said = compare_runs([*runs, tmp_path / "report"], resamples=50)
    facts = ["affekt-head", "faces.parquet", "validation 0.1", "1,234", "3", "7 of 9", "0", "1.5 min"]
    assert all(fact in said.splitlines()[1] for fact in ["one", *facts])
    tables = {"one": predictions_of(manifest, skill=2.0, seed=20), "two": predictions_of(manifest, skill=1.0, seed=10)}
    expected = difference_tables(evaluate_tables(tables, manifest, "test", Resampling(50)))
    for table in expected:
        assert to_plain(table).split("\n", 2)[2].strip() in said
    assert "one - two" in said or "two" in said
    assert f"Left out, for they hold no finished run: {tmp_path / 'report'}." in said
    assert "figures there are a little too good" in said


def test_folds_count_as_one_run_and_other_rows_are_not_paired(run_of, manifest):
    few = manifest.filter(split="test").head(40)
    said = compare_runs([run_of("one", skill=2.0), run_of("folded", skill=2.0, rows=few, folds=3)], resamples=0)
    assert "3 folds" in said
    assert "4.5 min" in next(line for line in said.splitlines() if line.startswith("folded"))
    assert "split out of fold" in said
    assert "minus" not in said


def test_what_short_trainings_cost_can_be_compared(run_of):
    said = compare_runs([run_of("one", skill=2.0, seconds=2.34), run_of("two", skill=1.0, seconds=5.1)], resamples=0)
    assert [line[-5:] for line in said.splitlines()[1:3]] == ["2.3 s", "5.1 s"]


def test_a_run_of_an_older_affekt_is_told_without_figures(run_of):
    run = run_of("old", skill=1.0)
    (run / PREDICTIONS).unlink()
    assert f"Without {PREDICTIONS}, so without figures here: old." in compare_runs([run])


def test_no_run_is_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["compare", str(tmp_path)])
    assert stop.value.code == 2
    assert f"expected finished runs, got none in {tmp_path}; name their folders, as in: affekt compare runs/*" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    {
        "": "finished runs, got no folder; name their folders, as in: affekt compare runs/*",
        "nowhere": "folders of runs, got nowhere, and nothing is there; type: affekt models runs",
        ". --resamples -1": "resamples of at least 0, got -1; 0 leaves the intervals out",
        ". --seed -1": "a seed from 0 to 4,294,967,295, got -1; 0 is usual",
    }.items(),
)
def test_what_cannot_be_compared_is_one_sentence(tmp_path, monkeypatch, capsys, words, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["compare", *words.split()])
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"affekt: expected {sentence}\n"
