"""A search over a few options of a recipe, by Optuna's tree-structured Parzen estimator.

    pip install optuna
    python scripts/search.py affekt-head --data manifest.parquet --search learning_rate=1e-4..1e-2 --out runs/s
    affekt compare runs/s/*

Each trial is a run of its own, of the same validation rows, whose loss the search lowers. `hidden_units=64..512`
searches whole numbers, `optimiser=adam,adamw` among names. A range of a factor of ten or more is searched by its
logarithm.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import affekt

if TYPE_CHECKING:
    from optuna import Trial  # pyright: ignore[reportMissingImports]

Choose = Callable[["Trial"], object]


def choice_of(text: str) -> tuple[str, Choose]:
    """Read `learning_rate=1e-4..1e-2` or `optimiser=adam,adamw`: the option, and how a trial chooses its value.

    Raises:
        ConfigError: it is neither a range nor names.
    """
    name, _, values = text.partition("=")
    low, dots, high = values.partition("..")
    try:
        if not dots:
            return name, partial(_named, name=name, names=_two_or_more(values))
        is_whole = low.isdecimal() and high.isdecimal()
        ends = (int(low), int(high)) if is_whole else (float(low), float(high))
        if not 0 <= ends[0] < ends[1]:
            raise ValueError
    except ValueError:
        raise affekt.ConfigError(
            f"expected an option as learning_rate=1e-4..1e-2 or optimiser=adam,adamw in search, got {text!r}"
        ) from None
    return name, partial(_between, name=name, ends=ends)


def _two_or_more(values: str) -> list[str]:
    names = [each for each in values.split(",") if each]
    if len(names) < 2:
        raise ValueError
    return names


def _named(trial: "Trial", name: str, names: list[str]) -> object:
    return trial.suggest_categorical(name, names)


def _between(trial: "Trial", name: str, ends: tuple[float, float]) -> object:
    low, high = ends
    log = low > 0 and high / low >= 10
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, log=log)
    return trial.suggest_float(name, low, high, log=log)


def search(recipe: str, data: Path, out: Path, choices: dict[str, Choose], *, trials: int, **how: object) -> str:
    """Train the trials, and return the best one's folder, loss and options in a sentence."""
    import optuna  # pyright: ignore[reportMissingImports]

    seed = int(str(how.get("seed", 0)))
    base = affekt.find_recipe(recipe).recipe

    def loss(trial: "Trial") -> float:
        changed = base.with_options(**{name: choose(trial) for name, choose in choices.items()})
        card = affekt.train(changed, data, out / f"trial-{trial.number}", **how)  # pyright: ignore[reportArgumentType]
        return card.metrics["validation"]["val_loss"]

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(loss, n_trials=trials)
    best = study.best_trial
    options = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in best.params.items())
    return f"best: {out / f'trial-{best.number}'}, validation loss {best.value:.4f}, with {options}"


def main() -> None:
    """Search, and say what to type next."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--search", nargs="+", required=True)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--validation", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    choices = dict(map(choice_of, given.search))
    how = {"validation": given.validation, "seed": given.seed}
    print(search(given.recipe, given.data, given.out, choices, trials=given.trials, **how))
    print(f"next: affekt compare {given.out}/trial-*")


if __name__ == "__main__":
    try:
        main()
    except affekt.AffektError as error:
        sys.exit(f"search: {error}")
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        sys.exit("search: optuna is not installed; type: pip install optuna")
