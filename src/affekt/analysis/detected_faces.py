"""From a frame to the faces in it: decoded, found or followed, and cut out, ready for the network."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from affekt.analysis.frames import Frame
from affekt.analysis.tracking import FaceTracker
from affekt.errors import PictureError
from affekt.faces.detection import CascadeDetector, FaceDetector
from affekt.faces.pictures import Decoded, read_picture, rgb_of_array, rgb_of_image
from affekt.faces.preprocessing import Preprocessing, crop_face

if TYPE_CHECKING:
    from affekt.analysis.video import VideoFrame

Detector = FaceDetector | CascadeDetector


@dataclass(frozen=True, eq=False)
class DetectedFaces:
    """The faces of a picture, or of a frame of a video, found and cut out, before they are classified."""

    frame: Frame
    """Where they are, without the picture itself; `number` is 0 for the first of an animation."""
    crops: np.ndarray
    """(faces, size, size, channels) uint8."""
    box_xyxy: np.ndarray
    """(faces, 4) in pixels of the upright picture."""
    score: np.ndarray
    """(faces,) of the detector in 0-1, nan where it gives none."""
    track: np.ndarray | None = None
    """(faces,) numbers of the people, in a video."""
    followed_in: np.ndarray | None = None
    """(height, width, 3) uint8 of a frame whose faces are followed, not looked for; dropped when they are cut out."""
    left_out: int = 0
    """Faces that were found beyond the most that were asked for."""


def detect_faces(
    frame: Frame, detector: Detector | None, preprocessing: Preprocessing, *, most_faces: int | None = None
) -> DetectedFaces:
    """Read one picture or frame, find its faces and cut them out; may be called from several threads at once.

    Without a detector the whole picture is taken for a face. Of more than `most_faces` the surest are kept.
    """
    size = preprocessing.input_size
    no_crops, no_boxes = np.zeros((0, size, size, preprocessing.channels), np.uint8), np.zeros((0, 4), np.float32)
    seen = replace(frame, picture=None)  # which would fill the memory while its faces wait for the network
    nobody = DetectedFaces(seen, no_crops, no_boxes, score=np.zeros(0, np.float32))
    if frame.picture is None:
        return nobody
    try:
        decoded = decode(frame.picture)
    except PictureError as error:
        source = frame.picture if isinstance(frame.picture, str) else "encoded picture"
        return replace(nobody, frame=replace(seen, problem=str(error).removeprefix(f"{source}: ")))
    image_rgb = decoded.image_rgb
    if decoded.animated:
        nobody = replace(nobody, frame=replace(seen, number=0))
    if detector is None:
        height, width = image_rgb.shape[:2]
        boxes, score = np.array([[0, 0, width, height]], np.float32), np.full(1, np.nan, np.float32)
        return replace(nobody, crops=crop_face(image_rgb, preprocessing)[None], box_xyxy=boxes, score=score)
    if not frame.detects:
        return replace(nobody, followed_in=image_rgb)
    found = detector.detect(image_rgb)
    left_out = 0 if most_faces is None else max(0, len(found) - most_faces)
    found = found[np.arange(len(found) - left_out)]
    crops = crop_faces(image_rgb, found.box_xyxy, preprocessing)
    return replace(nobody, crops=crops, box_xyxy=found.box_xyxy, score=found.score, left_out=left_out)


def number_people(detected: Iterator[DetectedFaces], preprocessing: Preprocessing) -> Iterator[DetectedFaces]:
    """Number the people of each video, and follow them through the frames in which nobody was looked for."""
    tracker = FaceTracker()
    for faces in detected:
        time_s = faces.frame.time_s
        if faces.followed_in is not None and time_s is not None:
            boxes, track = tracker.follow(time_s)
            crops = crop_faces(faces.followed_in, boxes, preprocessing)
            score = np.full(len(boxes), np.nan, np.float32)
            faces = replace(faces, crops=crops, box_xyxy=boxes, score=score, track=track, followed_in=None)
        elif time_s is not None:
            faces = replace(faces, track=tracker.update(faces.box_xyxy, time_s))
        if faces.frame.ends:
            tracker = FaceTracker()
        yield faces


def crop_faces(image_rgb: np.ndarray, box_xyxy: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Cut (faces, 4) boxes out of a picture; return (faces, input_size, input_size, channels) uint8."""
    size, crops = preprocessing.input_size, [crop_face(image_rgb, preprocessing, box) for box in box_xyxy]
    return np.array(crops, np.uint8).reshape(-1, size, size, preprocessing.channels)


def decode(picture: "str | bytes | Image.Image | np.ndarray | Decoded | VideoFrame") -> Decoded:
    """Return a picture's pixels, whatever it is."""
    if isinstance(picture, str | bytes):
        return read_picture(picture)
    if isinstance(picture, Image.Image):
        return Decoded(rgb_of_image(picture), animated=False)
    if isinstance(picture, np.ndarray):
        return Decoded(rgb_of_array(picture), animated=False)
    return Decoded(picture.image_rgb, animated=False)
