"""One training: from a recipe and the rows of a manifest to a network, its temperature, its card and its log."""

import logging
from dataclasses import asdict, replace

import numpy as np
import polars as pl
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from affekt import __version__
from affekt.errors import ConfigError, DataError
from affekt.files import remove_leftovers, write_parquet
from affekt.labels import LABELS
from affekt.models.card import Card
from affekt.models.learnt_rows import write_learnt_rows
from affekt.networks.network import Network, parameter_count
from affekt.networks.predictions import PREDICTIONS, affect_of, answers_table, choose_device, with_truth
from affekt.networks.weights import load_backbone, save_model
from affekt.training.batches import CropBatches, CropStream, extract_features
from affekt.training.checkpoint import (
    TrainingState,
    epoch_sentence,
    load_checkpoint,
    save_checkpoint,
    write_log,
    write_tensorboard,
)
from affekt.training.distillation import DistillationTask, asked_each_time, asked_once, from_table, load_teachers
from affekt.training.distributed import World, joined_world
from affekt.training.generations import CHECKPOINT_FILE, Run
from affekt.training.loop import Split, Trainer
from affekt.training.recipe import Augmentation, Recipe
from affekt.training.rows import labels_to_learn, rows_digest, training_rows, valence_arousal_origin
from affekt.training.targets import prior_of, steps_in_epoch, targets_of
from affekt.training.task import Task

TRAINING = "training"

_logger = logging.getLogger(__name__)


def train_network(recipe: Recipe, manifest: pl.DataFrame, run: Run) -> Card:
    """Train a recipe once, write the model, its card and its log into the run's folder, and return the card.

    Under torchrun all processes call this alike; the first writes. Raises as `train` does.
    """
    with joined_world() as world:
        device = choose_device(run.device)
        rows, validation_rows = training_rows(recipe, manifest, run)
        labels = labels_to_learn(recipe, manifest)
        _refuse_fewer_pictures_than_processes(recipe, rows.height, world)
        network = first_network(recipe, rows, run.seed, labels).to(device)
        training, validation = (
            load_split(recipe, side, device, name=name, labels=labels)
            for side, name in ((rows, TRAINING), (validation_rows, "validation"))
        )
        task = _task(recipe, training, device, labels)
        module: torch.nn.Module = network
        if _has_fixed_features(recipe):
            module = network.heads
            training, validation = _with_features(network, [training, validation], recipe)
        state = TrainingState.before_training(module, recipe, steps_in_epoch(training.targets, recipe.data))
        data = rows_digest(rows, validation_rows)
        same = {"recipe": asdict(recipe), "seed": run.seed, "data": data, "labels": labels}
        if run.resume and (run.out / CHECKPOINT_FILE).is_file():
            load_checkpoint(state, run.out, same)
        if len(world.gather(torch.tensor([len(state.history)])).unique()) > 1:
            raise ConfigError(
                f"expected all machines to see {run.out}, got some that do not; choose another out (--out)"
            )

        def after_epoch(line: dict[str, float]) -> None:
            if world.is_main:
                if line["seconds"] >= run.least_told_s:
                    _logger.info("%s", epoch_sentence(line, recipe.schedule.epochs))
                # The checkpoint comes last: if killed before it, the epoch is trained again and its line replaced.
                write_log(state.history, run.out)
                write_tensorboard(line, run.out)
                save_checkpoint(state, run.out, same)
            world.wait()

        trainer = Trainer(recipe, task, training, validation, device, run.seed, world)
        trainer.fit(state, after_epoch)
        state.module.load_state_dict(state.best)
        outputs, label = trainer.predict(state.module, validation), validation.targets.label
        prior = prior_of(training.targets, recipe.data) if "expression" in recipe.network.heads else None
        card = replace(_card(recipe, network, run, rows, state), labels=labels, prior=prior)
        card.training.update(rows_sha256=data, processes=world.size)
        if "expression" in outputs and (known := label >= 0).any():
            temperature = fit_temperature(outputs["expression"][known].numpy(), label[known].numpy())
            card = replace(card, temperature=temperature)
        if world.is_main:
            earlier = [*recipe.network.weights, *recipe.loss.teachers]
            card.training["learnt_rows_sha256"] = write_learnt_rows(rows, validation_rows, earlier, run.out)
            answers = answers_table(validation_rows["source_id"], affect_of(outputs, card))
            write_parquet(with_truth(answers, validation_rows), run.out / PREDICTIONS)
            save_model(network, card, run.out)
            (run.out / CHECKPOINT_FILE).unlink(missing_ok=True)
            remove_leftovers(run.out, ".*.tmp")
        world.wait()
    return card


def first_network(recipe: Recipe, rows: pl.DataFrame, seed: int, labels: tuple[str, ...] = LABELS) -> Network:
    """Build the network as it stands before the first step: seeded, backbone loaded, its means the training rows'."""
    options = recipe.network
    torch.manual_seed(seed)
    network = Network(options.architecture, options.hidden_units, options.heads, len(recipe.pictures.mean), len(labels))
    if options.weights != ("none",):
        load_backbone(network, *options.weights)
    if network.heads.valence_arousal is not None:
        known = rows.select("valence", "arousal").drop_nulls()
        network.heads.start_at(*(float(known[name].mean()) for name in known.columns))  # pyright: ignore
    if options.frozen:
        network.freeze_backbone(options.trained_stages)
    return network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _has_fixed_features(recipe: Recipe) -> bool:
    """Return whether the backbone says the same of each picture in every epoch, so that it is asked once."""
    is_kept = recipe.network.frozen and not recipe.network.trained_stages
    return is_kept and recipe.augmentation.is_off and not recipe.loss.teachers


