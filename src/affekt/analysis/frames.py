"""Whatever people have, as a stream of frames, and the faces in each: found or followed, and cut out."""

import io
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Event
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from affekt.analysis.archives import is_archive, members
from affekt.analysis.choice import FaceChoice
from affekt.analysis.inputs import is_camera, is_video, nothing_found, resolve
from affekt.analysis.options import AnalyzerOptions
from affekt.analysis.remote import fetched, is_address, refusal, without_secrets
from affekt.analysis.shots import small_copy
from affekt.analysis.tracking import FaceTracker
from affekt.cores import Budget
from affekt.errors import ConfigError, PictureError
from affekt.faces.detection import LANDMARKS, CascadeDetector, FaceDetector
from affekt.faces.pictures import BREAKS_OFF, read_picture, rgb_of_image
from affekt.faces.pixels import Decoded, rgb_of_array
from affekt.faces.preprocessing import Preprocessing, crop_as_it_is, crop_face, crop_faces, grey_patches, sides_near
from affekt.faces.trust import Trust, trust_of

if TYPE_CHECKING:
    from affekt.analysis.video import VideoFrame

Detector = FaceDetector | CascadeDetector
Picture = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | np.ndarray
"""A path, encoded bytes, an open binary file, a Pillow picture, or an array; a path may be a video's or a camera."""
PIXELS_AT_ONCE = Budget(150e6)
"""Pixels of files that are decoded and searched at a time, at some ten bytes each, however many cores there are."""
ALL_FACES = FaceChoice()
SECOND_LOOK_EVERY_S = 1.0
"""Of a video's frames only one in so many seconds is looked at again: where nobody is, that costs three more looks."""
LANDMARKS_SHAPE = (len(LANDMARKS), 2)
WRITER = "affekt"
"""What a crop's file names as the software that wrote it."""
PATH = (str, os.PathLike)
ENCODED = (bytes, bytearray, memoryview)
PICTURE = (*PATH, *ENCODED, Image.Image, np.ndarray)


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture, a frame of a video, or the news that an input has no further frames."""

    name: str
    """The input's path as it was given, an address without what is secret in it; of what has no path, its position."""
    picture: "str | bytes | Image.Image | np.ndarray | Decoded | VideoFrame | None" = None
    """What is decoded, or is already; None where there is nothing to see."""
    number: int | None = None
    """Of the frame in its video; None for a picture, 0 for the first of an animation."""
    time_s: float | None = None
    """When the frame is shown, from the first one on."""
    problem: str | None = None
    """Why there is nothing to look at."""
    is_end_of_input: bool = False
    """Whether it is only said that a video has no further frames, or an archive no further pictures."""
    ends: bool = True
    """Whether this is the last of its input."""
    share: float = 1.0
    """How much of its input has been seen with this, 0-1; 0 until the end where nobody knows how long it is."""
    detects: bool = True
    """Whether faces are looked for; where not, those of the frames before are followed."""
    read_at: float | None = None
    """Clock time at which a frame of a video or camera was read, in seconds since 1970, UTC."""
    looks_again: bool = True
    """Whether a second look follows where the first finds nobody."""
    is_lenient: bool = False
    """Whether a picture that breaks off is read as far as it goes; then its problem is that it breaks off."""


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
    trust: Trust | None = None
    """How far each face can be trusted; None while there are none."""
    left_out: int = 0
    """Faces that were found, but not asked for."""
    stills: tuple[bytes, ...] = ()
    """The crops before they are shrunk, as PNG, where they are asked for."""


def each_picture(given: "Picture | Iterable[Picture]", *, fetch: bool = False) -> Iterator[Picture]:
    """Yield one by one the pictures and videos that are meant.

    Paths are resolved as `affekt predict` resolves them: folders, patterns and lists of paths stand for what they hold.
    A batch, an array (pictures, height, width, channels), stands for its pictures.
    """
    found, empty, passed_over = False, [], Counter[str]()
    for thing in cast("Iterable[Picture]", [given] if _is_one(given) else given):
        if isinstance(thing, PATH):
            pictures: Iterable[Picture] = resolve(str(thing), passed_over=passed_over, fetch=fetch)
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
            if is_address(name) and not options.fetch:
                yield Frame(without_secrets(name), problem=refusal(name))
            elif is_archive(name):
                yield from _member_frames(name, options)
            elif is_video(name):
                yield from _video_frames(name, options, stop)
            else:
                yield Frame(without_secrets(name), name, is_lenient=options.lenient)
        elif isinstance(picture, PICTURE):
            given = bytes(picture) if isinstance(picture, ENCODED) else picture
            yield Frame(str(position), given, is_lenient=options.lenient)
        elif hasattr(picture, "read"):
            yield replace(_file_frame(str(position), picture), is_lenient=options.lenient)
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


