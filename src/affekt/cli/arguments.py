"""From words to a call: a function or class as a command, its help as people read it, its errors in one sentence."""

import inspect
import io
import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from affekt.errors import ConfigError

Result = TypeVar("Result")
PLAIN = (str, int, float, Path)
REGISTRY = ConstructorRegistry()


@REGISTRY.primitive_rule
def plainly_shown(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Show an optional value as `PATH` and several as `PATH ...`, where tyro has `{None}|PATH`, `[PATH [PATH ...]]`."""
    # A Python program names a path by a string as well.
    choices = get_args(info.type)
    first, *others = [kind for kind in choices if kind is not str or Path not in choices] or [None]
    kinds: tuple[Any, ...] = get_args(first) or (first,)
    if not set(kinds) <= set(PLAIN) or others not in ([NoneType], [Ellipsis]):
        return None
    is_one, name = others == [NoneType], " ".join(kind.__name__.upper() for kind in kinds)

    def from_words(words: list[str]) -> object:
        found = tuple(kind(word) for kind, word in zip(kinds if is_one else kinds * len(words), words, strict=True))
        return found[0] if is_one and len(kinds) == 1 else found

    return PrimitiveConstructorSpec(
        nargs=len(kinds) if is_one else "*",
        metavar=name if is_one else f"{name} ...",
        instance_from_str=from_words,
        is_instance=lambda value: value is None or isinstance(value, (*kinds, tuple)),
        str_from_instance=lambda value: (
            list(map(str, value)) if isinstance(value, tuple) and value else [str(value or "none")]
        ),
    )


def parsed(
    command: Callable[..., Result],
    arguments: list[str],
    prog: str,
    example: str = "",
    **options: Any,  # noqa: ANN401  tyro's
) -> Result:
    """Return what a class or an `as_command` makes of a command line; options are tyro's.

    Args:
        command: the class or function.
        arguments: the words after the command's name.
        prog: the command's name.
        example: what to do where something required is left out, such as `type: affekt train affekt --data ...`.
        **options: of `tyro.cli`.

    Raises:
        ConfigError: a value is out of its range, or the command line is wrong otherwise.
    """
    said, options = io.StringIO(), {"prog": prog, "registry": REGISTRY, **options}
    try:
        with redirect_stderr(said):
            found: Any = tyro.cli(command, args=arguments, **options)
    except SystemExit as stop:
        if not stop.code:
            raise
        for cause in _causes(stop):
            if isinstance(cause, ConfigError):
                raise cause from None
        with redirect_stdout(io.StringIO()) as shown, suppress(SystemExit):
            tyro.cli(command, args=["--help"], **options)
        from affekt.cli.mistakes import mistake

        raise ConfigError(mistake(said.getvalue(), arguments, prog, shown.getvalue(), example)) from None
    return found() if isinstance(found, partial) else found


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__context__


def as_command(function: Callable[..., Result], **types: Any) -> Callable[..., Any]:  # noqa: ANN401  any type
    """Return what `parsed` is to call for a function or class, some parameters with other types, or types and defaults.

    A Python program may give a frame for a manifest, a command line a path; help then loads neither polars nor torch.
    """

    def command(**arguments: Any) -> partial[Result]:  # noqa: ANN401  those of the function
        return partial(function, **arguments)  # called once all is parsed

    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            continue  # single options by name are for Python; a command has them all
        given = types.get(name, parameter.annotation)
        kind, default = given if isinstance(given, tuple) else (given, parameter.default)
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default))
    # Where an explanation goes on in another line, tyro would end a line of the help there.
    command.__doc__ = re.sub(r"\n {8}(?=\S)", " ", inspect.getdoc(function) or "")
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    return command
