"""Which random changes a recipe makes to its training crops, and how strong they are. No torch here."""

from dataclasses import dataclass

from affekt.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes of the training crops, drawn anew for each picture in each epoch; all off by default."""

    flip: bool = False
    """Mirror half of the crops left to right."""
    rotation_degrees: float = 0.0
    """Rotate by up to this angle either way."""
    scale: float = 0.0
    """Zoom by a factor of up to 1 + this, in or out."""
    shift: float = 0.0
    """Move by up to this fraction of the side, along each axis."""
    brightness: float = 0.0
    """Add up to this fraction of the full range, lighter or darker."""
    contrast: float = 0.0
    """Multiply the distance from the crop's mean by up to 1 + this, or divide."""
    gamma: float = 0.0
    """Raise brightness to a power between exp(-this) and exp(this)."""
    erase: float = 0.0
    """Probability that a random rectangle (2-20 % of the crop) is replaced by noise."""
    resolution: float = 0.0
    """Probability that the crop is shrunk to a third or more of its side and enlarged again."""
    blur: float = 0.0
    """Probability of a Gaussian blur."""
    jpeg: float = 0.0
    """Probability that what JPEG drops is dropped, at quality 15 to 90."""

    def __post_init__(self) -> None:
        """Refuse impossible strengths.

        Raises:
            ConfigError: a strength is negative or a fraction is above 1.
        """
        unbounded = ("rotation_degrees", "scale", "contrast", "gamma")
        for name in (*unbounded, "shift", "brightness", "erase", "resolution", "blur", "jpeg"):
            value = getattr(self, name)
            most = float("inf") if name in unbounded else 1
            if not 0 <= value <= most:
                raise ConfigError(
                    f"expected augmentation.{name} between 0 and {most}, got {value}; choose one in between"
                )

    @property
    def is_off(self) -> bool:
        """Whether the crops reach the network unchanged."""
        return self == Augmentation()
