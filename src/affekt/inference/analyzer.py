"""The analyzer: pictures in, rows out, in order, with all cores at work."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from affekt.cores import core_count
from affekt.errors import AffektError, ConfigError, ModelError
from affekt.faces.cascade import CascadeDetector
from affekt.faces.detection import FaceDetector
from affekt.faces.pictures import read_rgb
from affekt.faces.preprocessing import crop_face
from affekt.inference.rows import SCHEMA, Looked, Row, rows_of
from affekt.models.session import Session

FaceFinder = Literal["auto", "yunet", "cascade", "whole"]
Picture = str | Path | np.ndarray

CROPS_A_BATCH = 64
PICTURES_A_BATCH = 64
"""A batch ends here too, so that pictures without faces are told of in time."""
WAITING_A_CORE = 8
"""Pictures read ahead of the network, for each core."""


class Analyzer:
    """A model and a face detector, loaded once."""

    def __init__(self, model: Path | str, *, longest_side: int = 640, min_confidence: float = 0.0) -> None:
        """Open a model folder; the detector is opened when it is first needed.

        Args:
            model: folder with `model.onnx` and `card.json`, as `affekt export` writes it.
            longest_side: larger pictures are shrunk to this many pixels before faces are looked for; crops are cut from
                the picture as it is.
            min_confidence: a face whose best expression is less probable than this gets no `emotion`.

        Raises:
            ModelError: the folder holds no usable model.
            ConfigError: a value is out of its range.
        """
        if not 0 <= min_confidence <= 1:
            raise ConfigError(f"expected a min_confidence from 0 to 1, got {min_confidence}; 0 names every face")
        self.session = Session(Path(model))
        self.longest_side = longest_side
        self.min_confidence = min_confidence
        self.notes: list[str] = []
        """What the user should know of how faces were found; one sentence each."""
        self._detectors: dict[str, FaceDetector | CascadeDetector] = {}

    def analyze(self, pictures: Picture | Iterable[Picture], *, faces: FaceFinder = "auto") -> pl.DataFrame:
        """Analyze one picture or many.

        Args:
            pictures: a path, a (height, width, 3) uint8 RGB array, or an iterable of either.
            faces: who finds the faces: `yunet`; `cascade`, scikit-image's; `auto`, the first that can be had; `whole`
                says that each picture is a face already.

        Returns:
            A row a face, or a row saying why there is none, in the order given; columns as in `rows.SCHEMA`. Arrays are
            called by their position.

        Raises:
            ConfigError: an array is not an RGB picture, or `faces` is unknown.
            ModelError: the detector cannot be had.
        """
        if isinstance(pictures, str | Path | np.ndarray):
            pictures = [pictures]
        rows = [row for part in self.rows(pictures, faces=faces) for row in part]
        return pl.DataFrame(rows, schema=SCHEMA)

    def rows(self, pictures: Iterable[Picture], *, faces: FaceFinder = "auto") -> Iterator[list[Row]]:
        """Yield the rows of each picture, in the order given; as `analyze`, in constant memory."""
        detector = self._detector(faces)
        waiting: list[Looked] = []
        for looked in self._looked(pictures, detector):
            waiting.append(looked)
            if sum(len(one.crops) for one in waiting) >= CROPS_A_BATCH or len(waiting) >= PICTURES_A_BATCH:
                yield from self._classified(waiting)
                waiting = []
        yield from self._classified(waiting)

    def _classified(self, waiting: list[Looked]) -> Iterator[list[Row]]:
        if not waiting:
            return
        affect = self.session.predict(np.concatenate([one.crops for one in waiting]), batch_size=CROPS_A_BATCH)
        start = 0
        for looked in waiting:
            stop = start + len(looked.crops)
            yield rows_of(looked, affect[start:stop], min_confidence=self.min_confidence)
            start = stop

    def _looked(self, pictures: Iterable[Picture], detector: FaceDetector | CascadeDetector | None) -> Iterator[Looked]:
        """Read pictures and cut out their faces on all cores, a little ahead of the network."""
        named = enumerate(pictures)
        waiting: deque[Future[Looked]] = deque()
        with ThreadPoolExecutor(core_count()) as pool:
            try:
                while True:
                    for number, picture in islice(named, WAITING_A_CORE * core_count() - len(waiting)):
                        waiting.append(pool.submit(self._look, number, picture, detector))
                    if not waiting:
                        return
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _look(self, number: int, picture: Picture, detector: FaceDetector | CascadeDetector | None) -> Looked:
        preprocessing = self.session.card.preprocessing
        shape = (0, preprocessing.input_size, preprocessing.input_size, preprocessing.channels)
        crops, boxes, score = np.zeros(shape, np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        name = str(number) if isinstance(picture, np.ndarray) else str(picture)
        try:
            image_rgb = _checked(picture) if isinstance(picture, np.ndarray) else read_rgb(picture)
        except ConfigError:
            raise
        except AffektError as error:
            return Looked(name, str(error).removeprefix(f"{name}: "), crops, boxes, score)
        if detector is None:
            height, width = image_rgb.shape[:2]
            boxes, score = np.array([[0, 0, width, height]], np.float32), np.full(1, np.nan, np.float32)
            return Looked(name, None, crop_face(image_rgb, preprocessing)[None], boxes, score)
        found = detector.detect(image_rgb)
        if len(found):
            crops = np.stack([crop_face(image_rgb, preprocessing, box) for box in found.box_xyxy])
        return Looked(name, None, crops, found.box_xyxy, found.score)

    def _detector(self, faces: FaceFinder) -> FaceDetector | CascadeDetector | None:
        if faces == "whole":
            return None
        if faces not in ("auto", "yunet", "cascade"):
            raise ConfigError(f"expected faces to be auto, yunet, cascade or whole, got {faces!r}; auto is usual")
        if faces not in self._detectors:
            self._detectors[faces] = self._opened(faces)
        return self._detectors[faces]

    def _opened(self, faces: FaceFinder) -> FaceDetector | CascadeDetector:
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


def _checked(picture: np.ndarray) -> np.ndarray:
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or 0 in picture.shape:
        raise ConfigError(
            f"expected pictures as (height, width, 3) uint8 RGB, got {picture.shape} {picture.dtype}; "
            "convert them, for instance with Pillow's .convert('RGB')"
        )
    return picture
