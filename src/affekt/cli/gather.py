"""`affekt gather parts --out faces.parquet`: the parts that several machines wrote become one table."""

from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import FlagCreatePairsOff, Positional, arg

from affekt.cli.arguments import as_command, parsed
from affekt.cluster.gather import gather

EXAMPLE = "type: affekt gather parts --out faces.parquet"
TYPES = {
    "folder": Annotated[str, Positional, arg(metavar="DIR", help_behavior_hint="")],
    "out": (Annotated[Path, arg(metavar="PATH")], tyro.MISSING),
    "by": (Annotated[str | None, arg(metavar="COLUMN")], None),
    "csv_safe": (FlagCreatePairsOff[bool], False),
    "force": FlagCreatePairsOff[bool],
}


def main(arguments: list[str]) -> None:
    """Run the command."""
    import polars as pl

    table = parsed(as_command(gather, **TYPES), arguments, "affekt gather", EXAMPLE)
    print(f"{table.select(pl.len()).collect().item():,} rows")
