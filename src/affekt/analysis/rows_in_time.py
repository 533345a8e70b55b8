"""What the rows of a video get from the frames around them: shots, numbers of people, and smoothed scores."""

from collections import deque
from collections.abc import Iterator

import numpy as np

from affekt.analysis.detected_faces import DetectedFaces
from affekt.analysis.frames import Frame
from affekt.analysis.inputs import is_camera
from affekt.analysis.rows import Answer, Row, no_face_row, scores_of
from affekt.analysis.shots import ShotCounter
from affekt.analysis.smoothing import CausalSmoother, MedianSmoother
from affekt.labels import labels_of_columns


class RowsInTime:
    """The rows of one input on their way: those of a file wait for the frames after them, of a camera for none.

    People are numbered anew in each shot, so that no track spans a cut, and nothing is smoothed across one.

    A row is changed in place while it waits, and is final when `add` yields it. In a file it waits twice:

    1. In `_undecided`, until its shot is known: with the first frame more than 1.5 s later (`shots.LOOK_S`). Then
       `_place` writes `shot` and `track`.
    2. In `_unsmoothed`, until the shot of a frame is known that is more than `smooth_s` later (`_is_due`). Then
       `_smoothed` writes the scores, and beside them the `raw_` ones.

    The end of the input makes all final. A camera's row is final at once, and a picture's, which is not changed at all.

    Example:
        A frame every 0.5 s, and `smooth_s` 0.5: the shot of the frame at 0 s is known with the frame at 2 s, and that
        of the frame at 1 s with the frame at 3 s. That is when the row of 0 s is yielded. With `smooth_s` 0 it is
        yielded with the frame at 2 s.
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
