"""The study's scripts: their names at the root lead to `study/`, from any folder."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from affekt.training.recipes import RECIPES

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path.name for path in (ROOT / "study").glob("*.py"))


def test_each_script_has_its_name_at_the_root():
    assert sorted(path.name for path in ROOT.glob("*.py")) == SCRIPTS
    assert all(len((ROOT / name).read_text().splitlines()) == 1 for name in SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_its_command(name, tmp_path):
    options = ["--data", "absent.parquet", "--out", "out"]
    models = ["absent"] if name == "evaluate.py" else []
    run = subprocess.run(
        [sys.executable, ROOT / name, *models, *options], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "expected a manifest at absent.parquet, got no such file" in run.stderr


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_alone_says_how_to_get_data_and_what_to_type(name, tmp_path):
    run = subprocess.run([sys.executable, ROOT / name], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert re.search("expected --data PATH.*, got .*; type: affekt (train|evaluate) ", run.stderr), run.stderr
    if name.startswith("train"):
        [words] = re.findall("type: affekt (train .*?);", run.stderr)
        assert words.split()[1] in RECIPES
        assert "see affekt data import --help" in run.stderr


def test_the_studys_own_installation_installs_the_package_too():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert "-e ." in lines


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_worker_process_that_imports_a_script_runs_nothing(name):
    # Processes that are spawned import the script that started them, under another name than "__main__".
    code = f"import runpy; runpy.run_path({str(ROOT / name)!r}, run_name='__mp_main__')"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
