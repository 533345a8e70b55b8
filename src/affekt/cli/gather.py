"""`affekt gather parts --out faces.parquet`: the parts that several machines wrote become one table."""

from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import FlagCreatePairsOff, Positional, arg

from affekt.cli.arguments import as_command, parsed
from affekt.cluster.gather import gather
from affekt.terminal import printable

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
    parsed(as_command(_gather, **TYPES), arguments, "affekt gather", EXAMPLE)


@wraps(gather)
def _gather(folder: str, out: Path, **options: Any) -> None:  # noqa: ANN401  those of gather
    import polars as pl

    table = gather(folder, out, **options)
    print(printable(f"wrote {out}: {table.select(pl.len()).collect().item():,} rows"))
