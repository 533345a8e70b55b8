"""`affekt export RUN --out DIR`: from a trained run to a model folder that predicts without torch."""

import shlex
from pathlib import Path

import tyro

from affekt.cli.arguments import as_command, parsed
from affekt.exporting import export
from affekt.models.card import ONNX_FILE


def main(arguments: list[str]) -> None:
    """Run the command."""
    command = as_command(export, run=tyro.conf.Positional[Path], out=Path, data=Path | None)
    exported = parsed(command, arguments, "affekt export")
    size = (exported.folder / ONNX_FILE).stat().st_size / 1e6
    print(
        f"wrote {exported.folder} with {ONNX_FILE} ({exported.precision}, {size:.1f} MB); "
        f"largest difference from torch {exported.difference:.1g}"
    )
    for name, lost in exported.lost_points.items():
        print(f"lost against fp32 on the split {exported.split}: {lost:.2f} points of {name}")
    model = shlex.quote(str(exported.folder))
    print(f"next: affekt serve --model {model}, or affekt predict PICTURES --model {model} --out faces.csv")
