"""The folder that keeps files between runs."""

from pathlib import Path

import pytest

from affekt.errors import ConfigError
from affekt.files import affekt_home


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
