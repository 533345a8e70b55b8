"""How a head is turned: yaw, pitch and roll from five landmarks, by a weak-perspective fit to a mean face.

Seen from afar, a face is a turned, scaled and moved copy of a mean face without its depth. The affine map that brings
the mean face's points closest to the landmarks is found by least squares, and the rotation closest to it by its
singular values (DeMenthon and Davis 1995, "Model-based object pose in 25 lines of code", International Journal of
Computer Vision 15; without their perspective steps, for a face is small against its distance).
"""

import numpy as np

MEAN_FACE = np.array(
    [[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.612, -0.636], [-0.424, 1.042, -0.129], [0.424, 1.042, -0.129]]
)
"""(5, 3) right eye, left eye, nose, right and left corner of the mouth, as a camera before the face sees them: to the
right, down, and away, in distances of the eyes. The first two are the medians of YuNet's landmarks in a hundred neutral
studio photographs; the depths are those of MediaPipe's canonical face, whose eyes lie between their corners."""
_CENTRED = MEAN_FACE - MEAN_FACE.mean(axis=0)
_FIT = np.linalg.pinv(_CENTRED)


def pose_of(landmarks_xy: np.ndarray) -> np.ndarray:
    """Return (faces, 3) yaw, pitch and roll in degrees for (faces, 5, 2) landmarks, in the order of YuNet's.

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
