"""Environments of their own for what affekt is compared with, and the job files of the scripts that run in them.

Nothing of theirs enters affekt's environment, nor the reverse: this file needs the standard library alone.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def python_of(name: str, *options: str) -> Path:
    """Return the Python of `.venv-NAME`, made from `requirements-NAME.txt` on first use and when that changes."""
    environment, requirements = HERE / f".venv-{name}", HERE / f"requirements-{name}.txt"
    python, ready = environment / "bin" / "python", environment / "ready"
    if not ready.is_file() or ready.read_text(encoding="utf-8") != requirements.read_text(encoding="utf-8"):
        print(f"installing {requirements.name} into {environment.name}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        install = [python, "-m", "pip", "install", "--quiet", *options, "--requirement", requirements]
        if subprocess.run(install, check=False).returncode:
            sys.exit(f"expected the packages of {requirements.name}, got none; what pip said above says why")
        ready.write_text(requirements.read_text(encoding="utf-8"), encoding="utf-8")
    return python


def job_file(benchmark: str) -> Path:
    """Return the file that names the job of a benchmark's part; a person who starts the part is told of the whole."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit(f"{Path(sys.argv[0]).name} is a part of {benchmark}; type: python benchmarks/{benchmark}")
    return Path(sys.argv[1])
