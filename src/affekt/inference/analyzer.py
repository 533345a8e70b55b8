"""The analyzer: pictures and videos in, rows out, in order, with all cores at work."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from affekt.cores import core_count
from affekt.errors import AffektError, ConfigError, ModelError, PictureError
from affekt.faces.cascade import CascadeDetector
from affekt.faces.detection import FaceDetector
from affekt.faces.pictures import read_rgb
from affekt.faces.preprocessing import crop_face
from affekt.inference.rows import SCHEMA, SMOOTHED_SCHEMA, Looked, Row, rows_of
from affekt.inference.smoothing import Smoother
from affekt.inference.sources import Picture, Sight, sights
from affekt.inference.tracking import FaceTracker
from affekt.models.session import Session
from affekt.models.shipped import model_folder

FaceFinder = Literal["auto", "yunet", "cascade", "whole"]
Detector = FaceDetector | CascadeDetector

CROPS_A_BATCH = 64
SIGHTS_A_BATCH = 64
"""A batch ends here too, so that pictures without faces are told of in time."""
WAITING_A_CORE = 6
"""Pictures read ahead of the network, for each core."""


@dataclass(frozen=True)
class Answer:
    """The rows of a picture or a frame, and whether its input ends with it."""

    rows: list[Row]
    ends: bool


class Analyzer:
    """A model and a face detector, loaded once."""

    def __init__(
        self,
        model: Path | str,
        *,
        longest_side: int = 640,
        min_confidence: float = 0.0,
        every_s: float = 0.0,
        smooth_s: float = 0.5,
    ) -> None:
        """Open a model folder; the detector is opened when it is first needed.

        Args:
            model: name of a model that comes with affekt, or a folder, as `affekt export` writes it.
            longest_side: larger pictures are shrunk to this many pixels before faces are looked for; crops are cut from
                the picture as it is.
            min_confidence: a face whose best expression is less probable than this gets no `emotion`.
            every_s: time between the frames of a video that are looked at; 0 takes all.
            smooth_s: time constant of the filter along a track of a video; 0 smooths nothing.

        Raises:
            ModelError: the folder holds no usable model.
            ConfigError: a value is out of its range.
        """
        if not 0 <= min_confidence <= 1:
            raise ConfigError(f"expected a min_confidence from 0 to 1, got {min_confidence}; 0 names every face")
        for name, value in {"every_s": every_s, "smooth_s": smooth_s}.items():
            if not 0 <= value < float("inf"):
                raise ConfigError(f"expected {name} of at least 0 seconds, got {value}; 0 turns it off")
        self.session = Session(model_folder(model))
        self.longest_side = longest_side
        self.min_confidence = min_confidence
        self.every_s = every_s
        self.smooth_s = smooth_s
        self.notes: list[str] = []
        """What the user should know of how faces were found; one sentence each."""
        self._detectors: dict[str, Detector] = {}

    def analyze(self, pictures: Picture | Iterable[Picture], *, faces: FaceFinder = "auto") -> pl.DataFrame:
        """Analyze pictures and videos, one or many.

        Args:
            pictures: a path, a (height, width, 3) uint8 RGB array, or an iterable of either.
            faces: who finds the faces: `yunet`; `cascade`, scikit-image's; `auto`, the first that can be had; `whole`
                says that each picture is a face already.

        Returns:
            A row a face, or a row saying why there is none, in the order given; columns as in `rows.SCHEMA`, for videos
            with smoothing as in `rows.SMOOTHED_SCHEMA`. Arrays are called by their position.

        Raises:
            ConfigError: an array is not an RGB picture, or `faces` is unknown.
            ModelError: the detector cannot be had.
        """
        if isinstance(pictures, str | Path | np.ndarray):
            pictures = [pictures]
        rows = [row for answer in self.answers(pictures, faces=faces) for row in answer.rows]
        smoothed = any("raw_valence" in row for row in rows)
        return pl.DataFrame(rows, schema=SMOOTHED_SCHEMA if smoothed else SCHEMA)

    def answers(self, pictures: Iterable[Picture], *, faces: FaceFinder = "auto") -> Iterator[Answer]:
        """Yield the rows of each picture and frame, in the order given; as `analyze`, in constant memory."""
        detector = self.detector(faces)
        smoother = None
        waiting: list[tuple[Sight, Looked]] = []
        for sight, looked in _tracked(self._looked(sights(pictures, every_s=self.every_s), detector)):
            waiting.append((sight, looked))
            if sum(len(one.crops) for _, one in waiting) < CROPS_A_BATCH and len(waiting) < SIGHTS_A_BATCH:
                continue
            smoother = yield from self._classified(waiting, smoother)
            waiting = []
        yield from self._classified(waiting, smoother)

    def _classified(self, waiting: list[tuple[Sight, Looked]], smoother: Smoother | None) -> Iterator[Answer]:
        if not waiting:
            return smoother
        crops = np.concatenate([looked.crops for _, looked in waiting])
        affect = self.session.predict(crops, batch_size=CROPS_A_BATCH)
        start = 0
        for sight, looked in waiting:
            if smoother is None and self.smooth_s:
                smoother = Smoother(self.smooth_s)
            stop = start + len(looked.crops)
            is_end_of_video = sight.picture is None and sight.problem is None
            part = affect[start:stop]
            rows = rows_of(looked, part, min_confidence=self.min_confidence, smoother=smoother)
            yield Answer([] if is_end_of_video else rows, sight.ends)
            start = stop
            # Numbers of people start anew with each input, and so must what is remembered of them.
            smoother = None if sight.ends else smoother
        return smoother

    def _looked(self, seen: Iterator[Sight], detector: Detector | None) -> Iterator[tuple[Sight, Looked]]:
        """Read pictures and cut out their faces on all cores, a little ahead of the network."""
        waiting: deque[tuple[Sight, Future[Looked]]] = deque()
        with ThreadPoolExecutor(core_count()) as pool:
            try:
                while True:
                    for sight in islice(seen, WAITING_A_CORE * core_count() - len(waiting)):
                        waiting.append((sight, pool.submit(self.look, sight, detector)))
                    if not waiting:
                        return
                    sight, future = waiting.popleft()
                    yield sight, future.result()
            finally:
                for _, future in waiting:
                    future.cancel()

    def look(self, sight: Sight, detector: Detector | None, *, most_faces: int | None = None) -> Looked:
        """Read one picture, find its faces and cut them out; may be called from several threads at once.

        Args:
            sight: what there is to look at.
            detector: from `detector`.
            most_faces: of more, the surest are kept; None keeps all.

        Raises:
            ConfigError: an array is not an RGB picture.
        """
        preprocessing = self.session.card.preprocessing
        shape = (0, preprocessing.input_size, preprocessing.input_size, preprocessing.channels)
        nothing = Looked(sight.name, np.zeros(shape, np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
        nothing = replace(nothing, frame=sight.frame, time_s=sight.time_s, problem=sight.problem)
        if sight.picture is None:
            return nothing
        try:
            image_rgb = read_rgb(sight.picture) if isinstance(sight.picture, str | Path) else _checked(sight.picture)
        except PictureError as error:
            return replace(nothing, problem=str(error).removeprefix(f"{sight.name}: "))
        if detector is None:
            height, width = image_rgb.shape[:2]
            boxes, score = np.array([[0, 0, width, height]], np.float32), np.full(1, np.nan, np.float32)
            return replace(nothing, crops=crop_face(image_rgb, preprocessing)[None], box_xyxy=boxes, score=score)
        found = detector.detect(image_rgb)
        if not len(found):
            return nothing
        left_out = 0 if most_faces is None else max(0, len(found) - most_faces)
        found = found[np.arange(len(found) - left_out)]
        crops = np.stack([crop_face(image_rgb, preprocessing, box) for box in found.box_xyxy])
        return replace(nothing, crops=crops, box_xyxy=found.box_xyxy, score=found.score, left_out=left_out)

    def detector(self, faces: FaceFinder) -> Detector | None:
        """Return who finds the faces, opened on first use; None for `whole`.

        Raises:
            ConfigError: `faces` is unknown.
            ModelError: the detector cannot be had.
        """
        if faces == "whole":
            return None
        if faces not in ("auto", "yunet", "cascade"):
            raise ConfigError(f"expected faces to be auto, yunet, cascade or whole, got {faces!r}; auto is usual")
        if faces not in self._detectors:
            self._detectors[faces] = self._opened(faces)
        return self._detectors[faces]

    def _opened(self, faces: FaceFinder) -> Detector:
        if faces == "cascade":
            return CascadeDetector()
        try:
            return FaceDetector(longest_side=self.longest_side)
        except ModelError as error:
            if faces == "yunet":
                raise
            try:
                cascade = CascadeDetector()
            except AffektError:
                raise error from None
            self.notes.append(f"faces found with scikit-image's cascade, which misses more: {error}")
            return cascade


def _tracked(looked: Iterator[tuple[Sight, Looked]]) -> Iterator[tuple[Sight, Looked]]:
    """Number the people of each video."""
    tracker = FaceTracker()
    for sight, one in looked:
        if one.time_s is not None:
            one = replace(one, track=tracker.update(one.box_xyxy, one.time_s))
        if sight.ends:
            tracker = FaceTracker()
        yield sight, one


def _checked(picture: np.ndarray) -> np.ndarray:
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or 0 in picture.shape:
        raise ConfigError(
            f"expected pictures as (height, width, 3) uint8 RGB, got {picture.shape} {picture.dtype}; "
            "convert them, for instance with Pillow's .convert('RGB')"
        )
    return picture
