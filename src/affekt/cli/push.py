"""`affekt push RUN user/name`: a run becomes a model on the Hugging Face Hub."""

import shlex
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from affekt.cli.arguments import as_command, parsed
from affekt.exporting.push import push
from affekt.files import mirror

EXAMPLE = "type: affekt push runs/NAME user/name"
TYPES = {
    "run": Annotated[Path, Positional, arg(metavar="RUN")],
    "name": Annotated[str, Positional, arg(metavar="USER/NAME")],
}


def main(arguments: list[str]) -> None:
    """Run the command."""
    command = as_command(push, **TYPES)
    pushed = parsed(command, arguments, "affekt push", EXAMPLE)
    origin = mirror()
    affekt = "affekt" if origin is None else f"affekt --mirror {shlex.quote(str(origin))}"
    print(f"pushed {pushed.name}; next: {affekt} predict FACES --model {pushed.address} --out faces.csv")
