"""Generations: a network, others that go on from it and learn from its answers, and new heads on averages of them.

Furlanello et al. (2018), "Born-Again Neural Networks"; Wortsman et al. (2022), "Model soups"; Kang et al. (2020),
"Decoupling Representation and Classifier for Long-Tailed Recognition", which trains the head anew too.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import polars as pl

from affekt.errors import ConfigError
from affekt.models.card import WEIGHTS_FILE, Card, read_card
from affekt.training.distributed import joined_world
from affekt.training.fingerprint import rows_digest
from affekt.training.recipe import Recipe
from affekt.training.run import Run, refuse_overwriting, train, training_rows


@dataclass(frozen=True)
class Step:
    """One training of several."""

    name: str
    recipe: Recipe
    run: Run


def train_generations(recipe: Recipe, manifest: pl.DataFrame, run: Run) -> Card:
    """Train all generations of a recipe, and their new heads; all but the last training go to folders inside the run's.

    Returns:
        The card of the last, which is the run's model.

    Raises:
        ConfigError: as `train`, or a finished generation that is to be resumed was trained otherwise.
        DataError, ModelError: as `train`.
    """
    refuse_overwriting(run)
    steps = planned_steps(recipe, run)
    with joined_world() as world:
        for step in steps:
            if world.is_main and len(steps) > 1:
                print(step.name, flush=True)
            if run.resume and (step.run.out / WEIGHTS_FILE).exists():
                _require_same(step.recipe, manifest, step.run)
            else:
                train(step.recipe, manifest, step.run)
    return read_card(run.out)


def planned_steps(recipe: Recipe, run: Run) -> list[Step]:
    """Return the trainings of a recipe in their order; the last has the run's own folder."""
    earlier: list[Path] = []
    steps: list[Step] = []
    for number in range(1, recipe.generations + 1):
        name = f"generation {number} of {recipe.generations}"
        nth = replace(run, out=run.out / f"generation-{number}")
        if number == 1 or recipe.generation_seeds == 1:
            steps.append(Step(name, generation(recipe, tuple(earlier)), nth))
        else:
            steps += _averaged(name, recipe, tuple(earlier), nth)
        earlier.append(nth.out)
    if recipe.head_epochs and (recipe.generations == 1 or recipe.generation_seeds == 1):
        steps.append(Step("new head", new_head(recipe, tuple(earlier[1:] or earlier)), run))
    return [*steps[:-1], replace(steps[-1], run=run)]


def _averaged(name: str, recipe: Recipe, earlier: tuple[Path, ...], run: Run) -> list[Step]:
    """Return the steps of a generation of several networks: they differ by their seeds, and their average follows."""
    parts = [
        replace(run, out=run.out.with_name(f"{run.out.name}-{part}"), seed=run.seed + part, validation_seed=run.seed)
        for part in range(recipe.generation_seeds)
    ]
    nth = generation(recipe, earlier)
    steps = [Step(f"{name}, network {place} of {len(parts)}", nth, part) for place, part in enumerate(parts, start=1)]
    return [*steps, Step(f"{name}, new head", new_head(recipe, tuple(part.out for part in parts)), run)]


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


def new_head(recipe: Recipe, models: tuple[Path, ...]) -> Recipe:
    """Return the recipe of a head that is trained anew on the frozen average of some models' backbones.

    The head learns from the targets alone, and as the networks did from changed crops and repeated rows: it is for
    rare expressions, too.
    """
    return replace(
        recipe,
        weights=tuple(map(str, models)),
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
    later = {"generations", "generation_epochs", "generation_mixup", "generation_seeds", "head_epochs"}
    decided = written["recipe"].keys() - later
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
