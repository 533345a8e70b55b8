"""Faces that nobody may see: where they are in each frame of a video, and how they are covered."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from PIL import Image

from affekt.analysis.frames import decode
from affekt.analysis.options import HidingMethod
from affekt.analysis.rows import Row, breaks_off

COLOUR = (20, 24, 28)
MARGIN = 0.3
"""How much is covered around a box on each side, in sides of the box: hair and ears, and what a detector misses by."""
MARGIN_PER_S = 1.0
"""And how much more for each second between a frame and the nearest one in which the face was found."""
HELD_S = 1.0
"""How long a face stays covered before it was first found and after it was last: as long as a track waits for it."""
SQUARES = 5
"""Along the longer side of what is covered, of one colour each: some three across the face itself."""
COLUMNS = ("x", "y", "width", "height")


def hide_faces(picture: str | Image.Image, rows: Sequence[Row], how: HidingMethod) -> Image.Image:
    """Return a picture, upright, without the faces that its rows name."""
    hidden = Image.fromarray(decode(picture, is_lenient=breaks_off(rows)).image_rgb)
    boxes = [[row[name] for name in COLUMNS] for row in rows if row["status"] == "ok"]
    box_xyxy = _corners(np.array(boxes, float).reshape(-1, 4))
    cover(hidden, _grown(box_xyxy, MARGIN), how)
    return hidden


def cover(picture: Image.Image, box_xyxy: np.ndarray, how: HidingMethod) -> None:
    """Cover (boxes, 4) parts of a picture, in pixels, so that nothing of them is left but a few mean colours."""
    for left, top, right, bottom in box_xyxy:
        part = (
            max(0, int(np.floor(left))),
            max(0, int(np.floor(top))),
            min(picture.width, int(np.ceil(right))),
            min(picture.height, int(np.ceil(bottom))),
        )
        width, height = part[2] - part[0], part[3] - part[1]
        if width <= 0 or height <= 0:
            continue
        if how == "box":
            picture.paste(COLOUR, part)
            continue
        scale = SQUARES / max(width, height)
        few = picture.crop(part).resize(
            (max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.BOX
        )
        smooth = Image.Resampling.NEAREST if how == "pixelate" else Image.Resampling.BICUBIC
        picture.paste(few.resize((width, height), smooth), part)


class FacesInTime:
    """Where the people of a video are at any time, in frames in which they were found, and in those between."""

    def __init__(self, rows: pl.DataFrame) -> None:
        """Take the rows of a video in the order of its frames."""
        found = rows.filter(pl.col("status") == "ok")
        tracks = found.partition_by("track", maintain_order=True) if len(found) else []
        self._times_s = [track["time_s"].to_numpy() for track in tracks]
        self._boxes = [_corners(track.select(COLUMNS).to_numpy()) for track in tracks]
        self._first_s = np.array([times_s[0] for times_s in self._times_s])
        self._last_s = np.array([times_s[-1] for times_s in self._times_s])

    def boxes_xyxy(self, time_s: float) -> np.ndarray:
        """Return what is to be covered at a time, (boxes, 4) in pixels.

        Between two frames in which a person was found it is what holds both boxes, and so any straight way between
        them. It grows with the time from the nearer of them, and stays for a second at both ends, also over a cut,
        whose place may be a few frames off.
        """
        near = (self._first_s - HELD_S <= time_s) & (time_s <= self._last_s + HELD_S)
        covered = [self._covered(int(track), time_s) for track in np.flatnonzero(near)]
        return np.array(covered, float).reshape(-1, 4)

    def _covered(self, track: int, time_s: float) -> np.ndarray:
        times_s, boxes = self._times_s[track], self._boxes[track]
        after = min(int(np.searchsorted(times_s, time_s)), len(times_s) - 1)
        before = max(0, after - 1) if times_s[after] > time_s else after
        away_s = min(abs(time_s - times_s[before]), abs(time_s - times_s[after]))
        both = np.concatenate([boxes[[before, after], :2].min(0), boxes[[before, after], 2:].max(0)])
        return _grown(both[None], MARGIN + MARGIN_PER_S * away_s)[0]


def _corners(box_xywh: np.ndarray) -> np.ndarray:
    return np.concatenate([box_xywh[:, :2], box_xywh[:, :2] + box_xywh[:, 2:]], axis=1)


def _grown(box_xyxy: np.ndarray, margin: float) -> np.ndarray:
    """Return (boxes, 4) with so much more on each side, in longer sides of the box."""
    more = margin * (box_xyxy[:, 2:] - box_xyxy[:, :2]).max(1, keepdims=True)
    return np.concatenate([box_xyxy[:, :2] - more, box_xyxy[:, 2:] + more], axis=1)
