"""A run: what `affekt train` does, from a recipe and a manifest to a folder with a model, its card and its log.

Torch is imported only when the training begins.
"""

import importlib.util
import json
import logging
import os
import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import polars as pl

from affekt.analysis.inputs import refuse_pictures
from affekt.data.check import manifest_named
from affekt.data.manifest import read_manifest, require_manifest
from affekt.errors import ConfigError, MissingExtra, needs_extra, says_what_to_type
from affekt.files import require_folder
from affekt.models.card import CARD_FILE, WEIGHTS_FILE, Card, read_card
from affekt.models.hub import fetched
from affekt.networks.first_weights import weights_file
from affekt.networks.predictions import choose_device
from affekt.training.generations import CHECKPOINT_FILE, Chain, Run, Training, planned_trainings
from affekt.training.recipe import Recipe
from affekt.training.recipes import NamedRecipe, find_recipe
from affekt.training.rows import manifest_for, require_votes, rows_digest, training_rows

PARTS = {"fold-*": "a cross-validation", "rows-*": "a learning curve"}
"""Folders inside a run's that say what was measured there."""
WRITTEN = (CARD_FILE, "log.jsonl", "predictions.parquet")
"""What a run writes beside its weights and its checkpoint."""

_logger = logging.getLogger(__name__)


class TrainingOptions(TypedDict, total=False):
    """What `train` takes beside the recipe, the data and the folder."""

    chain: Chain | None
    validation: str
    seed: int
    resume: bool
    device: str
    subject_pattern: str | None


@says_what_to_type
def train(
    recipe: str | Recipe,
    data: str | Path | pl.DataFrame,
    out: str | Path,
    *,
    chain: Chain | None = None,
    validation: str = "auto",
    seed: int = 0,
    resume: bool = False,
    device: str = "auto",
    subject_pattern: str | None = None,
) -> Card:
    """Train a recipe and write the model, its card and its log: what `affekt train` does.

    Under torchrun all processes call this alike; the first writes.

    Args:
        recipe: a recipe, or the name of one; `find_recipe(name).recipe.with_options(epochs=3)` changes options.
        data: the manifest, or its file: the split `train` is learnt from. Or a folder that holds one for each
            expression: it is imported into `out`, and divided into train, val and test where it is not.
        out: folder for the model, its card, the log and the checkpoint.
        chain: the trainings around the recipe; None takes those of the named recipe, or the recipe alone.
        validation: a split's name, a fraction of `train` to hold back, or `auto`: split `val`, else a tenth of `train`.
        seed: decides the first weights, the order, the augmentation and the rows held back for validation.
        resume: continue an interrupted run of the same recipe, seed and data, of which at most one epoch is lost; one
            that is finished stays as it is.
        device: auto, cpu, cuda or mps.
        subject_pattern: where the person stands in the pictures' names: `{subject}_*` reads anna in happy/anna_1.png.

    Returns:
        The card of the model that was written.

    Raises:
        ConfigError: the folder holds another run, or an option is wrong.
        DataError: the manifest cannot be used, a split is empty, lacks what the recipe learns, or holds an unreadable
            picture.
        ModelError: the first weights or the checkpoint cannot be used.

    Example:
        >>> import polars
        >>> faces = polars.DataFrame({"path": ["portrait.png", "empty.png"] * 6}).with_columns(
        ...     source=polars.lit("mine"),
        ...     source_id=polars.int_range(12).cast(str),
        ...     split=polars.Series(["train"] * 8 + ["val"] * 4),
        ...     emotion=polars.Series(["happiness", "neutral"] * 6),
        ... )
        >>> small = affekt.find_recipe("mobilenetv2-drawn").recipe.with_options(input_size=32, batch_size=4, epochs=1)
        >>> affekt.train(small, faces, "runs/mine").training["best_epoch"]
        1
    """
    options = TrainingOptions(validation=validation, seed=seed, resume=resume, device=device)
    options |= {"chain": chain, "subject_pattern": subject_pattern}
    chosen, trainings, run = asked(recipe, data, out, **options)
    manifest, run = read_data(chosen, data, run)
    return train_chain(chosen, trainings, manifest, run)


def asked(
    recipe: str | Recipe, data: str | Path | pl.DataFrame, out: str | Path, **options: Unpack[TrainingOptions]
) -> tuple[Recipe, Chain, Run]:
    """Return what is to be trained, the trainings around it, and the run, of what was asked for in Python."""
    named = find_recipe(recipe) if isinstance(recipe, str) else NamedRecipe("", recipe)
    name, place = recipe if isinstance(recipe, str) else "own", Path(data) if isinstance(data, str | Path) else None
    of_run: dict[str, Any] = {**options}
    chain = of_run.pop("chain", None) or named.chain
    return named.recipe, chain, Run(data=place or Path("frame"), out=Path(out), recipe_name=name, **of_run)


def read_data(
    recipe: Recipe, data: str | Path | pl.DataFrame, run: Run, *, divided: bool = True
) -> tuple[pl.DataFrame, Run]:
    """Return the manifest that a run is to learn from, and the run with its file; `divided` as in `manifest_for`.

    A folder of faces is imported, unless the run's own folder holds a run already, or the first weights are absent.
    """
    # What torchrun begins again goes on from what it wrote. Its count of restarts is kept by one machine alone.
    run = replace(run, resume=run.resume or (may_be_begun_again() and run.out.exists()))
    refuse_before_reading(recipe, data, run)
    if not isinstance(data, pl.DataFrame) and Path(data).is_dir() and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError(
            f"expected a manifest with several processes, got the folder {data}; import it first: "
            f"affekt data import folder {shlex.quote(str(data))} --out manifest.parquet"
        )
    if not isinstance(data, pl.DataFrame) and Path(data).is_dir():
        require_votes(recipe, run)  # a folder has none, and reading it takes long
    manifest, place = manifest_for(
        data, run.out, subject_pattern=run.subject_pattern, seed=run.seed, resume=run.resume, divided=divided
    )
    run = replace(run, data=place)
    require_votes(recipe, run, manifest["votes"].count())
    return manifest, run


