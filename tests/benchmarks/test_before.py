"""What every benchmark does before and between its measurements: it looks for what it needs, and keeps what it has."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from affekt.faces.detector_file import PACKAGED

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
PROGRAM = """import json, sys
from pathlib import Path
job = json.loads(Path(sys.argv[1]).read_text())
if job["n"] == 3:
    raise SystemExit("the machine was switched off")
Path(job["result"]).write_text(json.dumps(job["n"] ** 2))
"""

WRONG = {
    "speed.py --data none.parquet": "expected the file none.parquet, got none; check the name",
    "trust.py none.parquet": "expected the file none.parquet, got none; check the name",
    "cuts.py none --others none": "expected the file none, got none; check the name",
    "identify.py none --model none.onnx": "expected the file none, got none; check the name",
    "crop_cpu.py": "expected model folders, got none; type: affekt export affekt --out fp32",
    "affekt_fit.py": "affekt_fit.py is a part of frozen_training.py; type: python benchmarks/frozen_training.py",
    "keras_fit.py": "keras_fit.py is a part of frozen_training.py; type: python benchmarks/frozen_training.py",
    "speed_ours.py": "speed_ours.py is a part of speed.py; type: python benchmarks/speed.py",
    "speed_peers.py": "speed_peers.py is a part of speed.py; type: python benchmarks/speed.py",
    "speed_peers.py --help": "speed_peers.py is a part of speed.py; type: python benchmarks/speed.py",
}
WRITES = ("frozen_training", "predict_speed", "ratios", "speed", "trust")
NO_PAGE = "expected --out as a file in a folder that is there, got none/at-all"
NO_MODEL = "expected a model folder with card.json, got "
WRONG |= dict.fromkeys((f"{name}.py --out none/at-all" for name in WRITES), NO_PAGE)
WRONG |= dict.fromkeys((f"{name}.py --models none" for name in ("ratios", "speed")), NO_MODEL)
WRONG |= dict.fromkeys((f"{name}.py --model none" for name in ("predict_speed", "serve_load", "trust")), NO_MODEL)
SCRIPTS = sorted(path.name for path in BENCHMARKS.glob("*.py") if "from before import check" in path.read_text())
NEED_THE_DETECTOR = ("predict_speed.py", "ratios.py", "serve_load.py", "summaries.py episodes", "trust.py", "speed.py")


def told(line, folder):
    """Return what a benchmark says that ends before it measures, where no detector can be had."""
    script, *words = line.split()
    environment = os.environ | {"AFFEKT_HOME": str(folder), "HTTPS_PROXY": "http://127.0.0.1:9"}
    command = [sys.executable, BENCHMARKS / script, *words]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stdout) == (1, "")
    return run.stderr.rstrip("\n")


@pytest.fixture(autouse=True)
def beside_the_benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_a_missing_file_and_a_full_disk_end_it_in_a_sentence(tmp_path, monkeypatch):
    from before import check

    with pytest.raises(SystemExit, match=r"expected the file .*none.parquet, got none; check the name"):
        check("a minute", files=[None, tmp_path / "none.parquet"], detector=False)
    with pytest.raises(SystemExit, match="expected 1e\\+09 GB of free space"):
        check("a minute", disk_gb=1e9, detector=False)


@pytest.mark.parametrize(
    ("error", "told"), [("affekt.DataError('no rows')", "no rows\n"), ("KeyError(1)", "Traceback")]
)
def test_what_affekt_says_in_a_sentence_ends_a_benchmark_in_it(error, told):
    command = [sys.executable, "-c", f"import before, affekt; raise {error}"]
    run = subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith(told)
    assert ("Traceback" in run.stderr) == (told == "Traceback")


def test_it_says_how_long_it_takes(capsys):
    from before import check

    check("a minute on two cores", detector=False)
    assert capsys.readouterr().out.endswith("takes a minute on two cores\n")


def test_an_interrupted_benchmark_goes_on_after_its_last_job(tmp_path, monkeypatch):
    import jobs

    (tmp_path / "square.py").write_text(PROGRAM)
    monkeypatch.setattr(jobs, "HERE", tmp_path)
    ran = []

    def run(numbers, options="fast"):
        with jobs.kept_jobs(tmp_path / "results.md", options) as kept:
            return [kept.run(Path(sys.executable), "square.py", {"n": number}, tmp_path) for number in numbers]

    real = jobs.run_job
    monkeypatch.setattr(jobs, "run_job", lambda *given: ran.append(json.dumps(given[2])) or real(*given))
    with pytest.raises(SystemExit, match="the machine was switched off"):
        run([1, 2, 3])
    assert len(ran) == 3
    assert run([1, 2, 4]) == [1, 4, 16]
    assert len(ran) == 4
    assert run([1], options="slow") == [1]
    assert len(ran) == 5
    assert not (tmp_path / ".results.md.ledger").exists()


def test_lines_that_an_interrupted_benchmark_has_are_kept_if_it_writes_a_page(tmp_path, monkeypatch, capsys):
    import jobs

    def run(out, measure):
        with jobs.kept_jobs(out, "options") as kept:
            return kept.lines(lambda: ["a row"]) + kept.lines(measure)

    monkeypatch.chdir(tmp_path)
    for out in (Path("page.md"), None):
        with pytest.raises(ZeroDivisionError):
            run(out, lambda: [str(1 / 0)])
        assert capsys.readouterr().out == "a row\n"
        assert Path(".page.md.ledger").is_file() == (out is not None)
        assert run(out, lambda: ["another"]) == ["a row", "another"]
        assert ("goes on after 1 jobs" in capsys.readouterr().out) == (out is not None)
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("line", WRONG)
def test_a_benchmark_without_what_it_needs_ends_in_a_sentence(line, tmp_path):
    for module in ("torch", "scipy", "onnx"):
        pytest.importorskip(module)
    assert told(line, tmp_path).startswith(WRONG[line])


@pytest.mark.parametrize("line", NEED_THE_DETECTOR)
def test_a_benchmark_looks_for_the_detector_first(line, tmp_path):
    for module in ("torch", "scipy", "onnx"):
        pytest.importorskip(module)
    if PACKAGED.exists():
        pytest.skip("needs a package without the detector's file")
    sentence = told(line, tmp_path)
    assert sentence.startswith("expected the face detector's file")
    assert "\n" not in sentence


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_benchmark_that_is_asked_for_help_measures_nothing(script, tmp_path):
    for module in ("torch", "scipy", "onnx", "skimage", "playwright"):
        pytest.importorskip(module)
    run = subprocess.run([sys.executable, BENCHMARKS / script, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("usage: ")
    assert "begun at" not in run.stdout
    assert not list(tmp_path.iterdir())


def test_a_program_that_is_not_installed_ends_it_in_a_sentence():
    from before import check

    with pytest.raises(SystemExit, match="expected no-such-program, got none; type: pip install it"):
        check("a minute", detector=False, needs={"no-such-program": "pip install it"})


def test_packages_that_pip_cannot_bring_end_it_in_a_sentence(tmp_path, monkeypatch, capfd):
    import environments

    monkeypatch.setattr(environments, "HERE", tmp_path)
    (tmp_path / "requirements-none.txt").write_text("no-such-package-of-affekt==1\n")
    with pytest.raises(SystemExit, match="expected the packages of requirements-none"):
        environments.python_of("none", "--no-index")
    assert "installing requirements-none.txt" in capfd.readouterr().out
