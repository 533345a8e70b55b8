"""The faces in each frame: found or followed, cut out, and how far each can be trusted."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from affekt.analysis.choice import FaceChoice
from affekt.analysis.frames import Frame, decode
from affekt.analysis.inputs import is_camera
from affekt.analysis.remote import fetched, is_address, without_secrets
from affekt.analysis.shots import small_copy
from affekt.analysis.tracking import FaceTracker
from affekt.cores import Budget
from affekt.errors import PictureError
from affekt.faces.detection import LANDMARKS, CascadeDetector, FaceDetector, stretched
from affekt.faces.kinds import WRITER
from affekt.faces.pictures import BREAKS_OFF
from affekt.faces.pixels import HALVED_FROM_STEP
from affekt.faces.preprocessing import Preprocessing, crop_as_it_is, crop_face, crop_faces, grey_patches, sides_near
from affekt.faces.trust import Trust, trust_of

Detector = FaceDetector | CascadeDetector
PIXELS_AT_ONCE = Budget(150e6)
"""Pixels of files that are decoded and searched at a time, at some ten bytes each, however many cores there are."""
ALL_FACES = FaceChoice()
HALVED_FROM_SIDES = 6
"""Faces with at least so many times the pixels of a network's input along a side can be cut out at half the size."""
LANDMARKS_SHAPE = (len(LANDMARKS), 2)


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
        halved_from = None if stills else halved_from_side(detector)
        decoded = decode(picture, take, is_lenient=frame.is_lenient, halved_from=halved_from)
    except PictureError as error:
        return replace(nobody, frame=replace(seen, problem=_without_name(error, picture)))
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
    sides = (found.box_xyxy[:, 2:] - found.box_xyxy[:, :2]).max(axis=1)
    if decoded.whole is not None and sides.min(initial=np.inf) < HALVED_FROM_SIDES * size:
        try:
            decoded = decoded.whole()
        except PictureError as error:  # it was changed or removed meanwhile
            return replace(nobody, frame=replace(seen, problem=_without_name(error, picture)))
    placed = stretched(found, decoded.shape, decoded.pixels_shape)
    around_rgb = decoded.near(placed.box_xyxy, sides_near(placed.landmarks_xy, preprocessing.crop_margin))
    cut_out = _cut_out(replace(nobody, **vars(placed), left_out=left_out), around_rgb, preprocessing, stills=stills)
    return replace(cut_out, **vars(found))


def _without_name(error: PictureError, picture: object) -> str:
    return str(error).removeprefix(f"{without_secrets(picture) if isinstance(picture, str) else 'encoded picture'}: ")


def halved_from_side(detector: Detector | None) -> int | None:
    """Return how many pixels the longer side of a JPEG has at least where half of them are enough for a detector."""
    return HALVED_FROM_STEP * detector.longest_side if isinstance(detector, FaceDetector) else None


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
