"""The reference, written from the code: what each command says to `--help`, and the docstring of each public name."""

import ast
import dataclasses
import inspect
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import affekt
from affekt.cli.data import IMPORTERS
from affekt.cli.main import COMMANDS

WIDTH = 80
"""Characters that a page of the site has room for."""
SECTION = re.compile(r"^(Args|Attributes|Yields|Returns|Raises|Example|References):$", flags=re.M)
NOISE = (
    (re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])"), ""),  # the module of a type
    (re.compile(r"Union\[str, PathLike\[str\], bytes, (?:(?!Union).)*?ndarray\]"), "Picture"),
    (re.compile(r"Union\[str, PathLike\[str\], bytes, .*Iterable\[Picture\]\]"), "Picture | Iterable[Picture]"),
    (re.compile(r"PosixPath\(('[^']*')\)"), r"\1"),
    (re.compile(r"(?<== )(\w+)\(\w+=.*\)$"), r"\1()"),  # options at their defaults, which stand at their own name
    (re.compile(r"^(\*\*\w+): .*"), r"\1"),  # options by name: what they are is said below
)
"""What is of no use to a reader of a signature, and what stands in its place."""
ENTRY = re.compile(r"^(?P<name>\*{0,2}[\w.]+)(?: \(.*?\))?: ", flags=re.M)


ABOUT_COMMANDS = (
    "What each command says to `--help`. Of the recipes of `affekt train`, one is shown. The others have the same "
    "options with other defaults: `affekt train RECIPE --help` prints them. Each data set that `affekt data import` "
    "reads has options of its own, on [a page of their own](importers.md)."
)
ABOUT_IMPORTERS = (
    "What `affekt data import NAME` says to `--help`, for each data set and each common form of data. "
    "[Data](../data.md) tells which one to take."
)
ABOUT_PYTHON = (
    "Everything that `import affekt` offers. All else is the inside of affekt, and may change. In signatures, a "
    "`Picture` is a path, the bytes of a file, an open file, a Pillow image or an RGB array. `Chain` has the options "
    "of the group *chain* of `affekt train`. affekt itself makes the other classes without an entry."
)


def commands_page() -> str:
    """Return what every command says to `--help`."""
    parts = [f"# Commands\n\n{ABOUT_COMMANDS}\n", f"```text\n{said('--help')}\n```\n"]
    for name in COMMANDS:
        parts.append(f"## affekt {name}\n\n```text\n{said(name, '--help')}\n```\n")
        if name == "train":
            parts.append(f"### affekt train affekt-head\n\n```text\n{said(name, 'affekt-head', '--help')}\n```\n")
        if name == "data":
            parts += [
                f"### affekt data {way}\n\n```text\n{said(name, way, '--help')}\n```\n" for way in ("check", "split")
            ]
    return "\n".join(parts)


def importers_page() -> str:
    """Return what every importer of `affekt data import` says to `--help`."""
    parts = (f"## {name}\n\n```text\n{said('data', 'import', name, '--help')}\n```\n" for name in IMPORTERS)
    return "\n".join([f"# Importers\n\n{ABOUT_IMPORTERS}\n", *parts])


def said(*arguments: str) -> str:
    """Return what affekt prints."""
    environment = os.environ | {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}
    command = [sys.executable, "-m", "affekt", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return "\n".join(map(wrapped, re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).strip().splitlines()))


def wrapped(line: str) -> str:
    """Return a line in as many as a page needs; what goes on stands below the text, not below a name before it."""
    name = re.match(r" *(?:\S+ {2,})?", line)
    assert name is not None
    return textwrap.fill(line, WIDTH, subsequent_indent=" " * name.end(), break_on_hyphens=False) or line


def python_page() -> str:
    """Return every name that affekt offers, with its signature and what its docstring says."""
    names = [name for name in affekt.__all__ if name != "__version__"]
    functions = [name for name in names if name.islower()]
    classes = [name for name in names if name not in functions]
    head = f"# Python\n\n{ABOUT_PYTHON}\n"
    return "\n".join([head, *(entry(f"affekt.{name}", getattr(affekt, name), 2) for name in (*functions, *classes))])


def entry(name: str, thing: object, level: int) -> str:
    """Return one name: heading, signature, docstring, and of a class its fields and public methods."""
    parts = [f"{'#' * level} {name}\n"]
    is_error = isinstance(thing, type) and issubclass(thing, BaseException | Warning)
    if callable(thing) and not is_error:
        parts.append(f"```python\n{signature(name.rpartition('.')[2], thing)}\n```\n")
    parts.append(documented(inspect.getdoc(thing) or ""))
    if isinstance(thing, type) and not is_error:
        rows = [f"| `{field}` | {' '.join(text.split())} |" for field, text in field_texts(thing)]
        parts += ["| field | meaning |\n|---|---|\n" + "\n".join(rows) + "\n"] if rows else []
        methods = inspect.getmembers(thing, _is_documented_method)
        parts += [entry(f"{name}.{each}", one, level + 1) for each, one in methods if not each.startswith("_")]
    return "\n".join(parts)


def _is_documented_method(member: object) -> bool:
    return (inspect.isfunction(member) or inspect.ismethod(member)) and bool(member.__doc__)


def signature(name: str, thing: object) -> str:
    """Return a call with its parameters, one per line where they do not fit one."""
    assert callable(thing)
    parameters = [str(each) for each in inspect.signature(thing).parameters.values() if each.name not in ("self", "_")]
    kinds = [each.kind for each in inspect.signature(thing).parameters.values() if each.name not in ("self", "_")]
    first = next((place for place, kind in enumerate(kinds) if kind is inspect.Parameter.KEYWORD_ONLY), None)
    if first is not None and inspect.Parameter.VAR_POSITIONAL not in kinds:
        parameters.insert(first, "*")
    for what, instead in NOISE:
        parameters = [what.sub(instead, each) for each in parameters]
    parameters = [each.replace('"', "") for each in parameters]
    line = f"{name}({', '.join(parameters)})"
    return line if len(line) <= WIDTH else f"{name}(\n    " + ",\n    ".join(parameters) + ",\n)"


def documented(text: str) -> str:
    """Return a docstring in Markdown: its lists of parameters and errors as lists, its example as code."""
    said, *sections = SECTION.split(text)
    parts = [said.strip() + "\n"]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        body = textwrap.dedent(body).strip()
        if title == "Example":
            parts.append(f"```pycon\n{body}\n```\n")
        else:
            parts.append(f"**{title.replace('Args', 'Parameters')}**\n\n{items(body)}\n")
    return "\n".join(parts)


def items(body: str) -> str:
    """Return the entries of a section, `name: what it is`, as a list."""
    if not ENTRY.match(body):
        return body
    return ENTRY.sub(lambda found: f"* `{found['name']}`: ", body)


def field_texts(thing: type) -> Iterator[tuple[str, str]]:
    """Yield the public fields of a dataclass with the text below each, where there is one."""
    if not dataclasses.is_dataclass(thing):
        return
    for base in reversed([base for base in thing.__mro__ if dataclasses.is_dataclass(base)]):
        [tree] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(tree, ast.ClassDef)
        for field, below in zip(tree.body, tree.body[1:], strict=False):
            name = field.target if isinstance(field, ast.AnnAssign) else None
            text = below.value if isinstance(below, ast.Expr) else None
            if isinstance(name, ast.Name) and isinstance(text, ast.Constant):
                yield name.id, str(text.value)


if __name__ == "__main__":
    print(python_page())
