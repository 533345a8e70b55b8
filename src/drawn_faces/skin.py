"""The skin: folds from age and from the action units that press them, and the soft light and shadow on the head."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from drawn_faces.geometry import SIGNS, brow, ellipse, nose_base_y, smooth
from drawn_faces.head import Head
from drawn_faces.identity import darker, lighter, mix

COARSE = 4
"""Light and shadow are painted on a picture this many times smaller; they are soft anyway."""

WARMTH = np.array([0.88, 1.0, 1.08], dtype=np.float32)
"""Shadows on skin are warm: red darkens less than blue."""


def draw_folds(head: Head) -> None:
    """Draw every fold, each as deep as its units and the person's age make it."""
    _forehead(head)
    _glabella(head)
    _nose_wrinkles(head)
    for side in (0, 1):
        _beside_eye(head, side)
        _nasolabial(head, side)
        _beside_corner(head, side)
    _chin(head)


def _fold(head: Head, points: object, width: float, depth: float) -> None:
    """Draw a fold: a soft shadow, a sharp line in it, and light on the skin beneath."""
    if depth < 0.06:
        return
    line = smooth(points, 4)
    head.stroke(line, mix(darker(head.skin, 0.45), (120, 50, 40), 0.2), width * 2.2, 0.30 * depth)
    head.stroke(line, darker(head.skin, 0.55), width, 0.75 * depth)
    if head.unit > 150:
        head.stroke(line + np.array([0, 1.3 * width]), lighter(head.skin, 0.35), width, 0.22 * depth)


def _forehead(head: Head) -> None:
    """Draw level lines across the forehead: AU2 over its whole width, AU1 alone over the middle, raised there."""
    inner, outer = np.clip(head.mean_units[[1, 2]], 0, 1)
    depth = 0.25 * max(0.0, head.identity.age - 0.4) + 0.75 * max(inner * 0.8, outer)
    half = 0.30 + 0.16 * outer
    arch = 0.05 * (inner - outer)
    for number in range(2):
        y = head.identity.eye_y - head.identity.brow_gap - 0.13 - 0.09 * number - 0.06 * max(inner, outer)
        points = [(-half, y + 0.02 + arch), (-half / 2, y), (0, y - arch), (half / 2, y), (half, y + 0.02 + arch)]
        _fold(head, points, 0.018, depth * (1 - 0.2 * number))


def _glabella(head: Head) -> None:
    """Draw the two upright lines that AU4 presses between the brows."""
    for side, sign in enumerate(SIGNS):
        depth = min(1.0, head.units[side, 4]) + 0.15 * max(0.0, head.identity.age - 0.5)
        y = float(brow(head.identity, head.units, side)[0, 1])
        _fold(head, [(sign * 0.05, y - 0.10), (sign * 0.058, y - 0.02), (sign * 0.045, y + 0.07)], 0.022, depth)


def _nose_wrinkles(head: Head) -> None:
    """Draw the lines that AU9 presses across the bridge of the nose and down its sides."""
    depth = float(np.clip(head.mean_units[9], 0, 1))
    y = head.identity.eye_y
    for number, half in enumerate((0.075, 0.09, 0.085)):
        level = y - 0.02 + 0.055 * number
        ends, middles = level - 0.025, level + 0.012
        points = [(-half, ends), (-half / 2, middles), (0, level), (half / 2, middles), (half, ends)]
        _fold(head, points, 0.02, 0.75 * depth)
    for sign in SIGNS:
        _fold(head, [(sign * 0.13, y + 0.04), (sign * 0.11, y + 0.12), (sign * 0.14, y + 0.2)], 0.018, 0.8 * depth)


