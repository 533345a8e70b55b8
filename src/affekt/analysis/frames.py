"""Whatever people have, as a stream of frames, and the faces in each: found or followed, and cut out."""

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import IO, TYPE_CHECKING, Any, Union, cast

import numpy as np
from PIL import Image

from affekt.analysis.inputs import is_address, is_camera, is_video, nothing_found, resolve
from affekt.analysis.options import AnalyzerOptions
from affekt.analysis.shots import small_copy
from affekt.analysis.tracking import FaceTracker
from affekt.cores import Budget
from affekt.errors import ConfigError, PictureError
from affekt.faces.detection import LANDMARKS, CascadeDetector, FaceDetector
from affekt.faces.pictures import Decoded, read_picture, reduction, rgb_of_array, rgb_of_image
from affekt.faces.preprocessing import Preprocessing, crop_face

if TYPE_CHECKING:
    from affekt.analysis.video import VideoFrame

Detector = FaceDetector | CascadeDetector
OnePicture = Union[str, bytes, Image.Image, np.ndarray, Decoded, "VideoFrame"]
"""A path, or what one picture comes as."""
Picture = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | np.ndarray
"""A path, encoded bytes, an open binary file, a Pillow picture, or an array; a path may be a video's or a camera."""
PIXELS_AT_ONCE = Budget(150e6)
"""Pixels of files that are decoded and searched at a time, at some ten bytes each, however many cores there are."""
PIXELS_PER_INPUT = 3
"""Pixels across a face, in a JPEG that is decoded smaller, for each of the network's input; fewer would blur it."""
MANY_BYTES = 0.06
"""Bytes a pixel of a JPEG from which on they decide what decoding costs; cameras write 0.2 to 0.5."""
LANDMARKS_SHAPE = (len(LANDMARKS), 2)
PATH = (str, os.PathLike)
ENCODED = (bytes, bytearray, memoryview)
PICTURE = (*PATH, *ENCODED, Image.Image, np.ndarray)


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture, a frame of a video, or the news that an input has no further frames."""

    name: str
    """The input's path as it was given; of what has none, its position."""
    picture: "OnePicture | None" = None
    """What is decoded, or is already; None where there is nothing to see."""
    number: int | None = None
    """Of the frame in its video; None for a picture, 0 for the first of an animation."""
    time_s: float | None = None
    """When the frame is shown, from the first one on."""
    problem: str | None = None
    """Why there is nothing to look at."""
    is_end_of_video: bool = False
    """Whether it is only said that a video has no further frames."""
    ends: bool = True
    """Whether this is the last of its input."""
    share: float = 1.0
    """How much of its input has been seen with this, 0-1; 0 until the end where nobody knows how long it is."""
    detects: bool = True
    """Whether faces are looked for; where not, those of the frames before are followed."""


@dataclass(frozen=True, eq=False)
class DetectedFaces:
    """The faces of a picture, or of a frame of a video, found and cut out, before they are classified."""

    frame: Frame
    """Where they are, without the picture itself."""
    crops: np.ndarray
    """(faces, size, size, channels) uint8."""
    box_xyxy: np.ndarray
    """(faces, 4) in pixels of the picture as it is displayed."""
    score: np.ndarray
    """(faces,) of the detector in 0-1, nan where it gives none."""
    landmarks_xy: np.ndarray
    """(faces, 5, 2) in pixels of the picture, in the order of `detection.LANDMARKS`; nan where nobody gives them."""
    track: np.ndarray | None = None
    """(faces,) numbers of the people, in a video."""
    followed_in: np.ndarray | None = None
    """(height, width, 3) uint8 of a frame whose faces are followed, not looked for; dropped when they are cut out."""
    small: np.ndarray | None = None
    """A small copy of a frame, as `shots.small_copy` makes it, to find cuts by; None of pictures and cameras."""
    left_out: int = 0
    """Faces that were found beyond the most that were asked for."""


