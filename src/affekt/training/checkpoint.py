"""Checkpoints: one safetensors file with everything a killed training needs, replaced whole after each epoch."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from affekt.errors import ModelError
from affekt.networks.saving import write_tensors
from affekt.training.optimiser import Schedule

CHECKPOINT_FILE = "checkpoint.safetensors"


@dataclass
class Progress:
    """Where a training stands, between two epochs."""

    epoch: int = 0
    """Epochs done."""
    best_epoch: int = 0
    """The epoch of the lowest validation loss, counted from 1; 0 before the first."""
    best_loss: float = float("inf")
    """The lowest validation loss."""
    history: list[dict[str, float]] = field(default_factory=list)
    """One line of the log an epoch."""


@dataclass
class Trainee:
    """Everything that changes while a network trains."""

    module: nn.Module
    optimiser: Optimizer
    schedule: Schedule
    average: AveragedModel | None
    best: dict[str, Tensor]
    progress: Progress

    @property
    def evaluated(self) -> nn.Module:
        """The weights that are validated and kept: the moving average where there is one."""
        return self.average.module if self.average is not None else self.module


def save_checkpoint(trainee: Trainee, folder: Path, identity: dict[str, Any]) -> None:
    """Write the state of a training, whole or not at all.

    Args:
        trainee: what to keep.
        folder: the run's folder.
        identity: recipe, seed and data; `load_checkpoint` refuses a checkpoint of another identity.

    Raises:
        DataError: the folder cannot be written, or the disk is full.
    """
    tensors = {f"module.{name}": tensor for name, tensor in trainee.module.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in trainee.best.items()}
    if trainee.average is not None:
        tensors |= {f"average.{name}": tensor for name, tensor in trainee.average.state_dict().items()}
    optimiser = trainee.optimiser.state_dict()
    for number, state in optimiser["state"].items():
        tensors |= {f"optimiser.{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
    metadata = {
        "identity": identity,
        "progress": asdict(trainee.progress),
        "schedule": trainee.schedule.state_dict(),
        "groups": optimiser["param_groups"],
    }
    write_tensors(tensors, folder / CHECKPOINT_FILE, {"affekt": json.dumps(metadata)})


def load_checkpoint(trainee: Trainee, folder: Path, identity: dict[str, Any]) -> None:
    """Put a trainee back to where its checkpoint stood.

    Raises:
        ModelError: the file is not a checkpoint, or of another recipe, seed or data.
    """
    path = folder / CHECKPOINT_FILE
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads(file.metadata()["affekt"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"expected a checkpoint in {path}, got {error}; delete it and start anew") from error
    plain_identity = json.loads(json.dumps(identity))
    different = [key for key, value in plain_identity.items() if metadata["identity"].get(key) != value]
    if different:
        raise ModelError(
            f"expected the {' and '.join(different)} that {path} was started with, got another; "
            "repeat the first command with --resume, or choose a new --out"
        )
    trainee.module.load_state_dict(_part(tensors, "module."))
    trainee.best = _part(tensors, "best.")
    if trainee.average is not None:
        trainee.average.load_state_dict(_part(tensors, "average."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _part(tensors, "optimiser.").items():
        number, key = name.split(".")
        state.setdefault(int(number), {})[key] = tensor
    trainee.optimiser.load_state_dict({"state": state, "param_groups": metadata["groups"]})
    _restore_layout(trainee.optimiser)
    trainee.schedule.load_state_dict(metadata["schedule"])
    trainee.progress = Progress(**metadata["progress"])


def _restore_layout(optimiser: Optimizer) -> None:
    """Give moments the strides of their parameters: fused optimisers walk memory and would pair the wrong elements."""
    for parameter, state in optimiser.state.items():
        for name, tensor in state.items():
            if tensor.shape == parameter.shape:
                state[name] = torch.empty_like(parameter).copy_(tensor)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
