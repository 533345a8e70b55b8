"""The log of a run: one JSON object an epoch in `log.jsonl`, and the same for TensorBoard."""

import json
import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard.summary import scalar

from affekt.errors import DataError
from affekt.files import written_whole

LOG_FILE = "log.jsonl"


def write_log(history: list[dict[str, float]], folder: Path) -> None:
    """Write all epochs so far; a resumed run therefore never repeats or loses a line."""
    with written_whole(folder / LOG_FILE) as temporary:
        temporary.write_text("".join(f"{json.dumps(line)}\n" for line in history))


def write_tensorboard(line: dict[str, float], folder: Path) -> None:
    """Write one epoch's TensorBoard events; an epoch that is trained again replaces its own.

    Raises:
        DataError: the folder cannot be written, or the disk is full.
    """
    # TensorBoard reads files by name. A SummaryWriter's names do not sort by epoch where epochs last under a second.
    events = folder / "tensorboard" / f"events.out.tfevents.epoch{int(line['epoch']):06d}"
    figures = [scalar(name, value) for name, value in line.items() if name != "epoch"]
    messages = [
        Event(wall_time=time.time(), file_version="brain.Event:2"),
        *(Event(wall_time=time.time(), step=int(line["epoch"]), summary=figure) for figure in figures),
    ]
    try:
        events.parent.mkdir(parents=True, exist_ok=True)
        with events.open("wb") as file:
            writer = RecordWriter(file)
            for message in messages:
                writer.write(message.SerializeToString())
    except OSError as error:
        raise DataError(
            f"expected to write {events}, got {error.strerror or error}; free some space or choose another folder"
        ) from error


def epoch_sentence(line: dict[str, float], epochs: int) -> str:
    """Return one epoch as a line to print."""
    figures = [f"{name.replace('_', ' ')} {line[name]:.4f}" for name in line if name.startswith(("train_", "val_"))]
    rate = f"learning rate {line['learning_rate']:.2g}"
    return "  ".join([f"epoch {int(line['epoch']):>3}/{epochs}", *figures, rate, f"{line['seconds']:.0f} s"])