def _beside_eye(head: Head, side: int) -> None:
    """Draw crow's feet and the pouch under the eye: AU6, and AU7 a little."""
    identity, sign, (cheek, tighten) = head.identity, SIGNS[side], head.units[side, [6, 7]]
    corner = sign * (identity.eye_distance + identity.eye_width)
    y, half = identity.eye_y, identity.eye_width
    depth = min(1.0, 0.8 * cheek + 0.3 * max(0.0, identity.age - 0.5))
    for slope in (-0.06, 0.0, 0.06):
        points = [(corner + sign * 0.03, y + 0.3 * slope), (corner + sign * 0.11, y + slope + 0.01)]
        _fold(head, points, 0.014, depth)
    x = sign * identity.eye_distance
    pouch = min(1.0, 0.7 * cheek + 0.45 * tighten + 0.35 * identity.age)
    points = [(x - half * 0.85, y + 0.065), (x, y + 0.105 - 0.02 * cheek), (x + half * 0.85, y + 0.065)]
    _fold(head, points, 0.016, 0.8 * pouch)


def _nasolabial(head: Head, side: int) -> None:
    """Draw the fold from the nose's wing round the mouth's corner: AU12, AU10, AU9, AU20 and age."""
    identity, sign, corner = head.identity, SIGNS[side], head.lips.corners[side]
    smile, lift, wrinkle, stretch, depress = head.units[side, [12, 10, 9, 20, 15]]
    depth = min(1.0, 0.22 * identity.age + 0.7 * max(smile, lift, wrinkle) + 0.3 * stretch + 0.1 * depress)
    start = (sign * (identity.nose_width + 0.015), identity.eye_y + identity.nose_length - 0.06 - 0.05 * wrinkle)
    out = abs(corner[0]) + 0.055 + 0.03 * smile
    end_y = min(float(corner[1]), identity.mouth_y) - 0.015
    middle = (sign * (0.28 * identity.nose_width + 0.72 * out), 0.58 * start[1] + 0.42 * end_y)
    _fold(head, [start, middle, (sign * out, end_y)], 0.022, depth)


def _beside_corner(head: Head, side: int) -> None:
    """Draw the pit that AU14 presses beside the mouth's corner, and the line that AU15 and age draw down from it."""
    (x, y), sign = head.lips.corners[side], SIGNS[side]
    dimple = float(np.clip(head.units[side, 14], 0, 1))
    bow = [(x + sign * 0.03, y - 0.085), (x + sign * 0.065, y - 0.01), (x + sign * 0.035, y + 0.07)]
    _fold(head, bow, 0.024, dimple)
    if dimple > 0.1:
        head.fill(ellipse(x + sign * 0.02, y, 0.03, 0.035), darker(head.skin, 0.4), 0.5 * dimple)
    below = [(x + sign * 0.015, y + 0.01), (x + sign * 0.035, y + 0.07), (x + sign * 0.03, y + 0.14)]
    _fold(head, below, 0.022, min(1.0, 0.8 * head.units[side, 15] + 0.25 * max(0.0, head.identity.age - 0.4)))


def _chin(head: Head) -> None:
    """Draw the arch over the chin: AU17, AU15 and AU23."""
    raised, depressed, tight = np.clip(head.mean_units[[17, 15, 23]], 0, 1)
    low = head.lips.lowest + 0.06
    points = [(-0.13, low + 0.035), (-0.06, low), (0.06, low), (0.13, low + 0.035)]
    _fold(head, points, 0.024, 0.6 * max(raised, 0.5 * depressed, 0.8 * tight))


