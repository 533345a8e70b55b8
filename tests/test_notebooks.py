"""The notebooks run from the first cell to the last, each in a process and an empty folder of its own."""

import json
import os
import re
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


RUNNER = """
import ast, json, sys
known, tables = {"__name__": "__main__"}, []
for source in json.loads(sys.stdin.read()):
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) and not source.endswith(";") else None
    exec(compile(ast.Module(body, []), "cell", "exec"), known)
    value = eval(compile(ast.Expression(last.value), "cell", "eval"), known) if last else None
    tables.append(value._repr_html_() if hasattr(value, "_repr_html_") else "")
open("tables.json", "w").write(json.dumps(tables))
"""
"""Runs cells as Jupyter does, and keeps the table that each ends with."""


def numbers_and_words(html):
    found = re.findall(r"<t[hd]>(.*?)</t[hd]>", html)
    is_number = [bool(re.fullmatch(r"-?[0-9.e-]+", each)) for each in found]
    numbers = [float(each) for each, number in zip(found, is_number, strict=True) if number]
    return numbers, [None if number else each for each, number in zip(found, is_number, strict=True)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs_and_shows_the_tables_that_are_stored(path, tmp_path):
    if not YUNET.is_file():
        pytest.skip(f"needs shared/models/{YUNET_FILE} beside the checkout")
    (tmp_path / "home" / "detectors").mkdir(parents=True)
    shutil.copy(YUNET, tmp_path / "home" / "detectors")
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    code = ["".join(cell["source"]) for cell in cells]
    code += {"video-study": ['assert study.people["valence"].null_count() == 0']}.get(path.stem, [])  # its faces count
    environment = os.environ | {"AFFEKT_HOME": str(tmp_path / "home"), "MPLBACKEND": "agg"}
    command = [sys.executable, "-W", "error", "-c", RUNNER]
    for _ in range(2):  # what the first time wrote is in the way of none
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, input=json.dumps(code), capture_output=True, text=True
        )
        assert not done.returncode, done.stderr
    if path.stem == "transfer-learning":
        return  # what training gives differs between processors
    tables = json.loads((tmp_path / "tables.json").read_text())
    stored = [["".join(each.get("data", {}).get("text/html", "")) for each in cell["outputs"]] for cell in cells]
    assert any(map(any, stored))
    for found, [kept, *_] in zip(tables, (each or [""] for each in stored), strict=False):
        (numbers, words), (kept_numbers, kept_words) = numbers_and_words(found), numbers_and_words(kept)
        assert words == kept_words
        assert numbers == pytest.approx(kept_numbers, abs=0.01), "execute the notebook anew: see CONTRIBUTING.md"
