"""What reaches a terminal: text, and nothing that a terminal would obey."""

import logging
import warnings

import pytest

from affekt.cli.main import main
from affekt.errors import AffektWarning
from affekt.terminal import messages_shown, printable

OBEYED = "a\x1b]0;title\x07b\x9b31m\u202ec\r\udce9"
SHOWN = r"a\x1b]0;title\x07b\x9b31m\u202ec\r\xe9"


def test_what_a_terminal_would_obey_is_written_out():
    assert printable(OBEYED) == SHOWN
    assert printable("Gr\u00fc\u00dfe, \u65e5\u672c\n\t\U0001f600") == "Gr\u00fc\u00dfe, \u65e5\u672c\n\t\U0001f600"


def test_so_it_is_in_messages_warnings_and_errors(capsys):
    with messages_shown(), warnings.catch_warnings():
        warnings.simplefilter("always", AffektWarning)
        logging.getLogger("affekt.test").warning("%s", OBEYED)
        warnings.warn(OBEYED, AffektWarning, stacklevel=1)
    with pytest.raises(SystemExit, match="2"):
        main(["predict", f"{OBEYED}.jpg", "--model", f"none{OBEYED}"])
    told = capsys.readouterr().err
    assert told.count(SHOWN) == 3
    assert "\x1b" not in told
