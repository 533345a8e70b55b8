"""What a person sees on a terminal: tables of plain text, the progress bar, messages above it; and text as Markdown."""

import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from affekt.errors import AffektWarning, says_what_to_type

Cell = str | int | float | None

_is_shown = True
STANDARD_ERROR = 2

OBEYED = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys rather than shows, and what it cannot show at all."""
MARKED = re.compile(r"[`*|]|\\(?=[!-/:-@\[-`{-~])|\](?=[(\[])|(?<!\w)_|_(?!\w)")
"""What Markdown takes for a sign of its own; `_` inside a word and a bracket without a link are none."""


def text_table(rows: Sequence[Sequence[Cell]], *, left: int = 1, gap: str = "  ") -> str:
    """Align rows of cells, all of one length, in columns: the first `left` to the left, the others to the right.

    Whole numbers get marks at thousands; None is an empty cell. No line ends in spaces.
    """
    cells = [
        ["" if cell is None else f"{cell:,}" if isinstance(cell, int) else printable(str(cell)) for cell in row]
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    aligned = (
        [f"{cell:{'<' if place < left else '>'}{widths[place]}}" for place, cell in enumerate(row)] for row in cells
    )
    return "\n".join(gap.join(row).rstrip() for row in aligned)


def printable(text: str, *, lines: bool = False) -> str:
    r"""Return a line, or lines, as a terminal may show it: what would move its cursor becomes `\x1b`.

    So does the end of a line within a file's name, which would pass for a line of affekt's.
    """
    return "\n".join(map(printable, text.split("\n"))) if lines else OBEYED.sub(_written_out, text)


def in_markdown(text: str) -> str:
    """Return a text, which may be a stranger's, as Markdown that shows just it: on one line, and no element or link."""
    plain = re.sub(r"&(?=#?\w+;)", "&amp;", printable(text))
    return MARKED.sub(r"\\\g<0>", plain).replace("<", "&lt;")


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    is_byte = 0xDC80 <= code <= 0xDCFF  # of a name that is not UTF-8
    return f"\\x{code & 0xFF:02x}" if is_byte else found[0].encode("unicode_escape").decode()


@says_what_to_type
def show_progress(shown: bool = True) -> None:
    """Turn the progress bars of affekt on or off for this process.

    Args:
        shown: whether they are shown where standard error is a terminal.

    Example:
        >>> affekt.show_progress(False)
        >>> affekt.show_progress()
    """
    global _is_shown
    _is_shown = shown


def progress_bar(
    iterable: Iterable[Any] | None = None,
    *,
    description: str = "",
    unit: str = "it",
    **options: Any,  # noqa: ANN401  tqdm's own
) -> "tqdm[Any]":
    """Return a tqdm bar, hidden where standard error is no terminal or bars are turned off."""
    return tqdm(
        iterable,
        desc=description or None,
        unit=f" {unit}",
        leave=False,
        disable=None if _is_shown else True,  # None: where standard error is no terminal
        miniters=0,  # a slow step after many fast ones is shown at once
        **options,
    )


class _LinesAboveBars(logging.Handler):
    """Writes each message as a plain line; a bar that is there moves down."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(printable(self.format(record)), file=sys.stderr)


@contextmanager
def messages_shown() -> Iterator[None]:
    """Show what affekt reports through `logging` and `warnings`, a plain line each.

    A Python program must ask for messages, a command always shows them.
    """
    logger, lines = logging.getLogger("affekt"), _LinesAboveBars()
    level, usual = logger.level, warnings.showwarning

    def show_plainly(message: Warning | str, category: type[Warning], *where: Any) -> None:  # noqa: ANN401
        if issubclass(category, AffektWarning):
            tqdm.write(printable(f"affekt: {message}"), file=sys.stderr)
        else:
            usual(message, category, *where)

    warnings.showwarning = show_plainly
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        warnings.showwarning = usual
        logger.setLevel(level)
        logger.removeHandler(lines)


@contextmanager
def decoders_silent() -> Iterator[None]:
    """Drop what libraries in C write to standard error by themselves: it names no picture, whose row says why.

    What Python writes there is shown.
    """
    usual = sys.stderr
    try:
        is_standard = usual.fileno() == STANDARD_ERROR
    except (AttributeError, OSError, ValueError):
        is_standard = False
    if not is_standard:
        yield
        return
    usual.flush()
    kept, nowhere = os.dup(STANDARD_ERROR), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STANDARD_ERROR)
    os.close(nowhere)
    with open(kept, "w", buffering=1, encoding=usual.encoding, errors=usual.errors) as sys.stderr:  # noqa: PTH123  no path
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, STANDARD_ERROR)
            sys.stderr = usual


def forget_unwritten() -> None:
    """Let Python's last attempt to write what is left of standard output go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def speak_utf8() -> None:
    """Write UTF-8 into files and pipes, whatever the machine's code page; what a terminal cannot show is escaped.

    Where the shell closed a stream, as in `affekt models >&-`, Python has None, and the next file would take its place.
    What is read there is empty, errors are dropped, and standard output refuses what is written.
    """
    for name, mode in (("stdin", "r"), ("stdout", "r"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  until Python ends
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")
