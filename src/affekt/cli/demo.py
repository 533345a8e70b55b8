"""`affekt demo`: a picture read, and then the whole job on drawn faces, with nothing to download."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.cli.arguments import parsed
from affekt.errors import ConfigError, needs_extra
from affekt.files import claim, refuse_others, require_folder

if TYPE_CHECKING:
    from affekt.training.recipe import Recipe

PICTURES = 8  # of each drawn person
PLAN = """\
affekt demo writes into {out}, in four steps. On two cores it takes two to six minutes, most of them the third step.
1. The model that comes with affekt reads a picture.
2. {faces:,} faces of {people} people are drawn.
3. {networks} networks learn from them, from random weights.
4. They are scored on people whom they never saw: {out}/report/report.html
"""
DEMO_RECIPES = ("mobilenetv2-drawn", "efficientnetv2b0-drawn", "xception-drawn", "vgg16-va-drawn")


@dataclass(frozen=True, kw_only=True)
class DemoCommand:
    """Read a picture; draw faces, train the four reference networks on them, evaluate on people never seen, and report.

    All but the picture is synthetic: the networks learn to read drawings. It takes two to six minutes on two cores.
    """

    out: Path = Path("demo")
    """Folder for the drawn data, the models, the report and the sample pictures; earlier demo files are replaced."""
    people: int = 200
    """Drawn people: 70 % to learn from, 15 % to choose on, 15 % to test on."""
    recipes: tuple[str, ...] = DEMO_RECIPES
    """Recipes to train, one after the other."""
    epochs: int | None = None
    """Epochs of each recipe; the recipe's own if left out."""
    resamples: int = 500
    """Bootstrap resamples behind each interval."""
    seed: int = 0
    """Decides the faces, the first weights and the resamples."""


def main(arguments: list[str]) -> None:
    """Run the command."""
    command = parsed(DemoCommand, arguments, "affekt demo")
    _refuse_what_fails_late(command)
    with needs_extra("train"):
        import matplotlib as _matplotlib  # noqa: F401
        import torch as _torch  # noqa: F401
    from affekt.training.recipes import find_recipe
    from drawn_faces.first_picture import show_a_picture

    start = time.perf_counter()
    changes = {} if command.epochs is None else {"epochs": command.epochs}
    recipes = {name: find_recipe(name).recipe.with_options(**changes) for name in command.recipes}
    folders = {name: command.out / name.removesuffix("-drawn") for name in recipes}
    print(PLAN.format(out=command.out, faces=command.people * PICTURES, people=command.people, networks=len(recipes)))
    claim(command.out, [])
    show_a_picture(command.out)
    data = _draw_data(command)
    for number, (name, recipe) in enumerate(recipes.items(), 1):
        print(f"\n3. {name}, {number} of {len(recipes)}; {time.perf_counter() - start:.0f} s so far")
        _train(name, recipe, data, folders[name], command.seed)
    print(f"\n4. the report; {time.perf_counter() - start:.0f} s so far\n")
    _report(command, data, tuple(folders.values()))
    print(f"\nfrom step 2 on all is synthetic: drawn faces. {time.perf_counter() - start:.0f} s in all.")


def _refuse_what_fails_late(command: DemoCommand) -> None:
    if command.people < 3:
        raise ConfigError(f"expected at least 3 people, one for each split, got {command.people}; type: --people 200")
    if not command.recipes:
        raise ConfigError("expected a recipe to train, got none; type: --recipes mobilenetv2-drawn")
    require_folder(command.out)
    names = ("[!.]*", "*/*.safetensors", "*/card.json")
    refuse_others(command.out, (path for name in names for path in command.out.glob(name)))


def _draw_data(command: DemoCommand) -> Path:
    from affekt.data.manifest import write_manifest
    from drawn_faces import drawn_manifest

    path = command.out / "manifest.parquet"
    # Clear expressions in calm pictures: a network must learn to read them within a minute, from random weights.
    calm = {"size": 96, "intensity": (0.9, 1.0), "variety": 0.3}
    frame = drawn_manifest(identities=command.people, pictures_per_identity=PICTURES, seed=command.seed, **calm)
    write_manifest(frame, path)
    counts = ", ".join(f"{split} {count}" for split, count in frame["split"].value_counts(sort=True).iter_rows())
    print(f"\n2. drew {frame.height:,} synthetic faces of {command.people} people ({counts}) into {path}")
    return path


def _train(name: str, recipe: "Recipe", data: Path, out: Path, seed: int) -> None:
    """Train one recipe into its own folder, deleting what an earlier demo wrote there, and nothing else."""
    from affekt.models.card import WEIGHTS_FILE
    from affekt.training.generations import CHECKPOINT_FILE, Chain, Run
    from affekt.training.run import WRITTEN, train_chain

    for written in (*WRITTEN, WEIGHTS_FILE, CHECKPOINT_FILE):
        (out / written).unlink(missing_ok=True)
    run = Run(recipe_name=name, data=data, out=out, validation="val", seed=seed, command="affekt demo")
    train_chain(recipe, Chain(), data, run)


def _report(command: DemoCommand, data: Path, models: tuple[Path, ...]) -> None:
    """Evaluate all models on the people never seen, write the report, and show what they say of eight pictures."""
    from affekt.data.manifest import read_manifest
    from affekt.evaluation.run import evaluate
    from affekt.evaluation.tables import summary
    from drawn_faces.sheet import write_sheet

    manifest, out, sheet = read_manifest(data), command.out / "report", command.out / "samples.png"
    options = {"resamples": command.resamples, "seed": command.seed, "by": "subject", "command": "affekt demo"}
    print(summary(evaluate(models, data=manifest, out=out, **options)))
    write_sheet(models, manifest, out / "predictions", sheet)
    print(f"wrote {sheet}: eight of the test pictures with what the networks say of them")
