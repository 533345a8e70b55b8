"""`affekt push RUN user/name`: a run becomes a model on the Hugging Face Hub."""

from pathlib import Path

import tyro

from affekt.cli.arguments import as_command, parsed
from affekt.exporting.push import push


def main(arguments: list[str]) -> None:
    """Run the command."""
    command = as_command(push, run=tyro.conf.Positional[Path], name=tyro.conf.Positional[str])
    pushed = parsed(command, arguments, "affekt push")
    print(f"pushed {pushed.name}; next: affekt predict FACES --model {pushed.address} --out faces.csv")
