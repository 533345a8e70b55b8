"""One person on a canvas, from the back to the front."""

import numpy as np
from PIL import Image

from drawn_faces.canvas import Canvas
from drawn_faces.capture import Capture
from drawn_faces.colours import darker, skin_colour
from drawn_faces.curves import ellipse, smooth
from drawn_faces.features import draw_brow, draw_eye, draw_mouth, draw_nose
from drawn_faces.folds import draw_folds
from drawn_faces.geometry import SIGNS, eye, head_outline, mouth
from drawn_faces.hair import beard, glasses, hair_before, hair_behind
from drawn_faces.identity import Identity
from drawn_faces.shading import shade_head

FOREHEAD = 0.25
"""Share of a head's height that lies above the box of its face."""


def draw_person(
    image: Image.Image,
    identity: Identity,
    units: np.ndarray,
    capture: Capture,
    centre_xy: tuple[float, float],
    unit: float,
) -> tuple[float, float, float, float]:
    """Draw a person's head and shoulders onto an RGB picture.

    Args:
        image: drawn on in place.
        identity: who it is.
        units: action units (2, 27).
        capture: pose, gaze and light; background, blur and noise are not this function's.
        centre_xy: pixel of the head's middle.
        unit: pixels to half the head's height.

    Returns:
        Left, top, right, bottom of the face as detectors box it, from the forehead to the chin without the ears, in
        pixels.
    """
    canvas = Canvas(image, identity, capture, centre_xy, unit)
    outline, lips = head_outline(identity, units), mouth(identity, units)
    contour = smooth(outline, 2, closed=True)
    hair_behind(canvas, identity)
    _draw_body(canvas, identity)
    if identity.hair_style not in ("headscarf", "long"):
        _draw_ears(canvas, identity)
    canvas.fill(contour, skin_colour(identity.skin_tone), depth=0.0)
    draw_folds(canvas, identity, units, lips)
    beard(canvas, identity, outline, lips)
    shade_head(canvas, identity, capture, units, contour, lips)
    draw_nose(canvas, identity, capture, units)
    draw_mouth(canvas, identity, lips)
    for side in (0, 1):
        draw_eye(canvas, identity, capture, eye(identity, units, side, capture.gaze), side)
        draw_brow(canvas, identity, units, side)
    hair_before(canvas, identity, outline)
    glasses(canvas, identity)
    pixels = canvas.project(outline, depth=0.0)
    (left, top), (right, bottom) = pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist()
    return left, top + FOREHEAD * (bottom - top), right, bottom


def _draw_body(canvas: Canvas, identity: Identity) -> None:
    skin, width = skin_colour(identity.skin_tone), identity.face_width
    shoulders = smooth(
        [(-2.05, 2.8), (-1.9, 1.95), (-1.3, 1.55), (-0.5, 1.3), (0.5, 1.3), (1.3, 1.55), (1.9, 1.95), (2.05, 2.8)]
    )
    body = np.concatenate([shoulders, [(2.05, 12), (-2.05, 12)]]) * [width, 1]
    neck = [(-0.58, 0.5), (-0.56, 1.2), (-0.7, 1.45), (0, 1.75), (0.7, 1.45), (0.56, 1.2), (0.58, 0.5)]
    scarf = identity.hair_style == "headscarf"
    canvas.fill(body, identity.clothes, depth=-0.4)
    for sign in SIGNS:
        sleeve = smooth([(sign * 1.3 * width, 2.5), (sign * 1.36 * width, 3.4), (sign * 1.4 * width, 6)])
        canvas.stroke(sleeve, darker(identity.clothes, 0.4), 0.04, 0.5, depth=-0.4)
    colour = darker(identity.clothes, 0.25) if scarf else darker(skin, 0.2)
    canvas.fill(smooth([(x * width, y) for x, y in neck]), colour, depth=-0.35)
    for reach in (0.28, 0.20):
        canvas.fill(ellipse(0, 0.95, 0.54 * width, reach), darker(colour, 0.35), 0.35, depth=-0.3)


def _draw_ears(canvas: Canvas, identity: Identity) -> None:
    skin = darker(skin_colour(identity.skin_tone), 0.1)
    for sign in SIGNS:
        x = sign * identity.face_width
        canvas.fill(ellipse(x, 0.08, 0.10, 0.19), skin, depth=-0.1)
        inside = smooth([(x + sign * 0.04, -0.05), (x + sign * 0.065, 0.03), (x + sign * 0.03, 0.18)])
        canvas.stroke(inside, darker(skin, 0.4), 0.03, 0.7, depth=-0.1)
