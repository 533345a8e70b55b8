"""`affekt export RUN --out DIR`: from a trained run to a model folder that predicts without torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from affekt.errors import MissingExtra


@dataclass(frozen=True, kw_only=True)
class ExportCommand:
    """Write a model folder: weights, card, and an ONNX file that was checked against the weights."""

    run: Annotated[Path, tyro.conf.Positional]
    """A trained run, a model folder, or the name of a model that comes with affekt."""
    out: Path
    """The folder to write; the run itself if you like."""
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    """Of the ONNX file: fp16 is half as large, as are the weights beside it; int8 a quarter, and faster on a CPU."""
    data: Path | None = None
    """A manifest like the one trained on: int8 is calibrated on its split train, and what is lost is measured."""
    split: str = "auto"
    """Where the loss against fp32 is measured; auto takes val, else test."""
    force: bool = False
    """Keep an export that loses more than 0.3 points."""


def main(arguments: list[str]) -> None:
    """Run the command."""
    command = tyro.cli(ExportCommand, args=arguments, prog="affekt export")
    try:
        from affekt.export.model_folder import export_model
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "torch", "train") from error
    from affekt.data.manifest import read_manifest
    from affekt.models.card import ONNX_FILE, model_folder

    exported = export_model(
        model_folder(command.run),
        command.out,
        precision=command.precision,
        manifest=read_manifest(command.data) if command.data is not None else None,
        split=command.split,
        force=command.force,
    )
    size = (command.out / ONNX_FILE).stat().st_size / 1e6
    print(
        f"wrote {command.out} with {ONNX_FILE} ({command.precision}, {size:.1f} MB); "
        f"largest difference from torch {exported.difference:.1g}"
    )
    for name, lost in exported.lost_points.items():
        print(f"lost against fp32 on the split {exported.split}: {lost:.2f} points of {name}")
