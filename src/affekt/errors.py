"""Every error affekt raises on purpose, and three checks that all packages share.

Each message is one sentence: what was expected, what arrived, where, and what to type next.
"""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class AffektError(Exception):
    """Base of all errors that a user can mend.

    Example:
        >>> try:
        ...     affekt.load("runs/none")
        ... except affekt.AffektError as error:
        ...     print(error)
        expected a model folder with card.json, got ...runs/none without one; `affekt models` lists what there is, ...
    """


class ConfigError(AffektError, ValueError):
    """An option or a recipe field is wrong.

    It is a ValueError as well, so that tyro shows one raised while a command line is parsed as a usage error.

    Example:
        >>> affekt.load(min_confidence=60)
        Traceback (most recent call last):
        ...
        affekt.errors.ConfigError: expected a min_confidence from 0 to 1, got 60; 0 names every face
    """


class DataError(AffektError):
    """A data set, manifest or predictions table is not what it should be.

    Example:
        >>> affekt.read_manifest("portrait.png")
        Traceback (most recent call last):
        ...
        affekt.errors.DataError: expected a Parquet manifest at portrait.png, got ...
    """


class PictureError(DataError):
    """One picture cannot be read; the message says why. `analyze` puts it into the picture's row instead.

    Example:
        >>> affekt.draw("none.png", [])
        Traceback (most recent call last):
        ...
        affekt.errors.PictureError: none.png: no such file
        >>> affekt.analyze("none.png")["status"][0]
        'unreadable: no such file'
    """


class ModelError(AffektError):
    """A card, a weights file or a model name is not what it should be.

    Example:
        >>> affekt.load("large")
        Traceback (most recent call last):
        ...
        affekt.errors.ModelError: expected a model folder with card.json, got ...large without one; ...
    """


class MissingExtra(AffektError):
    """A library that comes with an optional install is absent.

    Example:
        >>> print(affekt.MissingExtra("torch", "train"))
        torch is not installed; type: pip install ...[train]'
    """

    def __init__(self, library: str, extra: str) -> None:
        """Name the missing library and the extra that brings it."""
        super().__init__(f"{library} is not installed; type: {install(extra)}")


def install(extra: str) -> str:
    """Return the command that installs an extra: of the checkout that affekt runs from, or of the installed package."""
    checkout = Path(__file__).parents[2]
    if not (checkout / "pyproject.toml").is_file():
        return f"pip install 'affekt[{extra}]'"
    return f"pip install --editable '{'.' if checkout == Path.cwd() else checkout}[{extra}]'"


class AffektWarning(UserWarning):
    """Something that a user should know of how the answers came about, given through `warnings`.

    Example:
        >>> import warnings
        >>> warnings.simplefilter("error", affekt.AffektWarning)  # rather no answer than one from the weaker detector
    """


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Raise MissingExtra where a library that is imported in the block is absent, and the extra would bring it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or extra, extra) from error


SEEDS = 2**32
"""How many seeds there are: few enough that a seed times what makes it one of an epoch stays within torch's 64 bits."""


def require_seed(seed: int) -> None:
    """Refuse what numpy and torch cannot start from."""
    if not 0 <= seed < SEEDS:
        raise ConfigError(f"expected a seed from 0 to {SEEDS - 1:,}, got {seed}; 0 is usual")


def require_known(
    names: Iterable[str], known: Iterable[str], what: str, usual: str, parameters: Iterable[str] = ()
) -> None:
    """Refuse the first name that is not an option of `what`, and name the one that was probably meant.

    That may be one of its own parameters, too. Where none is like it, an option that is usual stands as an example.
    """
    known = list(known)
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, [*parameters, *known], n=1)
            if not close:
                raise ConfigError(f"expected an option of {what}, such as {usual}, got {name!r}")
            raise ConfigError(f"expected an option of {what}, got {name!r}; did you mean {close[0]}?")
