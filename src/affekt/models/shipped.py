"""The models that come with the package, found by name."""

from pathlib import Path

from affekt.models.card import CARD_FILE

SHIPPED = Path(__file__).parent.parent / "shipped"
"""One model folder a model."""


def shipped_models() -> list[str]:
    """Return the names of the models that come with the package."""
    return sorted(card.parent.name for card in SHIPPED.glob(f"*/{CARD_FILE}"))


def model_folder(model: str | Path) -> Path:
    """Return the folder of a model: the folder so named or, where there is none, that of the shipped model."""
    folder = Path(model)
    if not folder.exists() and str(model) in shipped_models():
        return SHIPPED / str(model)
    return folder
