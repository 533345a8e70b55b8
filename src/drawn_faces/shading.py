"""Soft light and shadow on the head: its roundness, and the hollows and bulges that action units make."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from drawn_faces.canvas import Canvas
from drawn_faces.capture import Capture
from drawn_faces.curves import ellipse, smooth
from drawn_faces.geometry import SIGNS, Mouth, nose_base_y
from drawn_faces.identity import Identity

COARSE = 4
"""Shading is painted on a picture this many times smaller; it is soft anyway."""

WARMTH = np.array([0.88, 1.0, 1.08], dtype=np.float32)
"""Shadows on skin are warm: red darkens less than blue."""


def shade_head(
    canvas: Canvas, identity: Identity, capture: Capture, units: np.ndarray, outline: np.ndarray, lips: Mouth
) -> None:
    """Light the head that is already drawn, within its outline."""
    pixels = canvas.project(outline, depth=0.0)
    left, top = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - COARSE, 0)
    right, bottom = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + COARSE, canvas.image.size)
    if right - left < 2 * COARSE or bottom - top < 2 * COARSE:
        return
    size = (-(-(right - left) // COARSE), -(-(bottom - top) // COARSE))
    relief = Image.new("L", size, 128).convert("RGB")
    _paint_relief(relief, canvas, np.array([left, top]), identity, units, lips)
    soft = relief.getchannel(0).filter(ImageFilter.GaussianBlur(0.045 * canvas.unit / COARSE))
    light = np.asarray(soft, dtype=np.float32) / 128
    light *= _roundness(canvas, identity, capture, np.array([left, top]), size)
    change = light[..., None] - 1
    factor = 1 + np.where(change < 0, change * WARMTH, 0.6 * change)
    # 8-bit fixed point, 128 standing for 1, is three times faster than float here.
    coarse = Image.fromarray(np.clip(factor * 128, 0, 255).astype(np.uint8))
    shade = np.asarray(coarse.resize((right - left, bottom - top), Image.Resampling.BILINEAR))
    region = canvas.image.crop((left, top, right, bottom))
    lit = np.minimum(np.asarray(region) * shade.astype(np.uint16) >> 7, 255).astype(np.uint8)
    mask = Image.new("L", region.size)
    ImageDraw.Draw(mask).polygon((pixels - [left, top]).ravel().tolist(), fill=255)
    canvas.image.paste(Image.fromarray(lit), (left, top), mask)


def _roundness(
    canvas: Canvas, identity: Identity, capture: Capture, corner: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Return (height, width): the light on an ellipsoid as large as the head."""
    x = ((np.arange(size[0]) + 0.5) * COARSE + corner[0] - canvas.centre_xy[0]) / canvas.unit / identity.face_width
    y = ((np.arange(size[1]) + 0.5) * COARSE + corner[1] - canvas.centre_xy[1]) / canvas.unit
    lit = capture.contrast * (x[None, :] * capture.light[0] + y[:, None] * capture.light[1])
    rim = np.minimum(x[None, :] ** 2 + y[:, None] ** 2, 1.2) ** 2
    return (1 + lit - 0.20 * rim).astype(np.float32)


def _paint_relief(
    relief: Image.Image, canvas: Canvas, corner: np.ndarray, identity: Identity, units: np.ndarray, lips: Mouth
) -> None:
    draw = ImageDraw.Draw(relief, "RGBA")

    def blob(points: np.ndarray, strength: float) -> None:
        level = 0 if strength < 0 else 255
        pixels = (canvas.project(points) - corner) / COARSE
        draw.polygon(pixels.ravel().tolist(), fill=(level, level, level, round(255 * min(1.0, abs(strength)))))

    eye_y, width, mean = identity.eye_y, identity.face_width, units.mean(axis=0)
    base = nose_base_y(identity, units)
    for side, sign in enumerate(SIGNS):
        smile, cheek, wrinkle, lower = units[side, [12, 6, 9, 4]]
        x = sign * identity.eye_distance
        blob(ellipse(x, eye_y - 0.07, identity.eye_width * 1.25, 0.13), -0.13 - 0.10 * lower)
        blob(ellipse(x, eye_y + 0.12, identity.eye_width, 0.05), -0.06 - 0.12 * identity.age)
        bulge = 0.10 + 0.10 * max(smile, cheek)
        blob(ellipse(sign * 0.58 * width, 0.24 - 0.07 * max(smile, cheek), 0.17, 0.13), bulge)
        blob(ellipse(sign * 0.72 * width, 0.50, 0.12, 0.22), -0.06 - 0.06 * identity.age)
        blob(
            smooth(
                [
                    (sign * 0.05, eye_y - 0.06),
                    (sign * 0.15, eye_y),
                    (sign * 0.12, base - 0.12),
                    (sign * 0.07, base - 0.1),
                ]
            ),
            -0.10 - 0.10 * wrinkle,
        )
        blob(ellipse(sign * 0.42 * width, -0.50, 0.18, 0.12), 0.05)
    blob(np.array([(-0.035, eye_y - 0.05), (0.035, eye_y - 0.05), (0.05, base - 0.06), (-0.05, base - 0.06)]), 0.16)
    blob(ellipse(0, base - 0.05, 0.06, 0.045), 0.16)
    blob(ellipse(0, base + 0.045, identity.nose_width * 0.9, 0.035), -0.22)
    low = float(lips.bottom[len(lips.bottom) // 2, 1])
    blob(ellipse(0, low + 0.045, identity.mouth_width * 0.6, 0.03), -0.20 - 0.08 * mean[17])
    blob(ellipse(0, low + 0.16, 0.14, 0.07), 0.10)
