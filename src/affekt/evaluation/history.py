"""A run's `log.jsonl`, one JSON object an epoch, and its curves."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.errors import DataError
from affekt.evaluation.drawing import ACCENT, SECOND

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

PANELS: dict[str, dict[str, str]] = {
    "loss": {"train_loss": "training", "val_loss": "validation"},
    "validation figures": {
        "val_accuracy": "accuracy",
        "val_macro_f1": "F1 (macro)",
        "val_valence_ccc": "CCC valence",
        "val_arousal_ccc": "CCC arousal",
    },
    "learning rate": {"learning_rate": "learning rate"},
}
"""The charts, and which keys of the log each shows under which name."""
COLOURS = (ACCENT, SECOND, "#2f9e6e", "#9a63c9")

OLD_NAMES = {"val_ccc_valence": "val_valence_ccc", "val_ccc_arousal": "val_arousal_ccc"}
"""What logs of an older affekt call some figures -> what they are called now."""

Epoch = dict[str, float]


def read_log(path: Path) -> list[Epoch]:
    """Read the epochs of a run; a repeated epoch replaces the earlier one, as after a resumed run.

    Args:
        path: the log, or the run's folder.

    Returns:
        The numbers of every epoch, in order; a last line that was cut off is left out.

    Raises:
        DataError: there is no such file, or a line is not a JSON object with an epoch.
    """
    path = path / "log.jsonl" if path.is_dir() else path
    if not path.is_file():
        raise DataError(f"expected a run's log at {path}, got no such file; give the folder that affekt train wrote")
    lines = path.read_text().splitlines()
    epochs: dict[float, Epoch] = {}
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            epochs[entry["epoch"]] = {
                OLD_NAMES.get(key, key): float(value) for key, value in entry.items() if _is_number(value)
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # A run killed while it wrote leaves half a line at the end.
            if number == len(lines) and isinstance(error, ValueError):
                break
            raise DataError(
                f"expected a JSON object with an epoch in line {number} of {path}, got {line[:60]!r}; "
                "delete the line or leave the log out"
            ) from error
    return [epochs[epoch] for epoch in sorted(epochs)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def panels_of(epochs: list[Epoch]) -> list[str]:
    """Return the names of the charts that the log can fill."""
    return [panel for panel, keys in PANELS.items() if any(key in epoch for epoch in epochs for key in keys)]


def paint_history(canvas: "Canvas", epochs: list[Epoch], panel: str) -> None:
    """Draw one panel of a run's curves over its epochs.

    Args:
        canvas: an empty matplotlib figure.
        epochs: the log.
        panel: a key of `PANELS`.
    """
    from matplotlib.ticker import MaxNLocator

    axes = canvas.subplots()
    for colour, (key, name) in zip(COLOURS, PANELS[panel].items(), strict=False):
        points = [(epoch["epoch"], epoch[key]) for epoch in epochs if key in epoch]
        if points:
            axes.plot(*zip(*points, strict=True), "o-", color=colour, markersize=2.5, label=name)
    axes.set_xlabel("epoch")
    axes.set_ylabel(panel)
    axes.grid()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if panel == "learning rate":
        rates = [epoch["learning_rate"] for epoch in epochs if epoch.get("learning_rate", 0) > 0]
        if rates and max(rates) >= 20 * min(rates):
            axes.set_yscale("log")
        else:
            axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    else:
        axes.legend(loc="best")
