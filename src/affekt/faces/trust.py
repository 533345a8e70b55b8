"""Can a face be trusted: how it is turned, how sharp it is, how much of it is seen, and the rule that weighs them.

The thresholds were chosen by measuring (`benchmarks/trust.py`; docs/trust.md has the table).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from affekt.faces.preprocessing import Patch, Preprocessing, crop_face, grey_patches

LOOK = (64, 64)
"""Pixels in which the sharpness of a box is measured, whatever the model's input."""
BLUR_PIXELS = 7
"""Length of the average that blurs it again."""
LEAST_STEP = 2.0
"""Grey levels by which neighbours differ at least where they count: one is what rounding makes of any slope."""
LEVEL_GREY = Preprocessing(input_size=48, channels=1, mean=(0.5,), std=(0.25,), alignment="level")
"""The crop in which the mouth is compared with the eyes, whatever the model's input."""
MOUTH, EYES = (slice(30, 38), slice(18, 29)), (slice(12, 24), slice(8, 39))
"""Rows and columns of it."""
LEAST = {"side": 24.0, "face_score": 0.85, "sharpness": 0.2, "mouth_detail": 0.55}
"""`side` is the longer side of the box, in pixels."""
MOST = {"outside": 0.1}
MOST_YAW, MOST_PITCH = 40.0, 30.0
"""In degrees, either way."""
MOST_ROLL = 30.0
"""In degrees, where crops are not turned level."""
MEAN_FACE = np.array(
    [[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.612, -0.636], [-0.424, 1.042, -0.129], [0.424, 1.042, -0.129]]
)
"""(5, 3) right eye, left eye, nose, right and left corner of the mouth, as a camera before the face sees them: to the
right, down, and away, in distances of the eyes. The first two are the medians of YuNet's landmarks in a hundred neutral
studio photographs; the depths are those of MediaPipe's canonical face, whose eyes lie between their corners."""
_CENTRED = MEAN_FACE - MEAN_FACE.mean(axis=0)
_FIT = np.linalg.pinv(_CENTRED)


@dataclass(frozen=True, eq=False)
class Trust:
    """What says how far the answers about faces can be trusted; nan where it is not known."""

    pose: np.ndarray
    """(faces, 3) yaw, pitch and roll in degrees."""
    sharpness: np.ndarray
    """(faces,) from 0, blurred, to 1."""
    outside: np.ndarray
    """(faces,) share of the box that lies outside the picture, 0-1."""
    mouth_detail: np.ndarray
    """(faces,) detail at the mouth, in shares of that at the eyes: a mask or a hand has little."""
    reliable: np.ndarray
    """(faces,) bool."""


def trust_of(
    image_rgb: np.ndarray,
    box_xyxy: np.ndarray,
    landmarks_xy: np.ndarray,
    score: np.ndarray,
    *,
    grey: list[Patch] | None = None,
    is_level: bool = False,
) -> Trust:
    """Return how far faces can be trusted: (faces, 4) boxes, (faces, 5, 2) landmarks and (faces,) detector's scores.

    `grey` is what `grey_patches` made of the faces, if that is there. Where crops are turned level, no tilt speaks
    against a face.
    """
    grey = grey_patches(image_rgb, box_xyxy, landmarks_xy, LEVEL_GREY.crop_margin) if grey is None else grey
    looks = [_look(pixels, box) for pixels, box, _ in grey]
    sharpness = sharpness_of(np.array(looks, np.uint8).reshape(-1, *LOOK))
    mouth_detail = np.array([mouth_detail_of(*patch) for patch in grey], float)
    quantities = {
        "side": (box_xyxy[:, 2:] - box_xyxy[:, :2]).max(axis=1, initial=0),
        "face_score": score,
        "sharpness": sharpness,
        "outside": outside_of(image_rgb.shape, box_xyxy),
        "mouth_detail": mouth_detail,
    }
    pose = pose_of(landmarks_xy)
    reliable = is_reliable(pose, quantities, is_level=is_level)
    return Trust(pose, sharpness, quantities["outside"], mouth_detail, reliable)


def is_reliable(pose: np.ndarray, quantities: Mapping[str, np.ndarray], *, is_level: bool = False) -> np.ndarray:
    """Return the rule's answer, (faces,) bool, for (faces, 3) poses and (faces,) of each quantity of LEAST and MOST."""
    most = (MOST_YAW, MOST_PITCH, np.inf if is_level else MOST_ROLL)
    # Comparisons with nan are false: what is not known speaks against no face.
    is_bad = np.zeros(len(pose), bool)
    is_bad |= (abs(pose) > most).any(axis=1)
    for name, least in LEAST.items():
        is_bad |= quantities[name] < least
    for name, limit in MOST.items():
        is_bad |= quantities[name] > limit
    return ~is_bad


def mouth_detail_of(image: np.ndarray, box_xyxy: np.ndarray, landmarks_xy: np.ndarray) -> float:
    """Return the mean difference of grey from line to line at the mouth, in shares of that at the eyes.

    Lips are darker than what is around them, as eyes and brows are; cloth, hands and the smeared edge of a picture have
    no such lines. Blur and few pixels take from both alike. nan where a landmark is.
    """
    if np.isnan(landmarks_xy).any():
        return float("nan")
    grey = crop_face(image, LEVEL_GREY, box_xyxy, landmarks_xy)[..., 0].astype(float)
    steps = abs(np.diff(grey, axis=0))
    return float(steps[MOUTH].mean() / max(steps[EYES].mean(), 1e-6))


