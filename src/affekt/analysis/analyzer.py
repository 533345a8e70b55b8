"""The analyzer: pictures and videos in, rows out, in order, with all cores at work."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
from PIL import Image

from affekt.analysis.frames import Picture, Sampling, Sight, sights
from affekt.analysis.inputs import is_video, shown
from affekt.analysis.prefetch import ahead
from affekt.analysis.rows import SCHEMA, SMOOTHED_SCHEMA, Looked, Row, rows_of
from affekt.analysis.smoothing import Smoother
from affekt.analysis.tracking import FaceTracker
from affekt.cores import core_count
from affekt.errors import AffektError, ConfigError, ModelError, PictureError
from affekt.faces.detection import STRIDES, CascadeDetector, FaceDetector
from affekt.faces.pictures import Decoded, read_picture, rgb_of
from affekt.faces.preprocessing import crop_face
from affekt.models.card import model_folder
from affekt.models.runtimes import RuntimeChoice
from affekt.models.session import Affect, Session

if TYPE_CHECKING:
    from affekt.analysis.video import Frame

FaceFinder = Literal["auto", "yunet", "cascade", "whole"]
Detector = FaceDetector | CascadeDetector
Batch = list[tuple[Sight, Looked]]

CROPS_A_BATCH = 64
"""How many are gathered before the network looks at them."""
SIGHTS_A_BATCH = 64
"""A batch ends here too, so that pictures without faces are told of in time."""
LONGEST_WAIT_S = 0.25
"""And here, so that a camera's rows come while they are news."""
WAITING_A_CORE = 6
"""Pictures read ahead of the network, for each core."""
BATCHES_AHEAD = 2


