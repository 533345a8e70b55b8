"""Parts of a benchmark, such as jobs in processes of their own: what an interrupted one has measured is kept."""

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from environments import HERE

from affekt.ledger import Ledger


class Jobs:
    """Runs jobs and keeps their results, in order, in a hidden file beside the page that the benchmark writes."""

    def __init__(self, ledger: Ledger | None) -> None:
        """Take the results that are there already; without a ledger there are none, and none are kept."""
        self._ledger = ledger
        self._kept: Iterator[Any] = iter([result for result, _ in ledger.records()] if ledger else [])

    def run(self, python: Path, script: str, job: dict[str, Any], folder: Path) -> Any:
        """Return the result of a job: the kept one, or that of a script of this folder, which is run."""
        return self.once(lambda: run_job(python, script, job, folder))

    def once(self, measure: Callable[[], Any]) -> Any:
        """Return the kept result, or measure it: anything that JSON holds."""
        for result in self._kept:
            return result
        result = measure()
        if self._ledger:
            self._ledger.add(result)
        return result

    def lines(self, measure: Callable[[], Iterable[str]]) -> list[str]:
        """Return lines of a report, kept or measured, and print them at once."""
        found: list[str] = self.once(lambda: list(measure()))
        print(*found, sep="\n", flush=True)
        return found


@contextmanager
def kept_jobs(out: Path | None, options: object) -> Iterator[Jobs]:
    """Give jobs to a benchmark that writes the page `out`; the results are forgotten when it ends well.

    They count for the same options only. A benchmark that writes no page keeps none.
    """
    ledger = Ledger(out.resolve(), {"options": repr(options)}) if out else None
    if ledger and ledger.units:
        print(f"goes on after {ledger.units} jobs of an interrupted run; to begin anew, delete {ledger.path}")
    with ledger.writing() if ledger else nullcontext():
        yield Jobs(ledger)
    if ledger:
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
