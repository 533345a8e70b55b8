"""What reaches a terminal: text, and nothing that a terminal would obey."""

import logging
import subprocess
import sys
import warnings

import pytest

from affekt.cli.main import main
from affekt.errors import AffektWarning
from affekt.terminal import in_markdown, messages_shown, printable, text_table

OBEYED = "a\x1b]0;title\x07b\x9b31m\u202ec\r\udce9"
SHOWN = r"a\x1b]0;title\x07b\x9b31m\u202ec\r\xe9"


def test_what_a_terminal_would_obey_is_written_out():
    assert printable(OBEYED) == SHOWN
    assert printable("Gr\u00fc\u00dfe, \u65e5\u672c\U0001f600") == "Gr\u00fc\u00dfe, \u65e5\u672c\U0001f600"
    assert printable("a\nb\tc") == r"a\nb\tc"
    assert printable("a\nb\tc", lines=True) == "a\nb\\tc"
    assert text_table([("a\nb", 1), ("c", 22)]) == "a\\nb   1\nc     22"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)>"),
        ("[a](http://x) ![b][c]", r"[a\](http://x) ![b\][c]"),
        ("*a* _b_ `c` a|b &lt; R&D", r"\*a\* \_b\_ \`c\` a\|b &amp;lt; R&D"),
        (r"\* \< \x", r"\\\* \\&lt; \x"),
        ("a\n# b", r"a\n# b"),
        ("macro_f1 [0.1, 0.2] a-b", "macro_f1 [0.1, 0.2] a-b"),
    ],
)
def test_a_strangers_text_is_text_in_markdown(text, written):
    assert in_markdown(text) == written


def test_so_it_is_in_messages_warnings_and_errors(capsys):
    obeyed, shown = OBEYED[:-1], SHOWN.removesuffix(r"\xe9")  # pytest's workers cannot send half a character
    with messages_shown(), warnings.catch_warnings():
        warnings.simplefilter("always", AffektWarning)
        logging.getLogger("affekt.test").warning("%s", obeyed)
        warnings.warn(obeyed, AffektWarning, stacklevel=1)
    with pytest.raises(SystemExit, match="2"):
        main(["predict", f"{obeyed}.jpg", "--model", f"none{obeyed}"])
    told = capsys.readouterr().err
    assert told.count(shown) == 3
    assert "\x1b" not in told


def test_what_a_library_in_c_says_is_dropped_and_what_python_says_is_not():
    program = """
import os, sys
from affekt.terminal import decoders_silent
with decoders_silent():
    os.write(2, b"a decoder\\n")
    print("python", file=sys.stderr)
os.write(2, b"afterwards\\n")
with decoders_silent():
    raise ValueError("shown")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.startswith("python\nafterwards\nTraceback")
    assert done.stderr.endswith("ValueError: shown\n")
