"""Who is drawn: everything about a face that stays while its expression changes.

Lengths are in face units: 1 is half the height of the head, from its middle to the chin. x points to the picture's
right, y down, and the origin is the middle of the head, a little below the line of the eyes. Colours are
(red, green, blue), 0-255.
"""

from dataclasses import dataclass
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
CAVITY = (58, 18, 22)
TONGUE = (176, 84, 88)
TEETH = (244, 240, 230)
LIP = (176, 70, 78)
HAIR_STYLES = ("bald", "cropped", "short", "swept", "fringe", "long", "curly", "bun", "headscarf")
BEARDS = ("none", "stubble", "moustache", "full")
UNBEARDED = ("headscarf", "bun", "long")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """One person; the defaults are an average face."""

    face_width: float = 0.76
    """Half the width of the head at the cheekbones."""
    jaw_taper: float = 0.26
    """How much the jaw narrows towards the chin, 0 (square) to 1."""
    eye_y: float = -0.06
    """Height of the eyes' line."""
    eye_distance: float = 0.34
    """From the middle of the face to the middle of an eye."""
    eye_width: float = 0.175
    """Half the width of an eye."""
    eye_opening: float = 0.085
    """From the eyes' line to the upper lid at rest."""
    eye_tilt: float = 0.0
    """How much higher the outer corner lies than the inner one."""
    iris: Colour = IRISES[1]
    brow_gap: float = 0.21
    """From the eyes' line up to the brow at rest."""
    brow_thickness: float = 0.055
    brow_arch: float = 0.035
    """Height of the brow's arch over its ends."""
    nose_length: float = 0.38
    """From the eyes' line to the nose's base."""
    nose_width: float = 0.135
    """From the middle of the nose to the outside of a wing."""
    mouth_y: float = 0.60
    mouth_width: float = 0.25
    """Half the width of the mouth at rest."""
    lip_fullness: float = 0.07
    """Height of the lower lip; the upper one is a little thinner."""
    mouth_rest: float = 0.0
    """How far the mouth's corners lie above its middle at rest; negative for a mouth that turns down."""
    skin_tone: float = 0.3
    """0 (lightest) to 1 (darkest)."""
    age: float = 0.2
    """0 (smooth) to 1 (deep lines)."""
    hair_style: str = "short"
    hair: Colour = HAIRS["brown"]
    hairline_y: float = -0.62
    beard: str = "none"
    glasses: bool = False
    clothes: Colour = CLOTHES[0]
    lipstick: float = 0.0
    """0 (none) to 1 (strong)."""

    @property
    def skin_group(self) -> str:
        """Return `light`, `medium` or `dark`: thirds of the range of skin tones."""
        return ("light", "medium", "dark")[min(2, int(self.skin_tone * 3))]


def random_identity(rng: np.random.Generator) -> Identity:
    """Draw a person.

    Traits are drawn alone, but for grey hair, which needs age, dark hair and eyes, which go with dark skin, and beards,
    which go with no headscarf, bun, long hair or lipstick.
    """
    skin_tone, age = float(rng.uniform(0, 1)), float(rng.uniform(0, 1))
    hair_style = str(rng.choice(HAIR_STYLES))
    lipstick = float(max(0.0, rng.uniform(-1.0, 1.0)))
    beard = str(rng.choice(BEARDS, p=(0.45, 0.2, 0.13, 0.22)))
    return Identity(
        face_width=float(rng.uniform(0.69, 0.84)),
        jaw_taper=float(rng.uniform(0.10, 0.40)),
        eye_y=float(rng.uniform(-0.10, -0.03)),
        eye_distance=float(rng.uniform(0.31, 0.37)),
        eye_width=float(rng.uniform(0.155, 0.195)),
        eye_opening=float(rng.uniform(0.074, 0.098)),
        eye_tilt=float(rng.uniform(-0.015, 0.03)),
        iris=IRISES[int(rng.integers(2 if skin_tone > 0.5 else len(IRISES)))],
        brow_gap=float(rng.uniform(0.19, 0.235)),
        brow_thickness=float(rng.uniform(0.035, 0.08)),
        brow_arch=float(rng.uniform(0.01, 0.06)),
        nose_length=float(rng.uniform(0.33, 0.42)),
        nose_width=float(rng.uniform(0.11, 0.17)),
        mouth_y=float(rng.uniform(0.57, 0.64)),
        mouth_width=float(rng.uniform(0.21, 0.285)),
        lip_fullness=float(rng.uniform(0.05, 0.10)),
        mouth_rest=float(rng.uniform(-0.008, 0.008)),
        skin_tone=skin_tone,
        age=age,
        hair_style=hair_style,
        hair=_hair_colour(rng, skin_tone, age),
        hairline_y=float(rng.uniform(-0.68, -0.58)),
        beard="none" if lipstick or hair_style in UNBEARDED else beard,
        glasses=bool(rng.random() < 0.17),
        clothes=CLOTHES[int(rng.integers(len(CLOTHES)))],
        lipstick=lipstick,
    )


def _hair_colour(rng: np.random.Generator, skin_tone: float, age: float) -> Colour:
    dark, greyed = ["black", "dark brown"], ["grey", "white"]
    choices = dark if skin_tone > 0.5 else [*dark, "brown", "blond", "red"]
    return HAIRS[str(rng.choice(greyed if age > 0.75 and rng.random() < 0.7 else choices))]


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
