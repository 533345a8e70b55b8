"""`affekt compare runs/*`: runs side by side, with what they cost and how far apart they are."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from affekt.cli.arguments import parsed
from affekt.terminal import printable


@dataclass(frozen=True, kw_only=True)
class CompareCommand:
    """Print what runs were trained with, what they cost, their figures, and the paired differences."""

    runs: Positional[tuple[Path, ...]] = ()
    """Folders of runs; others among them are left out."""
    resamples: int = 1000
    """Bootstrap resamples behind each interval."""
    seed: int = 0
    """Decides the resamples."""


def main(arguments: list[str]) -> None:
    """Run the command."""
    command = parsed(CompareCommand, arguments, "affekt compare")

    from affekt.evaluation.comparison import compare_runs

    print(printable(compare_runs(command.runs, resamples=command.resamples, seed=command.seed), lines=True))
