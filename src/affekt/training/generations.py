"""The chain of trainings around a recipe: generations that learn from those before, and new heads on their averages.

Furlanello et al. (2018), "Born-Again Neural Networks"; Wortsman et al. (2022), "Model soups"; Kang et al. (2020),
"Decoupling Representation and Classifier for Long-Tailed Recognition", which trains the head anew too. No torch here.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from affekt.errors import ConfigError, require_seed, says_what_to_type
from affekt.training.recipe import Recipe, require_not_negative, require_positive

of_a_training = partial(says_what_to_type, named="affekt.train")
CHECKPOINT_FILE = "checkpoint.safetensors"
"""What a run that is not finished holds in its folder."""


@of_a_training
@dataclass(frozen=True, kw_only=True)
class Chain:
    """How many networks a recipe trains, one after another; by default one."""

    generations: int = 1
    """Train this many networks one after another; all but the first go on from the one before, taught by all before."""
    generation_epochs: int = 12
    """Passes over the training split of each generation but the first."""
    generation_mixup: float = 0.0
    """`mixup` of each generation but the first; 0: as the first."""
    generation_seeds: int = 1
    """Networks of each generation but the first, with the seeds that follow.
    Of several the average, under a new head, is the generation."""
    head_epochs: int = 0
    """Passes in which a new head is trained, 0 for none. It stands on the average of each generation's networks.
    If each generation is one network, it stands on the average of all but the first, at the end."""

    def __post_init__(self) -> None:
        require_positive(self, "generations", "generation_epochs", "generation_seeds")
        require_not_negative(self, "generation_mixup", "head_epochs")
        if self.generations > 1 and self.generation_seeds > 1 and not self.head_epochs:
            raise ConfigError(
                f"expected head_epochs above 0 with {self.generation_seeds} generation_seeds, got 0, and an average "
                "needs a new head; set head_epochs (--head-epochs 4), or generation_seeds 1 for one per generation"
            )


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where a training reads and writes, and what makes it repeatable."""

    data: Path
    """The manifest, whose split `train` is learnt from; or a folder of a folder per expression, imported first."""
    out: Path
    """Folder for the model, its card, the log and the checkpoint."""
    validation: str = "auto"
    """A split's name, a fraction of `train` to hold back, or `auto`: the split `val`, else a tenth of `train`."""
    seed: int = 0
    """Decides the first weights, the order, the augmentation and the rows held back for validation."""
    resume: bool = False
    """Continue an interrupted run of the same command: at most one epoch is lost."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    subject_pattern: str | None = None
    """Where the person stands in the pictures' names: '{subject}_*' reads anna in happy/anna_1.png."""

    def __post_init__(self) -> None:
        require_seed(self.seed)


@of_a_training
@dataclass(frozen=True, kw_only=True)
class Run(RunOptions):
    """One training of a chain, as its card describes it."""

    recipe_name: str = ""
    validation_seed: int | None = None
    """Decides the rows held back for validation alone; None: `seed` does."""
    command: str = ""
    least_told_s: float = 0.0
    """Epochs that take less are not printed: one of many short trainings would fill the screen."""


@dataclass(frozen=True)
class Training:
    """One training of a chain."""

    name: str
    recipe: Recipe
    run: Run


def planned_trainings(recipe: Recipe, chain: Chain, run: Run) -> list[Training]:
    """Return the trainings of a chain in their order; the last has the run's own folder, the others lie inside it.

    The networks of a generation of several differ by their seeds, and a new head on their average follows.
    """
    earlier: list[Path] = []
    trainings: list[Training] = []
    for number in range(1, chain.generations + 1):
        name, place = f"generation {number} of {chain.generations}", run.out / f"generation-{number}"
        nth, following = replace(run, out=place), generation(recipe, chain, tuple(earlier))
        if number == 1 or chain.generation_seeds == 1:
            trainings.append(Training(name, following, nth))
        else:
            for n in range(chain.generation_seeds):
                one = replace(run, out=Path(f"{place}-{n}"), seed=run.seed + n, validation_seed=run.seed)
                trainings.append(Training(f"{name}, network {n + 1} of {chain.generation_seeds}", following, one))
            several = tuple(training.run.out for training in trainings[-chain.generation_seeds :])
            trainings.append(Training(f"{name}, new head", new_head(recipe, chain, several), nth))
        earlier.append(place)
    if chain.head_epochs and (chain.generations == 1 or chain.generation_seeds == 1):
        trainings.append(Training("new head", new_head(recipe, chain, tuple(earlier[1:] or earlier)), run))
    return [*trainings[:-1], replace(trainings[-1], run=run)]


def generation(recipe: Recipe, chain: Chain, earlier: tuple[Path, ...]) -> Recipe:
    """Return the recipe of the generation that follows some others.

    It goes on from the backbone of the last at full size, for `generation_epochs`, and all of them teach it. It may mix
    crops where the first did not: mixing slows what has no teacher to say what a mixed crop shows.
    """
    if not earlier:
        return recipe
    return recipe.with_options(
        weights=(str(earlier[-1]),),
        teachers=(*recipe.loss.teachers, *map(str, earlier)),
        epochs=chain.generation_epochs,
        mixup=chain.generation_mixup or recipe.data.mixup,
        start_size=0,
        resizing_epochs=0,
    )


def new_head(recipe: Recipe, chain: Chain, models: tuple[Path, ...]) -> Recipe:
    """Return the recipe of a head that is trained anew on the frozen average of some models' backbones.

    The head learns from the targets alone, and as the networks did from changed crops and repeated rows: it is for
    rare expressions, too.
    """
    return recipe.with_options(
        weights=tuple(map(str, models)),
        frozen=True,
        teachers=(),
        epochs=chain.head_epochs,
        start_size=0,
        resizing_epochs=0,
        sam_radius=0.0,
        sam_epochs=0,
    )
