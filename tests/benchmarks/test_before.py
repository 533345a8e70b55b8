"""What every benchmark does before and between its measurements: it looks for what it needs, and keeps what it has."""

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
PROGRAM = """import json, sys
from pathlib import Path
job = json.loads(Path(sys.argv[1]).read_text())
if job["n"] == 3:
    raise SystemExit("the machine was switched off")
Path(job["result"]).write_text(json.dumps(job["n"] ** 2))
"""


@pytest.fixture(autouse=True)
def beside_the_benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_a_missing_file_and_a_full_disk_end_it_in_a_sentence(tmp_path, monkeypatch):
    from before import check

    with pytest.raises(SystemExit, match=r"expected the file .*none.parquet, got none; check the name"):
        check("a minute", files=[None, tmp_path / "none.parquet"], detector=False)
    with pytest.raises(SystemExit, match="expected 1e\\+09 GB of free space"):
        check("a minute", disk_gb=1e9, detector=False)


def test_a_detector_that_cannot_be_had_ends_it_in_a_sentence(monkeypatch):
    import before

    from affekt.errors import ModelError

    def none():
        raise ModelError("expected the face detector's file, got none")

    monkeypatch.setattr(before, "yunet_path", none)
    with pytest.raises(SystemExit, match="expected the face detector's file"):
        before.check("a minute")


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
