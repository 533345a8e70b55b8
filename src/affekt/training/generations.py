"""Generations: a network, then others that go on from the one before and learn from the answers of all before them.

Furlanello et al. (2018), "Born-Again Neural Networks".
"""

import json
from dataclasses import asdict, replace
from pathlib import Path

import polars as pl

from affekt.errors import ConfigError
from affekt.models.card import WEIGHTS_FILE, Card, read_card
from affekt.training.distributed import joined_world
from affekt.training.recipe import Recipe
from affekt.training.run import Run, refuse_overwriting, train


def train_generations(recipe: Recipe, manifest: pl.DataFrame, run: Run) -> Card:
    """Train all generations of a recipe; earlier ones go to `generation-1` and so on inside the run's folder.

    Returns:
        The card of the last, which is the run's model.

    Raises:
        ConfigError: as `train`, or a finished generation that is to be resumed was trained otherwise.
        DataError, ModelError: as `train`.
    """
    refuse_overwriting(run)
    earlier: list[Path] = []
    with joined_world() as world:
        for number in range(1, recipe.generations):
            nth, part = generation(recipe, tuple(earlier)), replace(run, out=run.out / f"generation-{number}")
            if world.is_main:
                print(f"generation {number} of {recipe.generations}", flush=True)
            if run.resume and (part.out / WEIGHTS_FILE).exists():
                _require_same(nth, part)
            else:
                train(nth, manifest, part)
            earlier.append(part.out)
        if earlier and world.is_main:
            print(f"generation {recipe.generations} of {recipe.generations}", flush=True)
        return train(generation(recipe, tuple(earlier)), manifest, run)


def generation(recipe: Recipe, earlier: tuple[Path, ...]) -> Recipe:
    """Return the recipe of the generation that follows some others.

    It goes on from the backbone of the last at full size, for `generation_epochs`, and all of them teach it.
    """
    if not earlier:
        return recipe
    return replace(
        recipe,
        weights=str(earlier[-1]),
        teachers=(*recipe.teachers, *map(str, earlier)),
        epochs=recipe.generation_epochs,
        start_size=0,
        growth_epochs=0,
    )


def _require_same(recipe: Recipe, run: Run) -> None:
    written = read_card(run.out).training
    wanted = json.loads(json.dumps(asdict(recipe)))
    # A card of an older affekt lacks fields, which then have no say.
    changed = [name for name, value in written["recipe"].items() if wanted.get(name) != value]
    if written["seed"] != run.seed:
        changed.append("seed")
    if changed:
        raise ConfigError(
            f"expected {run.out} to be of this recipe and seed, got another {', '.join(changed)}; "
            "type the command it was trained with, or choose another --out"
        )
