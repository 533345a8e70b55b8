"""The notebooks run from the first cell to the last, each in a process and an empty folder of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from affekt.faces.detector_file import YUNET_FILE

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
YUNET = ROOT / ".." / "shared" / "models" / YUNET_FILE


def test_there_are_three():
    assert [path.stem for path in NOTEBOOKS] == ["first-steps", "transfer-learning", "video-study"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(path, tmp_path):
    if not YUNET.is_file():
        pytest.skip(f"needs shared/models/{YUNET_FILE} beside the checkout")
    (tmp_path / "home" / "detectors").mkdir(parents=True)
    shutil.copy(YUNET, tmp_path / "home" / "detectors")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    code += {"video-study": '\nassert study.people["valence"].null_count() == 0'}.get(path.stem, "")  # its faces count
    environment = os.environ | {"AFFEKT_HOME": str(tmp_path / "home"), "MPLBACKEND": "agg"}
    command = [sys.executable, "-W", "error", "-c", code]
    for _ in range(2):  # what the first time wrote is in the way of none
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert not done.returncode, done.stderr
