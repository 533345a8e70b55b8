"""The study's scripts: their names at the root lead to `study/`, from any folder."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from affekt.data.manifest import read_manifest, write_manifest
from affekt.training.recipes import RECIPES, STUDY_MODELS
from drawn_faces import drawn_manifest

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


def test_the_study_is_repeated_on_any_manifest_and_its_table_stands_beside_the_readers(tmp_path, monkeypatch, capsys):
    faces, out = tmp_path / "faces.parquet", tmp_path / "runs"
    write_manifest(drawn_manifest(identities=8, pictures_per_identity=8, size=48, seed=0), faces)
    options = ["--weights", "none", "--no-frozen", "--input-size", "32", "--epochs", "1", "--resamples", "20"]
    monkeypatch.setattr(sys, "argv", ["repeat.py", str(faces), "--out", str(out), *options])
    script = ROOT / "results" / "study" / "repeat.py"
    runpy.run_path(str(script), run_name="__main__")
    lines = (out / "table.md").read_text().splitlines()
    assert "| mobilenetv2 | accuracy | 0.3636 | " in "\n".join(lines)
    assert len(lines) == 2 + sum(len(model.published) for model in STUDY_MODELS)
    assert all(re.fullmatch(r"\| .* \| -?[0-9.]+ \| -?[0-9.]+ \[-?[0-9.]+, -?[0-9.]+\] \|", line) for line in lines[2:])
    assert (out / "report" / "report.html").is_file()
    capsys.readouterr()
    script = runpy.run_path(str(script))
    assert len(script["train_all"](read_manifest(faces), faces, out, {}, 0)) == 4
    assert "training" not in capsys.readouterr().out, "what is trained is not trained again"
    learnable = script["learnable"]
    unrated = drawn_manifest(identities=4, pictures_per_identity=2, size=48, seed=0).with_columns(valence=None)
    assert [model.recipe for model in learnable(unrated)] == ["efficientnetv2b0", "mobilenetv2", "xception"]


def test_without_imagenets_weights_the_script_ends_in_a_sentence(tmp_path):
    faces, script = tmp_path / "faces.parquet", ROOT / "results" / "study" / "repeat.py"
    write_manifest(drawn_manifest(identities=4, pictures_per_identity=4, size=48, seed=0), faces)
    alone = os.environ | {"AFFEKT_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    call = [sys.executable, script, faces, "--out", tmp_path / "runs"]
    run = subprocess.run(call, env=alone, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("repeat: expected ImageNet weights of tf_efficientnetv2_b0, got ")
    assert "Traceback" not in run.stderr
