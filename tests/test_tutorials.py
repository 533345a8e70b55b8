"""The tutorials and the README do what they say: their commands and programs are run as they are printed."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt.cli.main import main
from affekt.faces.detector_file import YUNET_FILE
from drawn_faces import draw_face, no_units, prototype_units, random_identity

ROOT = Path(__file__).parents[1]
TUTORIALS = ROOT / "docs" / "tutorials"
YUNET = ROOT / ".." / "shared" / "models" / YUNET_FILE


def blocks(page, kind):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), flags=re.M | re.S)
    return [text for of, text in found if of == kind]


def run_commands(page):
    for block in blocks(page, ""):
        for line in block.splitlines():
            if line.startswith("affekt "):
                main(shlex.split(line)[1:])


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Work in an empty folder, with a detector that need not be fetched."""
    if not YUNET.is_file():
        pytest.skip(f"needs shared/models/{YUNET_FILE} beside the checkout")
    home = tmp_path / "home"
    (home / "detectors").mkdir(parents=True)
    shutil.copy(YUNET, home / "detectors")
    monkeypatch.setenv("AFFEKT_HOME", str(home))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def portrait(path, side=256):
    face = draw_face(random_identity(np.random.default_rng(0)), prototype_units("happiness", 1.0), size=side)
    Image.fromarray(face).save(path)


def test_the_lines_of_the_readme_run(work, capsys):
    portrait(work / "portrait.jpg")
    [program] = blocks(ROOT / "README.md", "python")
    exec(compile(program, "README.md", "exec"), {})
    assert re.fullmatch(r"[a-z]+ -?\d\.\d+\n", capsys.readouterr().out)
    with Image.open("marked.png") as marked:
        assert marked.size == (256, 256)


def test_interviews_become_a_figure(work, write_video, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    person = random_identity(np.random.default_rng(3))
    rest, film = (draw_face(person, units, size=192) for units in (no_units(), prototype_units("happiness", 0.9)))
    (work / "interviews").mkdir()
    for name in ("ada.mp4", "ben.mp4"):
        write_video([rest] * 25 + [film] * 55, name, times_s=[0.8 * number for number in range(80)]).rename(
            work / "interviews" / name
        )
    page = TUTORIALS / "interviews.md"
    (work / "markers.csv").write_text(blocks(page, "text")[0], encoding="utf-8")
    run_commands(page)
    people = pl.read_csv("study/people.csv")
    assert people["marker"].to_list() == ["rest", "film"] * 2
    assert (people.filter(marker="film")["valence"] > people.filter(marker="rest")["valence"]).all()
    [figure] = blocks(page, "python")
    exec(compile(figure, str(page), "exec"), {})
    assert Path("valence.pdf").read_bytes().startswith(b"%PDF")
