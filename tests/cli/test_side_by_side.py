"""Trainings side by side: their lines carry their names, and the first error stops the rest."""

import pytest

from affekt.cli import side_by_side
from affekt.cli.side_by_side import train_side_by_side
from affekt.errors import AffektError


def test_lines_carry_the_name_of_their_training(capsys):
    train_side_by_side({"one": ["--help"], "other": ["mobilenetv2", "--help"]})
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("one    usage: affekt train RECIPE") for line in lines)
    assert any(line.startswith("other  usage: affekt train mobilenetv2") for line in lines)


def test_the_first_error_stops_the_rest(monkeypatch, capsys):
    monkeypatch.setattr(side_by_side, "core_count", lambda: 1)
    with pytest.raises(AffektError, match="training wrong: expected a recipe among"):
        train_side_by_side({"wrong": ["resnet"], "right": ["--help"]})
    assert "right" not in capsys.readouterr().out


def test_each_training_gets_its_share_of_the_cores(monkeypatch):
    seen = []

    class Ended:
        stdout, returncode = (), 0

        def __init__(self, command, env, **options):
            seen.append((command[-1], env["OMP_NUM_THREADS"]))

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def terminate(self):
            return None

    monkeypatch.setattr(side_by_side, "core_count", lambda: 9)
    monkeypatch.setattr(side_by_side.subprocess, "Popen", Ended)
    train_side_by_side({"one": ["a"], "other": ["b"]})
    assert sorted(seen) == [("a", "4"), ("b", "4")]
