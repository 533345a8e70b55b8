import errno
import logging
import os
import re
import shlex
import subprocess
import sys
import warnings
from contextlib import suppress
from types import SimpleNamespace

import pytest

from affekt import __version__
from affekt.cli import main as frame
from affekt.cli.main import COMMANDS, main
from affekt.errors import AffektWarning


def test_help_names_every_command(capsys):
    main(["--help"])
    printed = capsys.readouterr().out
    assert all(f"  {name}" in printed for name in COMMANDS)


def test_no_arguments_is_help(capsys):
    main([])
    assert "usage: affekt COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["--version", "-V", "version"])
def test_version(capsys, word):
    main([word])
    main([word, "--help"])
    assert capsys.readouterr().out.split() == [__version__] * 2


HELP = [[name] for name in COMMANDS] + [["train", "affekt"], ["data", "import", "csv"], ["data", "check"]]


@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_help_is_of_the_command_and_for_people(capsys, words):
    for typed in (["help", *words], ["--help", *words]):
        with suppress(SystemExit):
            main(typed)
    printed = capsys.readouterr().out
    assert printed[: len(printed) // 2] * 2 == printed
    assert f"affekt {words[0]}" in printed
    assert not re.search(r"\[[A-Z]+ \[[A-Z]+ \.\.\.|{None}|\(default: \)", printed)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("predict --output a.csv b.jpg", "an option of affekt predict, got --output; did you mean --out? type: affekt"),
        ("serve --prt=80", "an option of affekt serve, got --prt; did you mean --port? type: affekt serve --help"),
        ("serve --port 99999", "a port from 0 to 65535, got 99999; type: --port 8000"),
        ("train affekt --data d --out o --epochs 0", "epochs above 0, got 0"),
    ],
)
def test_a_wrong_option_is_one_sentence(capsys, words, sentence):
    with pytest.raises(SystemExit) as stop:
        main(words.split())
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith(f"affekt: expected {sentence}")


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


def run(arguments, stdout, unbuffered):
    """Run the command line in a process of its own, whose end is Python's."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment |= {"PYTHONUNBUFFERED": "1"} if unbuffered else {}
    code = "import sys; from affekt.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["models"], ["models", "--help"]])
def test_a_reader_that_went_away_is_no_error(arguments, unbuffered):
    read, write = os.pipe()
    os.close(read)
    done = run(arguments, write, unbuffered)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("arguments", [["--help"], ["models"]])
def test_a_full_disk_under_standard_output_is_one_sentence(arguments, unbuffered):
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device, not a file
        done = run(arguments, full, unbuffered)
    assert done.returncode == 2
    assert done.stderr == (
        "affekt: expected room for what is written, got No space left on device; free some, or write to another place\n"
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_the_shell_closed_is_empty(closed, tmp_path):
    (tmp_path / "a.txt").write_text("none.png\n")
    command = f"{shlex.quote(sys.executable)} -m affekt predict"
    table, odd = (
        subprocess.run(f"{command} {words} {closed}", shell=True, cwd=tmp_path, capture_output=True, text=True)
        for words in ("a.txt --out faces.csv", "-")
    )
    assert table.returncode == 1  # as where no stream is closed: the picture is not there
    assert (tmp_path / "faces.csv").read_text().endswith("unreadable: no such file\n")
    assert odd.returncode == 2
    assert "Traceback" not in table.stderr + odd.stderr
    assert ("expected pictures, got none in the standard input (-)" in odd.stderr) == ("2>" not in closed)


@pytest.mark.parametrize("arguments", ["--help", "models", "data check nothing.parquet"])
def test_what_nobody_can_read_is_not_said_to_be_done(arguments, tmp_path):
    command = f"{shlex.quote(sys.executable)} -m affekt {arguments} >&-"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert ("type > FILE in place of >&-" in done.stderr) == ("nothing" not in arguments)


def test_ctrl_c_while_the_program_is_imported_is_one_sentence(monkeypatch, capsys):
    from affekt.__main__ import main

    class Stopped:
        def find_spec(self, name, *_):
            if name == "affekt.cli.main":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "affekt.cli.main")
    monkeypatch.setattr(sys, "meta_path", [Stopped(), *sys.meta_path])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 130
    assert capsys.readouterr().err == "\naffekt: stopped\n"


def test_an_error_keeps_its_exit_code_though_the_reader_went_away(tmp_path):
    (tmp_path / "card.json").write_text("{")
    read, write = os.pipe()
    os.close(read)
    done = run(["models", str(tmp_path)], write, False)
    os.close(write)
    assert (done.returncode, done.stderr) == (2, "")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_what_may_not_be_read_or_written_is_one_sentence(capsys, monkeypatch, number):
    def forbidden(arguments):
        raise OSError(number, os.strerror(number), "/srv/faces")

    monkeypatch.setattr(frame.importlib, "import_module", lambda name: SimpleNamespace(main=forbidden))
    with pytest.raises(SystemExit) as stop:
        main(["data"])
    assert stop.value.code == 2
    said = f"expected to read or write /srv/faces, got {os.strerror(number)}; check who may, or choose another place"
    assert said in capsys.readouterr().err
    with pytest.raises(OSError, match="/srv/faces"):
        main(["--debug", "data"])


def test_messages_are_plain_lines_on_standard_error_and_only_there(capsys, monkeypatch):
    def command(arguments):
        logging.getLogger("affekt.training.loop").info("epoch %s of 2", 1)
        logging.getLogger("affekt.training.loop").debug("a detail")

    monkeypatch.setattr(frame.importlib, "import_module", lambda name: SimpleNamespace(main=command))
    for _ in range(2):  # a second command shows each message once too
        main(["train"])
        assert capsys.readouterr() == ("", "epoch 1 of 2\n")
    command([])
    assert capsys.readouterr() == ("", "")


def test_warnings_of_affekt_are_plain_lines_and_others_as_usual(capsys, monkeypatch):
    def command(arguments):
        warnings.warn("faces found otherwise", AffektWarning, stacklevel=1)
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    monkeypatch.setattr(frame.importlib, "import_module", lambda name: SimpleNamespace(main=command))
    with warnings.catch_warnings(record=True) as usual:
        warnings.simplefilter("always")
        main(["predict"])
        assert capsys.readouterr() == ("", "affekt: faces found otherwise\n")
        command([])
    assert [warning.category for warning in usual] == [DeprecationWarning, AffektWarning, DeprecationWarning]
