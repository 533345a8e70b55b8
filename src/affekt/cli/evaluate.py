"""`affekt evaluate`: score models, or anybody's prediction tables, on one split of a manifest."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tyro

from affekt.cli.arguments import as_command, parsed
from affekt.cli.next_steps import export_command
from affekt.evaluation.run import EvaluateOptions
from affekt.models.card import ONNX_FILE, WEIGHTS_FILE
from affekt.terminal import printable

EXAMPLE = "type: affekt evaluate runs/NAME --data manifest.parquet"
TYPES = {
    "models": tyro.conf.Positional[tuple[Path, ...]],
    "data": Path,
    "predictions": tuple[Path, ...],
    "out": Path,
    "without": tuple[str, ...],
    "groups": tuple[str, ...],
    "attributes": Path | None,
    "names": (Annotated[dict[str, str], tyro.conf.arg(metavar="NAME TITLE ...", help_behavior_hint="")], {}),
    "command": tyro.conf.Suppress[str],
}


def main(arguments: list[str]) -> None:
    """Run the command."""
    options = parsed(as_command(EvaluateOptions, **TYPES), arguments, "affekt evaluate", EXAMPLE)
    evaluation = replace(options, command=shlex.join(["affekt", "evaluate", *arguments])).run()

    from affekt.evaluation.tables import summary

    print(printable(summary(evaluation), lines=True))
    written = ["metrics.json", "table.md", *(["corruptions.md", "corruptions.json"] if options.corruptions else [])]
    print(f"wrote {printable(str(Path(options.out, 'report.html')))}, {', '.join(written[:-1])} and {written[-1]}")
    for path in map(Path, options.models if isinstance(options.models, tuple) else ()):
        if (path / WEIGHTS_FILE).is_file() and not (path / ONNX_FILE).is_file():
            print(f"next: {export_command(path)}")