@dataclass(frozen=True)
class Answer:
    """The rows of a picture or a frame, and whether its input ends with it."""

    input: str
    """The path as it was given, whose rows call it by `inputs.shown`; of what has none, its position."""
    rows: list[Row]
    ends: bool
    share: float = 1.0
    """How much of its input has been seen with it, 0-1."""


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
        runtime: RuntimeChoice = "auto",
        stop_after_s: float = float("inf"),
        detect_every: int = 1,
    ) -> None:
        """Open a model folder; the detector is opened when it is first needed.

        Args:
            model: name of a model that comes with affekt, or a folder, as `affekt export` writes it.
            longest_side: larger pictures are shrunk to this many pixels before faces are looked for; crops are cut from
                the picture as it is.
            min_confidence: a face whose best expression is less probable than this gets no `emotion`.
            every_s: time between the frames of a video that are looked at; 0 takes all.
            smooth_s: time constant of the filter along a track of a video; 0 smooths nothing.
            runtime: what executes the model; `auto` takes the fastest that is installed.
            stop_after_s: how much of each video, or of a camera, is looked at.
            detect_every: faces of a video are looked for on one frame of so many, and followed between.

        Raises:
            ModelError: the folder holds no usable model.
            ConfigError: a value is out of its range.
            MissingExtra: the runtime is not installed.
        """
        if not 0 <= min_confidence <= 1:
            raise ConfigError(f"expected a min_confidence from 0 to 1, got {min_confidence}; 0 names every face")
        for name, value in {"every_s": every_s, "smooth_s": smooth_s}.items():
            if not 0 <= value < float("inf"):
                raise ConfigError(f"expected {name} of at least 0 seconds, got {value}; 0 turns it off")
        if longest_side < max(STRIDES):
            raise ConfigError(
                f"expected longest_side of at least {max(STRIDES)} pixels, got {longest_side}; 640 is usual"
            )
        if not stop_after_s > 0:
            raise ConfigError(f"expected stop_after_s above 0 seconds, got {stop_after_s}; leave it out to look at all")
        if detect_every < 1:
            raise ConfigError(f"expected detect_every of at least 1 frame, got {detect_every}; 1 looks at each")
        # Each core works on a picture or a batch of its own, which waits for no other.
        self.session = Session(model_folder(model), threads=1, runtime=runtime)
        self.longest_side = longest_side
        self.min_confidence = min_confidence
        self.smooth_s = smooth_s
        self.sampling = Sampling(every_s=every_s, stop_after_s=stop_after_s, detect_every=detect_every)
        self.notes: list[str] = []
        """What the user should know of how faces were found; one sentence each."""
        self._detectors: dict[str, Detector] = {}
        self._stop = Event()

    def analyze(self, pictures: Picture | Iterable[Picture], *, faces: FaceFinder = "auto") -> pl.DataFrame:
        """Analyze pictures and videos, one or many.

        Args:
            pictures: a path, a (height, width, 3) uint8 RGB array, a Pillow picture, or an iterable of these.
            faces: who finds the faces: `yunet`; `cascade`, scikit-image's; `auto`, the first that can be had; `whole`
                says that each picture is a face already.

        Returns:
            A row a face, or a row saying why there is none, in the order given; columns as in `rows.SCHEMA`, for videos
            with smoothing as in `rows.SMOOTHED_SCHEMA`. What has no path is called by its position.

        Raises:
            ConfigError: something is neither of these, an array is not an RGB picture, or `faces` is unknown.
            ModelError: the detector cannot be had.
        """
        if not isinstance(pictures, Iterable) or isinstance(pictures, str | bytes | np.ndarray):
            pictures = [pictures]
        rows = [row for answer in self.answers(pictures, faces=faces) for row in answer.rows]
        smoothed = self.smooth_s and any(is_video(row["input"]) for row in rows)
        return pl.DataFrame(rows, schema=SMOOTHED_SCHEMA if smoothed else SCHEMA)

    def answers(self, pictures: Iterable[Picture], *, faces: FaceFinder = "auto") -> Iterator[Answer]:
        """Yield the rows of each picture and frame, in the order given; as `analyze`, in constant memory."""
        detector = self.detector(faces)
        smoother = None
        with ThreadPoolExecutor(core_count()) as pool:
            seen = sights(pictures, self.sampling, self._stop)
            looked = ahead(pool, partial(self.look, detector=detector), seen, most=WAITING_A_CORE * core_count())
            for batch, affect in ahead(pool, self._classify, _batches(self._followed(looked)), most=BATCHES_AHEAD):
                start = 0
                for sight, one in batch:
                    if smoother is None and self.smooth_s:
                        smoother = Smoother(self.smooth_s)
                    stop = start + len(one.crops)
                    yield self._answer(sight, one, affect[start:stop], smoother)
                    start = stop
                    # Numbers of people start anew with each input, and so must what is remembered of them.
                    smoother = None if sight.ends else smoother

    def stop(self) -> None:
        """End the video or the camera under way; what was seen of it is still answered. Any thread may call this."""
        self._stop.set()

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
        name = shown(sight.name)
        nothing = Looked(name, np.zeros(shape, np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
        nothing = replace(nothing, frame=sight.frame, time_s=sight.time_s, problem=sight.problem)
        if sight.picture is None:
            return nothing
        try:
            decoded = _decoded(sight.picture)
        except PictureError as error:
            return replace(nothing, problem=str(error).removeprefix(f"{sight.picture}: "))
        image_rgb = decoded.image_rgb
        if decoded.animated:
            nothing = replace(nothing, frame=0)
        if detector is None:
            height, width = image_rgb.shape[:2]
            boxes, score = np.array([[0, 0, width, height]], np.float32), np.full(1, np.nan, np.float32)
            return replace(nothing, crops=crop_face(image_rgb, preprocessing)[None], box_xyxy=boxes, score=score)
        if not sight.detects:
            return replace(nothing, followed_in=image_rgb)
        found = detector.detect(image_rgb)
        left_out = 0 if most_faces is None else max(0, len(found) - most_faces)
        found = found[np.arange(len(found) - left_out)]
        crops = self._crops(image_rgb, found.box_xyxy)
        return replace(nothing, crops=crops, box_xyxy=found.box_xyxy, score=found.score, left_out=left_out)

    def _followed(self, looked: Iterator[tuple[Sight, Looked]]) -> Iterator[tuple[Sight, Looked]]:
        """Number the people of each video, and follow them through the frames in which nobody was looked for."""
        tracker = FaceTracker()
        for sight, one in looked:
            if one.followed_in is not None and one.time_s is not None:
                boxes, track = tracker.follow(one.time_s)
                crops, score = self._crops(one.followed_in, boxes), np.full(len(boxes), np.nan, np.float32)
                one = replace(one, crops=crops, box_xyxy=boxes, score=score, track=track, followed_in=None)
            elif one.time_s is not None:
                one = replace(one, track=tracker.update(one.box_xyxy, one.time_s))
            if sight.ends:
                tracker = FaceTracker()
            yield sight, one

    def _crops(self, image_rgb: np.ndarray, box_xyxy: np.ndarray) -> np.ndarray:
        preprocessing = self.session.card.preprocessing
        shape = (len(box_xyxy), preprocessing.input_size, preprocessing.input_size, preprocessing.channels)
        crops = np.empty(shape, np.uint8)
        for face, box in enumerate(box_xyxy):
            crops[face] = crop_face(image_rgb, preprocessing, box)
        return crops

    def _classify(self, batch: Batch) -> Affect:
        crops = np.concatenate([looked.crops for _, looked in batch])
        return self.session.predict(crops, batch_size=CROPS_A_BATCH)

    def _answer(self, sight: Sight, looked: Looked, affect: Affect, smoother: Smoother | None) -> Answer:
        is_end_of_video = sight.picture is None and sight.problem is None
        if is_end_of_video:
            return Answer(sight.name, [], sight.ends)
        rows = rows_of(looked, affect, min_confidence=self.min_confidence, smoother=smoother)
        return Answer(sight.name, rows, sight.ends, sight.share)

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


def _batches(looked: Iterator[tuple[Sight, Looked]]) -> Iterator[Batch]:
    """Gather pictures until their faces fill a batch, or for as long as their rows may wait."""
    batch: Batch = []
    faces, due_s = 0, 0.0
    for sight, one in looked:
        if not batch:
            faces, due_s = 0, time.monotonic() + LONGEST_WAIT_S
        batch.append((sight, one))
        faces += len(one.crops)
        if faces >= CROPS_A_BATCH or len(batch) >= SIGHTS_A_BATCH or time.monotonic() >= due_s:
            yield batch
            batch = []
    if batch:
        yield batch


def _decoded(picture: "Picture | Frame") -> Decoded:
    if isinstance(picture, str | Path):
        return read_picture(picture)
    if isinstance(picture, Image.Image):
        return Decoded(rgb_of(picture), animated=False)
    if isinstance(picture, np.ndarray):
        return Decoded(_checked(picture), animated=False)
    return Decoded(picture.image_rgb, animated=False)


def _checked(picture: np.ndarray) -> np.ndarray:
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or 0 in picture.shape:
        raise ConfigError(
            f"expected pictures as (height, width, 3) uint8 RGB, got {picture.shape} {picture.dtype}; "
            "convert them, for instance with Pillow's .convert('RGB')"
        )
    return picture
