"""Who is who: tracks of one person are found by a face recognition network that the user names, SFace for instance.

A few faces of each track are looked at again in the video, turned to the place that such networks learnt faces in, and
become vectors. Tracks whose vectors point the same way are joined, the most alike first.
"""

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import onnxruntime
import polars as pl
from PIL import Image

from affekt.errors import ConfigError, DataError
from affekt.faces.detection import FaceDetector

logger = logging.getLogger(__name__)

SIZE = 112
PLACES_XY = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where the five landmarks lie in the crop, in the order of `detection.LANDMARKS`: those of ArcFace (Deng et al. 2019),
which SFace and most others learnt with."""
FACES_PER_TRACK = 10
"""Looked at of each track, spread over its time: more change the mean vector little."""
HALF_A_PIXEL = 0.5 + 0.5j
TINY = 1e-12
LEAST_OVERLAP = 0.3
"""Of a box of the table and one that is found again, as intersection over union, to be the same face."""
NEEDED = ("input", "track", "frame", "time_s", "x", "y", "width", "height", "status")


class Recogniser:
    """A face recognition network: an RGB picture and a face's landmarks in, a vector of length 1 out."""

    def __init__(self, path: Path) -> None:
        """Open an ONNX file that maps (1, 3, 112, 112) RGB pixels, 0 to 255, to a vector; raises ConfigError."""
        instead = "name one such as face_recognition_sface_2021dec.onnx of github.com/opencv/opencv_zoo"
        if not path.is_file():
            raise ConfigError(
                f"expected an ONNX file of a recognition network to identify by, got no {path}; {instead}"
            )
        try:
            self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"], enable_fallback=0)
            self._input = self._session.get_inputs()[0].name
            self.width = len(self._vector(np.zeros((SIZE, SIZE, 3), np.uint8)))
        except Exception as error:  # the classes of onnxruntime are not public
            why = " ".join(str(error).split())
            raise ConfigError(
                f"expected a network that maps (1, 3, {SIZE}, {SIZE}) pixels to a vector in {path} to identify by, got "
                f"{why}; {instead}"
            ) from error

    def __call__(self, image_rgb: np.ndarray, landmarks_xy: np.ndarray) -> np.ndarray:
        """Return the vector of a face with (5, 2) landmarks."""
        return self._vector(aligned(image_rgb, landmarks_xy))

    def _vector(self, crop_rgb: np.ndarray) -> np.ndarray:
        pixels = crop_rgb.transpose(2, 0, 1)[None].astype(np.float32)
        (vector,) = np.asarray(self._session.run(None, {self._input: pixels})[0])
        return _of_length_1(vector.astype(float))


def aligned(image_rgb: np.ndarray, landmarks_xy: np.ndarray) -> np.ndarray:
    """Turn, shift and scale a face so that its landmarks come to `PLACES_XY`, as nearly as least squares bring them.

    In complex numbers such a map is z -> a z + b, and the best a is a quotient of two sums (Umeyama 1991, without
    mirroring); OpenCV's FaceRecognizerSF, with which SFace is published, does the same. Returns (112, 112, 3) uint8;
    beyond the picture it is black.
    """
    wanted, given = ((each @ [1, 1j]) for each in (PLACES_XY, np.asarray(landmarks_xy, float)))
    centred = given - given.mean()
    into_crop = (np.conj(centred) @ (wanted - wanted.mean())) / (np.abs(centred) ** 2).sum()
    # From the crop back into the picture, for that is what resampling asks for.
    a = 1 / into_crop
    b = given.mean() - a * wanted.mean()
    b += HALF_A_PIXEL - a * HALF_A_PIXEL  # Pillow counts from the corner of a pixel, landmarks from its middle
    back = (a.real, -a.imag, b.real, a.imag, a.real, b.imag)
    picture = Image.fromarray(image_rgb)
    return np.asarray(picture.transform((SIZE, SIZE), Image.Transform.AFFINE, back, Image.Resampling.BILINEAR))


