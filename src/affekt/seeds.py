"""Which numbers may be seeds."""

from affekt.errors import ConfigError

SEEDS = 2**32
"""How many there are: few enough that a seed times what makes it one of an epoch stays within torch's 64 bits."""


def require_seed(seed: int) -> None:
    """Refuse what numpy and torch cannot start from.

    Raises:
        ConfigError: the seed is negative or too large.
    """
    if not 0 <= seed < SEEDS:
        raise ConfigError(f"expected a seed from 0 to {SEEDS - 1:,}, got {seed}; type --seed 0")
