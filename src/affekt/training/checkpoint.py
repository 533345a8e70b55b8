"""The state of a training, and what is written of it after each epoch: the log, and a checkpoint to go on from.

The log is one JSON object per epoch in `log.jsonl`, and the same for TensorBoard. The checkpoint is one safetensors
file with everything that a killed training needs, replaced whole.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from tensorboard.compat.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]
from tensorboard.summary.writer.record_writer import RecordWriter
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel
from torch.utils.tensorboard.summary import scalar

from affekt.errors import ModelError
from affekt.files import written_whole
from affekt.networks.weights import inside, write_tensors
from affekt.training.generations import CHECKPOINT_FILE
from affekt.training.optimisation import Schedule, build_optimiser, moving_average
from affekt.training.recipe import Recipe

LOG_FILE = "log.jsonl"


@dataclass
class TrainingState:
    """Everything that changes while a network trains."""

    module: nn.Module
    optimiser: Optimizer
    schedule: Schedule
    average: AveragedModel | None
    best: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    """One line of the log per epoch that is done."""

    @classmethod
    def before_training(cls, module: nn.Module, recipe: Recipe, steps_per_epoch: int) -> "TrainingState":
        """Return the state before the first step."""
        optimiser = build_optimiser(module, recipe.step)
        schedule = Schedule(optimiser, recipe, steps_per_epoch)
        return cls(module, optimiser, schedule, moving_average(module, recipe.step.ema_decay))

    def step(self, clip_norm: float) -> None:
        """Change the weights by their gradients, scaled down to a norm where one is given."""
        if clip_norm:
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), clip_norm)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.schedule.after_step()
        if self.average is not None:
            self.average.update_parameters(self.module)

    @property
    def best_loss(self) -> float:
        """The lowest validation loss; infinite before the first epoch."""
        return min((line["val_loss"] for line in self.history), default=float("inf"))

    @property
    def best_epoch(self) -> int:
        """The first epoch with the lowest validation loss, counted from 1; 0 before the first."""
        return next((n for n, line in enumerate(self.history, start=1) if line["val_loss"] == self.best_loss), 0)

    @property
    def evaluated(self) -> nn.Module:
        """The weights that are validated and kept: the moving average where there is one."""
        return self.average.module if self.average is not None else self.module


def save_checkpoint(state: TrainingState, folder: Path, fingerprint: dict[str, Any]) -> None:
    """Write the state of a training into its folder, whole or not at all.

    The fingerprint is what a run that goes on from it must share: recipe, seed, `rows_digest` and labels.
    """
    tensors = {f"module.{name}": tensor for name, tensor in state.module.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in state.best.items()}
    if state.average is not None:
        tensors |= {f"average.{name}": tensor for name, tensor in state.average.state_dict().items()}
    optimiser = state.optimiser.state_dict()
    for number, moments in optimiser["state"].items():
        tensors |= {f"optimiser.{number}.{name}": torch.as_tensor(value) for name, value in moments.items()}
    metadata = {
        "fingerprint": fingerprint,
        "progress": {"history": state.history},
        "schedule": state.schedule.state_dict(),
        "groups": optimiser["param_groups"],
    }
    write_tensors(tensors, folder / CHECKPOINT_FILE, {"affekt": json.dumps(metadata)})


def _agrees(had: object, wanted: object) -> bool:
    """Return whether two values are the same, but for options that another version did not have."""
    if isinstance(had, dict) and isinstance(wanted, dict):
        return all(_agrees(value, wanted.get(name)) for name, value in had.items())
    return had == wanted


def load_checkpoint(state: TrainingState, folder: Path, fingerprint: dict[str, Any]) -> None:
    """Put a training back to where its checkpoint stood.

    Raises ModelError where the file is no checkpoint, or of another recipe, seed, data or labels.
    """
    path = folder / CHECKPOINT_FILE
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads(file.metadata()["affekt"])
            had = metadata["fingerprint"]
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"expected a checkpoint in {path}, got {error}; delete it and start anew") from error
    plain = json.loads(json.dumps(fingerprint))
    different = [key for key, value in plain.items() if not _agrees(had.get(key, value), value)]
    if different:
        raise ModelError(
            f"expected the {' and '.join(different)} that {path} was started with, got another; "
            "repeat the first call with resume (--resume), or choose a new out (--out)"
        )
    state.module.load_state_dict(inside(tensors, "module."))
    state.best = inside(tensors, "best.")
    if state.average is not None:
        state.average.load_state_dict(inside(tensors, "average."))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in inside(tensors, "optimiser.").items():
        number, key = name.split(".")
        moments.setdefault(int(number), {})[key] = tensor
    state.optimiser.load_state_dict({"state": moments, "param_groups": metadata["groups"]})
    _restore_layout(state.optimiser)
    state.schedule.load_state_dict(metadata["schedule"])
    state.history = metadata["progress"]["history"]


def _restore_layout(optimiser: Optimizer) -> None:
    """Give moments the strides of their parameters: fused optimisers walk memory and would pair the wrong elements."""
    for parameter, moments in optimiser.state.items():
        for name, tensor in moments.items():
            if tensor.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter).copy_(tensor)


def write_log(history: list[dict[str, float]], folder: Path) -> None:
    """Write all epochs so far; a resumed run therefore never repeats or loses a line."""
    with written_whole(folder / LOG_FILE) as temporary:
        temporary.write_text("".join(f"{json.dumps(line)}\n" for line in history), encoding="utf-8")


def write_tensorboard(line: dict[str, float], folder: Path) -> None:
    """Write one epoch's TensorBoard events; an epoch that is trained again replaces its own."""
    # TensorBoard reads files by name. A SummaryWriter's names do not sort by epoch where epochs last under a second.
    path, now = folder / "tensorboard" / f"events.out.tfevents.epoch{int(line['epoch']):06d}", time.time()
    figures = [scalar(name, value) for name, value in line.items() if name != "epoch"]
    events = [Event(wall_time=now, step=int(line["epoch"]), summary=figure) for figure in figures]
    with written_whole(path) as temporary, temporary.open("wb") as file:
        writer = RecordWriter(file)
        for event in (Event(wall_time=now, file_version="brain.Event:2"), *events):
            writer.write(event.SerializeToString())


def epoch_sentence(line: dict[str, float], epochs: int) -> str:
    """Return one epoch as a line to print."""
    shown = ((name, value) for name, value in line.items() if name.startswith(("train_", "val_")))
    figures = [f"{name.replace('_', ' ')} {value:{'.4f' if value < 1e4 else '.4g'}}" for name, value in shown]
    rate = f"learning rate {line['learning_rate']:.2g}"
    return "  ".join([f"epoch {int(line['epoch']):>3}/{epochs}", *figures, rate, f"{line['seconds']:.0f} s"])
