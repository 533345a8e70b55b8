"""Folds and wrinkles of the skin, from age and from the action units that press them."""

import numpy as np

from drawn_faces.canvas import Canvas
from drawn_faces.colours import darker, lighter, mix, skin_colour
from drawn_faces.curves import ellipse, smooth
from drawn_faces.geometry import SIGNS, Mouth, brow
from drawn_faces.identity import Identity


def draw_folds(canvas: Canvas, identity: Identity, units: np.ndarray, lips: Mouth) -> None:
    """Draw every fold, each as deep as its units and the person's age make it."""
    _forehead(canvas, identity, units)
    _glabella(canvas, identity, units)
    _nose_wrinkles(canvas, identity, units)
    for side in (0, 1):
        _beside_eye(canvas, identity, units, side)
        _nasolabial(canvas, identity, units, lips, side)
        _dimple(canvas, identity, units, lips, side)
        _below_corner(canvas, identity, units, lips, side)
    _chin(canvas, identity, units, lips)


def _fold(canvas: Canvas, identity: Identity, points: object, width: float, depth: float) -> None:
    """Draw a fold: a soft shadow, a sharp line in it, and light on the skin beneath."""
    if depth < 0.06:
        return
    skin = skin_colour(identity.skin_tone)
    line = smooth(points, 4)
    canvas.stroke(line, mix(darker(skin, 0.45), (120, 50, 40), 0.2), width * 2.2, 0.30 * depth)
    canvas.stroke(line, darker(skin, 0.55), width, 0.75 * depth)
    if canvas.unit > 150:
        canvas.stroke(line + np.array([0, 1.3 * width]), lighter(skin, 0.35), width, 0.22 * depth)


def _forehead(canvas: Canvas, identity: Identity, units: np.ndarray) -> None:
    """Draw level lines across the forehead: AU2 over its whole width, AU1 alone over the middle, raised there."""
    mean = np.clip(units.mean(axis=0), 0, 1)
    depth = 0.25 * max(0.0, identity.age - 0.4) + 0.75 * max(mean[1] * 0.8, mean[2])
    half = 0.30 + 0.16 * mean[2]
    for number in range(2):
        y = identity.eye_y - identity.brow_gap - 0.13 - 0.09 * number - 0.06 * max(mean[1], mean[2])
        arch = 0.05 * (mean[1] - mean[2])
        points = [(-half, y + 0.02 + arch), (-half / 2, y), (0, y - arch), (half / 2, y), (half, y + 0.02 + arch)]
        _fold(canvas, identity, points, 0.018, depth * (1 - 0.2 * number))


def _glabella(canvas: Canvas, identity: Identity, units: np.ndarray) -> None:
    """Draw the two upright lines that AU4 presses between the brows."""
    for side, sign in enumerate(SIGNS):
        depth = min(1.0, units[side, 4]) + 0.15 * max(0.0, identity.age - 0.5)
        y = float(brow(identity, units, side)[0, 1])
        points = [(sign * 0.05, y - 0.10), (sign * 0.058, y - 0.02), (sign * 0.045, y + 0.07)]
        _fold(canvas, identity, points, 0.022, depth)


def _nose_wrinkles(canvas: Canvas, identity: Identity, units: np.ndarray) -> None:
    """Draw the lines that AU9 presses across the bridge of the nose and down its sides."""
    depth = float(np.clip(units[:, 9].mean(), 0, 1))
    y = identity.eye_y
    for number, half in enumerate((0.075, 0.09, 0.085)):
        level = y - 0.02 + 0.055 * number
        points = [
            (-half, level - 0.025),
            (-half / 2, level + 0.012),
            (0, level),
            (half / 2, level + 0.012),
            (half, level - 0.025),
        ]
        _fold(canvas, identity, points, 0.02, 0.75 * depth)
    for sign in SIGNS:
        points = [(sign * 0.13, y + 0.04), (sign * 0.11, y + 0.12), (sign * 0.14, y + 0.2)]
        _fold(canvas, identity, points, 0.018, 0.8 * depth)


