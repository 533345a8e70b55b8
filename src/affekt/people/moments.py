"""Faces on the study page: which moments are shown, and their small pictures, cut out of the inputs that are there.

Pictures are bounded in number and size, so that a study of many people still gives a page that a browser opens.
"""

import logging
import math
from collections.abc import Iterable, Iterator
from contextlib import suppress

import av
import numpy as np
import polars as pl
from av.error import FFmpegError

from affekt.analysis.inputs import is_address
from affekt.analysis.video import (
    GRACE_S,
    Losses,
    VideoFrame,
    decoded_frames,
    opened_file,
    pixel_aspect,
    shown_stream,
)
from affekt.errors import PictureError
from affekt.faces.pictures import read_rgb, thumbnail
from affekt.people.rows import BOX, PERSON
from affekt.terminal import progress_bar

logger = logging.getLogger(__name__)

MOST_MOMENTS = 1200
"""Faces of people in videos on a page, of all together; each takes some 4 kB."""
MOST_OF_PERSON = 40
SOUGHT_S = 3.0
"""A frame that is this much later is sought; one that is nearer is reached sooner by decoding on."""
MISSED_S = 0.1
"""A frame that was found this much later is another one: some files cannot be sought in."""
SIDE, MARGIN = 112, 0.3
"""Pixels of a face on the page, and how much more than its box is shown."""

Faces = dict[tuple[str, str], list[tuple[float, str]]]
"""By input and person: times in seconds, ascending, and data URIs."""


def moments_of(rows: pl.DataFrame, episodes: pl.DataFrame) -> pl.DataFrame:
    """Choose the rows whose faces are shown: half of each person's at apexes of episodes, the others evenly spaced.

    Rows that are used come first; of who has none the others are taken. `rows` are those of the people on the page.
    """
    known = rows.filter(pl.all_horizontal(pl.col(BOX).is_not_null())).select(*PERSON, "time_s", *BOX, "used")
    people = known.partition_by(PERSON, as_dict=True, maintain_order=True)
    most = int(np.clip(MOST_MOMENTS // max(len(people), 1), 1, MOST_OF_PERSON))
    apexes = episodes.sort("peak_probability", descending=True).partition_by(PERSON, as_dict=True)
    chosen = [known.clear()]
    for key, own in people.items():
        used = own.filter("used") if own["used"].any() else own
        times_s, theirs = used["time_s"].to_numpy(), apexes.get(key)
        wanted = [] if theirs is None else theirs["apex_s"].head(most // 2).to_list()
        places = set(np.searchsorted(times_s, wanted).clip(max=len(times_s) - 1).tolist())
        evenly = np.linspace(0, len(times_s) - 1, most - len(places) + 2)[1:-1].round().astype(int)
        chosen.append(used[sorted(places | set(evenly.tolist()))])
    return pl.concat(chosen)


def faces_at(moments: pl.DataFrame) -> tuple[Faces, list[str]]:
    """Cut the faces out of the videos; return them, and the inputs that cannot be read."""
    faces: Faces = {}
    lost = list[str]()
    videos = moments.partition_by("input", maintain_order=True)
    for own in progress_bar(videos, description="faces for the page"):
        name = own["input"][0]
        at = own.sort("time_s").partition_by("time_s", as_dict=True, maintain_order=True)
        try:
            for time_s, image_rgb in frames_at(name, [time_s for (time_s,) in at]):
                for row in at[(time_s,)].to_dicts():
                    faces.setdefault((name, row["person"]), []).append((time_s, _cut(image_rgb, row)))
        except PictureError as error:
            logger.debug("%s", error)
            lost.append(name)
    return faces, lost


def frames_at(name: str, times_s: Iterable[float]) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (time_s, (height, width, 3) uint8) of frames of a file, by their times as `read_frames` counts them.

    The times ascend. Frames are sought, so that a few of a long video cost little. What cannot be found is left out.
    Raises PictureError where not one frame can be decoded, and for an address, which is not asked again.
    """
    if is_address(name):
        raise PictureError(f"{name}: an address")
    with opened_file(name) as container:
        stream = shown_stream(container)
        stream.thread_type = "AUTO"
        aspect, frames = pixel_aspect(stream), decoded_frames(container, stream, Losses())
        if (frame := next(frames, None)) is None:
            raise PictureError("a video without a frame that can be decoded")
        start_s = float(frame.time or 0.0)
        for time_s in times_s:
            due_s = start_s + time_s - GRACE_S
            if frame is None or due_s - float(frame.time or 0.0) > SOUGHT_S:
                with suppress(FFmpegError):  # then what comes next is decoded
                    container.seek(round(due_s * av.time_base))
                frames = decoded_frames(container, stream, Losses())
                frame = next(frames, None)
            while frame is not None and float(frame.time or 0.0) < due_s:
                frame = next(frames, None)
            if frame is not None and float(frame.time or 0.0) - due_s < MISSED_S:
                yield time_s, VideoFrame(0, time_s, math.inf, frame, aspect).image_rgb


def faces_of_pictures(rows: pl.DataFrame) -> list[str]:
    """Return the face of each row as a data URI, empty where its picture cannot be read; each picture is read once."""
    found = [""] * len(rows)
    pictures = rows.with_row_index("place").partition_by("input", maintain_order=True)
    for own in progress_bar(pictures, description="faces for the page"):
        try:
            image_rgb = read_rgb(own["input"][0])
        except PictureError as error:
            logger.debug("%s", error)
            continue
        for row in own.to_dicts():
            found[row["place"]] = _cut(image_rgb, row)
    return found


def _cut(image_rgb: np.ndarray, row: dict[str, float]) -> str:
    left, top, width, height = (row[name] for name in BOX)
    # Around what fills the picture there is nothing to show.
    margin = MARGIN if (1 + MARGIN) * max(width, height) <= min(image_rgb.shape[:2]) else 0.0
    return thumbnail(image_rgb, np.array([left, top, left + width, top + height]), side=SIDE, margin=margin)
