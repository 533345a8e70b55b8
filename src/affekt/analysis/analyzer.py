"""The analyzer: pictures and videos in, rows out, in order, with all cores at work."""

import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import accumulate
from pathlib import Path
from threading import Event
from typing import Unpack

import numpy as np
import polars as pl

from affekt.analysis.choice import choice_of
from affekt.analysis.detected_faces import DetectedFaces, Detector, detect_faces, number_people
from affekt.analysis.frames import Picture, bytes_held, each_picture, frames_of
from affekt.analysis.inputs import is_video
from affekt.analysis.options import AnalyzerOptions, FaceFinder, Options
from affekt.analysis.rows import Answer, Row, finished, origin_words, rows_of, table_schema
from affekt.analysis.rows_in_time import RowsInTime
from affekt.cores import core_count, prefetch, thread_pool
from affekt.errors import AffektError, AffektWarning, ModelError, says_what_to_type
from affekt.faces.detection import CascadeDetector, FaceDetector
from affekt.models.places import predicting_folder
from affekt.models.session import Affect, Session

CROPS_PER_BATCH = 64
"""How many are gathered before the network looks at them."""
FRAMES_PER_BATCH = 64
"""A batch ends here too, so that pictures without faces are told of in time."""
LONGEST_WAIT_S = 0.25
"""And here, so that a camera's rows come while they are news."""
MOST_BYTES_AHEAD = 100_000_000
"""Of frames and pictures that wait decoded, or as they were given."""
FRAMES_PER_CORE = 6
"""Pictures that are read before the network asks for them, for each core."""
BATCHES_UNDER_WAY = 2


