"""A Python function as a command: its parameters and help, with the types that words on a command line can have."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


def as_command(function: Callable[..., Result], **types: Any) -> Callable[..., Result]:  # noqa: ANN401  any type
    """Return what tyro is to call for a function or a class: some parameters have other types, or types and defaults.

    A Python program may give a frame for a manifest, a command line a path; help then loads neither polars nor torch.
    """

    def command(**arguments: Any) -> Result:  # noqa: ANN401  those of the function
        return function(**arguments)

    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            continue  # single options by name are for Python; a command has them all
        given = types.get(name, parameter.annotation)
        kind, default = given if isinstance(given, tuple) else (given, parameter.default)
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default))
    command.__doc__ = inspect.getdoc(function)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    return command