def each_picture(given: "Picture | Iterable[Picture]") -> Iterator[Picture]:
    """Yield one by one the pictures and videos that are meant.

    Paths are resolved as `affekt predict` resolves them: folders, patterns and lists of paths stand for what they hold.
    A batch, an array (pictures, height, width, channels), stands for its pictures.
    """
    found, empty, passed_over = False, [], Counter[str]()
    for thing in cast("Iterable[Picture]", [given] if _is_one(given) else given):
        if isinstance(thing, PATH):
            pictures: Iterable[Picture] = resolve(str(thing), passed_over=passed_over)
            empty += [] if pictures else [str(thing)]
        else:
            pictures = thing if isinstance(thing, np.ndarray) and thing.ndim == 4 else [thing]
        for picture in pictures:
            found = True
            yield picture
    if empty and not found:
        raise nothing_found(empty, passed_over)


def _is_one(given: Any) -> bool:  # noqa: ANN401  anything may arrive here
    if isinstance(given, np.ndarray) and given.dtype.kind in "OU":  # several paths, for instance
        return False
    return isinstance(given, PICTURE) or hasattr(given, "read") or not isinstance(given, Iterable)


def frames_of(pictures: Iterable[Picture], options: AnalyzerOptions, stop: Event) -> Iterator[Frame]:
    """Yield what there is to look at, input by input; what has no path is called by its position.

    Once `stop` is set, the video or camera under way ends; the next one clears it.
    """
    for position, picture in enumerate(pictures):
        if isinstance(picture, PATH):
            name = str(picture)
            if is_address(name):
                yield Frame(name, problem="an address, which affekt does not fetch; download it and name the file")
                continue
            yield from _video_frames(name, options, stop) if is_video(name) else [Frame(name, name)]
        elif isinstance(picture, PICTURE):
            yield Frame(str(position), bytes(picture) if isinstance(picture, ENCODED) else picture)
        elif hasattr(picture, "read"):
            yield _file_frame(str(position), picture)
        else:
            raise ConfigError(
                "expected pictures as paths, encoded bytes, files opened in binary mode, Pillow pictures or arrays, "
                f"got {type(picture).__name__}; convert it, for instance with numpy.asarray"
            )


def _file_frame(name: str, file: IO[bytes]) -> Frame:
    try:
        content = file.read()
    except (OSError, ValueError) as error:
        return Frame(name, problem=getattr(error, "strerror", None) or str(error))
    if not isinstance(content, bytes):
        raise ConfigError("expected a file opened in binary mode, got one in text mode; type: open(path, 'rb')")
    return Frame(name, content)


def _video_frames(name: str, options: AnalyzerOptions, stop: Event) -> Iterator[Frame]:
    from affekt.analysis.video import read_frames

    stop.clear()
    try:
        with closing(read_frames(name, every_s=options.every_s)) as frames:
            for place, frame in enumerate(frames):
                if stop.is_set() or frame.time_s >= options.stop_after_s:
                    break
                share = min(1.0, frame.time_s / min(frame.length_s, options.stop_after_s))
                detects = place % options.detect_every == 0
                yield Frame(name, frame, frame.number, frame.time_s, ends=False, share=share, detects=detects)
    except PictureError as error:
        yield Frame(name, problem=str(error).removeprefix(f"{name}: "))
    else:
        yield Frame(name, is_end_of_video=True)


def detect_faces(
    frame: Frame, detector: Detector | None, preprocessing: Preprocessing, *, most_faces: int | None = None
) -> DetectedFaces:
    """Read one picture or frame, find its faces and cut them out; may be called from several threads at once.

    Without a detector the whole picture is taken for a face. Of more than `most_faces` the surest are kept. A JPEG is
    decoded as small as the detector likes it, and once more, larger, where a face has too few pixels there.
    """
    if frame.picture is None:
        return _nobody(frame, preprocessing)
    try:
        with PIXELS_AT_ONCE.share() as take:
            faces = _detected(frame, detector, preprocessing, most_faces, take)
        if len(faces.crops) == len(faces.score):
            return faces
        with PIXELS_AT_ONCE.share() as take:
            return _cut_anew(frame.picture, faces, preprocessing, take)
    except PictureError as error:
        source = frame.picture if isinstance(frame.picture, str) else "encoded picture"
        return _nobody(replace(frame, problem=str(error).removeprefix(f"{source}: ")), preprocessing)


