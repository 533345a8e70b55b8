"""Text in a named encoding, and the folder that keeps files between runs."""

import ast
from pathlib import Path

import pytest

from affekt.errors import ConfigError
from affekt.files import affekt_home

SOURCE = Path(__file__).parents[1] / "src"


def test_the_home_is_where_the_environment_says(monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", "/srv/affekt")
    assert affekt_home() == Path("/srv/affekt")
    monkeypatch.setenv("AFFEKT_HOME", "")
    monkeypatch.setenv("HOME", "/home/ada")
    assert affekt_home() == Path("/home/ada/.cache/affekt")


def test_a_user_without_a_home_is_told_to_choose_one(monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", "~nobody-has-this-name/affekt")
    with pytest.raises(ConfigError, match=r"expected a home folder for ~nobody.*; set AFFEKT_HOME to a folder"):
        affekt_home()


@pytest.mark.parametrize("file", sorted(SOURCE.rglob("*.py")), ids=lambda file: str(file.relative_to(SOURCE)))
def test_text_is_written_and_read_in_an_encoding_that_is_named(file):
    """Ruff's PLW1514 sees only where the path's type is plain."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", None) in ("read_text", "write_text"):
            assert "encoding" in [word.arg for word in node.keywords], f"{file}:{node.lineno}"
