"""What a run writes into its model's card."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import polars as pl
import torch

from affekt import __version__
from affekt.errors import DataError
from affekt.faces.preprocessing import Preprocessing
from affekt.models.card import Card
from affekt.networks.network import Network, parameter_count
from affekt.training.checkpoint import Progress
from affekt.training.distributed import World
from affekt.training.recipe import Recipe

if TYPE_CHECKING:
    from affekt.training.run import Run


def preprocessing_of(recipe: Recipe) -> Preprocessing:
    """Return what the recipe's network wants to see."""
    return Preprocessing(
        input_size=recipe.input_size,
        channels=len(recipe.mean),
        mean=recipe.mean,
        std=recipe.std,
        crop_margin=recipe.crop_margin,
    )


def make_card(
    recipe: Recipe, network: Network, run: "Run", rows: pl.DataFrame, data: str, progress: Progress, world: World
) -> Card:
    """Write down what the trained network knows about itself; `data` is the `rows_digest` of what it learnt from."""
    chosen = progress.history[progress.best_epoch - 1]
    return Card(
        name=run.out.absolute().name,
        architecture=recipe.architecture,
        hidden_units=recipe.hidden_units,
        heads=recipe.heads,
        preprocessing=preprocessing_of(recipe),
        valence_arousal_origin=require_one_origin(rows) if "valence_arousal" in recipe.heads else None,
        parameters=parameter_count(network),
        training={
            "recipe_name": run.recipe_name,
            "recipe": asdict(recipe),
            "data": run.data.name,
            "sources": rows["source"].unique().sort().to_list(),
            "rows": rows.height,
            "rows_sha256": data,
            "validation": run.validation,
            "seed": run.seed,
            "processes": world.size,
            "epochs": progress.epoch,
            "best_epoch": progress.best_epoch,
            "seconds": round(sum(line["seconds"] for line in progress.history), 1),
            "torch": torch.__version__,
            "command": run.command,
        },
        metrics={"validation": {name: value for name, value in chosen.items() if name.startswith("val_")}},
        affekt_version=__version__,
    )


def require_one_origin(rows: pl.DataFrame) -> str | None:
    """Return where the valence and arousal of rows come from.

    Raises:
        DataError: several origins are mixed, which no card could name.
    """
    origins = rows.filter(pl.col("valence").is_not_null())["valence_arousal_origin"].unique().sort().to_list()
    if len(origins) > 1:
        raise DataError(
            f"expected valence and arousal of one origin, got {' and '.join(map(str, origins))}; "
            "make a manifest of rows of one valence_arousal_origin"
        )
    return origins[0]
