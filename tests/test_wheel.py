"""The wheel: built of this checkout, installed in an environment of its own, it predicts, serves and opens the page."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("pyproject.toml", "README.md", "LICENSE", "LICENSES.md", "scripts", "src")
"""What a wheel is made of."""


def test_a_wheel_predicts_serves_and_has_the_live_page(tmp_path, detector_home):
    pytest.importorskip("hatchling")
    if not (ROOT / "src" / "affekt" / "server" / "page" / "vendor" / "ready").is_file():
        pytest.skip("needs the live page's libraries: make page")
    # A copy, because the build puts the detector's file among the sources.
    for part in PARTS:
        copied = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copied(ROOT / part, tmp_path / part)
    # The copy's lines are not those whose coverage is measured.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    outside = {name: value for name, value in inherited.items() if name != "PYTHONPATH"}
    environment = outside | {"AFFEKT_DETECTOR_DIR": str(detector_home / "detectors")}
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", "dist"]
    subprocess.run(build, cwd=tmp_path, env=environment, check=True)
    [wheel] = (tmp_path / "dist").glob("*.whl")
    command = [sys.executable, ROOT / "scripts" / "try_wheel.py", "--beside", wheel]
    said = subprocess.run(command, env=outside, capture_output=True, text=True)
    assert said.stdout == f"{wheel.name} predicts, serves and has the live page\n", said.stderr