def shade(head: Head, contour: np.ndarray) -> None:
    """Light the head that is already drawn, within its contour (n, 2) in face units."""
    pixels = head.project(contour, depth=0.0)
    left, top = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - COARSE, 0)
    right, bottom = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + COARSE, head.image.size)
    if right - left < 2 * COARSE or bottom - top < 2 * COARSE:
        return
    size = (-(-(right - left) // COARSE), -(-(bottom - top) // COARSE))
    relief = Image.new("L", size, 128).convert("RGB")
    _paint_relief(relief, head, np.array([left, top]))
    soft = relief.getchannel(0).filter(ImageFilter.GaussianBlur(0.045 * head.unit / COARSE))
    light = np.asarray(soft, dtype=np.float32) / 128
    light *= _roundness(head, np.array([left, top]), size)
    change = light[..., None] - 1
    factor = 1 + np.where(change < 0, change * WARMTH, 0.6 * change)
    # 8-bit fixed point, 128 standing for 1, is three times faster than float here.
    coarse = Image.fromarray(np.clip(factor * 128, 0, 255).astype(np.uint8))
    factors = np.asarray(coarse.resize((right - left, bottom - top), Image.Resampling.BILINEAR))
    region = head.image.crop((left, top, right, bottom))
    lit = np.minimum(np.asarray(region) * factors.astype(np.uint16) >> 7, 255).astype(np.uint8)
    mask = Image.new("L", region.size)
    ImageDraw.Draw(mask).polygon((pixels - [left, top]).ravel().tolist(), fill=255)
    head.image.paste(Image.fromarray(lit), (left, top), mask)


def _roundness(head: Head, corner: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return (height, width): the light on an ellipsoid as large as the head."""
    x = ((np.arange(size[0]) + 0.5) * COARSE + corner[0] - head.centre_xy[0]) / head.unit / head.identity.face_width
    y = ((np.arange(size[1]) + 0.5) * COARSE + corner[1] - head.centre_xy[1]) / head.unit
    light_x, light_y = head.capture.light
    lit = head.capture.contrast * (x[None, :] * light_x + y[:, None] * light_y)
    rim = np.minimum(x[None, :] ** 2 + y[:, None] ** 2, 1.2) ** 2
    return (1 + lit - 0.20 * rim).astype(np.float32)


def _paint_relief(relief: Image.Image, head: Head, corner: np.ndarray) -> None:
    draw = ImageDraw.Draw(relief, "RGBA")

    def blob(points: np.ndarray, strength: float) -> None:
        level = 0 if strength < 0 else 255
        pixels = (head.project(points) - corner) / COARSE
        draw.polygon(pixels.ravel().tolist(), fill=(level, level, level, round(255 * min(1.0, abs(strength)))))

    identity = head.identity
    eye_y, width, base = identity.eye_y, identity.face_width, nose_base_y(identity, head.units)
    for side, sign in enumerate(SIGNS):
        smile, cheek, wrinkle, lower = head.units[side, [12, 6, 9, 4]]
        x = sign * identity.eye_distance
        blob(ellipse(x, eye_y - 0.07, identity.eye_width * 1.25, 0.13), -0.13 - 0.10 * lower)
        blob(ellipse(x, eye_y + 0.12, identity.eye_width, 0.05), -0.06 - 0.12 * identity.age)
        bulge = 0.10 + 0.10 * max(smile, cheek)
        blob(ellipse(sign * 0.58 * width, 0.24 - 0.07 * max(smile, cheek), 0.17, 0.13), bulge)
        blob(ellipse(sign * 0.72 * width, 0.50, 0.12, 0.22), -0.06 - 0.06 * identity.age)
        bridge = [(0.05, eye_y - 0.06), (0.15, eye_y), (0.12, base - 0.12), (0.07, base - 0.1)]
        blob(smooth([(sign * across, y) for across, y in bridge]), -0.10 - 0.10 * wrinkle)
        blob(ellipse(sign * 0.42 * width, -0.50, 0.18, 0.12), 0.05)
    blob(np.array([(-0.035, eye_y - 0.05), (0.035, eye_y - 0.05), (0.05, base - 0.06), (-0.05, base - 0.06)]), 0.16)
    blob(ellipse(0, base - 0.05, 0.06, 0.045), 0.16)
    blob(ellipse(0, base + 0.045, identity.nose_width * 0.9, 0.035), -0.22)
    blob(ellipse(0, head.lips.lowest + 0.045, identity.mouth_width * 0.6, 0.03), -0.20 - 0.08 * head.mean_units[17])
    blob(ellipse(0, head.lips.lowest + 0.16, 0.14, 0.07), 0.10)
