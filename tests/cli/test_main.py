import pytest

from affekt import __version__
from affekt.cli.main import COMMANDS, main


def test_help_names_every_command(capsys):
    main(["--help"])
    printed = capsys.readouterr().out
    assert all(f"  {name}" in printed for name in COMMANDS)


def test_no_arguments_is_help(capsys):
    main([])
    assert "usage: affekt COMMAND" in capsys.readouterr().out


def test_version(capsys):
    main(["--version"])
    assert capsys.readouterr().out.strip() == __version__


def test_a_misspelt_command_suggests_the_near_one(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["trian"])
    assert stop.value.code == 2
    assert "type: affekt train" in capsys.readouterr().err


def test_a_user_error_is_one_sentence_and_exit_2(capsys, tmp_path):
    with pytest.raises(SystemExit) as stop:
        main(["data", "check", str(tmp_path / "absent.parquet")])
    printed = capsys.readouterr().err
    assert stop.value.code == 2
    assert printed.count("\n") == 1
    assert "absent.parquet" in printed
    assert "Traceback" not in printed


def test_debug_shows_the_error_itself(tmp_path):
    from affekt.errors import DataError

    with pytest.raises(DataError, match="absent"):
        main(["--debug", "data", "check", str(tmp_path / "absent.parquet")])
