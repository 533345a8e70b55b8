"""The search script: what it reads, and a search on drawn faces where Optuna is installed."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import affekt
from affekt.cli.main import main
from affekt.data.manifest import write_manifest
from affekt.models.card import read_card
from drawn_faces import drawn_manifest

SCRIPT = Path(__file__).parents[1] / "scripts" / "search.py"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


class Trial:
    """Notes what it is asked, and answers with the least."""

    def __init__(self):
        self.asked = []

    def suggest_float(self, name, low, high, *, log):
        self.asked.append((name, low, high, log))
        return low

    suggest_int = suggest_float

    def suggest_categorical(self, name, names):
        self.asked.append((name, *names))
        return names[0]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("learning_rate=1e-4..1e-2", ("learning_rate", 1e-4, 1e-2, True)),
        ("mixup=0..0.4", ("mixup", 0.0, 0.4, False)),
        ("hidden_units=64..512", ("hidden_units", 64, 512, False)),
        ("optimiser=adam,adamw", ("optimiser", "adam", "adamw")),
    ],
)
def test_a_range_or_names_are_chosen_from(script, text, asked):
    name, choose = script["choice_of"](text)
    trial = Trial()
    assert choose(trial) == asked[1]
    assert (name, trial.asked) == (asked[0], [asked])
    assert type(choose(trial)) is type(asked[1])


@pytest.mark.parametrize("text", ["learning_rate", "learning_rate=1..", "epochs=9..3", "optimiser=adam", "mixup=-1..1"])
def test_what_is_neither_is_one_sentence(script, text):
    with pytest.raises(affekt.ConfigError, match=r"expected an option as learning_rate=1e-4\.\.1e-2"):
        script["choice_of"](text)


def test_without_optuna_it_says_what_to_type(tmp_path):
    code = f"import sys, runpy; sys.modules['optuna'] = None; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    options = ["affekt-head", "--data", "x", "--out", "y", "--search", "epochs=1..2"]
    run = subprocess.run([sys.executable, "-c", code, *options], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (1, "search: optuna is not installed; type: pip install optuna\n")


def test_a_search_lowers_the_loss_and_its_runs_are_compared(script, tmp_path, capsys):
    pytest.importorskip("optuna", reason="needs Optuna: pip install optuna")
    faces, out = tmp_path / "faces.parquet", tmp_path / "runs"
    write_manifest(drawn_manifest(identities=12, pictures_per_identity=8, size=48, seed=0), faces)
    choices = dict(map(script["choice_of"], ["learning_rate=1e-4..1e-2", "epochs=1..2"]))
    said = script["search"]("affekt-head", faces, out, choices, trials=3)
    losses = [read_card(out / f"trial-{number}").metrics["validation"]["val_loss"] for number in range(3)]
    best = min(range(3), key=losses.__getitem__)
    assert said.startswith(f"best: {out / f'trial-{best}'}, validation loss {losses[best]:.4f}, with --learning-rate ")
    main(["compare", *(str(out / f"trial-{number}") for number in range(3))])
    assert capsys.readouterr().out.count("trial-") > 6
