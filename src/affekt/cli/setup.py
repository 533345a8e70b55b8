"""`affekt setup`: the face detector's file, on this machine or for one without a network."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from affekt.cli.arguments import parsed
from affekt.faces.detector_file import YUNET_FILE, copy_detector, kept_path, yunet_path
from affekt.files import require_folder


@dataclass(frozen=True, kw_only=True)
class SetupCommand:
    """Get the face detector's file, 230 kB, the one thing that may not have come with the package.

    Then affekt needs no internet access. Without options the file is fetched, where it is not there already.
    """

    source: Annotated[Path | None, arg(name="from", metavar="DIR")] = None
    """Take the file from this folder, and fetch nothing."""
    to: Annotated[Path | None, arg(metavar="DIR")] = None
    """Put the file into this folder as well, to carry it to a machine without internet access."""


def main(arguments: list[str]) -> None:
    """Run the command."""
    command = parsed(SetupCommand, arguments, "affekt setup")
    if command.to is not None:
        require_folder(command.to, "to")
    if command.source is not None:
        copy_detector(command.source / YUNET_FILE, kept_path())
    place = yunet_path()
    print(f"the face detector is at {place}")
    if command.to is not None:
        copy_detector(place, command.to / YUNET_FILE)
        folder = shlex.quote(str(command.to))
        print(f"copied it into {command.to}; on the other machine, wherever it is, type: affekt setup --from {folder}")
