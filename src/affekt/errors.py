"""Every error affekt raises on purpose, and the checks that all packages share.

Each message is one sentence: what was expected, what arrived, where, and what to type next.
"""

import difflib
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from math import inf
from numbers import Integral, Real
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

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


# A ValueError that is raised while a command line is parsed is shown by tyro as a usage error.
class ConfigError(AffektError, ValueError):
    """An option or a recipe field is wrong.

    It is a ValueError as well, so `except ValueError` catches it.

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
        torch is not installed; type: pip install ...[train]"
    """

    def __init__(self, library: str, extra: str) -> None:
        """Name the missing library and the extra that brings it."""
        super().__init__(f"{library} is not installed; type: {install(extra)}")


def install(extra: str) -> str:
    """Return the command that installs an extra: of the checkout that affekt runs from, or of the installed package."""
    checkout = Path(__file__).parents[2]
    if not (checkout / "pyproject.toml").is_file():
        return f'pip install "affekt[{extra}]"'
    # Double quotes, because cmd.exe of Windows takes single ones for a part of the word.
    return f'pip install --editable "{"." if checkout == Path.cwd() else checkout}[{extra}]"'


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


def require_known(names: Iterable[str], known: Iterable[str], what: str, first: object = None) -> None:
    """Refuse the first name that is not an option of `what`, and say what was probably meant; names may have values.

    `first` is what the call was given first, such as the recipe of a training.
    """
    known = list(known)
    for name in names:
        if name not in known:
            instead = did_you_mean(name, known, f"type: help({what})")
            if name == "fps" and "every_s" in known:  # an option of the command, not of Python
                fps = names[name] if isinstance(names, Mapping) else 0
                instead = f"type: every_s={1 / fps if isinstance(fps, int | float) and fps > 0 else 0.2:g}"
            taker, call = RATHER.get(what, ("", ""))
            if isinstance(names, Mapping) and name in _takes.get(taker, ()):
                own = what.rpartition(".")[2]  # such as the analyze of an analyzer
                if isinstance(first, str):
                    call = call.replace("'affekt'", repr(first))
                elif hasattr(first, "with_options"):
                    call = "recipe.with_options"
                instead = f"type: {call}({name}={names[name]!r}), and go on with that"
                if callable(getattr(names[name], own, None)):
                    instead = f"call its own method, as in {name}.{own}"
            raise ConfigError(f"expected an option of {what}, got {name!r}; {instead}")


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return the question whether the known name was meant that is like this one; where none is, something else."""
    close = nearest(name, known)
    return f"did you mean {close}?" if close else otherwise


def nearest(name: str, known: Iterable[str], otherwise: str = "", cutoff: float = 0.6) -> str:
    """Return the known name that is most like this one, if it is so alike by difflib's ratio, else something else."""
    return next(iter(difflib.get_close_matches(name[:100], list(known), n=1, cutoff=cutoff)), otherwise)


def first_line(error: Exception) -> str:
    """Return what an error of another library says, without its details."""
    return str(error).strip().partition("\n")[0]


OF_RECIPE = ("affekt.Recipe", "affekt.find_recipe('affekt').recipe.with_options")
RATHER = {
    **dict.fromkeys(("affekt.analyze", "affekt.Analyzer.analyze"), ("affekt.load", "affekt.load")),
    **dict.fromkeys(("affekt.train", "affekt.cross_validate"), OF_RECIPE),
}
"""Who is often given options of what comes before it; whose they are, and the call that takes them."""
_takes: dict[str, set[str]] = {}


