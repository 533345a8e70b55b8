"""Shots: where a video cuts from one view to another, found from small copies of its frames.

Two frames are as different as one minus the correlation of their small copies, from 0 to 2. That sees neither
brightness nor contrast, so that lamps and fades are no cuts by themselves.

Before a frame there is a hard cut where it differs from the one before by far more than neighbours usually do, shortly
before and shortly after (the adaptive threshold of PySceneDetect, with a quantile in place of the mean), and where no
frame shortly after is again like one shortly before. So neither fast pans nor flashes are cuts. A dissolve is found by
how it is made: its frames are mixtures of the one before and the one after (Hampapur, Jain and Weymouth 1995,
"Production model based digital video segmentation", Multimedia Tools and Applications 1). Frames with nothing in them,
as between two fades, belong to the shot before.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from PIL import Image

SMALL_SIZE = (32, 18)
"""Pixels of a frame's small copy: coarse enough that what moves a little changes little."""
FLAT = 3.0
"""A small copy whose pixels deviate by less, in grey levels, shows nothing."""
FLASH_S = 0.25
"""A change that is undone within this time is none."""
LEAST_CUT = 0.025
"""Least difference across a hard cut."""
TIMES_USUAL, ABOVE_USUAL = 8.0, 0.5
"""It is so many times what is usual between neighbouring frames, or exceeds it by so much, where all moves."""
TIMES_UNDONE, UNDONE_SHARE = 2.0, 0.3
"""A change is undone where so many times the usual, for each frame meanwhile, is left of it, or this share at most."""
USUAL_S = 0.4
"""What is usual is known from the frames within this time, before and after."""
USUAL_SHARE = 0.85
"""So many of them change less: the others may be blended frames beside the cut, or a second cut."""
FAR_APART_S, TOO_FAR_APART_S = 0.15, 0.5
"""Of frames farther apart the usual is known from those within `LOOK_S`; of frames too far apart it is not."""
TIMES_FAR_APART, LEAST_FAR_APART = 6.0, 0.15
"""Between frames far apart a cut is so many times what is usual, and no less than this."""
LEAST_TOO_FAR_APART = 0.5
"""Least difference across a cut between frames too far apart, and what is enough between frames far apart."""
DISSOLVE_S = 1.0
"""Time over which a dissolve is looked for."""
LEAST_DISSOLVE = 0.3
"""Least difference across it."""
MOST_CHANGED = 0.2
"""The share of the pixels that is looked at, those that change most: a wall that stays the same is no mixture."""
OFF_MIXTURE = 0.05
"""How far half of these are from a mixture in any of its frames at most, as a share of how far they change."""
LEAST_MIXTURES = 4
"""Frames that hold at least a tenth of both."""
GRACE_S = 1e-4
"""Times are rounded."""
LOOK_S = 1.5
"""How far ahead is looked before a frame is decided on."""


