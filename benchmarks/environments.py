"""Environments of their own for what affekt is compared with: nothing of theirs enters affekt's, nor the reverse."""

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
        subprocess.run(install, check=True)
        ready.write_text(requirements.read_text(encoding="utf-8"), encoding="utf-8")
    return python