class Analyzer:
    """A model and a face detector, opened once.

    Threads may share it. Pickled, it is opened again in the process that it is sent to, once in each.

    Example:
        >>> model = affekt.load()
        >>> model.analyze("portrait.png").select("input", "emotion", "status")
        shape: (1, 3)
        ...
        >>> model("portrait.png").equals(model.analyze("portrait.png"))
        True
    """

    @says_what_to_type
    def __init__(self, model: str | Path = "affekt", options: AnalyzerOptions | None = None) -> None:
        """Open a model, as `affekt.load` does; the detector is opened when it is first needed."""
        self.options = options or AnalyzerOptions()
        self.folder = predicting_folder(model).absolute()
        # Each core works on a picture or a batch of its own, which waits for no other.
        wanted = {"runtime": self.options.runtime, "features": self.options.features, "prior": self.options.prior}
        self.session = Session(self.folder, threads=1, **wanted)
        self.notes: list[str] = []
        """What the readers of the rows should know of how faces were found; one sentence each."""
        self._detectors: dict[str, Detector] = {}
        self._stop = Event()

    def __repr__(self) -> str:
        """Say what the model answers, how large it is, and what runs it."""
        card = self.session.card
        heads = {"expression": f"{len(card.labels)} expressions", "valence_arousal": "valence and arousal"}
        if origin := origin_words(card.valence_arousal_origin):
            heads["valence_arousal"] += f" ({origin})"
        answers = " and ".join(heads[head] for head in card.heads)
        return f"<affekt.Analyzer {card.name!r}: {answers}, {card.parameters:,} parameters, on {self.session.runtime}>"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle what it was made of, with the runtime that was chosen: the answers stay the same to the bit."""
        return _opened_here, (self.folder, replace(self.options, runtime=self.session.runtime))

    @says_what_to_type
    def analyze(self, pictures: Picture | Iterable[Picture], *, faces: FaceFinder = "auto") -> pl.DataFrame:
        """Find the faces of pictures and videos, and read their expressions, valence and arousal.

        Args:
            pictures: one picture, or any iterable of pictures, mixed as they are. A picture is

                - a path of a picture or video, a folder with all below it, a pattern such as `"faces/*.jpg"`, a .txt
                  list of paths, or `"camera:0"`, as `affekt predict` takes them;
                - the bytes of an encoded picture, or a file opened in binary mode;
                - a Pillow picture;
                - an array (height, width) or (height, width, 1) grey, (height, width, 3) RGB, (height, width, 4) with
                  alpha, which is dropped, or a batch (pictures, height, width, channels) of them; uint8, uint16, or
                  floats from 0 to 1.
            faces: who finds the faces: `yunet`; `cascade`, scikit-image's; `auto`, the first that can be had; `whole`
                says that each picture is a face already.

        Returns:
            One row per face, or a row saying why there is none, in the order given. The columns are those of
            `affekt predict`; scores of videos are smoothed, and beside them stand the raw ones. What has no path is
            called by its position among all pictures, from 0.

        Raises:
            ConfigError: something is no picture, an array's shape, type or values are others, or `faces` is unknown.
            DataError: a folder was given, and nothing was found at all.
            ModelError: the detector cannot be had.
        """
        given = each_picture(pictures, fetch=self.options.fetch)
        rows = [row for answer in self.answers(given, faces=faces) for row in answer.rows]
        smoothed = bool(self.options.smooth_s) and any(map(_is_of_video, rows))
        return pl.DataFrame(rows, schema=self.schema(smoothed=smoothed))

    def schema(self, *, smoothed: bool) -> pl.Schema:
        """Return the columns of a table of results, of one in which scores were smoothed, too."""
        labels, options = self.session.card.labels, self.options
        return table_schema(labels, smoothed=smoothed, details=options.details, features=options.features)

    __call__ = analyze

    def answers(
        self, pictures: Iterable[Picture], *, faces: FaceFinder = "auto", stills: bool = False
    ) -> Iterator[Answer]:
        """Yield the rows of each picture and frame, in the order given, in constant memory.

        Arguments are those of `analyze`, but the pictures come one by one: no folders, patterns, lists or batches.
        With `stills` the faces' crops come along.
        """
        options, detector, preprocessing = self.options, self.detector(faces), self.session.card.preprocessing
        under_way = RowsInTime(options.smooth_s)
        threads = options.threads or core_count()
        with thread_pool(threads) as pool:
            frames = frames_of(pictures, options, self._stop)
            found_by = {"detector": detector, "preprocessing": preprocessing, "choice": choice_of(options)}
            found_by["stills"] = stills
            detect = partial(detect_faces, **found_by)
            most = FRAMES_PER_CORE * threads
            detected = prefetch(pool, detect, frames, most=most, size=bytes_held, most_bytes=MOST_BYTES_AHEAD)
            batches = _batches(number_people(detected, preprocessing, stills=stills))
            for classified in prefetch(pool, self.classify, batches, most=BATCHES_UNDER_WAY):
                for found, affect in classified:
                    frame = found.frame
                    rows = rows_of(found, affect, details=options.details)
                    answer = Answer(
                        frame.name, rows, frame.ends, frame.share, found.left_out, found.stills, frame.read_at
                    )
                    for complete in under_way.add(found, answer):
                        rows = [finished(row, options.min_confidence) for row in complete.rows]
                        yield replace(complete, rows=rows)
                    if frame.ends:
                        under_way = RowsInTime(options.smooth_s)

    def stop(self) -> None:
        """End the video or the camera under way; what was seen of it is still answered. Any thread may call this."""
        self._stop.set()

    def classify(self, batch: Sequence[DetectedFaces]) -> list[tuple[DetectedFaces, Affect]]:
        """Return the faces of each picture with what the model says of them, in one pass over all."""
        affect = self.session.predict(np.concatenate([found.crops for found in batch]), batch_size=CROPS_PER_BATCH)
        stops = accumulate(len(found.crops) for found in batch)
        return [(found, affect[stop - len(found.crops) : stop]) for found, stop in zip(batch, stops, strict=True)]

    def detector(self, faces: FaceFinder) -> Detector | None:
        """Return who finds the faces, opened on first use; None for `whole`."""
        if faces == "whole":
            return None
        if faces not in self._detectors:
            self._detectors[faces] = self._opened(faces)
        return self._detectors[faces]

    def _opened(self, faces: FaceFinder) -> Detector:
        if faces == "cascade":
            return CascadeDetector()
        try:
            return FaceDetector(longest_side=self.options.longest_side)
        except ModelError as error:
            if faces == "yunet":
                raise
            try:
                cascade = CascadeDetector()
            except AffektError:
                raise error from None
            slow = "faces found with scikit-image's cascade, which misses more and is many times slower"
            self.notes.append(f"{slow}: {error}")
            warnings.warn(self.notes[-1], AffektWarning, stacklevel=2)
            return cascade


def _is_of_video(row: Row) -> bool:
    return row["time_s"] is not None or (row["status"].startswith("unreadable") and is_video(row["input"]))


def _batches(detected: Iterator[DetectedFaces]) -> Iterator[list[DetectedFaces]]:
    """Gather pictures until their faces fill a batch, or for as long as their rows may wait."""
    batch: list[DetectedFaces] = []
    faces, due_s = 0, 0.0
    for found in detected:
        if not batch:
            faces, due_s = 0, time.monotonic() + LONGEST_WAIT_S
        batch.append(found)
        faces += len(found.crops)
        if faces >= CROPS_PER_BATCH or len(batch) >= FRAMES_PER_BATCH or time.monotonic() >= due_s:
            yield batch
            batch = []
    if batch:
        yield batch


@cache
def _opened_here(folder: Path, options: AnalyzerOptions) -> Analyzer:
    """Open an analyzer that was pickled, once in each process: pools send it with each piece of work."""
    return Analyzer(folder, options)


@says_what_to_type
def load(model: str | Path = "affekt", **options: Unpack[Options]) -> Analyzer:
    """Open a model for prediction.

    Args:
        model: name of a model that comes with affekt, a model folder or a run, or `hf://user/name` of the hub.
        options: those of `affekt.AnalyzerOptions`, which says what each means: `min_confidence=0.6, every_s=0.2`.

    Returns:
        The model; call it, or its `analyze`, with pictures and videos.

    Raises:
        ModelError: the folder holds no usable model.
        ConfigError: a value is out of its range, or there is no CUDA.
        MissingExtra: the runtime is not installed.

    Example:
        >>> affekt.load("affekt-fast", min_confidence=0.6, runtime="onnxruntime")
        <affekt.Analyzer 'affekt-fast': 8 expressions and valence and arousal (80 % projected, ...>
    """
    return Analyzer(model, AnalyzerOptions(**options))


@says_what_to_type
def analyze(pictures: Picture | Iterable[Picture], *, faces: FaceFinder = "auto") -> pl.DataFrame:
    """Find the faces of pictures and videos, and read their emotions, with the model `affekt` as it comes.

    The model is opened at the first call, and kept for as long as the process lives.

    Args:
        pictures: whatever holds pictures: see `affekt.Analyzer.analyze`.
        faces: who finds the faces; `whole` says that each picture is a face already.

    Returns:
        One row per face, or a row saying why there is none, in the order given.

    Raises:
        ConfigError: something is no picture, or `faces` is unknown.
        DataError: a folder was given, and nothing was found at all.
        ModelError: the detector cannot be had.

    Example:
        >>> rows = affekt.analyze(["portrait.png", "empty.png"])
        >>> rows["status"].to_list()
        ['ok', 'no_face']
        >>> with open("portrait.png", "rb") as file:
        ...     affekt.analyze(file)["emotion"].to_list() == [rows["emotion"][0]]
        True
    """
    return _default().analyze(pictures, faces=faces)


_default = cache(load)
