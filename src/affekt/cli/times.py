"""Other forms on the command line: `--every 200ms`, `--fps 5`, `--ray` without an address."""

from itertools import pairwise

from affekt.analysis.options import seconds_of
from affekt.cluster import RAY_ADDRESS
from affekt.errors import ConfigError

TIMES = {"--every": "--every-s", "--smooth": "--smooth-s", "--stop-after": "--stop-after-s"}
"""Options that take a time with its unit, and the options in seconds that they stand for."""


def in_seconds(arguments: list[str]) -> list[str]:
    """Replace times with a unit by options in seconds: `--every 200ms` by `--every-s 0.2`, and so `--fps 5`."""
    words, replaced, given = iter(arguments), list[str](), dict[str, str]()
    for word in words:
        typed, has_value, value = word.partition("=")
        option = typed.replace("_", "-")
        target = "--every-s" if option == "--fps" else TIMES.get(option, option)
        if (first := given.get(target)) == typed:
            raise ConfigError(f"expected {typed} once, got it twice; leave out one of them")
        if first is not None:
            raise ConfigError(f"expected {first} or {typed}, got both; leave out {typed}")
        if target in TIMES.values():
            given[target] = typed
        if option in TIMES or option == "--fps":
            replaced += [target, _seconds(option, value if has_value else next(words, ""))]
        else:
            replaced.append(word)
    return replaced


def _seconds(option: str, value: str) -> str:
    try:
        time_s = 1 / float(value) if option == "--fps" else seconds_of(value)
    except (ValueError, ZeroDivisionError):
        time_s = -1.0
    if option == "--fps" and not 0 < time_s < float("inf"):
        raise ConfigError(f"expected --fps above 0 frames per second, got {value or 'none'}; type: --fps 5")
    usual = "60s" if option == "--stop-after" else "0.2s"
    if not 0 <= time_s < float("inf") and (option, time_s) != ("--stop-after", float("inf")):
        raise ConfigError(f"expected a time such as 0.2s or 200ms, got {value!r}; type: {option} {usual}")
    return str(time_s)


def as_typed(sentence: str, arguments: list[str]) -> str:
    """Return a sentence on `--every` that says `--fps` where that was typed."""
    has_fps = any(word.partition("=")[0] == "--fps" for word in arguments)
    return sentence.replace("every_s", "fps").replace("--every", "--fps") if has_fps else sentence


def with_engine(words: list[str]) -> list[str]:
    """Say `--ray=ray` for a `--ray` that no address of a cluster follows."""
    return [
        "--ray=ray" if (word, bool(RAY_ADDRESS.fullmatch(after))) == ("--ray", False) else word
        for word, after in pairwise([*words, ""])
    ]
