"""What the rows of a video get from the frames around them: shots, numbers of people, and smoothed scores.

Scores are smoothed along a track: looking both ways in a file, and at what was alone before a camera.
"""

import math
from collections import deque
from collections.abc import Hashable, Iterator

import numpy as np

from affekt.analysis.frames import DetectedFaces, Frame
from affekt.analysis.inputs import is_camera
from affekt.analysis.rows import Answer, Row, no_face_row, scores_of
from affekt.analysis.shots import ShotCounter
from affekt.labels import labels_of_columns

SMALLEST_PROBABILITY = 1e-6
"""Probabilities below this count as this before their logarithm is taken."""
SHORTEST_STEP_S = 1e-5
"""Times are rounded."""


class RowsInTime:
    """The rows of one input on their way: those of a file wait for the frames after them, of a camera for none.

    People are numbered anew in each shot, so that no track spans a cut, and nothing is smoothed across one.
    """

    def __init__(self, smooth_s: float) -> None:
        """Begin before the first frame; 0 smooths nothing."""
        self._smooth_s = smooth_s
        self._shots = ShotCounter()
        self._numbers: dict[tuple[int, int], int] = {}
        self._shot_of_look = 1
        self._undecided: deque[tuple[Frame, Answer]] = deque()
        self._unsmoothed: deque[Answer] = deque()
        self._medians, self._filters = MedianSmoother(smooth_s), CausalSmoother(smooth_s)

    def add(self, found: DetectedFaces, answer: Answer) -> Iterator[Answer]:
        """Take what comes next of the input; yield the answers that are complete with it, in order."""
        frame = found.frame
        if frame.time_s is None and not self._undecided and not self._unsmoothed:
            yield answer  # a picture, which an archive may hold many of
            return
        self._undecided.append((frame, answer))
        if frame.time_s is None:
            shots = self._shots.finish()
        elif found.small is None:  # a camera, before which nobody cuts
            shots = [1]
        else:
            shots = self._shots.add(found.small, frame.time_s)
        for shot in shots:
            self._place(*self._undecided.popleft(), shot)
        if frame.ends:
            self._unsmoothed += [answer for _, answer in self._undecided]
            self._undecided.clear()
        while self._unsmoothed and (frame.ends or self._is_due(self._unsmoothed[0])):
            yield self._smoothed(self._unsmoothed.popleft())

    def _place(self, frame: Frame, answer: Answer, shot: int) -> None:
        """Write the shot of a frame, and the numbers of its people, into its rows."""
        if frame.detects:
            self._shot_of_look = shot
        elif shot != self._shot_of_look:  # whoever is followed into another shot is not there
            answer.rows[:] = [no_face_row(frame, labels_of_columns(answer.rows[0]))]
        for row in answer.rows:
            row["shot"] = shot
            if row["track"] is not None:
                row["track"] = self._numbers.setdefault((shot, row["track"]), len(self._numbers) + 1)
                self._medians.add(row["track"], row["time_s"], *_scores(row))
        self._unsmoothed.append(answer)

    def _is_due(self, answer: Answer) -> bool:
        newest_s = self._unsmoothed[-1].rows[0]["time_s"]
        return not self._smooth_s or is_camera(answer.input) or answer.rows[0]["time_s"] + self._smooth_s < newest_s

    def _smoothed(self, answer: Answer) -> Answer:
        for row in answer.rows if self._smooth_s else ():
            if row["track"] is None:
                continue
            names = scores_of(labels_of_columns(row))
            row |= {f"raw_{name}": row[name] for name in names}
            probabilities, points = _scores(row)
            if is_camera(answer.input):
                smooth = self._filters(row["track"], row["time_s"], probabilities, points)
            else:
                smooth = self._medians.smoothed(row["track"], row["time_s"], len(probabilities))
            row |= dict(zip((name for name in names if row[name] is not None), map(float, smooth), strict=True))
        return answer


def _scores(row: Row) -> tuple[np.ndarray, np.ndarray]:
    """Return what the model said of a face: probabilities, and valence and arousal; empty where it says nothing."""
    known = [(name, row[name]) for name in scores_of(labels_of_columns(row)) if row[name] is not None]
    probabilities = [value for name, value in known if name.startswith("p_")]
    return np.array(probabilities), np.array([value for _, value in known[len(probabilities) :]])


class CausalSmoother:
    """First-order low-pass filters, one for each track, for frames that need not be evenly spaced.

    A step of d seconds moves the state by 1 - exp(-d / time constant) of its distance from the new value. Averaging
    log-probabilities is averaging logits: a sure answer weighs more than a doubtful one, and the result is normalised.
    """

    def __init__(self, time_constant_s: float) -> None:
        """Start without tracks; after the time constant a sudden change shows by 63 %, and 0 smooths nothing."""
        self.time_constant_s = time_constant_s
        self._state: dict[int, tuple[float, np.ndarray]] = {}

    def __call__(self, track: int, time_s: float, probabilities: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Filter the newest answer of a track, and return its probabilities and points one after the other.

        Probabilities are (8,), summing to 1, or (0,) where the model has none; points are (2,) valence and arousal, or
        (0,). Times never go back.
        """
        value = np.concatenate([np.log(np.maximum(probabilities, SMALLEST_PROBABILITY)), points]).astype(float)
        if self.time_constant_s and track in self._state:
            before_s, state = self._state[track]
            value = state + (1 - math.exp(-(time_s - before_s) / self.time_constant_s)) * (value - state)
        self._state[track] = time_s, value
        n = len(probabilities)
        return _normalised(np.concatenate([np.exp(value[:n]), value[n:]]), n)


class MedianSmoother:
    """Running medians, one for each track: over as many frames before as after, none farther away than `reach_s`.

    What lasts for less than `reach_s` vanishes, and what lasts longer begins and ends where it does (Tukey 1977,
    "Exploratory Data Analysis"): the median keeps edges, however unequal their sides are. Where a track begins and
    ends there are fewer frames on one side, and so on the other. Probabilities are normalised after.
    """

    def __init__(self, reach_s: float) -> None:
        """Start without tracks; 0 smooths nothing."""
        self.reach_s = reach_s
        self._seen: dict[Hashable, deque[tuple[float, np.ndarray]]] = {}

    def add(self, track: Hashable, time_s: float, probabilities: np.ndarray, points: np.ndarray) -> None:
        """Take the newest answer of a track, as `CausalSmoother` does; times never go back."""
        seen = self._seen.setdefault(track, deque())
        seen.append((time_s, np.concatenate([probabilities, points])))

    def smoothed(self, track: Hashable, time_s: float, probabilities: int) -> np.ndarray:
        """Return what a track's answer at a time is, once all within reach were added.

        Times that are asked for never go back, either: what is out of their reach is forgotten.
        """
        seen = self._seen[track]
        while seen[0][0] < time_s - self.reach_s - SHORTEST_STEP_S:
            seen.popleft()
        before = [value for at_s, value in seen if at_s < time_s]
        after = [value for at_s, value in seen if time_s <= at_s <= time_s + self.reach_s + SHORTEST_STEP_S]
        near = min(len(before), len(after) - 1)
        window = np.array([*before[len(before) - near :], *after[: near + 1]])
        return _normalised(np.sort(window, axis=0)[near], probabilities)


def _normalised(values: np.ndarray, probabilities: int) -> np.ndarray:
    if probabilities:
        shares = np.maximum(values[:probabilities], np.finfo(float).tiny)
        values[:probabilities] = shares / shares.sum()
    return values
