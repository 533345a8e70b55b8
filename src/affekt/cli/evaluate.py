"""`affekt evaluate`: score models, or anybody's prediction tables, on one split of a manifest."""

import shlex
from dataclasses import replace
from pathlib import Path

import tyro

from affekt.cli.arguments import as_command
from affekt.evaluation.run import EvaluateOptions
from affekt.terminal import printable

TYPES = {
    "models": tyro.conf.Positional[tuple[Path, ...]],
    "data": Path,
    "predictions": tuple[Path, ...],
    "out": Path,
    "without": tuple[str, ...],
    "groups": tuple[str, ...],
    "attributes": Path | None,
    "names": (dict[str, str], {}),
    "command": tyro.conf.Suppress[str],
}


def main(arguments: list[str]) -> None:
    """Run the command."""
    options = tyro.cli(as_command(EvaluateOptions, **TYPES), args=arguments, prog="affekt evaluate")
    evaluation = replace(options, command=shlex.join(["affekt", "evaluate", *arguments])).run()

    from affekt.evaluation.tables import summary

    print(printable(summary(evaluation)))
    written = ["metrics.json", "table.md", *(["corruptions.md", "corruptions.json"] if options.corruptions else [])]
    print(f"wrote {Path(options.out, 'report.html')}, {', '.join(written[:-1])} and {written[-1]}")
