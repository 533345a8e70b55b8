"""`affekt summarize faces.parquet --out study/`: a row per person, episodes, and averages over time."""

from pathlib import Path
from typing import Annotated, get_args

import tyro
from tyro.conf import Positional, arg

from affekt.cli.arguments import as_command, parsed
from affekt.people.options import Format, SummaryOptions
from affekt.people.summarize import USUAL, summarize

EXAMPLE = "type: affekt summarize faces.csv --out study"
TYPES = {
    "table": Positional[Path],
    "out": (Path, tyro.MISSING),
    "markers": Path | None,
    "join": str | None,
    "options": (Annotated[SummaryOptions, arg(name="")], USUAL),
}


def _parts(word: str) -> list[str]:
    """Return the formats of a word as `xlsx,csv`, another word as it is."""
    option, _, values = word.rpartition("=") if word.startswith("--formats=") else ("", "", word)
    parts = [each for each in values.split(",") if each]
    return [*filter(None, [option]), *parts] if "," in values and parts and {*parts} <= {*get_args(Format)} else [word]


def main(arguments: list[str]) -> None:
    """Run the command."""
    words = [part for word in arguments for part in _parts(word)]
    summary = parsed(as_command(summarize, **TYPES), words, "affekt summarize", EXAMPLE)

    from affekt.analysis.summary import counted
    from affekt.terminal import printable, text_table

    people = summary.people
    shown = [
        name for name in ("input", "person", "marker", "seen_s", "episodes", "valence", "arousal") if name in people
    ]
    rows = [[f"{cell:.3g}" if isinstance(cell, float) else cell for cell in row] for row in people[shown].rows()[:20]]
    if rows:
        print(text_table([shown, *rows], left=3))
    if faces := len(summary.pictures):
        print(f"{counted(faces, 'face')} in pictures")
    if len(people) > len(rows):
        print(f"and {len(people) - len(rows):,} more rows")
    print(f"wrote {len(summary.written)} files into {printable(str(summary.written[-1].parent))}")