def _member_frames(name: str, options: AnalyzerOptions) -> Iterator[Frame]:
    for member in members(name):
        is_refused = isinstance(member.picture, str) and is_address(member.picture) and not options.fetch
        picture, problem = (None, refusal(str(member.picture))) if is_refused else (member.picture, member.problem)
        seen = Frame(member.name, picture, problem=problem, ends=False, share=0.0)
        yield replace(seen, is_lenient=options.lenient)
    yield Frame(without_secrets(name), is_end_of_input=True)


def _video_frames(name: str, options: AnalyzerOptions, stop: Event) -> Iterator[Frame]:
    from affekt.analysis.video import read_frames

    stop.clear()
    shown = without_secrets(name)
    try:
        with closing(read_frames(name, every_s=options.every_s)) as frames:
            next_look_s = 0.0
            for place, frame in enumerate(frames):
                if stop.is_set() or frame.time_s >= options.stop_after_s:
                    break
                share = min(1.0, frame.time_s / min(frame.length_s, options.stop_after_s))
                detects = place % options.detect_every == 0
                if looks_again := detects and frame.time_s >= next_look_s:
                    next_look_s = frame.time_s + SECOND_LOOK_EVERY_S
                seen = Frame(shown, frame, frame.number, frame.time_s, ends=False, share=share, read_at=time.time())
                yield replace(seen, detects=detects, looks_again=looks_again)
    except PictureError as error:
        yield Frame(shown, problem=str(error).removeprefix(f"{shown}: "))
    else:
        yield Frame(shown, is_end_of_input=True)


def detect_faces(
    frame: Frame,
    detector: Detector | None,
    preprocessing: Preprocessing,
    *,
    choice: FaceChoice = ALL_FACES,
    stills: bool = False,
) -> DetectedFaces:
    """Read one picture or frame, find its faces and cut them out; may be called from several threads at once.

    Without a detector the whole picture is taken for a face. With `stills` the crops are kept as PNG, too.
    """
    with PIXELS_AT_ONCE.share() as take:
        return _detected(frame, detector, preprocessing, choice, take, stills=stills)


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
    choice: FaceChoice,
    take: Callable[[float], None],
    *,
    stills: bool,
) -> DetectedFaces:
    seen = replace(frame, picture=None)  # which would fill the memory while its faces wait for the network
    size = preprocessing.input_size
    no_crops, no_boxes = np.zeros((0, size, size, preprocessing.channels), np.uint8), np.zeros((0, 4), np.float32)
    no_landmarks = np.zeros((0, *LANDMARKS_SHAPE), np.float32)
    nobody = DetectedFaces(seen, no_crops, no_boxes, score=np.zeros(0, np.float32), landmarks_xy=no_landmarks)
    if (picture := frame.picture) is None:
        return nobody
    try:
        if isinstance(picture, str) and is_address(picture):
            picture = fetched(picture)
        decoded = decode(picture, take, is_lenient=frame.is_lenient)
    except PictureError as error:
        source = without_secrets(picture) if isinstance(picture, str) else "encoded picture"
        return replace(nobody, frame=replace(seen, problem=str(error).removeprefix(f"{source}: ")))
    if decoded.breaks_off:
        nobody = replace(nobody, frame=replace(seen, problem=BREAKS_OFF))
    if decoded.animated:
        nobody = replace(nobody, frame=replace(seen, number=0))
    if frame.time_s is not None and not is_camera(frame.name):
        nobody = replace(nobody, small=small_copy(decoded.image_rgb))
    if detector is None:
        image_rgb = decoded.image_rgb
        height, width = image_rgb.shape[:2]
        boxes, score = np.array([[0, 0, width, height]], np.float32), np.full(1, np.nan, np.float32)
        whole, landmarks = crop_face(image_rgb, preprocessing)[None], np.full((1, *LANDMARKS_SHAPE), np.nan, np.float32)
        where = {"box_xyxy": boxes, "landmarks_xy": landmarks, "score": score}
        kept = (_png(crop_as_it_is(image_rgb, preprocessing, None, None)),) if stills else ()
        return replace(nobody, crops=whole, **where, trust=trust_of(image_rgb, **where), stills=kept)
    if not frame.detects:
        return replace(nobody, followed_in=decoded.image_rgb)
    if isinstance(detector, FaceDetector):  # which needs no more than a small copy
        found = detector.detect(decoded, looks_again=frame.looks_again)
    else:
        found = detector.detect(decoded.image_rgb, looks_again=frame.looks_again)
    kept = choice.kept(found)
    left_out, found = len(found) - len(kept), found[kept]
    where = {"box_xyxy": found.box_xyxy, "landmarks_xy": found.landmarks_xy, "score": found.score}
    around_rgb = decoded.near(found.box_xyxy, sides_near(found.landmarks_xy, preprocessing.crop_margin))
    return _cut_out(replace(nobody, **where, left_out=left_out), around_rgb, preprocessing, stills=stills)