def says_what_to_type(called: Called, named: str = "") -> Called:
    """Let a function, or a class of options, refuse a wrong call with one sentence that says what to type.

    Python's own TypeError names no choice, and often comes from deep inside. Checked are names, and types as far as an
    annotation is made of numbers, classes, choices and tuples. Numbers and lists arrive as Python's numbers and tuples.
    The help advised is that of `named`, or the function's own. A class is returned itself, with another `__init__`.

    Example:
        >>> @says_what_to_type
        ... def wait(seconds: float = 1.0, *, until: Literal["start", "end"] = "end") -> tuple[float, str]:
        ...     return seconds, until
        >>> wait(numpy.float32(2), until="start")  # fits, and arrives as Python's own float
        (2.0, 'start')
        >>> wait("3")  # another type
        Traceback (most recent call last):
        affekt.errors.ConfigError: expected seconds as a number, got '3'; type: seconds=3.0
        >>> wait(untl="end")  # another name
        Traceback (most recent call last):
        affekt.errors.ConfigError: expected an option of affekt.wait, got 'untl'; did you mean until?
    """
    if isinstance(called, type):
        called.__init__ = says_what_to_type(called.__init__, named)
        return cast(Called, called)
    name = named or f"affekt.{called.__qualname__.removesuffix('.__init__')}"
    signature = inspect.signature(called)
    every = [each for each in signature.parameters.values() if each.name not in ("self", "cls")]
    own = {each.name: each for each in every if each.kind is not each.VAR_KEYWORD}
    of_others = [each.annotation for each in every if each.name not in own]
    gathered = [key for each in of_others for kind in get_args(each) for key in kind.__annotations__]
    by_name = [key for key, each in own.items() if each.kind is each.KEYWORD_ONLY and each.default is each.empty]
    in_order = [key for key, each in own.items() if each.kind is not each.KEYWORD_ONLY]
    needed = ", ".join(
        [key for key in in_order if by_name or own[key].default is inspect.Parameter.empty]
        + [f"{key}={key.upper()}" for key in by_name]
    )
    _takes.setdefault(name, set()).update(own, gathered)

    @wraps(called)
    def call(*values: object, **options: object) -> object:
        if object not in of_others:  # such a function looks at the names itself
            require_known(options, [*own, *gathered], name, values[0] if values else options.get(next(iter(own), "")))
        try:
            given = signature.bind(*values, **options)
        except TypeError as error:
            raise ConfigError(
                f"expected a call like {name}({needed}), with options by name, got another ({error}); "
                f"type: help({name})"
            ) from None
        for key in filter(own.get, given.arguments):
            given.arguments[key] = _fitting(name, own[key], given.arguments[key])
        return called(*given.args, **given.kwargs)

    return cast(Called, call)


NUMBERS: dict[object, tuple[type, Callable[[Any], object], str, float]] = {
    bool: (bool, bool, "True or False", True),
    int: (Integral, int, "a whole number", 2),
    float: (Real, float, "a number", 0.2),
}
"""The abstract kinds, which numpy's numbers are of, too; with each Python's, its words and an example that is not 0."""


def _fits(value: object, kind: Any) -> bool:  # noqa: ANN401  an annotation
    """Whether a value is of a kind; where the kind is none of these, every value is."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in NUMBERS:
        return isinstance(value, NUMBERS[kind][0]) and (kind is bool or not isinstance(value, bool))
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is tuple:
        return isinstance(value, tuple | list) and all(_fits(each, inner[0]) for each in value)  # pyright: ignore
    if kind is Path or origin in (Sequence, Mapping):
        return isinstance(value, os.PathLike if kind is Path else origin)
    return not isinstance(kind, type) or kind is inspect.Parameter.empty or isinstance(value, kind)


def _fitting(name: str, option: inspect.Parameter, value: Any) -> object:  # noqa: ANN401  whatever was given
    """Return a value as its option wants it, or refuse it with one that it takes where that is plain."""
    kind, advice = option.annotation, f"help({name})"
    if _fits(value, kind):
        if kind in NUMBERS:
            return value if isinstance(value, int | float) else NUMBERS[kind][1](value)
        return tuple(value) if get_origin(kind) is tuple else value
    if kind in NUMBERS:
        usual = NUMBERS[kind][3] if option.default in (0, inf, option.empty) else option.default
        if isinstance(value, str) and kind is not bool:
            with suppress(ValueError):
                usual = NUMBERS[kind][1](value)
        advice = f"{option.name}={usual}"
    elif get_origin(kind) is Literal:
        near = (nearest(str(value), get_args(kind)), option.default, *get_args(kind))
        advice = f"{option.name}={next(filter(get_args(kind).__contains__, near))!r}"
    elif kind is str and isinstance(value, int | float):
        advice = f"{option.name}={str(value)!r}"
    elif get_origin(kind) is tuple and _fits((value,), kind):
        advice = f"{option.name}={(value,)!r}"
    elif get_origin(kind) is tuple and isinstance(value, str) and _fits(parts := value.replace(",", " ").split(), kind):
        advice = f"{option.name}={tuple(parts)!r}"
    got = repr(value) if isinstance(value, str | float | int | tuple | None) else _words(type(value))
    raise ConfigError(f"expected {option.name} as {_words(kind)}, got {got}; type: {advice}")


def _words(kind: Any) -> str:  # noqa: ANN401  as above
    """Return what people call a kind; a class of another library with the library."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in NUMBERS:
        return NUMBERS[kind][2]
    if origin is Literal:
        return f"{', '.join(inner[:-1])} or {inner[-1]}".removeprefix(" or ")
    if origin in (Union, UnionType):
        return " or ".join(map(_words, inner))
    if origin is tuple:
        return f"a tuple of {_words(inner[0])}"
    name, library = kind.__name__.replace("NoneType", "None"), kind.__module__.partition(".")[0]
    return name if library in ("builtins", "pathlib", "affekt", "collections") else f"{library}.{name}"
