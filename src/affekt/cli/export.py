"""`affekt export RUN --out DIR`: from a trained run to a model folder that predicts without torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from affekt.errors import MissingExtra


@dataclass(frozen=True, kw_only=True)
class ExportCommand:
    """Write a model folder: weights, card, and an ONNX file that was checked against the weights."""

    run: Annotated[Path, tyro.conf.Positional]
    """A trained run, a model folder, or the name of a model that comes with affekt."""
    out: Path
    """The folder to write; the run itself if you like."""


def main(arguments: list[str]) -> None:
    """Run the command."""
    command = tyro.cli(ExportCommand, args=arguments, prog="affekt export")
    try:
        from affekt.export.onnx_file import export_model
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "torch", "train") from error
    from affekt.models.card import ONNX_FILE
    from affekt.models.shipped import model_folder

    difference = export_model(model_folder(command.run), command.out)
    size = (command.out / ONNX_FILE).stat().st_size / 1e6
    print(f"wrote {command.out} with {ONNX_FILE} ({size:.1f} MB); largest difference from torch {difference:.1g}")
