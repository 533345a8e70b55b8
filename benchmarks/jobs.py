"""Jobs of a benchmark, each in a process of its own; what an interrupted one has measured is not measured again."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from environments import HERE

from affekt.ledger import Ledger


class Jobs:
    """Runs jobs and keeps their results, in order, in a hidden file beside the page that the benchmark writes."""

    def __init__(self, ledger: Ledger) -> None:
        """Take the results that are there already."""
        self._ledger = ledger
        self._kept: Iterator[Any] = iter([result for result, _ in ledger.records()])

    def run(self, python: Path, script: str, job: dict[str, Any], folder: Path) -> Any:
        """Return the result of a job: the kept one, or that of a script of this folder, which is run."""
        for result in self._kept:
            return result
        result = run_job(python, script, job, folder)
        self._ledger.add(result)
        return result


@contextmanager
def kept_jobs(out: Path, options: object) -> Iterator[Jobs]:
    """Give jobs to a benchmark that writes the page `out`; the results are forgotten when it ends well.

    They count for the same options only.
    """
    ledger = Ledger(out, {"options": repr(options)})
    if ledger.units:
        print(f"goes on after {ledger.units} jobs of an interrupted run; to begin anew, delete {ledger.path}")
    with ledger.writing():
        yield Jobs(ledger)
    ledger.remove()


def run_job(python: Path, script: str, job: dict[str, Any], folder: Path) -> Any:
    """Run one side's script on a job in a process of its own, and return its result."""
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    job_file = folder / "job.json"
    job_file.write_text(json.dumps({**job, "result": str(result)}), encoding="utf-8")
    # Cleared on all sides, so that each uses all cores.
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    log = folder / "log.txt"
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(
            [python, HERE / script, job_file], env=environment, stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        told = log.read_text(encoding="utf-8")[-3000:]
        raise SystemExit(f"expected {script} to end well, got exit code {done.returncode}:\n{told}")
    return json.loads(result.read_text(encoding="utf-8"))
