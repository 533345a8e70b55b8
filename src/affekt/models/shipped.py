"""The models that come with the package, found by name."""

from pathlib import Path

from affekt.models.card import CARD_FILE, has_card

SHIPPED = Path(__file__).parent.parent / "shipped"
"""One model folder a model."""


def shipped_models() -> list[str]:
    """Return the names of the models that come with the package."""
    return sorted(card.parent.name for card in SHIPPED.glob(f"*/{CARD_FILE}"))


def model_folder(model: str | Path) -> Path:
    """Return the folder of a model: the folder so named or, where that has no card, that of the shipped model.

    A folder is called like a shipped model in many places that hold none: beside a clone of affekt, for one.
    """
    if str(model) in shipped_models() and not has_card(Path(model)):
        return SHIPPED / str(model)
    return Path(model)