def identified(frame: pl.LazyFrame, model: Path, same_person: float) -> pl.DataFrame:
    """Find out which tracks are of one person, within an input and across inputs.

    Args:
        frame: a table of `affekt predict`, whose videos are where it says.
        model: an ONNX file for `Recogniser`.
        same_person: how alike two people's mean vectors are at least, as a cosine, to be one person.

    Returns:
        A row per track: `input`, `track`, `person`, `faces` that were looked at, and `similarity` to the rest of the
        person, empty where there is none; `summarize` takes it as `join`.

    Raises:
        ConfigError: the network cannot be used.
        DataError: the table lacks a column, or one of its videos is gone.
    """
    if absent := [name for name in NEEDED if name not in frame.collect_schema().names()]:
        raise DataError(f"expected a table of `affekt predict` to identify people in, got one without {absent[0]}")
    recogniser, detector = Recogniser(model), FaceDetector()
    rows = frame.filter(pl.col("status") == "ok", pl.col("track").is_not_null(), pl.col("frame").is_not_null())
    rows = rows.sort("input", "time_s").collect()
    for name in rows["input"].unique().sort():
        if not Path(name).is_file():
            raise DataError(
                f"expected the video {name} to identify people in, got no such file; type this from the folder in "
                "which affekt predict ran, or leave out identify"
            )
    tracks = rows.group_by("input", "track", maintain_order=True).agg(
        pl.col("time_s").min().alias("start_s"), pl.col("time_s").max().alias("end_s")
    )
    places = {key: place for place, key in enumerate(tracks.select("input", "track").iter_rows())}
    sums, faces = np.zeros((len(tracks), recogniser.width)), [0] * len(tracks)
    for of_input in rows.partition_by("input", maintain_order=True):
        name = of_input["input"][0]
        for track, vector in _vectors(name, _chosen(of_input), recogniser, detector):
            sums[places[name, track]] += vector
            faces[places[name, track]] += 1
    means = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), TINY)
    person = _grouped(means, _seen_together(tracks), same_person)
    names = {number: f"P{place}" for place, number in enumerate(dict.fromkeys(person), 1)}
    logger.info(
        "%d people in %d tracks; two are one person from a cosine of %g on", len(names), len(tracks), same_person
    )
    return tracks.select("input", "track").with_columns(
        pl.Series("person", [names[number] for number in person]),
        pl.Series("faces", faces),
        pl.Series("similarity", _similarities(means, np.array(person)), dtype=pl.Float64),
    )


def _chosen(rows: pl.DataFrame) -> pl.DataFrame:
    """Return a few rows of each track, spread over its time; reliable ones where there are some."""
    if "reliable" in rows.columns:
        good = pl.col("reliable").cast(pl.Boolean).fill_null(value=False)
        rows = rows.filter(good | ~good.any().over("track"))
    place, count = pl.int_range(pl.len()).over("track"), pl.len().over("track")
    step = pl.max_horizontal(count / FACES_PER_TRACK, 1.0)
    return rows.filter((place / step).floor() != ((place - 1) / step).floor())


def _vectors(
    name: str, rows: pl.DataFrame, recogniser: Recogniser, detector: FaceDetector
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the track and the vector of each face that is found again where the table has it."""
    from affekt.analysis.video import read_frames

    wanted = {number: part for (number,), part in rows.partition_by("frame", as_dict=True).items()}
    with closing(read_frames(name)) as frames:
        for frame in frames:
            part = wanted.pop(frame.number, None)
            if part is not None:
                image_rgb = frame.image_rgb
                found = detector.detect(image_rgb)
                for row in part.iter_rows(named=True):
                    box = np.array([row["x"], row["y"], row["x"] + row["width"], row["y"] + row["height"]])
                    overlaps = [_overlap(box, other) for other in found.box_xyxy]
                    if overlaps and max(overlaps) >= LEAST_OVERLAP:
                        yield int(row["track"]), recogniser(image_rgb, found.landmarks_xy[int(np.argmax(overlaps))])
            if not wanted:
                return


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    shared = np.prod(np.maximum(np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2]), 0))
    return float(shared / (np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2]) - shared))


def _seen_together(tracks: pl.DataFrame) -> np.ndarray:
    """Return (tracks, tracks): whether two are in one input at the same time, and so two people."""
    start_s, end_s = tracks["start_s"].to_numpy(), tracks["end_s"].to_numpy()
    same = tracks["input"].to_numpy()[:, None] == tracks["input"].to_numpy()[None]
    return (
        same & (start_s[:, None] <= end_s[None]) & (start_s[None] <= end_s[:, None]) & ~np.eye(len(tracks), dtype=bool)
    )


def _grouped(means: np.ndarray, apart: np.ndarray, same_person: float) -> list[int]:
    """Return a number for each track, the same for those of one person: the most alike are joined first.

    How alike two groups are is the cosine of the sums of their vectors.
    """
    group, sums, apart = np.arange(len(means)), means.copy(), apart.copy()
    alive = np.linalg.norm(means, axis=1) > 0
    while True:
        units = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), TINY)
        alike = units @ units.T
        alike[apart | ~alive[:, None] | ~alive[None] | np.eye(len(means), dtype=bool)] = -np.inf
        if not len(means) or alike.max() < same_person:
            return group.tolist()
        first, second = sorted(int(place) for place in np.unravel_index(alike.argmax(), alike.shape))
        group[group == second] = first
        sums[first] += sums[second]
        apart[first] |= apart[second]
        apart[:, first] |= apart[:, second]
        alive[second] = False


def _similarities(means: np.ndarray, person: np.ndarray) -> list[float | None]:
    """Return how alike each track is to the others of its person: what is low is to be looked at."""
    found: list[float | None] = []
    for track, number in enumerate(person):
        others = (person == number) & (np.arange(len(person)) != track)
        found.append(float(means[track] @ _of_length_1(means[others].sum(0))) if others.any() else None)
    return found


def _of_length_1(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), TINY)
