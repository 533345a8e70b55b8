"""Pictures of all requests in, rows out: cores that decode and find faces, and one network that takes what is ready.

No batch waits to be filled: while the network is at work, crops of other requests gather, and the next pass takes them.
"""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar, get_args

from affekt.analysis.analyzer import CROPS_PER_BATCH, Analyzer
from affekt.analysis.choice import FaceChoice
from affekt.analysis.detected_faces import DetectedFaces, Detector, detect_faces, halved_from_side
from affekt.analysis.frames import Frame
from affekt.analysis.options import FaceFinder
from affekt.analysis.rows import Row, finished, rows_of
from affekt.cores import core_count
from affekt.errors import AffektError, PictureError
from affekt.faces.pixels import Decoded
from affekt.server.decoding import Decoder, DecodeTime
from affekt.server.load import Load
from affekt.server.settings import Settings

READY_PICTURES = 32
"""Pictures whose faces may wait for the network; beyond it decoding waits too, so that crops cannot fill the memory."""
RETRY_FAILED_S = 60.0
"""How long after a failure a download, or the opening of a model, is tried again."""

Opened = TypeVar("Opened")


@dataclass(frozen=True, eq=False)
class Answer:
    """The rows of one picture."""

    rows: list[Row]
    left_out: int


@dataclass(frozen=True, eq=False)
class Job:
    """One picture on its way."""

    name: str
    content: bytes
    faces: FaceFinder
    min_confidence: float
    time_left: DecodeTime
    """Of all pictures of its request."""
    choice: FaceChoice = field(default_factory=FaceChoice)
    answer: Future[Answer] = field(default_factory=Future)


class Pipeline:
    """The analyzer, shared by all requests; safe to use from several threads."""

    def __init__(self, analyzer: Analyzer, settings: Settings, load: Load) -> None:
        """Start the threads."""
        self._analyzer = analyzer
        self._settings = settings
        self._load = load
        self._detectors = {faces: opened_once(partial(analyzer.detector, faces)) for faces in get_args(FaceFinder)}
        max_pixels = round(settings.megapixels * 1e6)
        self._decoders: queue.SimpleQueue[Decoder] = queue.SimpleQueue()
        threads = settings.threads or core_count()
        for _ in range(threads):
            self._decoders.put(Decoder(max_pixels=max_pixels))
        self._finders = ThreadPoolExecutor(threads, thread_name_prefix="find-faces")
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
        """Return the detector, as the analyzer does; one that could not be opened is not tried again for a minute."""
        return self._detectors[faces]()

    def submit(self, job: Job) -> None:
        """Take a picture on; its `answer` will hold the rows, unless it is cancelled before its turn."""
        self._finders.submit(self._find_faces, job)

    def close(self) -> None:
        """Finish what was taken on, and end the threads."""
        self._finders.shutdown(wait=True)
        self._ready.put(None)
        self._network.join()
        while not self._decoders.empty():
            self._decoders.get().close()

    def _find_faces(self, job: Job) -> None:
        if not job.answer.set_running_or_notify_cancel():
            return
        try:
            detector, preprocessing = self.detector(job.faces), self._analyzer.session.card.preprocessing
            choice = job.choice.within(self._settings.faces)
            frame = self._decoded(job, halved_from_side(detector))
            detected = detect_faces(frame, detector, preprocessing, choice=choice)
        except BaseException as error:
            # Whoever waits for the answer must be told, whatever it was.
            job.answer.set_exception(error)
        else:
            self._ready.put((job, detected))

    def _decoded(self, job: Job, halved_from: int | None) -> Frame:
        try:
            decoded = self._pixels(job, halved_from)
        except PictureError as error:
            return Frame(job.name, problem=str(error))
        return Frame(job.name, replace(decoded, whole=partial(self._pixels, job)) if decoded.whole_shape else decoded)

    def _pixels(self, job: Job, halved_from: int | None = None) -> Decoded:
        decoder = self._decoders.get()  # there are as many as threads
        try:
            return decoder(job.content, job.time_left, halved_from)
        finally:
            self._decoders.put(decoder)

    def _classify_until_closed(self) -> None:
        """Classify what is ready, up to a batch at a time, until a None says that nothing more comes."""
        is_open = True
        while is_open:
            batch: list[tuple[Job, DetectedFaces]] = []
            while is_open and sum(len(detected.crops) for _, detected in batch) < CROPS_PER_BATCH:
                # Nobody else takes from this queue: where it is not empty, there is no waiting.
                if batch and self._ready.empty():
                    break
                taken = self._ready.get()
                is_open = taken is not None
                batch += [taken] if taken else []
            try:
                if batch:
                    self._classify(batch)
            except BaseException as error:
                for job, _ in batch:
                    if not job.answer.done():
                        job.answer.set_exception(error)

    def _classify(self, batch: list[tuple[Job, DetectedFaces]]) -> None:
        classified = self._analyzer.classify([detected for _, detected in batch])
        if faces := sum(len(detected.crops) for detected, _ in classified):
            self._load.count_batch(faces)
        for (job, _), (detected, affect) in zip(batch, classified, strict=True):
            rows = [finished(row, job.min_confidence) for row in rows_of(detected, affect)]
            job.answer.set_result(Answer(rows, detected.left_out))


def opened_once(open_it: Callable[[], Opened], *, retry_failed_s: float = RETRY_FAILED_S) -> Callable[[], Opened]:
    """Return a function that opens something when it is first called, and returns the same from then on.

    Of callers at the same time one opens it, and the others wait. After a failure it raises the same AffektError for a
    while before it tries again, so that not every request waits for a download that fails.
    """
    lock = threading.Lock()
    opened: list[Opened] = []
    failures: list[tuple[float, AffektError]] = []

    def get() -> Opened:
        with lock:
            if opened:
                return opened[0]
            if failures and time.monotonic() - failures[-1][0] < retry_failed_s:
                raise failures[-1][1].with_traceback(None)
            try:
                opened.append(open_it())
            except AffektError as error:
                failures[:] = [(time.monotonic(), error)]
                raise
            return opened[0]

    return get
