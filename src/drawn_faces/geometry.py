"""Where the parts of a face lie for one person and one set of action units, in the face units of `identity`.

Each function turns an `Identity` and units (2, 27) into lines of points (n, 2). What a unit moves, and which way,
follows the descriptions of FACS; how far is a little exaggerated, so that it shows in a small picture.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from drawn_faces.identity import Identity

ACROSS = np.linspace(-1, 1, 17)
"""Positions along an eye or a mouth, from the picture's left to its right."""

ALONG = np.linspace(0, 1, 9)
"""Positions along a brow or a nose's wing."""

ROUND = np.linspace(0, 2 * np.pi, 48, endpoint=False)
"""Angles round the head, from the crown clockwise."""

SIGNS = (-1.0, 1.0)
"""x of the picture's left and right side."""


@dataclass(frozen=True, kw_only=True)
class Eye:
    """One eye; its lids run from the picture's left to its right."""

    upper: np.ndarray
    lower: np.ndarray
    crease: np.ndarray
    """The fold above the upper lid."""
    iris: np.ndarray
    """(2,) centre."""
    iris_radius: float


@dataclass(frozen=True, kw_only=True)
class Mouth:
    """The mouth's four edges from top to bottom, each from the picture's left to its right."""

    top: np.ndarray
    inner_top: np.ndarray
    inner_bottom: np.ndarray
    bottom: np.ndarray
    upper_teeth: float
    """How far the upper teeth hang into the opening."""
    lower_teeth: float
    """How far the lower teeth stand in the opening."""

    @property
    def corners(self) -> np.ndarray:
        """Return (2, 2): where the lips meet on the picture's left and right."""
        return self.inner_top[[0, -1]]

    @property
    def lowest(self) -> float:
        """Return how low the middle of the lower lip reaches."""
        return float(self.bottom[len(self.bottom) // 2, 1])

    @property
    def opening(self) -> float:
        """Return the height of the opening between the lips."""
        return float((self.inner_bottom[:, 1] - self.inner_top[:, 1]).max())


def head_outline(identity: Identity, units: np.ndarray) -> np.ndarray:
    """Return the closed outline (48, 2) of the head, from the crown clockwise; a dropped jaw lengthens it."""
    x, y = np.sin(ROUND), -np.cos(ROUND)
    below = np.clip(y, 0, 1)
    square = np.sign(x) * np.abs(x) ** (1 - 0.25 * below)
    x = identity.face_width * square * (1 - identity.jaw_taper * below**2)
    y = y + 0.13 * units[:, 26].mean() * np.clip((y - 0.3) / 0.7, 0, 1)
    return points(x, y)


def brow(identity: Identity, units: np.ndarray, side: int) -> np.ndarray:
    """Return the middle line (9, 2) of a brow, from its inner to its outer end.

    AU1 lifts the inner end, AU2 the outer one; AU4 draws the brow inwards, and lowers it unless AU1
    lifts; AU9 lowers the inner end.
    """
    inner_raise, outer_raise, lower, wrinkle = units[side, [1, 2, 4, 9]]
    inner_x, outer_x = identity.eye_distance - 0.19, identity.eye_distance + 0.21
    x = inner_x + (outer_x - inner_x) * ALONG - 0.05 * lower * (1 - ALONG)
    y = identity.eye_y - identity.brow_gap - identity.brow_arch * np.sin(np.pi * ALONG**1.4) + 0.035 * ALONG**2
    y = y - 0.15 * inner_raise * (1 - ALONG) ** 1.3
    y = y - 0.13 * outer_raise * np.sin(np.pi / 2 * np.minimum(1.5 * ALONG, 1))
    held = 1 - 0.9 * min(1.0, inner_raise)
    y = y + lower * held * (0.035 + 0.085 * (1 - ALONG)) + 0.05 * wrinkle * (1 - ALONG)
    return points(SIGNS[side] * x, y)


def eye(identity: Identity, units: np.ndarray, side: int, gaze: tuple[float, float]) -> Eye:
    """Return an eye: AU5 lifts the upper lid; AU6, AU7 and AU9 narrow it from below, AU7 and AU9 also from above."""
    inner_raise, glower, lift, cheek, tighten, wrinkle = units[side, [1, 4, 5, 6, 7, 9]]
    sign, opening = SIGNS[side], identity.eye_opening
    droop = 0.22 * min(inner_raise, glower) * (1 - min(1.0, lift * 2))
    upper = opening * max(
        0.2, 1 + 0.75 * lift - 0.25 * tighten * (1 - 0.7 * lift) - 0.2 * cheek - 0.35 * wrinkle - droop
    )
    lower = 0.62 * opening * max(-0.35, 1 + 0.15 * lift - 0.9 * cheek - 0.65 * tighten - 0.6 * wrinkle)
    centre_x, outward = sign * identity.eye_distance, ACROSS * sign
    x = centre_x + ACROSS * identity.eye_width
    corners = identity.eye_y - identity.eye_tilt * outward
    # The upper lid peaks a little inwards, the lower one a little outwards.
    upper_y = corners - upper * (1 - np.abs(ACROSS) ** 2.2) * (1 - 0.12 * outward)
    lower_y = corners + lower * (1 - np.abs(ACROSS) ** 2.2) * (1 + 0.15 * outward)
    fold = 0.035 * (1 - 0.6 * lift) * (1 - 0.25 * np.abs(ACROSS))
    iris_x = centre_x + 0.28 * identity.eye_width * gaze[0]
    iris_y = identity.eye_y + opening * (0.35 * gaze[1] - 0.14)
    return Eye(
        upper=points(x, upper_y),
        lower=points(x, lower_y),
        crease=points(centre_x + ACROSS * identity.eye_width * 1.08, upper_y - fold - 0.012),
        iris=np.array([iris_x, iris_y]),
        iris_radius=1.02 * opening,
    )


def nose_base_y(identity: Identity, units: np.ndarray) -> float:
    """Return the height of the nose's base; AU9 lifts it."""
    return identity.eye_y + identity.nose_length - 0.045 * units[:, 9].mean()


def nose_wing(identity: Identity, units: np.ndarray, side: int) -> np.ndarray:
    """Return the outline (9, 2) of a wing of the nose, from its top to its base; AU9 lifts and flares it."""
    flare = 1 + 0.22 * units[side, 9] + 0.08 * units[side, 12]
    base = identity.eye_y + identity.nose_length - 0.07 * units[side, 9]
    turn = -0.9 + 3.1 * ALONG
    x = identity.nose_width * flare * (0.55 + 0.45 * np.cos(turn))
    y = base - 0.06 + 0.065 * np.sin(turn)
    return points(SIGNS[side] * x, y)


def mouth(identity: Identity, units: np.ndarray) -> Mouth:
    """Return the mouth.

    AU12 pulls the corners up and out, AU14 out, AU15 down, AU20 out and a little down; AU9 and AU10 lift the upper lip,
    AU16 lowers the lower one, AU25 parts the lips, AU26 drops the jaw, AU23 thins the lips and AU17 lifts them.
    """
    mean = units.mean(axis=0)
    depress, part, jaw, stretch = np.minimum(mean[[16, 25, 26, 20]], 1.2).tolist()
    side, far = (ACROSS > 0).astype(int), np.abs(ACROSS)
    line = _lips_line(identity, units)
    # A lifted upper lip bares the teeth of parted lips, and pushes up the lip's edge of closed ones.
    sneer = (units[side, 10] + 0.6 * units[side, 9]) * (1 - 0.2 * far**2)
    bow = np.sqrt(1 - far ** (2 + 2 * stretch + 2 * mean[10]))
    rise = bow * (0.03 * jaw + 0.012 * part + 0.05 * sneer * min(1.0, 4 * (depress + part)))
    fall = bow * (0.24 * jaw * (1 - 0.35 * stretch) + 0.075 * part + 0.065 * depress)
    thin = (1 - 0.75 * min(1.0, mean[23])) * (1 - 0.22 * mean[12]) * (1 - 0.2 * stretch)
    cupid = 1 - 0.22 * np.exp(-((ACROSS / 0.16) ** 2))
    upper_lip = 0.75 * identity.lip_fullness * thin * (1 - far**2) ** 0.7 * cupid + 0.03 * sneer * bow
    lower_lip = identity.lip_fullness * thin * (1 - far**2) ** 0.6 * (1 + 0.25 * mean[17])
    inner_top, inner_bottom = line - [0, 1] * rise[:, None], line + [0, 1] * fall[:, None]
    return Mouth(
        top=inner_top - [0, 1] * upper_lip[:, None],
        inner_top=inner_top,
        inner_bottom=inner_bottom,
        bottom=inner_bottom + [0, 1] * lower_lip[:, None],
        upper_teeth=0.075 * min(1.0, mean[12] + mean[10] + 0.6 * stretch + 0.35 * jaw),
        lower_teeth=0.05 * min(1.0, 0.4 * depress + stretch),
    )


def _lips_line(identity: Identity, units: np.ndarray) -> np.ndarray:
    """Return where the lips meet, or would if they were closed."""
    mean = units.mean(axis=0)
    middle_y = identity.mouth_y + 0.03 * (mean[12] - mean[9] - mean[10] - mean[17])
    corners = np.array([_mouth_corner(identity, units, side) for side in (0, 1)])[(ACROSS > 0).astype(int)]
    far = np.abs(ACROSS)
    bend = far ** (1.75 + 0.25 * min(1.0, mean[26]))
    return points(ACROSS * corners[:, 0], middle_y + (corners[:, 1] - middle_y) * bend)


def _mouth_corner(identity: Identity, units: np.ndarray, side: int) -> np.ndarray:
    """Return how far a corner lies from the middle of the face, and its height."""
    pull, dimple, depress, stretch, tighten, jaw = units[side, [12, 14, 15, 20, 23, 26]]
    narrow = 0.26 * jaw * (1 - min(1.0, stretch)) * (1 - min(1.0, pull))
    width = identity.mouth_width * (
        1 + 0.26 * pull + 0.14 * dimple + 0.32 * stretch - 0.18 * tighten - narrow - 0.06 * depress
    )
    lift = identity.mouth_rest + 0.135 * pull + 0.03 * dimple - 0.12 * depress - 0.03 * stretch
    return np.array([width, identity.mouth_y - lift + 0.05 * jaw])


def points(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return points (n, 2) from their coordinates (n,)."""
    return np.array([x, y]).T


@lru_cache
def spline_weights(count: int, steps: int, closed: bool) -> np.ndarray:
    """Weights that draw a smooth line through points: the uniform Catmull-Rom spline.

    Catmull and Rom 1974, A class of local interpolating splines, https://doi.org/10.1016/B978-0-12-079050-0.50020-5

    Args:
        count: how many points the line passes.
        steps: samples a stretch between two points.
        closed: whether the line returns to its first point.

    Returns:
        (samples, count) float64, each row summing to 1.
    """
    stretches = count if closed else count - 1
    positions = np.arange(stretches * steps + (not closed)) / steps
    stretch = np.minimum(positions.astype(int), stretches - 1)
    t = positions - stretch
    factors = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3)
    weights = np.zeros((len(positions), count))
    for offset, factor in zip((-1, 0, 1, 2), factors, strict=True):
        index = stretch + offset
        index = index % count if closed else np.clip(index, 0, count - 1)
        np.add.at(weights, (np.arange(len(positions)), index), factor / 2)
    return weights


def smooth(corners: object, steps: int = 6, *, closed: bool = False) -> np.ndarray:
    """Return a smooth line (samples, 2) through corners (n, 2)."""
    corners = np.asarray(corners, dtype=np.float64)
    return spline_weights(len(corners), steps, closed) @ corners


def ellipse(x: float, y: float, radius_x: float, radius_y: float) -> np.ndarray:
    """Return the outline (24, 2) of an ellipse."""
    return _circle(24) * (radius_x, radius_y) + (x, y)


@lru_cache
def _circle(samples: int) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, samples, endpoint=False)
    return points(np.cos(turn), np.sin(turn))


def ribbon(line: np.ndarray, width: float | np.ndarray) -> np.ndarray:
    """Return the outline (2n, 2) of a line (n, 2); one width tapers towards both ends, an array gives it by point."""
    half = 0.5 * (width if isinstance(width, np.ndarray) else width * _taper(len(line)))
    along = np.empty_like(line)
    along[1:-1] = line[2:] - line[:-2]
    along[0], along[-1] = line[1] - line[0], line[-1] - line[-2]
    scale = half / (np.hypot(along[:, 0], along[:, 1]) + 1e-9)
    across = points(-along[:, 1] * scale, along[:, 0] * scale)
    return np.concatenate([line + across, (line - across)[::-1]])


@lru_cache
def _taper(samples: int) -> np.ndarray:
    return np.sqrt(np.sin(np.linspace(0.12, np.pi - 0.12, samples)))
