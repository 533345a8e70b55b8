"""`affekt models`: those that come with affekt, those that have been trained, and the study's four."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from affekt.cli.arguments import parsed
from affekt.errors import ModelError
from affekt.files import in_six_digits
from affekt.models.card import CARD_FILE, SHIPPED, WEIGHTS_FILE, Card, read_card, shipped_models
from affekt.terminal import printable, text_table
from affekt.training.recipes import RECIPES, STUDY_MODELS


@dataclass(frozen=True, kw_only=True)
class ModelsCommand:
    """List models, with parameters, size, metrics and licence: those that come with affekt, your own, and the study's.

    All recipes are listed by `affekt train --help`.
    """

    folders: Annotated[tuple[Path, ...], tyro.conf.Positional] = field(default=(Path("runs"),))
    """Model folders, or folders of them."""
    json: bool = False
    """Print JSON instead of tables."""


def main(arguments: list[str]) -> None:
    """Run the command."""
    command = parsed(ModelsCommand, arguments, "affekt models")
    models, problems = found_models(command.folders)
    listing = {"recipes": [asdict(model) for model in STUDY_MODELS], "models": models, "problems": problems}
    as_json = json.dumps(in_six_digits(listing), indent=2)
    print(as_json if command.json else printable(models_text(listing), lines=True))
    if problems:
        raise SystemExit(2)


def found_models(folders: tuple[Path, ...]) -> tuple[list[dict[str, Any]], list[str]]:
    """Describe the models that come with affekt, and each model folder among the folders given and one level below.

    Returns:
        The models, and a sentence for each folder or card that cannot be read.
    """
    models, problems = [], []
    places = [SHIPPED / name for name in shipped_models()]
    for folder in folders:
        try:
            places += [folder, *sorted(folder.iterdir())]
        except (FileNotFoundError, NotADirectoryError):
            if folder != Path("runs"):
                got = "which is a file" if folder.is_file() else "and nothing is there"
                raise ModelError(f"expected a folder of models, got {folder}, {got}; type: affekt models") from None
        except OSError as error:
            problems.append(f"expected to look into {folder}, got {error.strerror}; check who may read it")
    for place in places:
        try:
            if (place / CARD_FILE).is_file():
                models.append(_describe(place, read_card(place)))
        except OSError as error:
            problems.append(f"expected to look into {place}, got {error.strerror}; check who may read it")
        except ModelError as error:
            problems.append(str(error))
    return models, problems


def _describe(folder: Path, card: Card) -> dict[str, Any]:
    weights = folder / WEIGHTS_FILE
    return {
        "name": card.name,
        "folder": str(folder),
        "architecture": card.architecture,
        "heads": card.heads,
        "parameters": card.parameters,
        "bytes": weights.stat().st_size if weights.is_file() else None,
        "metrics": card.metrics,
        "lost_points": card.export.get("lost_points"),
        "licence": card.licence,
    }


def models_text(listing: dict[str, Any]) -> str:
    """Return the listing as two aligned tables."""
    recipes = [("recipe", "published result", "parameters", "trainable")]
    for recipe in listing["recipes"]:
        published = ", ".join(f"{name} {value:.4f}" for name, value in list(recipe["published"].items())[:2])
        recipes.append((recipe["recipe"], published, recipe["parameters"], recipe["trainable"]))
    models = [("model", "figures", "licence", "folder", "parameters", "size")]
    for model in listing["models"]:
        size = f"{model['bytes'] / 1e6:.1f} MB" if model["bytes"] else "no weights"
        lost = (model["lost_points"] or {}).get("accuracy")
        shown = figures_text(model["metrics"]) or (f"accuracy {lost:.1f} points below 32 bits" if lost else "")
        models.append((model["name"], shown, model["licence"], model["folder"], model["parameters"], size))
    found = text_table(models, left=4) if len(models) > 1 else "no trained models; make one with: affekt train --help"
    others = f"The study's four models; affekt train --help lists all {len(RECIPES)} recipes."
    return "\n\n".join([found, f"{text_table(recipes, left=2)}\n{others}", *listing["problems"]])


def figures_text(metrics: dict[str, Any]) -> str:
    """Return the headline figures of the last evaluation that the card records, else those on validation."""
    recorded = [where for where, found in metrics.items() if "figures" in found]
    if recorded:
        where = recorded[-1]
        found = {name: figure["value"] for name, figure in metrics[where]["figures"].items()}
    else:
        where = "validation"
        measured = metrics.get(where, {}).items()
        found = {name.removeprefix("val_"): value for name, value in measured if name.startswith("val_")}
    titles = {"accuracy": "accuracy", "macro_f1": "F1", "valence_ccc": "CCC valence", "arousal_ccc": "CCC arousal"}
    shown = ", ".join(f"{title} {found[name]:.3f}" for name, title in titles.items() if found.get(name) is not None)
    return f"{shown} ({where})" if shown else ""
