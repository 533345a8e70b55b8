"""What is wrong with a command line, in one sentence with what to type: read from the box that tyro prints of it."""

import difflib
import re
from inspect import signature

from affekt.analysis.options import AnalyzerOptions, OutputOptions
from affekt.people.options import SummaryOptions
from affekt.people.summarize import summarize

KINDS = {"INT": "a whole number", "FLOAT": "a number"}
"""What help calls a kind of value, and what a person does."""
OPTION = r"(?<![\w-])--?[a-z][\w.-]*"


def mistake(box: str, arguments: list[str], prog: str, help_text: str, example: str) -> str:
    """Return what was expected, what arrived and what to type.

    Args:
        box: what tyro printed.
        arguments: what was typed after the name of the command.
        prog: the command, such as `affekt predict`.
        help_text: its help, which names all options.
        example: the command with all that it requires, for whoever left some out.
    """
    said, help_line = re.sub(r"\x1b\[[\d;]*m", "", box), f"type: {prog} --help"
    cause = " ".join(re.split("─{9}", " ".join(re.findall("^│(.*?)│$", said, re.M)))[0].split())
    if stranger := _stranger(arguments, prog, set(re.findall(OPTION, help_text))):
        return f"expected an option of {prog}, got {stranger}"
    if found := re.search(r"invalid choice '(.*)' for argument '(.*)'. Expected one of \((.*)\)", cause):
        choices = re.findall("'(.*?)'", found[3])
        near = difflib.get_close_matches(found[1], choices, n=1) or choices
        advice = f"type: {found[2]} {near[0]}" if found[2].startswith("-") else help_line
        return f"expected {', '.join(choices[:-1])} or {choices[-1]} for {found[2]}, got {found[1]!r}; {advice}"
    if found := re.match(r"Error parsing (\S+): (.*)", cause):
        return f"{_wrong_value(found[1], found[2], ' '.join(said.split()), arguments)}{help_line}"
    if found := re.search("Missing value for argument '(.*?)'", cause):
        return f"expected a value after {found[1]}, got none; {help_line}"
    if cause.startswith("Missing from"):
        absent = re.findall(r"^│ {5}(\S.*?) *│$", re.split("─{9}.*│", said)[0], re.M)
        got = ("none", "neither", "none of them")[min(len(absent), 3) - 1]
        return f"expected {' and '.join(absent)}, got {got}; {example or help_line}"
    if found := re.match("Unrecognized options: (.*)", cause):
        return f"expected nothing but options after {prog}, got {found[1]}; {help_line}"
    return f"expected a command line as help shows it, got: {cause}; {help_line}"


def _stranger(arguments: list[str], prog: str, known: set[str]) -> str | None:
    """Return the first word that looks like an option and is none, and what to do: to name the one that was meant."""
    longer = [name[2:] for name in known if name.startswith("--")]
    for word in (word.partition("=")[0].replace("_", "-") for word in arguments if re.match("--?[a-z]", word)):
        if word in known:
            continue
        begun = sorted((name for name in known if name.startswith(f"-{word}")), key=len)
        if not begun and (other := _other_command(word, prog)):
            return f"{word}, an option of {other}; type: {other} --help"
        # Dashes, which all have, make nothing alike.
        close = begun or [f"--{name}" for name in difflib.get_close_matches(word.strip("-"), longer, n=1)]
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


def _wrong_value(names: str, reason: str, said: str, arguments: list[str]) -> str:
    """Return what stands before the advice to see the help: all of the sentence, where a default shows what to type."""
    typed = {word.partition("=")[0].replace("_", "-") for word in arguments}
    name = next((each for each in names.split("/") if each in typed), names)
    kind, default = re.search(rf"{re.escape(name)} ([A-Z]+)", said), re.search(r"\(default: (\S+)\)", said)
    value = re.search("'.*'$", reason)
    expected = KINDS.get(kind[1], "another value") if kind else "another value"
    example = f"for instance {name} {default[1]}, or " if default and default[1] != "none" else ""
    return f"expected {expected} for {name}, got {value[0] if value else reason}; {example}"
