"""Colours of drawn people, all (red, green, blue) in 0-255."""

from functools import lru_cache

import numpy as np

Colour = tuple[int, int, int]

SKINS = ((236, 203, 180), (230, 190, 160), (220, 172, 134), (186, 132, 94), (140, 90, 60), (104, 68, 48), (76, 50, 38))
"""Skin from the lightest to the darkest, in even steps of `Identity.skin_tone`."""

HAIRS = {
    "black": (28, 24, 24),
    "dark brown": (58, 38, 28),
    "brown": (98, 64, 40),
    "blond": (206, 166, 104),
    "red": (150, 72, 36),
    "grey": (142, 140, 140),
    "white": (214, 212, 208),
}
IRISES = ((60, 38, 24), (92, 62, 34), (86, 104, 64), (78, 116, 150), (104, 112, 118))
CLOTHES = ((52, 70, 104), (120, 44, 52), (62, 94, 74), (70, 70, 74), (196, 190, 178), (150, 112, 60), (98, 70, 120))
LENS = (40, 50, 60)
CAVITY = (58, 18, 22)
TONGUE = (176, 84, 88)
TEETH = (244, 240, 230)
LIP = (176, 70, 78)


@lru_cache(maxsize=4096)
def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return the colour a share (0-1) of the way from the first to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def darker(colour: Colour, share: float) -> Colour:
    """Return the colour a share (0-1) of the way to black."""
    return mix(colour, (0, 0, 0), share)


def lighter(colour: Colour, share: float) -> Colour:
    """Return the colour a share (0-1) of the way to white."""
    return mix(colour, (255, 255, 255), share)


@lru_cache(maxsize=4096)
def skin_colour(tone: float) -> Colour:
    """Return the skin's colour for a tone from 0 (lightest) to 1 (darkest)."""
    steps = np.linspace(0, 1, len(SKINS))
    red, green, blue = (round(float(np.interp(tone, steps, channel))) for channel in zip(*SKINS, strict=True))
    return red, green, blue