def _cut_out(
    faces: DetectedFaces, image_rgb: np.ndarray, preprocessing: Preprocessing, *, stills: bool
) -> DetectedFaces:
    """Return faces of which the places are known with their crops, and how far each can be trusted."""
    where = {"box_xyxy": faces.box_xyxy, "landmarks_xy": faces.landmarks_xy}
    grey = grey_patches(image_rgb, **where, margin=preprocessing.crop_margin)
    crops = crop_faces(image_rgb, **where, preprocessing=preprocessing, grey=grey)
    trust = trust_of(image_rgb, **where, grey=grey, score=faces.score, is_level=preprocessing.alignment == "level")
    places = zip(*where.values(), strict=True) if stills else ()
    kept = tuple(_png(crop_as_it_is(image_rgb, preprocessing, *place)) for place in places)
    return replace(faces, crops=crops, trust=trust, stills=kept)


def _png(crop_rgb: np.ndarray) -> bytes:
    """Return a crop as a file that tells who wrote it, in its first bytes."""
    file, told = io.BytesIO(), PngInfo()
    told.add_text("Software", WRITER)
    Image.fromarray(crop_rgb).save(file, "PNG", compress_level=1, pnginfo=told)
    return file.getvalue()


def number_people(
    detected: Iterator[DetectedFaces], preprocessing: Preprocessing, *, stills: bool = False
) -> Iterator[DetectedFaces]:
    """Number the people of each video, and follow them through the frames in which nobody was looked for."""
    tracker, newest = FaceTracker(), None
    for faces in detected:
        time_s = faces.frame.time_s
        if faces.followed_in is not None and time_s is not None:
            boxes, track = tracker.follow(time_s)
            score, landmarks = np.full(len(boxes), np.nan, np.float32), _moved_with(boxes, track, newest)
            followed = replace(faces, box_xyxy=boxes, landmarks_xy=landmarks, score=score, track=track)
            faces = _cut_out(replace(followed, followed_in=None), faces.followed_in, preprocessing, stills=stills)
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


def decode(
    picture: "str | bytes | Image.Image | np.ndarray | Decoded | VideoFrame",
    take: Callable[[float], None] = lambda pixels: None,
    *,
    is_lenient: bool = False,
) -> Decoded:
    """Return a picture's pixels, whatever it is; `take` is told of their number before a file is decoded."""
    if isinstance(picture, str | bytes):
        return read_picture(picture, before=take, is_lenient=is_lenient)
    if isinstance(picture, Image.Image):
        return Decoded(rgb_of_image(picture), animated=False)
    if isinstance(picture, Decoded):
        return picture
    if isinstance(picture, np.ndarray):
        return Decoded(rgb_of_array(picture), animated=False)
    return Decoded(picture.image_rgb, animated=False, shrink=picture.shrunk)