def _nobody(frame: Frame, preprocessing: Preprocessing) -> DetectedFaces:
    seen = replace(frame, picture=None)  # which would fill the memory while its faces wait for the network
    size = preprocessing.input_size
    no_crops, no_boxes = np.zeros((0, size, size, preprocessing.channels), np.uint8), np.zeros((0, 4), np.float32)
    no_landmarks = np.zeros((0, *LANDMARKS_SHAPE), np.float32)
    return DetectedFaces(seen, no_crops, no_boxes, score=np.zeros(0, np.float32), landmarks_xy=no_landmarks)


def bytes_held(frame: Frame) -> int:
    """Return how much memory a frame takes until its faces are found; nothing where only its path is known."""
    picture = frame.picture
    if isinstance(picture, bytes):
        return len(picture)
    if isinstance(picture, np.ndarray):
        return picture.nbytes
    decoded: Any = getattr(picture, "decoded", picture)
    return 2 * decoded.width * decoded.height if hasattr(decoded, "width") else 0


def _detected(
    frame: Frame,
    detector: Detector | None,
    preprocessing: Preprocessing,
    most_faces: int | None,
    take: Callable[[float], None],
) -> DetectedFaces:
    """Find the faces of a picture; where it is too small for them to be cut out, they have no crops yet."""
    picture, wanted = frame.picture, math.inf if detector is None else detector.longest_side
    assert picture is not None
    decoded = decode(picture, take, lambda *size: reduction(max(size), wanted * _pixels_wanted(picture, *size)))
    number = 0 if decoded.animated else frame.number
    nobody = _nobody(replace(frame, number=number), preprocessing)
    image_rgb = decoded.image_rgb
    if frame.time_s is not None and not is_camera(frame.name):
        nobody = replace(nobody, small=small_copy(image_rgb))
    if detector is None:
        height, width = image_rgb.shape[:2]
        boxes, score = np.array([[0, 0, width, height]], np.float32), np.full(1, np.nan, np.float32)
        whole, landmarks = crop_face(image_rgb, preprocessing)[None], np.full((1, *LANDMARKS_SHAPE), np.nan, np.float32)
        return replace(nobody, crops=whole, box_xyxy=boxes, score=score, landmarks_xy=landmarks)
    if not frame.detects:
        return replace(nobody, followed_in=image_rgb)
    found = detector.detect(image_rgb)
    left_out = 0 if most_faces is None else max(0, len(found) - most_faces)
    found = found[np.arange(len(found) - left_out)]
    where = {
        "box_xyxy": decoded.in_file(found.box_xyxy.reshape(-1, 2, 2)).reshape(-1, 4),
        "landmarks_xy": decoded.in_file(found.landmarks_xy),
    }
    faces = replace(nobody, **where, score=found.score, left_out=left_out)
    if _most_reduction(faces, preprocessing) < decoded.factor:
        return faces
    return replace(faces, crops=crop_faces(image_rgb, found.box_xyxy, preprocessing))


def _pixels_wanted(picture: "OnePicture", width: int, height: int) -> int:
    """Return how many pixels across are worth decoding for each that the detector needs.

    What a JPEG costs by its bytes, it costs at any size: where they are many, decoding it twice for a small face is
    dearer than decoding it larger at once, in which most faces have pixels enough.
    """
    encoded = len(picture) if isinstance(picture, bytes) else Path(str(picture)).stat().st_size
    return 2 if encoded > MANY_BYTES * width * height else 1


