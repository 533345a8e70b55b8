"""People in a video: which face is whose from frame to frame."""

from dataclasses import dataclass

import numpy as np

POSITION_GAIN = 0.7
"""Share of a box's distance from its prediction that is believed: the alpha of an alpha-beta filter."""
VELOCITY_GAIN = 0.2
"""Share of that distance per second that is believed of the velocity: the beta."""
SHORTEST_S = 1 / 60
"""A velocity is taken over at least this time: frames may be a millisecond apart, and any miss would be a leap."""
FARTHEST = 1.0
"""Largest distance of a matched box from its prediction, in sides of the face, the change of size as a log added.

It grows by as much for each second that the face was hidden, up to the longest gap: boxes shrink and slip while another
face passes before them, which bends the velocity, and the error of the prediction grows with time.
"""


@dataclass
class _Track:
    """One person: where the face is, how large, how fast, and when it was last seen."""

    number: int
    centre_xy: np.ndarray
    velocity_xy: np.ndarray
    side: float
    time_s: float
    size_xy: np.ndarray
    """Of the newest box."""

    def predicted_xy(self, time_s: float) -> np.ndarray:
        return self.centre_xy + self.velocity_xy * (time_s - self.time_s)

    def move(self, centre_xy: np.ndarray, size_xy: np.ndarray, side: float, time_s: float) -> None:
        predicted = self.predicted_xy(time_s)
        missed = centre_xy - predicted
        self.centre_xy = predicted + POSITION_GAIN * missed
        self.velocity_xy = self.velocity_xy + VELOCITY_GAIN * missed / max(time_s - self.time_s, SHORTEST_S)
        self.side += POSITION_GAIN * (side - self.side)
        self.time_s, self.size_xy = time_s, size_xy


class FaceTracker:
    """Gives faces numbers that stay with them through motion, short occlusion and crossing paths; one for each video.

    Each track moves on at its own velocity while its face is hidden (alpha-beta filter: Kalata 1984, "The Tracking
    Index", IEEE Transactions on Aerospace and Electronic Systems 20). Pairs of a track and a box are matched from the
    closest on.
    """

    def __init__(self, *, longest_gap_s: float = 1.0) -> None:
        """Start without tracks; a face that is hidden for longer than the gap comes back under another number.

        One that was there at the last look is known however long ago that was.
        """
        self.longest_gap_s = longest_gap_s
        self._tracks: list[_Track] = []
        self._next = 0
        self._updated_s = float("-inf")

    def update(self, box_xyxy: np.ndarray, time_s: float) -> np.ndarray:
        """Return the numbers of the next frame's faces, (faces, 4) boxes: from 0, in the order of appearance.

        Times never go back.
        """
        earliest_s = min(time_s - self.longest_gap_s, self._updated_s)
        self._tracks = [track for track in self._tracks if track.time_s >= earliest_s]
        centres = (box_xyxy[:, :2] + box_xyxy[:, 2:]) / 2
        sizes = box_xyxy[:, 2:] - box_xyxy[:, :2]
        sides = np.maximum(np.sqrt(np.prod(sizes, axis=1)), 1.0)
        numbers = np.full(len(box_xyxy), -1)
        for place, face in self._closest_pairs(centres, sides, time_s):
            self._tracks[place].move(centres[face], sizes[face], float(sides[face]), time_s)
            numbers[face] = self._tracks[place].number
        for face in np.flatnonzero(numbers < 0):
            numbers[face] = self._next
            new = _Track(self._next, centres[face], np.zeros(2), float(sides[face]), time_s, sizes[face])
            self._tracks.append(new)
            self._next += 1
        self._updated_s = time_s
        return numbers

    def follow(self, time_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Say where the faces of the newest update are now, from how they moved: (faces, 4) boxes, (faces,) numbers."""
        seen = [track for track in self._tracks if track.time_s == self._updated_s]
        centres = np.array([track.predicted_xy(time_s) for track in seen]).reshape(-1, 2)
        halves = np.array([track.size_xy for track in seen]).reshape(-1, 2) / 2
        boxes = np.concatenate([centres - halves, centres + halves], axis=1).astype(np.float32)
        return boxes, np.array([track.number for track in seen], int)

    def _closest_pairs(self, centres: np.ndarray, sides: np.ndarray, time_s: float) -> list[tuple[int, int]]:
        """Return pairs of a track's place and a face's, each at most once, the closest first."""
        if not self._tracks or not len(centres):
            return []
        predicted = np.stack([track.predicted_xy(time_s) for track in self._tracks])
        known = np.array([track.side for track in self._tracks])
        away = np.linalg.norm(predicted[:, None] - centres[None], axis=2) / np.minimum(known[:, None], sides[None])
        away += np.abs(np.log(known[:, None] / sides[None]))
        hidden_s = time_s - np.array([track.time_s for track in self._tracks])
        away /= 1 + np.minimum(hidden_s, self.longest_gap_s)[:, None]
        pairs: list[tuple[int, int]] = []
        while away.min() <= FARTHEST:
            track, face = (int(place) for place in np.unravel_index(away.argmin(), away.shape))
            pairs.append((track, face))
            away[track], away[:, face] = np.inf, np.inf
        return pairs
