"""A run that was not exported predicts too: its ONNX file is made once, by a process that has torch."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

from affekt.errors import ModelError
from affekt.models.card import CARD_FILE, ONNX_FILE, WEIGHTS_FILE
from affekt.models.places import predicting_folder


@pytest.fixture
def run(tmp_path, monkeypatch, small_model):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    shutil.copy(small_model / CARD_FILE, folder)
    (folder / WEIGHTS_FILE).write_bytes(b"weights")
    return folder


@pytest.fixture
def exports(monkeypatch, small_model):
    """Stand in for the other process, and keep what it was told."""
    told = []

    def export(words, **_):
        told.append(words[1:])
        shutil.copytree(small_model, words[-1], dirs_exist_ok=True)
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(subprocess, "run", export)
    return told


def test_a_run_is_exported_once_and_again_when_it_changed(run, exports):
    found = predicting_folder(run)
    assert (found / ONNX_FILE).is_file()
    assert found.name == "mine"
    assert predicting_folder(run) == found
    assert exports == [["-m", "affekt", "export", str(run), "--out", str(found)]]
    (run / WEIGHTS_FILE).write_bytes(b"other weights")
    assert predicting_folder(run) != found
    assert len(exports) == 2


def test_a_model_folder_and_what_comes_with_affekt_stay_where_they_are(small_model, exports):
    assert predicting_folder(small_model) == small_model
    assert (predicting_folder("affekt-fast") / ONNX_FILE).is_file()
    assert exports == []


def test_an_export_that_fails_says_why(run, monkeypatch):
    failed = subprocess.CompletedProcess(
        [], 2, "", "a warning\naffekt: expected weights of none, got others; train again\n"
    )
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(
        ModelError, match="got: expected weights of none, got others; train again; to see more, type: affekt"
    ):
        predicting_folder(run)


def test_without_torch_it_is_one_sentence(run, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match=f"type where torch is installed: affekt export {run} --out {run}"):
        predicting_folder(Path(run))
