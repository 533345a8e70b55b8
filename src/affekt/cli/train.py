"""`affekt train RECIPE --data faces.parquet --out runs/NAME`: the options are the recipe's own fields."""

import os
import shlex
import sys
from dataclasses import dataclass, fields
from typing import Annotated

import tyro

from affekt.cli.arguments import parsed
from affekt.terminal import text_table
from affekt.training.generations import Chain, Run, RunOptions
from affekt.training.recipe import Recipe
from affekt.training.recipes import RECIPES, find_recipe


@dataclass(frozen=True, kw_only=True)
class TrainCommand(RunOptions):
    """Train a recipe and write the model, its card and its log."""

    recipe: Annotated[Recipe, tyro.conf.arg(name="")]
    """Any option of the recipe can be changed."""
    chain: tyro.conf.OmitArgPrefixes[Chain]
    """How many trainings stand around the recipe."""


def help_text() -> str:
    """Return what `affekt train --help` prints."""
    recipes = text_table([(f"  {name}", named.summary) for name, named in RECIPES.items()], left=2)
    return (
        "usage: affekt train RECIPE --data faces.parquet --out runs/NAME [options]\n\n"
        f"recipes:\n{recipes}\n\n"
        "The options of a recipe, with its defaults: affekt train RECIPE --help\n"
        "Several processes: torchrun --nproc-per-node 2 -m affekt train RECIPE ..."
    )


def main(arguments: list[str]) -> None:
    """Run the command."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(help_text())
        return
    name, *options = arguments
    named = find_recipe(name)
    command = parsed(
        TrainCommand,
        options,
        f"affekt train {name}",
        description=named.summary,
        default=TrainCommand(data=tyro.MISSING, out=tyro.MISSING, recipe=named.recipe, chain=named.chain),
    )
    _run(name, command, shlex.join(["affekt", "train", *arguments]))


def _run(name: str, command: TrainCommand, command_line: str) -> None:
    """Train, with the heavy imports only now, so that help stays instant."""
    from affekt.data.manifest import read_manifest
    from affekt.training.run import train_chain

    options = {option.name: getattr(command, option.name) for option in fields(RunOptions)}
    manifest = read_manifest(command.data)
    run = Run(**options, recipe_name=name, command=command_line)
    card = train_chain(command.recipe, command.chain, manifest, run)
    if os.environ.get("RANK", "0") != "0":
        return  # under torchrun, the first process speaks for all
    figures = ", ".join(f"{key.removeprefix('val_')} {value:.4f}" for key, value in card.metrics["validation"].items())
    print(f"kept epoch {card.training['best_epoch']}: {figures}, on validation", file=sys.stderr)
    print(next_step(command, manifest["split"].unique().to_list()))


def next_step(command: RunOptions, splits: list[str]) -> str:
    """Return what to type after a training: an evaluation, where the manifest has rows to evaluate it on."""
    run, data = str(command.out), str(command.data)
    split = next((split for split in ("test", "val") if split in splits), None)
    if split is None:
        export = shlex.join(["affekt", "export", run, "--out", run])
        return f"wrote {run}; next: {export}\n{data} has no split test or val, so there is nothing to evaluate it on"
    evaluate = shlex.join(["affekt", "evaluate", run, "--data", data, "--split", split, "--out", "report/"])
    if split == command.validation or (split, command.validation) == ("val", "auto"):
        evaluate += (
            f"\nthe epoch was chosen on {split}, so figures there are a little too good: --validation 0.1 is fairer"
        )
    return f"wrote {run}; next: {evaluate}"
