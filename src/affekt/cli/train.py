"""`affekt train RECIPE --data faces.parquet --out runs/NAME`: the options are the recipe's own fields."""

import difflib
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from affekt.errors import ConfigError, MissingExtra
from affekt.training.recipe import Recipe
from affekt.training.recipes import RECIPES


@dataclass(frozen=True, kw_only=True)
class TrainCommand:
    """Train a recipe and write the model, its card and its log."""

    data: Path
    """The manifest: its split `train` is learnt from."""
    out: Path
    """Folder for the model, its card, the log and the checkpoint."""
    recipe: Annotated[Recipe, tyro.conf.arg(name="")]
    """Any field of the recipe can be changed."""
    validation: str = "auto"
    """A split's name, a fraction of `train` to carve, or `auto`: the split `val`, else a tenth of `train`."""
    seed: int = 0
    """Decides the first weights, the order, the augmentation and the carved validation rows."""
    resume: bool = False
    """Continue an interrupted run of the same command: at most one epoch is lost."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""


def help_text() -> str:
    """Return what `affekt train --help` prints."""
    width = max(map(len, RECIPES))
    recipes = "\n".join(f"  {name:<{width}}  {_first_line(name)}" for name in RECIPES)
    return (
        "usage: affekt train RECIPE --data faces.parquet --out runs/NAME [options]\n\n"
        f"recipes:\n{recipes}\n\n"
        "The options of a recipe, with its defaults: affekt train RECIPE --help\n"
        "Several processes: torchrun --nproc-per-node 2 -m affekt train RECIPE ..."
    )


def _first_line(name: str) -> str:
    return (RECIPES[name].__doc__ or "").splitlines()[0]


def main(arguments: list[str]) -> None:
    """Run the command."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(help_text())
        return
    name, *rest = arguments
    if name not in RECIPES:
        close = difflib.get_close_matches(name, RECIPES, n=1)
        instead = close[0] if close else "--help"
        raise ConfigError(f"expected a recipe among {', '.join(RECIPES)}, got {name!r}; type: affekt train {instead}")
    command = tyro.cli(
        TrainCommand,
        args=rest,
        prog=f"affekt train {name}",
        description=_first_line(name),
        default=TrainCommand(data=tyro.MISSING, out=tyro.MISSING, recipe=RECIPES[name]()),
    )
    run_training(name, command, shlex.join(["affekt", "train", *arguments]))


def run_training(name: str, command: TrainCommand, command_line: str) -> None:
    """Train, with the heavy imports only now, so that help stays instant."""
    try:
        from affekt.training.generations import train_generations
        from affekt.training.run import Run
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "torch", "train") from error
    from affekt.data.manifest import read_manifest

    run = Run(
        recipe_name=name,
        data=command.data,
        out=command.out,
        validation=command.validation,
        seed=command.seed,
        resume=command.resume,
        device=command.device,
        command=command_line,
    )
    manifest = read_manifest(command.data)
    card = train_generations(command.recipe, manifest, run)
    if os.environ.get("RANK", "0") != "0":
        return  # under torchrun, the first process speaks for all
    figures = ", ".join(f"{key.removeprefix('val_')} {value:.4f}" for key, value in card.metrics["validation"].items())
    print(f"kept epoch {card.training['best_epoch']}: {figures}, on validation", file=sys.stderr)
    split = "val" if "test" not in manifest["split"] and "val" in manifest["split"] else "test"
    print(
        f"wrote {command.out}; next: affekt evaluate {command.out} --data {command.data} --split {split} --out report/"
    )
    if split == command.validation or (split, command.validation) == ("val", "auto"):
        print(f"the epoch was chosen on {split}, so figures there are a little too good: train with --validation 0.1")
