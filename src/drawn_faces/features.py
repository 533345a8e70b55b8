"""Eyes, brows, nose and mouth."""

import numpy as np
from PIL import Image, ImageDraw

from drawn_faces.geometry import SIGNS, Eye, brow, ellipse, eye, nose_wing, smooth
from drawn_faces.head import Head
from drawn_faces.identity import CAVITY, LIP, TEETH, TONGUE, darker, lighter, mix

LASH = (34, 24, 22)


def draw_eye(head: Head, side: int) -> None:
    """Draw the eyeball between the lids, the lashes' lines and the fold of the upper lid."""
    part = eye(head.identity, head.units, side, head.capture.gaze)
    pixels = head.project(np.concatenate([part.upper, part.lower[::-1]]))
    left, top = np.floor(pixels.min(axis=0)).astype(int) - 1
    right, bottom = np.ceil(pixels.max(axis=0)).astype(int) + 2
    ball = Image.new("RGB", (right - left, bottom - top), (236, 230, 226))
    _draw_ball(ball, head, part, np.array([left, top]))
    mask = Image.new("L", ball.size)
    ImageDraw.Draw(mask).polygon((pixels - [left, top]).ravel().tolist(), fill=255)
    head.image.paste(ball, (int(left), int(top)), mask)
    thickness = np.interp(
        np.arange(len(part.upper)), (0, 8, 16), (0.028, 0.036, 0.02) if side else (0.02, 0.036, 0.028)
    )
    head.stroke(part.upper, LASH, thickness, 0.9)
    head.stroke(part.lower, darker(head.skin, 0.5), 0.016, 0.7)
    head.stroke(part.crease, darker(head.skin, 0.45), 0.016, 0.7)


def _draw_ball(ball: Image.Image, head: Head, part: Eye, corner: np.ndarray) -> None:
    draw = ImageDraw.Draw(ball, "RGBA")
    x, y = (head.project(part.iris[None])[0] - corner).tolist()

    def disc(radius: float, colour: tuple[int, ...], right: float = 0.0, down: float = 0.0) -> None:
        pixels, across, along = radius * head.unit, x + right * head.unit, y + down * head.unit
        draw.ellipse((across - pixels, along - pixels, across + pixels, along + pixels), fill=colour)

    radius = part.iris_radius
    disc(radius, darker(head.identity.iris, 0.45))
    disc(0.84 * radius, head.identity.iris)
    disc(0.45 * radius, (12, 10, 10))
    # The upper lid throws a shadow on the ball.
    shadow = head.project(np.concatenate([part.upper, part.upper[::-1] + np.array([0, 0.028])])) - corner
    draw.polygon(shadow.ravel().tolist(), fill=(40, 26, 24, 90))
    disc(0.2 * radius, (255, 255, 255, 240), 0.35 * radius * np.sign(head.capture.light[0]), -0.35 * radius)


def draw_brow(head: Head, side: int) -> None:
    """Draw a brow: a tapering band with a few hairs standing out of it."""
    line = smooth(brow(head.identity, head.units, side), 2)
    along = np.linspace(0, 1, len(line))
    width = head.identity.brow_thickness * np.interp(along, (0, 0.12, 0.55, 1), (0.65, 1.0, 0.85, 0.15))
    light = sum(head.identity.hair)
    base = head.identity.hair if light < 480 else darker(head.identity.hair, 0.3)
    colour = darker(base, 0.35 + 0.2 * (1 - min(1.0, light / 300)))
    head.stroke(line, colour, width * 1.25, 0.35)
    head.stroke(line, colour, width, 0.85)
    if head.unit < 150:
        return
    for number in range(1, len(line) - 2):
        hair = line[number] + np.array([[0, 0.4 * width[number]], [SIGNS[side] * 0.035, -0.55 * width[number]]])
        head.stroke(hair, darker(colour, 0.3), np.array([0.008, 0.004]), 0.6)


def draw_nose(head: Head) -> None:
    """Draw the ridge on its shaded side, the nostrils and the wings."""
    identity = head.identity
    shaded = -1.0 if head.capture.light[0] > 0 else 1.0
    tip_y = identity.eye_y + identity.nose_length - 0.08
    ridge = [(0.075, identity.eye_y - 0.06), (0.05, identity.eye_y + 0.06), (0.06, tip_y - 0.1), (0.075, tip_y)]
    head.stroke(smooth([(shaded * x, y) for x, y in ridge], 4), darker(head.skin, 0.4), 0.03, 0.22)
    for side, sign in enumerate(SIGNS):
        wing = nose_wing(identity, head.units, side)
        head.stroke(smooth(wing, 2), darker(head.skin, 0.42), 0.022 + 0.01 * head.units[side, 9], 0.75)
        base = float(wing[:, 1].max())
        nostril = ellipse(sign * identity.nose_width * 0.46, base - 0.012, identity.nose_width * 0.25, 0.022)
        head.fill(nostril, darker(head.skin, 0.72), 0.85)


def draw_mouth(head: Head) -> None:
    """Draw the lips, and between them the cavity, the tongue and the teeth."""
    lips = head.lips
    colour = mix(darker(head.skin, 0.14), LIP, 0.45 + 0.4 * head.identity.lipstick)
    head.fill(np.concatenate([lips.top, lips.bottom[::-1]]), darker(colour, 0.06))
    head.fill(np.concatenate([lips.top, lips.inner_top[::-1]]), darker(colour, 0.2))
    if lips.opening > 0.012:
        head.fill(np.concatenate([lips.inner_top, lips.inner_bottom[::-1]]), CAVITY)
        _draw_inside(head)
    line = (lips.inner_top + lips.inner_bottom) / 2
    edge = darker(mix(head.skin, CAVITY, 0.6), 0.3)
    if lips.opening <= 0.012:
        head.stroke(smooth(line, 2), edge, 0.026, 0.95)
    for corner, inward in ((line[0], line[1]), (line[-1], line[-2])):
        tip = corner + (corner - inward) * 0.35
        head.stroke(np.array([inward, corner, tip]), edge, np.array([0.016, 0.03, 0.008]), 0.85)
    head.stroke(lips.bottom, darker(head.skin, 0.4), 0.014, 0.45)
    head.stroke((lips.inner_bottom[5:-5] + lips.bottom[5:-5]) / 2, lighter(colour, 0.45), 0.018, 0.35)


def _draw_inside(head: Head) -> None:
    lips = head.lips
    tongue = np.maximum(lips.inner_bottom[3:-3] - [0, 0.42 * lips.opening], lips.inner_top[3:-3])
    if lips.opening > 0.12:
        head.fill(smooth(np.concatenate([tongue[1:-1], lips.inner_bottom[3:-3][::-1]]), 2, closed=True), TONGUE)
    edges = lips.inner_bottom.copy()
    edges[:, 1] = np.minimum(lips.inner_top[:, 1] + lips.upper_teeth, edges[:, 1])
    head.fill(np.concatenate([lips.inner_top[1:-1], edges[1:-1][::-1]]), TEETH)
    if lips.lower_teeth > 0.01:
        edges = lips.inner_top.copy()
        edges[:, 1] = np.maximum(lips.inner_bottom[:, 1] - lips.lower_teeth, edges[:, 1] + 0.25 * lips.opening)
        edges[:, 1] = np.minimum(edges[:, 1], lips.inner_bottom[:, 1])
        head.fill(np.concatenate([edges[2:-2], lips.inner_bottom[2:-2][::-1]]), darker(TEETH, 0.08))