def _beside_eye(canvas: Canvas, identity: Identity, units: np.ndarray, side: int) -> None:
    """Draw crow's feet and the pouch under the eye: AU6, and AU7 a little."""
    sign, cheek, tighten = SIGNS[side], units[side, 6], units[side, 7]
    corner = sign * (identity.eye_distance + identity.eye_width)
    depth = min(1.0, 0.8 * cheek + 0.3 * max(0.0, identity.age - 0.5))
    for slope in (-0.06, 0.0, 0.06):
        points = [
            (corner + sign * 0.03, identity.eye_y + 0.3 * slope),
            (corner + sign * 0.11, identity.eye_y + slope + 0.01),
        ]
        _fold(canvas, identity, points, 0.014, depth)
    x, y, half = sign * identity.eye_distance, identity.eye_y, identity.eye_width
    pouch = min(1.0, 0.7 * cheek + 0.45 * tighten + 0.35 * identity.age)
    points = [(x - half * 0.85, y + 0.065), (x, y + 0.105 - 0.02 * cheek), (x + half * 0.85, y + 0.065)]
    _fold(canvas, identity, points, 0.016, 0.8 * pouch)


def _nasolabial(canvas: Canvas, identity: Identity, units: np.ndarray, lips: Mouth, side: int) -> None:
    """Draw the fold from the nose's wing round the mouth's corner: AU12, AU10, AU9, AU20 and age."""
    smile, lift, wrinkle, stretch, depress = units[side, [12, 10, 9, 20, 15]]
    depth = min(1.0, 0.22 * identity.age + 0.7 * max(smile, lift, wrinkle) + 0.3 * stretch + 0.1 * depress)
    sign = SIGNS[side]
    corner = lips.inner_top[0 if side == 0 else -1]
    start = (sign * (identity.nose_width + 0.015), identity.eye_y + identity.nose_length - 0.06 - 0.05 * wrinkle)
    out = abs(corner[0]) + 0.055 + 0.03 * smile
    end_y = min(float(corner[1]), identity.mouth_y) - 0.015
    middle = (sign * (0.28 * identity.nose_width + 0.72 * out), 0.58 * start[1] + 0.42 * end_y)
    _fold(canvas, identity, [start, middle, (sign * out, end_y)], 0.022, depth)


def _dimple(canvas: Canvas, identity: Identity, units: np.ndarray, lips: Mouth, side: int) -> None:
    """Draw the pit that AU14 presses beside the mouth's corner."""
    depth = float(np.clip(units[side, 14], 0, 1))
    sign = SIGNS[side]
    x, y = lips.inner_top[0 if side == 0 else -1]
    bow = [(x + sign * 0.03, y - 0.085), (x + sign * 0.065, y - 0.01), (x + sign * 0.035, y + 0.07)]
    _fold(canvas, identity, bow, 0.024, depth)
    if depth > 0.1:
        skin = skin_colour(identity.skin_tone)
        canvas.fill(ellipse(x + sign * 0.02, y, 0.03, 0.035), darker(skin, 0.4), 0.5 * depth)


def _below_corner(canvas: Canvas, identity: Identity, units: np.ndarray, lips: Mouth, side: int) -> None:
    """Draw the line that runs down from a mouth's corner: AU15 and age."""
    x, y = lips.inner_top[0 if side == 0 else -1]
    sign = SIGNS[side]
    depth = min(1.0, 0.8 * units[side, 15] + 0.25 * max(0.0, identity.age - 0.4))
    _fold(
        canvas,
        identity,
        [(x + sign * 0.015, y + 0.01), (x + sign * 0.035, y + 0.07), (x + sign * 0.03, y + 0.14)],
        0.022,
        depth,
    )


def _chin(canvas: Canvas, identity: Identity, units: np.ndarray, lips: Mouth) -> None:
    """Draw the arch over the chin: AU17, AU15 and AU23."""
    mean = np.clip(units.mean(axis=0), 0, 1)
    low = float(lips.bottom[len(lips.bottom) // 2, 1]) + 0.06
    points = [(-0.13, low + 0.035), (-0.06, low), (0.06, low), (0.13, low + 0.035)]
    _fold(canvas, identity, points, 0.024, 0.6 * max(mean[17], 0.5 * mean[15], 0.8 * mean[23]))
