"""The log of a run: one JSON object an epoch in `log.jsonl`, and the same for TensorBoard."""

import json
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from affekt.errors import DataError
from affekt.files import written_whole

LOG_FILE = "log.jsonl"


def write_log(history: list[dict[str, float]], folder: Path) -> None:
    """Write all epochs so far; a resumed run therefore never repeats or loses a line."""
    with written_whole(folder / LOG_FILE) as temporary:
        temporary.write_text("".join(f"{json.dumps(line)}\n" for line in history))


def write_tensorboard(line: dict[str, float], folder: Path) -> None:
    """Add one epoch to the run's TensorBoard events.

    Raises:
        DataError: the folder cannot be written, or the disk is full.
    """
    events = folder / "tensorboard"
    try:
        with SummaryWriter(str(events)) as writer:
            for name, value in line.items():
                if name != "epoch":
                    writer.add_scalar(name, value, int(line["epoch"]))
    except OSError as error:
        raise DataError(
            f"expected to write {events}, got {error.strerror or error}; free some space or choose another folder"
        ) from error


def epoch_sentence(line: dict[str, float], epochs: int) -> str:
    """Return one epoch as a line to print."""
    figures = [f"{name.replace('_', ' ')} {line[name]:.4f}" for name in line if name.startswith(("train_", "val_"))]
    rate = f"learning rate {line['learning_rate']:.2g}"
    return "  ".join([f"epoch {int(line['epoch']):>3}/{epochs}", *figures, rate, f"{line['seconds']:.0f} s"])
