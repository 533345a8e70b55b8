"""Every error affekt raises on purpose, and the checks that all packages share.

Each message is one sentence: what was expected, what arrived, where, and what to type next.
"""

import difflib
import inspect
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from math import inf
from numbers import Integral, Real
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, cast, get_args

Called = TypeVar("Called", bound=Callable[..., Any])


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


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does."""


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


def require_known(names: Iterable[str], known: Iterable[str], what: str) -> None:
    """Refuse the first name that is not an option of `what`, and name the one that was probably meant."""
    known = list(known)
    for name in names:
        if name not in known:
            instead = did_you_mean(name, known, f"type: help({what})")
            raise ConfigError(f"expected an option of {what}, got {name!r}; {instead}")


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return the question whether the known name was meant that is like this one; where none is, something else."""
    close = difflib.get_close_matches(name[:100], list(known), n=1)
    return f"did you mean {close[0]}?" if close else otherwise


def says_what_to_type(called: Called) -> Called:
    """Let a function, or a class of options, refuse a wrong call with one sentence that says what to type.

    Python's own TypeError names no choice, and often comes from deep inside. Checked are names, and types as far as an
    annotation is a number, a class or a union of classes.
    """
    if isinstance(called, type):
        called.__init__ = says_what_to_type(called.__init__)
        return cast(Called, called)
    name, signature = f"affekt.{called.__qualname__.removesuffix('.__init__')}", inspect.signature(called)
    every = [each for each in signature.parameters.values() if each.name != "self"]
    own = {each.name: each for each in every if each.kind is not each.VAR_KEYWORD}
    gathered = [key for each in every if each.name not in own for key in get_args(each.annotation)[0].__annotations__]
    needed = ", ".join(key for key, each in own.items() if each.default is each.empty)

    @wraps(called)
    def call(*values: object, **options: object) -> object:
        require_known(options, [*own, *gathered], name)
        try:
            given = signature.bind(*values, **options).arguments
        except TypeError as error:
            raise ConfigError(
                f"expected a call like {name}({needed}), with options by name, got another ({error}); "
                f"type: help({name})"
            ) from None
        for key in filter(own.get, given):
            _refuse_wrong_type(name, own[key], given[key])
        return called(*values, **options)

    return cast(Called, call)


NUMBERS: dict[object, tuple[type, str, float]] = {
    bool: (bool, "True or False", True),
    int: (Integral, "a whole number", 2),
    float: (Real, "a number", 0.2),
}
"""The abstract kinds, which numpy's numbers are of, too; with each its words and an example that is not 0."""


def _refuse_wrong_type(name: str, option: inspect.Parameter, value: object) -> None:
    kind = option.annotation
    if kind in NUMBERS:
        accepted, expected, example = NUMBERS[kind]
        if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
            usual = example if option.default in (0, inf, option.empty) else option.default
            raise ConfigError(f"expected {option.name} as {expected}, got {value!r}; type: {option.name}={usual}")
        return
    classes = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    if option.empty in classes or not all(isinstance(each, type) for each in classes):
        return
    if not isinstance(value, (*classes, os.PathLike) if Path in classes else classes):
        got = repr(value) if isinstance(value, str | float | int | None) else _class(type(value))
        raise ConfigError(
            f"expected {option.name} as {' or '.join(map(_class, classes))}, got {got}; type: help({name})"
        )


def _class(kind: type) -> str:
    """Return the name of a class, with its library's where it might be of several."""
    name, library = kind.__name__.replace("NoneType", "None"), kind.__module__.partition(".")[0]
    return name if library in ("builtins", "pathlib", "affekt") else f"{library}.{name}"
