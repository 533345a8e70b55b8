"""`affekt models`: what can be trained, and what has been."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from affekt.errors import ModelError
from affekt.models.card import CARD_FILE, SHIPPED, WEIGHTS_FILE, Card, read_card, shipped_models
from affekt.training.study_models import REFERENCES


@dataclass(frozen=True, kw_only=True)
class ModelsCommand:
    """List the reference recipes and the trained models: parameters, size, metrics and licence."""

    folders: Annotated[tuple[Path, ...], tyro.conf.Positional] = field(default=(Path("runs"),))
    """Model folders, or folders of them."""
    json: bool = False
    """Print JSON instead of tables."""


def main(arguments: list[str]) -> None:
    """Run the command."""
    command = tyro.cli(ModelsCommand, args=arguments, prog="affekt models")
    models, problems = found_models(command.folders)
    listing = {"recipes": [asdict(reference) for reference in REFERENCES], "models": models, "problems": problems}
    print(json.dumps(listing, indent=2) if command.json else models_text(listing))
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
            continue
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
        "licence": card.licence,
    }


def models_text(listing: dict[str, Any]) -> str:
    """Return the listing as two aligned tables."""
    recipes = [("recipe", "parameters", "trainable", "published result")]
    for recipe in listing["recipes"]:
        published = ", ".join(f"{name} {value:.4f}" for name, value in list(recipe["published"].items())[:2])
        recipes.append((recipe["recipe"], f"{recipe['parameters']:,}", f"{recipe['trainable']:,}", published))
    models = [("model", "parameters", "size", "figures", "licence", "folder")]
    for model in listing["models"]:
        size = f"{model['bytes'] / 1e6:.1f} MB" if model["bytes"] else "no weights"
        shown = figures_text(model["metrics"])
        models.append((model["name"], f"{model['parameters']:,}", size, shown, model["licence"], model["folder"]))
    found = aligned(models) if len(models) > 1 else "no trained models here; make one with: affekt train --help"
    return "\n\n".join([aligned(recipes), found, *listing["problems"]])


def figures_text(metrics: dict[str, Any]) -> str:
    """Return the headline figures of the last evaluation that the card records, else those on validation."""
    recorded = [where for where, found in metrics.items() if "figures" in found]
    if not recorded:
        measured = {name: value for name, value in metrics.get("validation", {}).items() if name.startswith("val_")}
        found = {name.removeprefix("val_"): value for name, value in measured.items()}
        where = "validation"
    else:
        where = recorded[-1]
        found = {name: figure["value"] for name, figure in metrics[where]["figures"].items()}
    renamed = {"accuracy": "accuracy", "macro_f1": "F1", "valence_ccc": "CCC valence", "arousal_ccc": "CCC arousal"}
    renamed |= {"ccc_valence": "CCC valence", "ccc_arousal": "CCC arousal"}
    shown = ", ".join(f"{title} {found[name]:.3f}" for name, title in renamed.items() if found.get(name) is not None)
    return f"{shown} ({where})" if shown else ""


def aligned(rows: list[tuple[str, ...]]) -> str:
    """Return rows of text as columns; numbers stand to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            text.rjust(width) if text[:1].isdigit() and text[-1:] in "0123456789B" else text.ljust(width)
            for text, width in zip(row, widths, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