def load_split(
    recipe: Recipe, rows: pl.DataFrame, device: torch.device, *, name: str, labels: tuple[str, ...]
) -> Split:
    """Open the pictures and targets of manifest rows; those of `TRAINING` are changed at random."""
    preprocessing = recipe.pictures.preprocessing
    stream = CropStream(rows, preprocessing, name=name)
    augmentation = recipe.augmentation if name == TRAINING else Augmentation()
    crops = CropBatches(stream, preprocessing, device, augmentation)
    targets = targets_of(rows, recipe.loss.expression_target, labels)
    if name == TRAINING and "expression" in recipe.network.heads:
        shares = targets.by_head["expression"].nansum(0)
        unseen = [label for label, share in zip(labels, shares, strict=True) if not share]
        if unseen:
            _logger.warning("No training row is %s: the model will not know it.", " or ".join(unseen))
    return Split(crops, targets)


def _refuse_fewer_pictures_than_processes(recipe: Recipe, rows: int, world: World) -> None:
    pictures = min(recipe.data.batch_size, rows)
    if pictures < world.size:
        raise ConfigError(
            f"expected at least {world.size} pictures per step, one for each process, got {pictures}; "
            f"raise batch_size (--batch-size), or use fewer processes"
        )


def _task(recipe: Recipe, training: Split, device: torch.device, labels: tuple[str, ...]) -> Task:
    """Return what is learnt, with the teachers opened and, where they are asked once, asked."""
    targets, mixup = training.targets.by_head, recipe.data.mixup
    if not recipe.loss.teachers:
        return Task(recipe.loss, targets, mixup)
    teachers = load_teachers(recipe.loss.teachers, recipe.pictures.preprocessing, device, labels)
    answers = asked_each_time(teachers)
    if recipe.loss.teacher_view == "plain":
        assert isinstance(training.batches, CropBatches)
        answers = from_table(asked_once(teachers, training.batches))
    return DistillationTask(recipe.loss, targets, mixup, answers=answers, precision=recipe.step.precision)


def _with_features(network: Network, splits: list[Split], recipe: Recipe) -> list[Split]:
    crops = [split.batches for split in splits if isinstance(split.batches, CropBatches)]
    features = extract_features(network, crops, precision=recipe.step.precision)
    return [Split(batches, split.targets) for batches, split in zip(features, splits, strict=True)]


def _card(recipe: Recipe, network: Network, run: Run, rows: pl.DataFrame, state: TrainingState) -> Card:
    """Write down what the trained network knows about itself."""
    chosen = state.history[state.best_epoch - 1]
    return Card(
        name=run.out.absolute().name,
        architecture=recipe.network.architecture,
        hidden_units=recipe.network.hidden_units,
        heads=recipe.network.heads,
        preprocessing=recipe.pictures.preprocessing,
        valence_arousal_origin=valence_arousal_origin(rows) if "valence_arousal" in recipe.network.heads else None,
        parameters=parameter_count(network),
        training={
            "recipe_name": run.recipe_name,
            "recipe": asdict(recipe),
            "data": run.data.name,
            "sources": rows["source"].unique().sort().to_list(),
            "rows": rows.height,
            "validation": run.validation,
            "seed": run.seed,
            "epochs": len(state.history),
            "best_epoch": state.best_epoch,
            "seconds": round(sum(line["seconds"] for line in state.history), 1),
            "torch": torch.__version__,
            "command": run.command,
        },
        metrics={"validation": {name: value for name, value in chosen.items() if name.startswith("val_")}},
        affekt_version=__version__,
    )


def fit_temperature(logits: np.ndarray, target: np.ndarray) -> float:
    """Return what to divide (n, classes) logits by before the softmax, for the least cross-entropy of held-out rows.

    Temperature scaling: Guo et al. (2017, ICML), "On Calibration of Modern Neural Networks", section 4.2. It lies
    between 0.05 and 20; above 1 softens. Targets are (n,) class indices or (n, classes) distributions. Raises DataError
    where there are no rows, the shapes differ, or a logit is not finite.
    """
    logits = np.asarray(logits, dtype=np.float64)
    if logits.ndim != 2 or len(logits) == 0 or len(target) != len(logits) or not np.isfinite(logits).all():
        raise DataError(
            f"expected finite logits of one or more rows and as many targets, got shapes {logits.shape} and "
            f"{np.shape(target)}; fit the temperature on validation rows that have labels"
        )
    share = np.eye(logits.shape[1])[target] if target.ndim == 1 else np.asarray(target, dtype=np.float64)

    def cross_entropy(log_temperature: float) -> float:
        return -float((share * log_softmax(logits / np.exp(log_temperature), axis=1)).sum(axis=1).mean())

    found = minimize_scalar(cross_entropy, bounds=(np.log(0.05), np.log(20)), method="bounded", options={"xatol": 1e-8})
    return float(np.exp(found.x))
