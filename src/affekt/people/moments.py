"""Faces on the study page: which moments are shown, and their small pictures, cut out of the inputs that are there.

Pictures are bounded in number and size, so that a study of many people still gives a page that a browser opens.
"""

import logging

import numpy as np
import polars as pl

from affekt.analysis.cut_faces import cut_face, frames_at
from affekt.errors import PictureError
from affekt.faces.pictures import read_rgb
from affekt.people.rows import BOX, PERSON
from affekt.terminal import progress_bar

logger = logging.getLogger(__name__)

MOST_MOMENTS = 1200
"""Faces of people in videos on a page, of all together; each takes some 4 kB."""
MOST_OF_PERSON = 40

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
                    faces.setdefault((name, row["person"]), []).append((time_s, cut_face(image_rgb, row)))
        except PictureError as error:
            logger.debug("%s", error)
            lost.append(name)
    return faces, lost


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
            found[row["place"]] = cut_face(image_rgb, row)
    return found
