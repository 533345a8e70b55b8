"""Pictures of all requests in, rows out: cores that decode and find faces, and one network that takes what is ready.

No batch waits to be filled: while the network is at work, crops of other requests gather, and the next pass takes them.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import get_args

import numpy as np

from affekt.analysis.analyzer import CROPS_PER_BATCH, Analyzer
from affekt.analysis.detected_faces import DetectedFaces, Detector, detect_faces
from affekt.analysis.frames import Frame
from affekt.analysis.options import FaceFinder
from affekt.analysis.rows import Row, rows_of
from affekt.cores import core_count
from affekt.errors import PictureError
from affekt.server.cached import Remembered
from affekt.server.decoding import decode_stranger

READY_PICTURES = 32
"""Pictures whose faces may wait for the network; beyond it decoding waits too, so that crops cannot fill the memory."""


@dataclass(frozen=True, eq=False)
class Answered:
    """What is said of one picture."""

    rows: list[Row]
    left_out: int
    """Faces beyond the most that are answered for."""


@dataclass(frozen=True, eq=False)
class Job:
    """One picture on its way."""

    name: str
    content: bytes
    faces: FaceFinder
    min_confidence: float
    answer: Future[Answered] = field(default_factory=Future)


class Pipeline:
    """The analyzer, shared by all requests; safe to use from several threads."""

    def __init__(
        self,
        analyzer: Analyzer,
        *,
        max_pixels: int,
        most_faces: int,
        seen_batch: Callable[[int], None] = lambda faces: None,
    ) -> None:
        """Start the threads.

        Args:
            analyzer: the model and the detectors.
            max_pixels: larger pictures are unreadable.
            most_faces: most faces a picture.
            seen_batch: is told how many faces each pass of the network took.
        """
        self._analyzer = analyzer
        self._max_pixels = max_pixels
        self._most_faces = most_faces
        self._seen_batch = seen_batch
        self._detectors = {faces: Remembered(partial(analyzer.detector, faces)) for faces in get_args(FaceFinder)}
        self._lookers = ThreadPoolExecutor(core_count(), thread_name_prefix="look")
        self._ready: queue.Queue[tuple[Job, DetectedFaces] | None] = queue.Queue(READY_PICTURES)
        self._network = threading.Thread(target=self._classify_until_closed, name="network", daemon=True)
        self._network.start()

    @property
    def notes(self) -> list[str]:
        """What clients should know of how faces were found; without why, which names paths of this machine."""
        return [note.partition(":")[0] for note in self._analyzer.notes]

    @property
    def is_alive(self) -> bool:
        """Whether pictures that are taken on will be answered."""
        return self._network.is_alive()

    def detector(self, faces: FaceFinder) -> Detector | None:
        """Return who finds the faces, as the analyzer does; who could not be had is not tried again for a minute."""
        return self._detectors[faces]()

    def submit(self, job: Job) -> None:
        """Take a picture on; its `answer` will hold the rows, unless it is cancelled before its turn."""
        self._lookers.submit(self._look, job)

    def close(self) -> None:
        """Finish what was taken, and end the threads."""
        self._lookers.shutdown(wait=True)
        self._ready.put(None)
        self._network.join()

    def _look(self, job: Job) -> None:
        if not job.answer.set_running_or_notify_cancel():
            return
        try:
            detector, preprocessing = self.detector(job.faces), self._analyzer.session.card.preprocessing
            found = detect_faces(self._frame(job), detector, preprocessing, most_faces=self._most_faces)
        except BaseException as error:
            # Whoever waits for the answer must be told, whatever it was.
            job.answer.set_exception(error)
        else:
            self._ready.put((job, found))

    def _frame(self, job: Job) -> Frame:
        try:
            return Frame(job.name, decode_stranger(job.content, max_pixels=self._max_pixels))
        except PictureError as error:
            return Frame(job.name, problem=str(error))

    def _classify_until_closed(self) -> None:
        while (first := self._ready.get()) is not None:
            batch, is_last = self._gathered(first)
            try:
                self._classify(batch)
            except BaseException as error:
                for job, _ in batch:
                    if not job.answer.done():
                        job.answer.set_exception(error)
            if is_last:
                return

    def _gathered(self, first: tuple[Job, DetectedFaces]) -> tuple[list[tuple[Job, DetectedFaces]], bool]:
        """Take what is ready, up to a batch, and whether it was the last."""
        batch = [first]
        while sum(len(looked.crops) for _, looked in batch) < CROPS_PER_BATCH:
            try:
                another = self._ready.get_nowait()
            except queue.Empty:
                break
            if another is None:
                return batch, True
            batch.append(another)
        return batch, False

    def _classify(self, batch: list[tuple[Job, DetectedFaces]]) -> None:
        crops = np.concatenate([looked.crops for _, looked in batch])
        affect = self._analyzer.session.predict(crops, batch_size=CROPS_PER_BATCH)
        if len(crops):
            self._seen_batch(len(crops))
        start = 0
        for job, looked in batch:
            stop = start + len(looked.crops)
            rows = rows_of(looked, affect[start:stop], min_confidence=job.min_confidence)
            job.answer.set_result(Answered(rows, looked.left_out))
            start = stop
