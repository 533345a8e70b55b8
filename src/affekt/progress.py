"""The one progress bar: on standard error, where a person looks, unless it was turned off."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

_is_shown = True


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
    total: int | None = None,
    description: str = "",
    unit: str = "it",
    initial: float = 0,
    bar_format: str | None = None,
) -> "tqdm[Any]":
    """Return a tqdm bar, hidden where standard error is no terminal or bars are turned off.

    Args:
        iterable: what is counted; None where the caller calls `update`.
        total: how many there are.
        description: what is done, before the bar.
        unit: what is counted, in the singular.
        initial: how many are done already.
        bar_format: tqdm's own template, where the usual one does not fit.
    """
    hidden = None if _is_shown else True
    return tqdm(
        iterable,
        desc=description or None,
        total=total,
        unit=f" {unit}",
        initial=initial,
        bar_format=bar_format,
        leave=False,
        disable=hidden,
        miniters=0,  # a slow step after many fast ones is shown at once
    )


def print_above_bars(text: str) -> None:
    """Print a line on standard error; a bar that is there moves down."""
    tqdm.write(text, file=sys.stderr)
