"""Hair, beards, headscarves and glasses."""

import numpy as np

from drawn_faces.geometry import SIGNS, ellipse, smooth
from drawn_faces.head import Head
from drawn_faces.identity import Identity, darker, lighter, mix

VOLUME = {"cropped": 0.04, "short": 0.10, "swept": 0.13, "fringe": 0.12, "long": 0.12, "curly": 0.20, "bun": 0.07}
"""How far the hair stands off the skull."""

SIDEBURN_Y = {"cropped": -0.25, "short": -0.05, "swept": -0.1, "fringe": 0.1, "long": 0.35, "curly": 0.05, "bun": -0.15}


def hair_behind(head: Head) -> None:
    """Draw what lies behind the head."""
    identity = head.identity
    width, style = identity.face_width, identity.hair_style
    if style in ("long", "headscarf"):
        long = [(0.75, -0.95), (1.12, -0.55), (1.22, 0.1), (1.28, 0.8), (1.2, 1.35)]
        side = long if style == "long" else [(0.7, -1.0), (1.12, -0.6), (1.2, 0.1), (1.1, 0.8), (1.3, 1.6)]
        points = [(0, -1.12), *((x * width, y) for x, y in side), *((-x * width, y) for x, y in side[::-1])]
        colour = darker(identity.hair, 0.25) if style == "long" else darker(identity.clothes, 0.15)
        head.fill(smooth(points, closed=True), colour, depth=-0.2 if style == "long" else -0.1)
    elif style == "curly":
        for turn in np.linspace(-0.55, np.pi + 0.55, 17):
            x, y = 1.12 * width * np.cos(turn), -0.32 - 0.72 * np.sin(turn)
            head.fill(ellipse(x, y, 0.22, 0.22), darker(identity.hair, 0.12 + 0.1 * np.cos(5 * turn)), depth=-0.1)
    elif style == "bun":
        head.fill(ellipse(0, -1.13, 0.30, 0.24), darker(identity.hair, 0.25), depth=-0.2)


def hair_before(head: Head) -> None:
    """Draw what lies over the forehead and the temples."""
    if head.identity.hair_style == "headscarf":
        _headscarf(head)
        return
    if head.identity.hair_style == "bald":
        shine = lighter(head.skin, 0.3)
        for size in (0.26, 0.17):
            head.fill(ellipse(-0.12, -0.82, size, size * 0.35), shine, 0.25)
        return
    width, style = head.identity.face_width, head.identity.hair_style
    volume, sideburn = VOLUME[style], SIDEBURN_Y[style]
    skull = head.outline[np.r_[36:48, 0:13]]
    lifted = skull * (1 + volume * np.clip(-skull[:, 1:] * 1.5 + 0.25, 0.25, 1))
    inner = head.project(_hairline(head.identity, sideburn))
    outer = head.project(np.concatenate([[[-1.03 * width, sideburn]], lifted, [[1.03 * width, sideburn]]]), depth=0.0)
    head.fill_pixels(np.concatenate([outer, inner[::-1]]), head.identity.hair)
    _strands(head, volume)


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


def _strands(head: Head, volume: float) -> None:
    """Draw a few lighter and darker locks, so that the hair is no flat patch."""
    width, hair = head.identity.face_width, head.identity.hair
    tints = (lighter(hair, 0.14), darker(hair, 0.3), darker(hair, 0.15))
    parted = head.identity.hair_style in ("swept", "long")
    for number, x in enumerate(np.linspace(-0.8, 0.8, 13)):
        tint = tints[number % 3]
        root_x = 0.35 * x - 0.12 if parted else 0.75 * x
        root_y = -(1 + 0.8 * volume) * np.sqrt(1 - root_x**2) + 0.05
        end_y = head.identity.hairline_y - 0.06 + (0.30 if parted else 0.22) * x**2
        bow = (0.8 * x, (root_y + end_y) / 2 - 0.06)
        lock = smooth([(px * width, py) for px, py in ((root_x, root_y), bow, (x, end_y))], 5)
        head.stroke(lock, tint, 0.05, 0.4, depth=0.2)


def _headscarf(head: Head) -> None:
    width = head.identity.face_width
    outside = head.project(head.outline * [1.12, 1.12], depth=0.0)
    inside = head.project(head.outline * [0.93, 0.87] + [0, 0.08])
    for half in (np.arange(25), np.r_[24:48, 0]):
        head.fill_pixels(np.concatenate([outside[half], inside[half[::-1]]]), head.identity.clothes)
    fold = smooth([(-1.0 * width, 0.3), (-0.7 * width, 0.85), (0, 1.15), (0.6 * width, 1.0)])
    head.stroke(fold, darker(head.identity.clothes, 0.35), 0.03, 0.6, depth=0.0)


def beard(head: Head) -> None:
    """Draw stubble, a moustache or a full beard under the mouth that is drawn later."""
    identity, top = head.identity, head.lips.top
    middle = len(top) // 2
    # A beard grows thinner towards its edge: layers, the first the largest.
    layers, opacity = (3, 0.11) if identity.beard == "stubble" else (2, 0.75)
    colour = mix(identity.hair, (30, 26, 24), 0.25)
    if identity.beard in ("stubble", "full"):
        jaw = head.outline[14:35]
        above = float(top[middle, 1]) - 0.055
        ends, cheeks, beside = (0.86, 0.22), (0.62, 0.42), (0.36, above)
        left = [(-x, y) for x, y in (ends, cheeks, beside)]
        points = [*left, (0, above + 0.01), beside, cheeks, ends]
        edge = smooth([(x * identity.face_width, y) for x, y in points], 4)
        for layer in range(layers):
            inner = edge * [1 + 0.02 * layer, 1] + [0, 0.022 * layer]
            head.fill_pixels(np.concatenate([head.project(jaw, 0.0), head.project(inner)]), colour, opacity)
    if identity.beard in ("moustache", "full"):
        upper = top[1:-1] * [1.05, 1] - [0, 0.075]
        upper[middle - 1, 1] += 0.015
        head.fill(np.concatenate([smooth(upper, 2), top[::-1] * [1.1, 1] + [0, 0.012]]), colour, 0.92)


def glasses(head: Head) -> None:
    """Draw a pair of glasses."""
    frame, eye_x, eye_y = (36, 32, 34), head.identity.eye_distance, head.identity.eye_y
    turn = np.linspace(0, 2 * np.pi, 29)
    round_rim = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    for sign in SIGNS:
        rim = np.sign(round_rim) * np.abs(round_rim) ** 0.7 * [0.235, 0.175] + [sign * (eye_x + 0.005), eye_y + 0.03]
        head.fill(rim, (255, 255, 255), 0.07)
        head.stroke(rim, frame, np.full(len(rim), 0.026), 0.95)
        temple = np.array([[sign * (eye_x + 0.235), eye_y], [sign * head.identity.face_width, eye_y - 0.03]])
        head.stroke(temple, frame, np.full(2, 0.026))
    bridge = smooth([(-eye_x + 0.235, eye_y), (0, eye_y - 0.03), (eye_x - 0.235, eye_y)])
    head.stroke(bridge, frame, np.full(len(bridge), 0.024))
