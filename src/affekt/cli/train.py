"""`affekt train RECIPE --data manifest.parquet --out runs/NAME`: the options are the recipe's own fields."""

import os
import shlex
import sys
from dataclasses import dataclass, fields, make_dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from affekt.cli.arguments import parsed
from affekt.cli.next_steps import after_folds, after_training, stop_told
from affekt.errors import ConfigError
from affekt.terminal import printable, text_table
from affekt.training.generations import Chain, Run, RunOptions
from affekt.training.recipe import GROUPS, Recipe
from affekt.training.recipes import RECIPES, find_recipe

if TYPE_CHECKING:
    import polars as pl

GroupedRecipe = make_dataclass(
    "GroupedRecipe",
    [(name, tyro.conf.OmitArgPrefixes[kind]) for name, kind in GROUPS.items()],
    bases=(Recipe,),
    frozen=True,
    kw_only=True,
)
"""A recipe whose groups head the help, and whose options have their own names alone."""


@dataclass(frozen=True, kw_only=True)
class TrainCommand(RunOptions):
    """Train a recipe and write the model, its card and its log."""

    recipe: Annotated[Recipe, tyro.conf.arg(name="")]
    """Any option of the recipe can be changed."""
    chain: tyro.conf.OmitArgPrefixes[Chain]
    """How many networks the recipe trains, one after another."""
    folds: str | None = None
    """Cross-validate: 5 trains five networks, each without a fifth of the rows, and reports on all answers.
    subject leaves one person out at a time."""
    curve: str | None = None
    """A learning curve: 100,300,1000 trains on each of these numbers of rows, and scores all on the split test."""

    def __post_init__(self) -> None:
        """Refuse two questions at once."""
        super().__post_init__()
        if self.folds is not None and self.curve is not None:
            raise ConfigError("expected folds or a curve, got both; leave one out, and type the command again for it")


def help_text() -> str:
    """Return what `affekt train --help` prints."""
    recipes = text_table([(f"  {name}", named.summary) for name, named in RECIPES.items()], left=2)
    return (
        "usage: affekt train RECIPE --data manifest.parquet --out runs/NAME [options]\n\n"
        f"recipes:\n{recipes}\n\n"
        "Your own faces, a folder for each label: affekt train affekt-head --data faces/ --out runs/mine --folds 5\n"
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
    recipe = GroupedRecipe(**{group.name: getattr(named.recipe, group.name) for group in fields(Recipe)})
    command = parsed(
        TrainCommand,
        options,
        f"affekt train {name}",
        f"type: affekt train {name} --data manifest.parquet --out runs/{name}; the data is a folder with one per "
        "expression, or what `affekt data import` makes of a data set: see affekt data import --help",
        description=named.summary,
        default=TrainCommand(data=tyro.MISSING, out=tyro.MISSING, recipe=recipe, chain=named.chain),
    )
    with stop_told(command.out, arguments):
        _run(name, command, shlex.join(["affekt", "train", *arguments]))


def _run(name: str, command: TrainCommand, command_line: str) -> None:
    """Train, with the heavy imports only now, so that help stays instant."""
    from affekt.training.run import read_data, train_chain

    if command.folds is not None:
        from affekt.evaluation.cross_validation import require_folds

        require_folds(command.folds)
    options = {option.name: getattr(command, option.name) for option in fields(RunOptions)}
    run = Run(**options, recipe_name=name, command=command_line)
    manifest, run = read_data(command.recipe, command.data, run, divided=command.folds is None)
    if command.folds is not None or command.curve is not None:
        _measure(name, command, manifest, run)
        return
    card = train_chain(command.recipe, command.chain, manifest, run)
    if os.environ.get("RANK", "0") != "0":
        return  # the first process speaks for all
    figures = ", ".join(f"{key.removeprefix('val_')} {value:.4g}" for key, value in card.metrics["validation"].items())
    print(f"kept epoch {card.training['best_epoch']}: {figures}, on validation", file=sys.stderr)
    print(f"wrote {printable(str(command.out))}; {after_training(name, run, manifest)}")


def _measure(name: str, command: TrainCommand, manifest: "pl.DataFrame", run: Run) -> None:
    """Train several times for a figure: on all folds but one, or on more and more rows."""
    from affekt.evaluation.cross_validation import score_folds
    from affekt.evaluation.learning_curve import learning_curve
    from affekt.evaluation.tables import summary

    if command.curve is not None:
        found = learning_curve(command.recipe, command.chain, manifest, run, command.curve)
    else:
        found = score_folds(command.recipe, command.chain, manifest, run, str(command.folds))
    print(printable(summary(found), lines=True))
    print(f"wrote {run.out / 'report' / 'report.html'}; {after_folds(name, run)}")