def small_copy(image_rgb: np.ndarray) -> np.ndarray:
    """Return a (height, width, 3) uint8 picture as a few averaged pixels, (pixels, 3) float32."""
    (width, height), sampled = SMALL_SIZE, image_rgb
    # Of a large frame one pixel in so many is enough for an average, and takes a tenth of the time.
    if step := min(image_rgb.shape[0] // (4 * height), image_rgb.shape[1] // (4 * width)):
        sampled = image_rgb[::step, ::step]
    small = Image.fromarray(sampled).resize(SMALL_SIZE, Image.Resampling.BOX)
    return np.asarray(small, np.float32).reshape(-1, 3)


@dataclass(eq=False)
class _Seen:
    """One frame, as far as cuts are concerned."""

    time_s: float
    small: np.ndarray
    unit: np.ndarray
    """The small copy, the mean of each colour taken away, with length 1."""
    is_flat: bool
    """Whether it shows nothing."""
    change: float
    """Difference from the last frame before that shows something; 0 where there is none, or this one shows nothing."""
    mixed: float | None = None


class ShotCounter:
    """Numbers the shots of one video from 1; frames are told some time after they came, for it looks ahead."""

    def __init__(self) -> None:
        """Begin before the first frame."""
        self._frames: list[_Seen] = []
        """Those that are not decided on, and those shortly before them."""
        self._next = 0
        """Place of the first that is not decided on."""
        self._shot = 1
        self._unit_before: np.ndarray | None = None

    def add(self, small: np.ndarray, time_s: float) -> list[int]:
        """Take the next frame's small copy; return the shots of the frames that are now known, in their order."""
        centred = (small - small.mean(axis=0)).ravel()
        length = float(np.linalg.norm(centred))
        is_flat = length < FLAT * len(centred) ** 0.5
        unit = centred / max(length, 1e-6)
        change = 0.0 if is_flat or self._unit_before is None else 1 - float(unit @ self._unit_before)
        self._frames.append(_Seen(time_s, small.ravel(), unit, is_flat, change))
        self._unit_before = self._unit_before if is_flat else unit
        known: list[int] = []
        while self._frames[self._next].time_s < time_s - LOOK_S:
            known.append(self._decided())
        return known

    def finish(self) -> list[int]:
        """Return the shots of the frames that are left."""
        return [self._decided() for _ in self._frames[self._next :]]

    def _decided(self) -> int:
        place, time_s = self._next, self._frames[self._next].time_s
        self._shot += self._is_cut(place) or self._is_dissolved(place)
        self._next += 1
        while self._frames[0].time_s < time_s - LOOK_S:
            del self._frames[0]
            self._next -= 1
        return self._shot

    def _around(self, place: int, within_s: float) -> tuple[list[int], list[int]]:
        """Return the places of the frames shortly before and shortly after one."""
        time_s = self._frames[place].time_s
        before, after = place, place + 1
        while before > 0 and self._frames[before - 1].time_s >= time_s - within_s - GRACE_S:
            before -= 1
        while after < len(self._frames) and self._frames[after].time_s <= time_s + within_s + GRACE_S:
            after += 1
        return list(range(before, place)), list(range(place + 1, after))

    def _is_cut(self, place: int) -> bool:
        """Whether a hard cut is before a frame."""
        change = self._frames[place].change
        if change < LEAST_CUT or change < self._least(place) or self._is_undone(place):
            return False
        before, after = self._around(place, FLASH_S)
        # Of several frames in a row, as where two are blended in one, the first of the most different is the cut.
        is_first = all(self._frames[each].change < change for each in before)
        return is_first and all(self._frames[each].change <= change for each in after)

    def _least(self, place: int) -> float:
        """Return the least difference that is a cut before a frame."""
        usual, usual_step_s = self._usual(place)
        if usual_step_s > TOO_FAR_APART_S:
            return LEAST_TOO_FAR_APART
        if usual_step_s > FAR_APART_S:
            return min(max(TIMES_FAR_APART * usual, LEAST_FAR_APART), LEAST_TOO_FAR_APART)
        usual *= max(1.0, self._step_s(place) / max(usual_step_s, GRACE_S))  # after a pause, as much more
        return min(TIMES_USUAL * usual, ABOVE_USUAL + usual)

    def _usual(self, place: int) -> tuple[float, float]:
        """Return the usual difference of neighbouring frames, and the usual step in time between them."""
        usual, usual_step_s = 0.0, np.inf
        for within_s in (USUAL_S, LOOK_S):
            before, after = self._around(place, within_s)
            if near := [each for each in (*before, *after) if each]:
                usual = float(np.quantile([self._frames[each].change for each in near], USUAL_SHARE))
                usual_step_s = float(np.median([self._step_s(each) for each in near]))
            if usual_step_s <= FAR_APART_S:
                break
        return usual, usual_step_s

    def _is_undone(self, place: int) -> bool:
        """Whether a frame shortly after a change is like one shortly before it, for all that moved meanwhile."""
        usual, usual_step_s = self._usual(place)
        # Between frames far apart a flash is one frame.
        flash_s = FLASH_S if usual_step_s > TOO_FAR_APART_S else max(FLASH_S, 2.1 * usual_step_s)
        before, after = self._around(place, flash_s)
        most = self._frames[place].change * UNDONE_SHARE
        for first, second in product(before, (place, *after)):
            earlier, later = self._frames[first], self._frames[second]
            if earlier.is_flat or later.is_flat or later.time_s > earlier.time_s + flash_s + GRACE_S:
                continue
            moved = min(most, TIMES_UNDONE * usual * (second - first))
            if 1 - float(earlier.unit @ later.unit) < max(LEAST_CUT / 2, moved):
                return True
        return False

    def _step_s(self, place: int) -> float:
        return self._frames[place].time_s - self._frames[place - 1].time_s

    def _mixed(self, place: int) -> float:
        """Return the difference over a dissolve with its middle at a frame, or 0."""
        frame = self._frames[place]
        if frame.mixed is None:
            before, after = self._around(place, DISSOLVE_S / 2)
            frame.mixed = self._over(before[0], after[-1]) if before and after else 0.0
        return frame.mixed

    def _over(self, first: int, last: int) -> float:
        """Return how different two frames are if those between are mixtures of them, else 0."""
        start, end = self._frames[first], self._frames[last]
        if start.is_flat or end.is_flat or last - first <= LEAST_MIXTURES:
            return 0.0
        difference = 1 - float(start.unit @ end.unit)
        if difference < LEAST_DISSOLVE:
            return 0.0
        way = end.small - start.small
        between = np.array([each.small for each in self._frames[first + 1 : last]]) - start.small
        share = between @ way / (way @ way)
        most = abs(way) >= np.quantile(abs(way), 1 - MOST_CHANGED)
        off = np.median(abs(between[:, most] - share[:, None] * way[most]), axis=1).max()
        mixtures = np.count_nonzero((share > 0.1) & (share < 0.9))
        is_mixed = mixtures >= LEAST_MIXTURES and off < OFF_MIXTURE * float(np.median(abs(way[most])))
        return difference if is_mixed else 0.0

    def _is_dissolved(self, place: int) -> bool:
        """Whether the middle of a dissolve is at a frame."""
        if not (mixed := self._mixed(place)):
            return False
        before, after = self._around(place, DISSOLVE_S / 2)
        if any(self._is_cut(each) for each in (*before, *after)):
            return False
        is_first = all(self._mixed(each) < mixed for each in before)
        return is_first and all(self._mixed(each) <= mixed for each in after)
