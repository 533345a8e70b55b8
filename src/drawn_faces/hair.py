"""Hair, beards and headscarves."""

import numpy as np

from drawn_faces.canvas import Canvas
from drawn_faces.colours import darker, lighter, mix, skin_colour
from drawn_faces.curves import ellipse, smooth
from drawn_faces.geometry import SIGNS, Mouth
from drawn_faces.identity import Identity

VOLUME = {"cropped": 0.04, "short": 0.10, "swept": 0.13, "fringe": 0.12, "long": 0.12, "curly": 0.20, "bun": 0.07}
"""How far the hair stands off the skull."""

SIDEBURN_Y = {"cropped": -0.25, "short": -0.05, "swept": -0.1, "fringe": 0.1, "long": 0.35, "curly": 0.05, "bun": -0.15}


def hair_behind(canvas: Canvas, identity: Identity) -> None:
    """Draw what lies behind the head."""
    width, style, colour = identity.face_width, identity.hair_style, darker(identity.hair, 0.25)
    if style == "long":
        side = [(0.75, -0.95), (1.12, -0.55), (1.22, 0.1), (1.28, 0.8), (1.2, 1.35)]
        points = [(0, -1.12), *((x * width, y) for x, y in side), *((-x * width, y) for x, y in side[::-1])]
        canvas.fill(smooth(points, closed=True), colour, depth=-0.2)
    elif style == "curly":
        for turn in np.linspace(-0.55, np.pi + 0.55, 17):
            x, y = 1.12 * width * np.cos(turn), -0.32 - 0.72 * np.sin(turn)
            canvas.fill(ellipse(x, y, 0.22, 0.22), darker(identity.hair, 0.12 + 0.1 * np.cos(5 * turn)), depth=-0.1)
    elif style == "bun":
        canvas.fill(ellipse(0, -1.13, 0.30, 0.24), colour, depth=-0.2)
    elif style == "headscarf":
        side = [(0.7, -1.0), (1.12, -0.6), (1.2, 0.1), (1.1, 0.8), (1.3, 1.6)]
        points = [(0, -1.12), *((x * width, y) for x, y in side), *((-x * width, y) for x, y in side[::-1])]
        canvas.fill(smooth(points, closed=True), darker(identity.clothes, 0.15), depth=-0.1)


def hair_before(canvas: Canvas, identity: Identity, outline: np.ndarray) -> None:
    """Draw what lies over the forehead and the temples."""
    if identity.hair_style == "headscarf":
        _headscarf(canvas, identity, outline)
        return
    if identity.hair_style == "bald":
        shine = lighter(skin_colour(identity.skin_tone), 0.3)
        for size in (0.26, 0.17):
            canvas.fill(ellipse(-0.12, -0.82, size, size * 0.35), shine, 0.25)
        return
    width, style = identity.face_width, identity.hair_style
    volume, sideburn = VOLUME[style], SIDEBURN_Y[style]
    skull = outline[np.r_[36:48, 0:13]]
    lifted = skull * (1 + volume * np.clip(-skull[:, 1:] * 1.5 + 0.25, 0.25, 1))
    inner = canvas.project(_hairline(identity, sideburn))
    outer = canvas.project(np.concatenate([[[-1.03 * width, sideburn]], lifted, [[1.03 * width, sideburn]]]), depth=0.0)
    canvas.fill_pixels(np.concatenate([outer, inner[::-1]]), identity.hair)
    _strands(canvas, identity, volume)


def _hairline(identity: Identity, sideburn: float) -> np.ndarray:
    """Return the inner edge of the hair from the left sideburn over the forehead to the right one."""
    width, top = identity.face_width, identity.hairline_y
    if identity.hair_style == "fringe":
        middle = [(-0.6, -0.49), (-0.3, -0.53), (-0.1, -0.5), (0.15, -0.54), (0.4, -0.5), (0.65, -0.48)]
    elif identity.hair_style in ("swept", "long"):
        middle = [(-0.62, -0.52), (-0.35, top - 0.08), (-0.15, top - 0.16), (0.25, top - 0.02), (0.62, -0.50)]
    else:
        middle = [(-0.68, top + 0.10), (-0.42, top - 0.02), (0, top + 0.01), (0.42, top - 0.02), (0.68, top + 0.10)]
    left = [(-0.96, sideburn), (-0.93, -0.28)]
    right = [(0.93, -0.28), (0.96, sideburn)]
    return smooth([(x * width, y) for x, y in (*left, *middle, *right)], 4)


