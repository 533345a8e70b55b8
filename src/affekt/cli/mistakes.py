"""What is wrong with a command line, in one sentence with what to type: read from the box that tyro prints of it."""

import os
import re
import shlex
from inspect import signature

from affekt.analysis.options import AnalyzerOptions, OutputOptions
from affekt.cli.next_steps import as_typed
from affekt.errors import nearest
from affekt.files import FILE_ENDINGS
from affekt.people.options import SummaryOptions
from affekt.people.summarize import summarize

KINDS = {"INT": "a whole number", "FLOAT": "a number"}
"""What help calls a kind of value, and what a person does."""
OPTION = r"(?<![\w-])--?[a-z][\w.-]*"


def mistake(box: str, arguments: list[str], prog: str, help_text: str, example: str) -> str:
    """Return what was expected, what arrived and what to type.

    Args:
        box: what tyro printed: lines in a frame of ╭─, │ and ╰─, of which the cause stands before the first rule ─────.
        arguments: what was typed after the name of the command.
        prog: the command, such as `affekt predict`.
        help_text: its help, which names all options.
        example: the command with all that it requires, for whoever left some out.
    """
    said, help_line = re.sub(r"\x1b\[[\d;]*m", "", box), f"type: {prog} --help"
    cause = " ".join(re.split("─{9}", " ".join(re.findall("^│(.*?)│$", said, re.M)))[0].split())
    if stranger := _stranger(arguments, prog, set(re.findall(OPTION, help_text))):  # whatever the box says
        return f"expected an option of {prog}, got {stranger}"
    # Each branch is for one cause: invalid choice 'cudda' for argument '--runtime'. Expected one of ('auto', 'cuda').
    if found := re.search(r"invalid choice '(.*)' for argument '(.*)'. Expected one of \((.*)\)", cause):
        choices = re.findall("'(.*?)'", found[3])
        near = nearest(found[1], choices, choices[0])
        advice = f"type: {found[2]} {near}" if found[2].startswith("-") else help_line
        return f"expected {', '.join(choices[:-1])} or {choices[-1]} for {found[2]}, got {found[1]!r}; {advice}"
    # Error parsing --port: invalid literal for int() with base 10: 'x'; behind the rule: --port INT ... (default: 8000)
    if found := re.match(r"Error parsing (\S+): (.*)", cause):
        return f"{_wrong_value(found[1], found[2], ' '.join(said.split()), arguments)}{help_line}"
    # Missing value for argument '--port'. Expected 1 values.
    if found := re.search(r"Missing value for argument '(.*?)'. Expected (\d+)", cause):
        values = " ".join(_values_of(found[1].partition("/")[0], arguments)) or "none"
        wanted = "a value" if found[2] == "1" else f"{found[2]} values, with spaces between,"
        return f"expected {wanted} after {found[1]}, got {values}; {_instance(found[1], help_text)}{help_line}"
    # Missing from affekt export: --out PATH The folder to write; ... (required); in the box, names are 5 spaces deep.
    if cause.startswith("Missing from"):
        absent = re.findall(r"^│ {5}(\S.*?) *│$", re.split("─{9}.*│", said)[0], re.M)
        got = ("none", "neither", "none of them")[min(len(absent), 3) - 1]
        return f"expected {' and '.join(absent)}, got {got}; {as_typed(example, prog, arguments) or help_line}"
    # Unrecognized options: extra
    if found := re.match("Unrecognized options: (.*)", cause):
        return f"expected nothing but options after {prog}, got {found[1]}; {help_line}"
    return f"expected a command line as help shows it, got: {cause}; {help_line}"


def _stranger(arguments: list[str], prog: str, known: set[str]) -> str | None:
    """Return the first word that looks like an option and is none, with what was probably meant."""
    longer = [name[2:] for name in sorted(known) if name.startswith("--")]
    for typed in (word for word in arguments if re.match(r"--?[^\W\d]", word)):
        word = typed.partition("=")[0].replace("_", "-")
        if word in known:
            continue
        if os.path.lexists(typed) or typed.lower().endswith(tuple(FILE_ENDINGS)):
            return f"{typed}; if it is a file, type: {shlex.quote(f'./{typed}')}"
        if word in ("--debug", "--mirror"):
            return f"{word}, which comes before the command; type: affekt {word} COMMAND"
        plain = word.strip("-")
        begun = sorted((name for name in known if name.startswith(f"-{word}")), key=len)
        if not begun and (other := _other_command(word, prog)):
            return f"{word}, an option of {other}; type: {other} --help"
        # People shorten names to their initials, as in --lr, or to a part. Dashes, which all have, make nothing alike.
        initials = [name for name in longer if plain == "".join(part[0] for part in name.split("-"))]
        parts = [name for name in longer if len(plain) > 3 and plain in re.split(r"[.-]", name)]
        near = nearest(plain, longer, cutoff=0.65)
        close = begun or [f"--{name}" for name in (*initials, *parts, near) if name]
        return f"{word}; {f'did you mean {close[0]}? ' if close else ''}type: {prog} --help"
    return None


def _other_command(word: str, prog: str) -> str | None:
    """Return the command that has this option, of the two that belong together."""
    has = {
        "affekt predict": (AnalyzerOptions, OutputOptions),
        "affekt summarize": (SummaryOptions, summarize),
    }
    name = word.removeprefix("--").replace("-", "_")
    found = [other for other, parts in has.items() if any(name in signature(part).parameters for part in parts)]
    return found[0] if prog in has and found and prog not in found else None


def _values_of(option: str, arguments: list[str]) -> list[str]:
    """Return what was typed behind an option, up to the next."""
    words = [word for each in arguments for word in (each.split("=", 1) if each.startswith("--") else [each])]
    names = [word.replace("_", "-") for word in words]
    behind = words[names.index(option) + 1 :] if option in names else []
    ends = (place for place, word in enumerate(behind) if re.match(r"--?[^\W\d]", word))
    return behind[: next(ends, None)]


def _instance(option: str, help_text: str) -> str:
    """Return an option with its default, where it has one that can be typed."""
    plain = " ".join(re.sub(r"\x1b\[[\d;]*m|│", "", help_text).split())
    found = re.search(rf"{re.escape(option)} .*?\((?:default: (.*?)|required)\)", plain)
    return f"for instance {option} {found[1]}, or " if found and found[1] not in (None, "none") else ""


def _wrong_value(names: str, reason: str, said: str, arguments: list[str]) -> str:
    """Return what stands before the advice to see the help: all of the sentence, where a default shows what to type."""
    typed = {word.partition("=")[0].replace("_", "-") for word in arguments}
    name = next((each for each in names.split("/") if each in typed), names)
    if "key-value" in reason:
        return f"expected pairs, each a name and another, after {name}, got {' '.join(_values_of(name, arguments))}; "
    kind, default = re.search(rf"{re.escape(name)} ([A-Z]+)", said), re.search(r"\(default: (\S+)\)", said)
    value = re.search("'.*'$", reason)
    expected = KINDS.get(kind[1], "another value") if kind else "another value"
    example = f"for instance {name} {default[1]}, or " if default and default[1] != "none" else ""
    return f"expected {expected} for {name}, got {value[0] if value else reason}; {example}"