def _most_reduction(faces: DetectedFaces, preprocessing: Preprocessing) -> int:
    """Return how much smaller a picture can be decoded for its faces to be cut out of it."""
    sides = (faces.box_xyxy[:, 2:] - faces.box_xyxy[:, :2]).max(axis=1)
    return reduction(sides.min(initial=np.inf), PIXELS_PER_INPUT * preprocessing.input_size)


def _cut_anew(
    picture: "OnePicture", faces: DetectedFaces, preprocessing: Preprocessing, take: Callable[[float], None]
) -> DetectedFaces:
    """Cut out faces that are known, of a picture that is decoded for it as large as they need."""
    factor = _most_reduction(faces, preprocessing)
    # As much again around all of them: of a crop that is turned the corners reach beyond its box.
    begin, end = faces.box_xyxy[:, :2].min(axis=0), faces.box_xyxy[:, 2:].max(axis=0)
    around = (faces.box_xyxy[:, 2:] - faces.box_xyxy[:, :2]).max() * (1 + preprocessing.crop_margin)
    part = np.concatenate([begin - around, end + around])
    decoded = decode(picture, take, lambda *size: factor, part)
    boxes = decoded.from_file(faces.box_xyxy.reshape(-1, 2, 2)).reshape(-1, 4)
    return replace(faces, crops=crop_faces(decoded.image_rgb, boxes, preprocessing))


def number_people(detected: Iterator[DetectedFaces], preprocessing: Preprocessing) -> Iterator[DetectedFaces]:
    """Number the people of each video, and follow them through the frames in which nobody was looked for."""
    tracker, newest = FaceTracker(), None
    for faces in detected:
        time_s = faces.frame.time_s
        if faces.followed_in is not None and time_s is not None:
            boxes, track = tracker.follow(time_s)
            where = {"box_xyxy": boxes, "landmarks_xy": _moved_with(boxes, track, newest), "track": track}
            crops = crop_faces(faces.followed_in, boxes, preprocessing)
            score = np.full(len(boxes), np.nan, np.float32)
            faces = replace(faces, crops=crops, score=score, **where, followed_in=None)
        elif time_s is not None:
            faces = newest = replace(faces, track=tracker.update(faces.box_xyxy, time_s))
        if faces.frame.ends:
            tracker, newest = FaceTracker(), None
        yield faces


def _moved_with(box_xyxy: np.ndarray, track: np.ndarray, newest: DetectedFaces | None) -> np.ndarray:
    """Return the (faces, 5, 2) landmarks of the newest look, each face's moved as far as its box has."""
    if newest is None or newest.track is None:
        return np.zeros((0, *LANDMARKS_SHAPE), np.float32)
    places = [int(np.flatnonzero(newest.track == number)[0]) for number in track]
    moved = box_xyxy - newest.box_xyxy[places]
    return newest.landmarks_xy[places] + (moved[:, None, :2] + moved[:, None, 2:]) / 2


def crop_faces(image_rgb: np.ndarray, box_xyxy: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Cut (faces, 4) boxes out of a picture; return (faces, input_size, input_size, channels) uint8."""
    size, crops = preprocessing.input_size, [crop_face(image_rgb, preprocessing, box) for box in box_xyxy]
    return np.array(crops, np.uint8).reshape(-1, size, size, preprocessing.channels)


def decode(
    picture: "OnePicture",
    take: Callable[[float], None] = lambda pixels: None,
    factor_of: Callable[[int, int], int] = lambda width, height: 1,
    part_xyxy: np.ndarray | None = None,
) -> Decoded:
    """Return a picture's pixels, whatever it is; of a file as `read_picture` does, with `take` for its `before`."""
    if isinstance(picture, str | bytes):
        return read_picture(picture, before=take, factor_of=factor_of, part_xyxy=part_xyxy)
    if isinstance(picture, Image.Image):
        return Decoded(rgb_of_image(picture), animated=False)
    pixels = rgb_of_array(picture) if isinstance(picture, np.ndarray) else picture.image_rgb
    return Decoded(pixels, animated=False)