def train_chain(recipe: Recipe, chain: Chain, data: str | Path | pl.DataFrame, run: Run) -> Card:
    """Train all generations of a recipe, and their new heads, and return the card of the last, the run's model.

    All but the last training go to folders inside the run's. What is finished of a run that is resumed stays as it is.
    Raises as `train` does, and a ConfigError where what is finished was trained otherwise.
    """
    refuse_before_reading(recipe, data, run)
    manifest = read_manifest(data)
    recipe = _with_models_of_the_hub(recipe)
    training_rows(recipe, manifest, run)  # what cannot be learnt from is refused before torch is imported
    with needs_extra("train"):
        from affekt.training.distributed import joined_world
        from affekt.training.one_training import train_network
    trainings = planned_trainings(recipe, chain, run)
    with joined_world() as world, manifest_named(run.data):
        for training in trainings:
            if world.is_main and len(trainings) > 1:
                _logger.info("%s", training.name)
            if not _is_finished(training, manifest):
                train_network(training.recipe, manifest, training.run)
            elif world.is_main and training.run.out == run.out:
                _logger.info("%s is finished: nothing is left to train", run.out)
    return read_card(run.out)


def refuse_before_reading(recipe: Recipe, data: str | Path | pl.DataFrame, run: Run) -> None:
    """Refuse what can be told at once: what is wrong or absent costs nobody the reading of the data.

    Raises:
        MissingExtra: torch is not installed.
        ConfigError: the folder holds another run, or cannot be written, or the device is not here.
        DataError: there is no such data.
        ModelError: the first weights are absent.
    """
    if importlib.util.find_spec("torch") is None:
        raise MissingExtra("torch", "train")
    refuse_overwriting(run)
    if run.device not in ("auto", "cpu"):
        choose_device(run.device)
    if isinstance(data, pl.DataFrame) or not Path(data).is_dir():
        require_manifest(data)
    for weights in () if run.resume or recipe.network.weights == ("none",) else recipe.network.weights:
        weights_file(recipe.network.architecture, str(fetched(weights)))


def _with_models_of_the_hub(recipe: Recipe) -> Recipe:
    """Return a recipe with models of the hub as folders named by their commit, which the card then says."""
    weights, teachers = (
        tuple(str(fetched(model)) for model in models) for models in (recipe.network.weights, recipe.loss.teachers)
    )
    return recipe.with_options(weights=weights, teachers=teachers)


def may_be_begun_again() -> bool:
    """Whether torchrun begins this process again when one is lost; raises ConfigError where it could not join then."""
    if os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0") == "0":
        return False
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        raise ConfigError(
            "expected TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 where torchrun restarts processes, or new ones look for "
            "those that are gone, got none; type: export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"
        )
    return True


def refuse_overwriting(run: Run) -> None:
    """Refuse a folder that holds a run already, unless it is to be resumed, or that cannot be written."""
    require_folder(run.out)
    if not run.resume:
        refuse_pictures(run.out, "*", "*/*", "*/*/*")  # [split/]expression/picture
    if (run.out / WEIGHTS_FILE).exists() and not run.resume:
        raise ConfigError(f"expected a folder without a finished model, got {run.out}; choose another out (--out)")
    if (run.out / CHECKPOINT_FILE).exists() and not run.resume:
        raise ConfigError(
            f"expected a new folder, got {run.out} with an unfinished run; continue it with resume (--resume), "
            "or choose another out (--out)"
        )
    if not run.resume and (other := next((name for name in WRITTEN if (run.out / name).exists()), None)):
        raise ConfigError(f"expected a new folder, got {run.out} with another file {other}; choose another out (--out)")
    for part, what in () if run.resume else PARTS.items():
        if any(run.out.glob(part)):
            raise ConfigError(
                f"expected a new folder, got {run.out} with {what}; continue it with resume (--resume), or choose "
                "another out (--out)"
            )


def _is_finished(training: Training, manifest: pl.DataFrame) -> bool:
    """Whether an interrupted run did this training to its end, by the same recipe, seed and data."""
    run = training.run
    if not run.resume or not (run.out / WEIGHTS_FILE).exists():
        return False
    written = read_card(run.out).training
    wanted, had = _options(json.loads(json.dumps(asdict(training.recipe)))), _options(written["recipe"])
    # A card of another version may lack options, which then have no say.
    changed = sorted(name for name in had if wanted.get(name) != had[name])
    if written["seed"] != run.seed:
        changed.append("seed")
    data = rows_digest(*training_rows(training.recipe, manifest, run))
    if written.get("rows_sha256", data) != data:
        changed.append("training or validation data")
    if changed:
        raise ConfigError(
            f"expected {run.out} to be of this recipe, seed and data, got another {', '.join(changed)}; "
            "repeat the call it was trained with, or choose another out (--out)"
        )
    return True


def _options(recipe: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: value for group in recipe.values() for name, value in group.items()}
