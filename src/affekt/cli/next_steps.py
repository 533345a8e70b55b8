"""What to type next: after a manifest, after a training, and after a command that lacks something."""

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from affekt.training.generations import Run

MANY_ROWS = 5000
"""With more, a part that is held back is large enough to measure on, and five trainings are long."""


def after_manifest(manifest: "pl.DataFrame", path: Path) -> str:
    """Return what to do with a manifest: divide it where all rows are to be learnt from, else train on it."""
    from affekt.data.check import training_advice
    from affekt.data.manifest import division

    if manifest["split"].unique().to_list() != ["train"]:
        return training_advice(manifest, path)
    return f"Next, keep rows apart to choose and to measure a model on:\n  {division(path)}"


def after_training(name: str, run: "Run", manifest: "pl.DataFrame") -> str:
    """Return what to do with a run: evaluate it, where the manifest has rows to evaluate it on, else export it."""
    from affekt.data.manifest import division
    from affekt.models.card import CARD_FILE, read_card

    split = next((split for split in ("test", "val") if split in set(manifest["split"])), None)
    if split is None:
        export, folds = f"next: {export_command(run.out)}", run.data.parent
        if (folds / "fold-1" / CARD_FILE).is_file() and read_card(folds / "fold-1").training["recipe_name"] == name:
            return f"{export}\n{folds / 'report' / 'report.html'} says what to expect of it"
        measure = _typed("train", name, "--data", run.data, "--out", f"{run.out}-folds", "--folds", 5)
        measure = division(run.data) if len(manifest) > MANY_ROWS else measure
        return (
            f"{export}\n{run.data} has no split test or val, so there is nothing to evaluate it on; "
            f"to measure it: {measure}"
        )
    score = _typed("evaluate", run.out, "--data", run.data, "--split", split, "--out", "report/")
    if split != run.validation and (split, run.validation) != ("val", "auto"):
        return f"next: {score}"
    return (
        f"next: {score}\nthe epoch was chosen on {split}, so figures there are a little too good: divide the data with "
        f"{division(run.data)}, or train with --validation 0.1"
    )


def after_folds(name: str, run: "Run") -> str:
    """Return what to do after a cross-validation or a learning curve."""
    return f"next, the network to use: {_typed('train', name, '--data', run.data, '--out', f'{run.out}-all')}"


def export_command(run: Path) -> str:
    """Return the command that exports a run, into a folder that is as good to pass on as to use."""
    return _typed("export", run, "--out", Path("models", run.resolve().name))


@contextmanager
def stop_told(out: Path, arguments: list[str]) -> Iterator[None]:
    """Let Ctrl-C in a training say what is kept, and the command that goes on."""
    from affekt.models.card import WEIGHTS_FILE
    from affekt.training.generations import CHECKPOINT_FILE

    try:
        yield
    except KeyboardInterrupt as stop:
        told = "stopped before the first epoch was done; the same command begins again"
        if any(path.name in (CHECKPOINT_FILE, WEIGHTS_FILE) for path in out.rglob("*.safetensors")):
            again = _typed("train", *arguments, *([] if "--resume" in arguments else ["--resume"]))
            told = f"stopped; the epochs that are done are kept in {out}; to go on, type: {again}"
        raise type(stop)(told) from None


def _typed(*words: object) -> str:
    """Return a command as a shell takes it."""
    return shlex.join(["affekt", *map(str, words)])


def as_typed(example: str, prog: str, arguments: list[str]) -> str:
    """Return an example with what the user has typed already, behind the command and its options, for its names."""
    typed = dict(pairwise([prog, *arguments]))
    typed |= {option: value for option, _, value in (word.partition("=") for word in arguments) if value}
    for option, value in typed.items():
        found = re.search(rf"{re.escape(option)} [^-\s;][^\s;]*", example)
        if found and (option == prog or option.startswith("--")) and not value.startswith("-"):
            example = example.replace(found[0], f"{option} {shlex.quote(value)}", 1)
    return example