def _strands(canvas: Canvas, identity: Identity, volume: float) -> None:
    """Draw a few lighter and darker locks, so that the hair is no flat patch."""
    width = identity.face_width
    parted = identity.hair_style in ("swept", "long")
    for number, x in enumerate(np.linspace(-0.8, 0.8, 13)):
        tint = (lighter(identity.hair, 0.14), darker(identity.hair, 0.3), darker(identity.hair, 0.15))[number % 3]
        root_x = 0.35 * x - 0.12 if parted else 0.75 * x
        root_y = -(1 + 0.8 * volume) * np.sqrt(1 - root_x**2) + 0.05
        end_y = identity.hairline_y - 0.06 + (0.30 if parted else 0.22) * x**2
        bow = (0.8 * x, (root_y + end_y) / 2 - 0.06)
        lock = smooth([(px * width, py) for px, py in ((root_x, root_y), bow, (x, end_y))], 5)
        canvas.stroke(lock, tint, 0.05, 0.4, depth=0.2)


def _headscarf(canvas: Canvas, identity: Identity, outline: np.ndarray) -> None:
    width = identity.face_width
    outside = canvas.project(outline * [1.12, 1.12], depth=0.0)
    inside = canvas.project(outline * [0.93, 0.87] + [0, 0.08])
    for half in (np.arange(25), np.r_[24:48, 0]):
        canvas.fill_pixels(np.concatenate([outside[half], inside[half[::-1]]]), identity.clothes)
    fold = smooth([(-1.0 * width, 0.3), (-0.7 * width, 0.85), (0, 1.15), (0.6 * width, 1.0)])
    canvas.stroke(fold, darker(identity.clothes, 0.35), 0.03, 0.6, depth=0.0)


def beard(canvas: Canvas, identity: Identity, outline: np.ndarray, lips: Mouth) -> None:
    """Draw stubble, a moustache or a full beard under the mouth that is drawn later."""
    if identity.beard == "none":
        return
    # A beard grows thinner towards its edge: layers, the first the largest.
    layers, opacity = (3, 0.11) if identity.beard == "stubble" else (2, 0.75)
    colour = mix(identity.hair, (30, 26, 24), 0.25)
    if identity.beard in ("stubble", "full"):
        jaw = outline[14:35]
        above = float(lips.top[len(lips.top) // 2, 1]) - 0.055
        cheek = [
            (-0.86, 0.22),
            (-0.62, 0.42),
            (-0.36, above),
            (0, above + 0.01),
            (0.36, above),
            (0.62, 0.42),
            (0.86, 0.22),
        ]
        edge = smooth([(x * identity.face_width, y) for x, y in cheek], 4)
        for layer in range(layers):
            inner = edge * [1 + 0.02 * layer, 1] + [0, 0.022 * layer]
            canvas.fill_pixels(np.concatenate([canvas.project(jaw, 0.0), canvas.project(inner)]), colour, opacity)
    if identity.beard in ("moustache", "full"):
        middle = len(lips.top) // 2
        upper = lips.top[1:-1] * [1.05, 1] - [0, 0.075]
        upper[middle - 1, 1] += 0.015
        canvas.fill(np.concatenate([smooth(upper, 2), lips.top[::-1] * [1.1, 1] + [0, 0.012]]), colour, 0.92)


def glasses(canvas: Canvas, identity: Identity) -> None:
    """Draw a pair of glasses."""
    if not identity.glasses:
        return
    frame = (36, 32, 34)
    turn = np.linspace(0, 2 * np.pi, 29)
    for sign in SIGNS:
        rim = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        rim = np.sign(rim) * np.abs(rim) ** 0.7 * [0.235, 0.175] + [
            sign * (identity.eye_distance + 0.005),
            identity.eye_y + 0.03,
        ]
        canvas.fill(rim, (255, 255, 255), 0.07)
        canvas.stroke(rim, frame, np.full(len(rim), 0.026), 0.95)
        end = np.array(
            [
                [sign * (identity.eye_distance + 0.235), identity.eye_y],
                [sign * identity.face_width, identity.eye_y - 0.03],
            ]
        )
        canvas.stroke(end, frame, np.full(2, 0.026))
    bridge = smooth(
        [
            (-identity.eye_distance + 0.235, identity.eye_y),
            (0, identity.eye_y - 0.03),
            (identity.eye_distance - 0.235, identity.eye_y),
        ]
    )
    canvas.stroke(bridge, frame, np.full(len(bridge), 0.024))