def _look(grey: np.ndarray, box_xyxy: np.ndarray) -> np.ndarray:
    """Return what a box holds of a (height, width, 1) picture, in the size of a look."""
    height, width = grey.shape[:2]
    left, top = np.clip(np.floor(box_xyxy[:2]).astype(int), 0, (width - 1, height - 1))
    right, bottom = np.clip(np.ceil(box_xyxy[2:]).astype(int), (left + 1, top + 1), (width, height))
    part = Image.fromarray(grey[top:bottom, left:right, 0])
    return np.asarray(part.resize(LOOK, Image.Resampling.BILINEAR, reducing_gap=2.0))


def sharpness_of(grey: np.ndarray) -> np.ndarray:
    """Return 1 minus the blur effect of each (..., height, width) picture: from 0, blurred, to 1.

    A sharp picture's neighbouring pixels become much more alike when it is blurred again, a blurred one's do not (Crété
    et al. 2007, "The blur effect: perception and estimation with a new no-reference perceptual blur metric",
    Proceedings of SPIE 6492). The share that is lost, of the worse of the two directions, does not depend on contrast.
    """
    grey, shares = np.asarray(grey, np.float32), list[np.ndarray]()
    for lines in (grey, np.ascontiguousarray(grey.swapaxes(-2, -1))):
        height, reach = lines.shape[-2], BLUR_PIXELS // 2
        mirrored = (lines[..., reach - 1 :: -1, :], lines, lines[..., : -reach - 1 : -1, :])
        padded = np.concatenate(mirrored, axis=-2)
        again = padded[..., :height, :].copy()
        for place in range(1, BLUR_PIXELS):  # all faces at once, and line by line: three times as fast as sums of sums
            again += padded[..., place : place + height, :]
        again /= BLUR_PIXELS
        before, after = abs(np.diff(lines, axis=-2))[..., 1:-1, 2:-1], abs(np.diff(again, axis=-2))[..., 1:-1, 2:-1]
        counts = before >= LEAST_STEP  # multiplied, sums take a third of the time that they take with `where`
        total = (before * counts).sum(axis=(-2, -1), dtype=float)
        lost = (np.maximum(before - after, 0) * counts).sum(axis=(-2, -1), dtype=float)
        shares.append(lost / np.maximum(total, LEAST_STEP))
    return np.minimum(*shares)


def outside_of(shape: tuple[int, ...], box_xyxy: np.ndarray) -> np.ndarray:
    """Return the share of each (faces, 4) box that lies outside a picture of (height, width, ...)."""
    size_xy = np.maximum(box_xyxy[:, 2:] - box_xyxy[:, :2], 1e-6)
    inside_xy = np.clip(box_xyxy[:, 2:], 0, shape[1::-1]) - np.clip(box_xyxy[:, :2], 0, shape[1::-1])
    return 1 - np.prod(inside_xy / size_xy, axis=1)


def pose_of(landmarks_xy: np.ndarray) -> np.ndarray:
    """Return (faces, 3) yaw, pitch and roll in degrees for (faces, 5, 2) landmarks, in the order of YuNet's.

    Seen from afar, a face is a turned, scaled and moved copy of a mean face without its depth. The affine map that
    brings the mean face's points closest to the landmarks is found by least squares, and the rotation closest to it by
    its singular values (DeMenthon and Davis 1995, "Model-based object pose in 25 lines of code", International Journal
    of Computer Vision 15; without their perspective steps, for a face is small against its distance).

    Yaw is positive where the face turns to the picture's right, pitch where it looks up, roll where it is tilted
    clockwise. They are 0 for a face that looks into the camera, and nan where a landmark is.
    """
    centred = np.asarray(landmarks_xy, float)
    centred = centred - centred.mean(axis=1, keepdims=True)
    angles = np.full((len(centred), 3), np.nan)
    known = np.isfinite(centred).all(axis=(1, 2)) & (np.abs(centred).max(axis=(1, 2)) > 0)
    affine = (_FIT @ centred[known]).swapaxes(1, 2)  # (faces, 2, 3)
    left, _, right = np.linalg.svd(affine, full_matrices=False)
    rows = left @ right
    # The third row, where the picture's depth comes from, is what completes the rotation.
    rotation = np.concatenate([rows, np.cross(rows[:, :1], rows[:, 1:])], axis=1)
    angles[known] = _angles(rotation)
    return angles


def _angles(rotation: np.ndarray) -> np.ndarray:
    """Return yaw, pitch and roll in degrees of (faces, 3, 3) rotations: a turn, then a nod, then a tilt."""
    yaw = np.arctan2(rotation[:, 2, 0], rotation[:, 2, 2])
    pitch = -np.arcsin(np.clip(rotation[:, 2, 1], -1, 1))
    roll = np.arctan2(-rotation[:, 0, 1], rotation[:, 1, 1])
    return np.degrees(np.stack([yaw, pitch, roll], axis=1))
