"""Generations: a network, others that go on from it and learn from its answers, and a new head on their average.

Furlanello et al. (2018), "Born-Again Neural Networks"; Wortsman et al. (2022), "Model soups"; Kang et al. (2020),
"Decoupling Representation and Classifier for Long-Tailed Recognition", which trains the head anew too.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path

import polars as pl

from affekt.errors import ConfigError
from affekt.models.card import WEIGHTS_FILE, Card, read_card
from affekt.training.distributed import joined_world
from affekt.training.identity import rows_digest
from affekt.training.recipe import Recipe
from affekt.training.run import Run, refuse_overwriting, train, training_rows


def train_generations(recipe: Recipe, manifest: pl.DataFrame, run: Run) -> Card:
    """Train all generations of a recipe, and the new head at their end; all but the last training go to folders inside.

    Returns:
        The card of the last, which is the run's model.

    Raises:
        ConfigError: as `train`, or a finished generation that is to be resumed was trained otherwise.
        DataError, ModelError: as `train`.
    """
    refuse_overwriting(run)
    steps = [f"generation {number} of {recipe.generations}" for number in range(1, recipe.generations + 1)]
    steps += ["new head"] if recipe.head_epochs else []
    earlier: list[Path] = []
    with joined_world() as world:
        for number, step in enumerate(steps, start=1):
            is_last = number == len(steps)
            part = run if is_last else replace(run, out=run.out / f"generation-{number}")
            nth = (new_head if step == "new head" else generation)(recipe, tuple(earlier))
            if world.is_main and len(steps) > 1:
                print(step, flush=True)
            if run.resume and (part.out / WEIGHTS_FILE).exists():
                _require_same(nth, manifest, part)
            else:
                train(nth, manifest, part)
            earlier.append(part.out)
    return read_card(run.out)


def generation(recipe: Recipe, earlier: tuple[Path, ...]) -> Recipe:
    """Return the recipe of the generation that follows some others.

    It goes on from the backbone of the last at full size, for `generation_epochs`, and all of them teach it. It may mix
    crops where the first did not: mixing slows what has no teacher to say what a mixed crop shows.
    """
    if not earlier:
        return recipe
    return replace(
        recipe,
        weights=(str(earlier[-1]),),
        teachers=(*recipe.teachers, *map(str, earlier)),
        epochs=recipe.generation_epochs,
        mixup=recipe.generation_mixup or recipe.mixup,
        start_size=0,
        growth_epochs=0,
    )


def new_head(recipe: Recipe, earlier: tuple[Path, ...]) -> Recipe:
    """Return the recipe of the head that is trained anew on what the generations have learnt.

    Their backbones, but for the first's where there are others, are averaged and frozen. The head learns from the
    targets alone, and as the network did from changed crops and repeated rows: it is for rare expressions, too.
    """
    return replace(
        recipe,
        weights=tuple(map(str, earlier[1:] or earlier)),
        frozen=True,
        teachers=(),
        epochs=recipe.head_epochs,
        start_size=0,
        growth_epochs=0,
        sharpness_radius=0.0,
        sharpness_epochs=0,
    )


def _require_same(recipe: Recipe, manifest: pl.DataFrame, run: Run) -> None:
    written = read_card(run.out).training
    wanted = json.loads(json.dumps(asdict(recipe)))
    # What comes later may change, and a card of an older affekt lacks fields, which then have no say.
    decided = written["recipe"].keys() - {"generations", "generation_epochs", "generation_mixup", "head_epochs"}
    changed = sorted(name for name in decided if wanted.get(name) != written["recipe"][name])
    if written["seed"] != run.seed:
        changed.append("seed")
    data = rows_digest(*training_rows(recipe, manifest, run))
    if written.get("rows_sha256", data) != data:
        changed.append("training or validation data")
    if changed:
        raise ConfigError(
            f"expected {run.out} to be of this recipe, seed and data, got another {', '.join(changed)}; "
            "type the command it was trained with, or choose another --out"
        )
