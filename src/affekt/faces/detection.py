"""Find faces in pictures of any size: YuNet on onnxruntime, and scikit-image's cascade, which can stand in for it.

YuNet is of Wu, Peng and Yu (2023), "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 20,
656-665. It gets to see views of a picture: turned, shrunk or a part of it.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from affekt.errors import ConfigError, needs_extra
from affekt.faces.detector_file import yunet_path
from affekt.faces.pixels import Decoded, shrunk
from affekt.faces.preprocessing import tilt_of

STRIDES = (8, 16, 32)
"""Pixels between the anchors of YuNet's three scales."""
LANDMARKS = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
"""Order of the landmarks; right and left are the person's own."""
OVERLAP = 0.3
"""Of two boxes that overlap by more than this (intersection over union) the surer stays, of the cascade the larger."""
SECOND_THRESHOLD = 0.8
"""Least score of a face that is found at the second look only: eight views have eight chances to see one in nothing."""
SURELY_UPRIGHT = 0.925
"""Faces that hang upside down, or lie, have scores below this."""
LEAST_TILT_RADIANS = math.radians(12)
"""Faces that seem turned by less, and are sure, are not looked at closely."""
LEAST_SIDE = 24
"""Nor are faces of fewer pixels in the shrunk picture."""
VIEW_PIXELS = 80
"""Side of a close view in its own pixels, at most."""
NARROW_SIDES, WIDE_SIDES = 1.2, 1.8
"""Its side in sides of the face: narrow views show best how a face is turned, wide ones where its box ends."""
CLOSE_THRESHOLD = 0.5
EIGHTHS_RADIANS = tuple(eighths * math.pi / 4 for eighths in range(8))
NEARBY_RADIANS = tuple(map(math.radians, (-20, 0, 20)))
CASCADE_LONGEST_SIDE = 480
"""Larger pictures are shrunk to this many pixels for the cascade: its cost grows with their area."""
CASCADE_SMALLEST_FACE = 24
"""Side of the smallest face that is looked for, in pixels of the shrunk picture: the cascade's own window."""


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces of one picture, the surest first, in pixels of that picture."""

    box_xyxy: np.ndarray
    """(faces, 4) float32: left, top, right, bottom; may reach beyond the picture."""
    landmarks_xy: np.ndarray
    """(faces, 5, 2) float32, in the order of LANDMARKS."""
    score: np.ndarray
    """(faces,) float32 in 0-1."""

    def __len__(self) -> int:
        """Return the number of faces."""
        return len(self.score)

    def __getitem__(self, index: np.ndarray) -> "Faces":
        """Return some of the faces."""
        return Faces(self.box_xyxy[index], self.landmarks_xy[index], self.score[index])


@dataclass(frozen=True)
class View:
    """A rectangle on a picture, turned about its centre: what a detector gets to see."""

    centre_xy: tuple[float, float]
    """In pixels of the picture, as are all points."""
    tilt_radians: float
    """By how much the rectangle is turned, clockwise as seen: a face of this tilt stands upright in the view."""
    step: float
    """Pixels of the picture between two of the view."""
    width: int
    height: int

    @property
    def axes(self) -> np.ndarray:
        """Return (2, 2): a step to the right and a step down in the view, as vectors of the picture."""
        across = np.array([math.cos(self.tilt_radians), math.sin(self.tilt_radians)]) * self.step
        return np.array([across, [-across[1], across[0]]])

    def pixels(self, image_rgb: np.ndarray) -> np.ndarray:
        """Return what is seen of a (height, width, 3) picture: the nearest pixel each; its edge goes on beyond it."""
        across, down = self.axes
        steps_x, steps_y = (np.arange(length) - (length - 1) / 2 for length in (self.width, self.height))
        middles, lengths = self.centre_xy, image_rgb.shape[1::-1]
        places = (middles[axis] + steps_x * across[axis] + steps_y[:, None] * down[axis] for axis in (0, 1))
        column, row = (
            np.clip(np.floor(place), 0, length - 1).astype(int) for place, length in zip(places, lengths, strict=True)
        )
        return image_rgb[row, column]

    def in_picture(self, points_xy: np.ndarray) -> np.ndarray:
        """Return (..., 2) points of the view as points of the picture."""
        return (points_xy - np.array([self.width, self.height]) / 2) @ self.axes + np.array(self.centre_xy)


def whole_view(shape: tuple[int, ...], eighths: int) -> View:
    """Return the view of a whole picture, (height, width), turned by so many eighths of a full turn."""
    height, width = shape[:2]
    diagonal = math.ceil((width + height) * math.sqrt(0.5))
    sides = ((width, height), (diagonal, diagonal), (height, width), (diagonal, diagonal))[eighths % 4]
    return View((width / 2, height / 2), eighths * math.pi / 4, 1.0, *sides)


class FaceDetector:
    """YuNet, loaded once and safe to share between threads."""

    name = "yunet"

    def __init__(self, path: Path | None = None, *, longest_side: int = 640, score_threshold: float = 0.7) -> None:
        """Load the detector from its file; None takes the kept one, fetched on first use.

        Larger pictures are shrunk to `longest_side` pixels. YuNet finds faces of about 10 to 300 pixels there: raise it
        to find small faces in large pictures, at a cost that grows with its square.
        """
        if longest_side < max(STRIDES):
            raise ConfigError(
                f"expected longest_side of at least {max(STRIDES)} pixels, got {longest_side}; 640 is usual"
            )
        if not 0 < score_threshold < 1:
            raise ConfigError(f"expected a score threshold between 0 and 1, got {score_threshold}; 0.7 is usual")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # other cores have pictures of their own
        self._session = onnxruntime.InferenceSession(path or yunet_path(), options, providers=["CPUExecutionProvider"])
        self._outputs = [output.name for output in self._session.get_outputs()]
        self.longest_side, self.score_threshold = longest_side, score_threshold

    def detect(self, picture: np.ndarray | Decoded, *, looks_again: bool = True) -> Faces:
        """Find the faces of a picture, (height, width, 3) uint8 as an array.

        Where the first look finds none, a second one follows, at half the size and turned by each eighth of a full
        turn: for faces that fill the picture, lie or hang upside down. It costs three times as much as the first.
        Landmarks of a face that is turned far are drawn towards an upright face; so each face that may be turned is
        looked at closely, in small views of all turns. Its box has the sides that it would have upright.
        """
        small = self._shrunk_once(picture)
        faces = self._detect_as_it_is(small, self.score_threshold)
        if not len(faces) and looks_again:
            faces = self._second_look(small)
        if any(may_be_turned := [_may_be_turned(faces, face) for face in range(len(faces))]):
            each = [faces[np.array([face])] for face in range(len(faces))]
            turned = zip(each, may_be_turned, strict=True)
            faces = _surest([self._seen_closely(small, face) if maybe else face for face, maybe in turned])
        return stretched(faces, small.shape, picture.shape)

    def first_look(self, picture: np.ndarray | Decoded) -> Faces:
        """Return what YuNet finds by itself, at one look."""
        small = self._shrunk_once(picture)
        return stretched(self._detect_as_it_is(small, self.score_threshold), small.shape, picture.shape)

    def _shrunk_once(self, picture: np.ndarray | Decoded) -> np.ndarray:
        decoded = picture if isinstance(picture, Decoded) else Decoded(picture, animated=False)
        return decoded.shrunk(self.longest_side)

    def _second_look(self, image_rgb: np.ndarray) -> Faces:
        half, threshold = shrunk(image_rgb, 0.5), max(self.score_threshold, SECOND_THRESHOLD)
        views = [whole_view(half.shape, eighths) for eighths in range(8)]
        found = [_in_picture(self._detect_as_it_is(view.pixels(half), threshold), view) for view in views]
        return stretched(_surest(found), half.shape, image_rgb.shape)

    def _seen_closely(self, image_rgb: np.ndarray, face: Faces) -> Faces:
        """Return one face as it is seen in the view in which it stands most upright; as it was where that is this."""
        turned = self._surest_of_views(image_rgb, face, EIGHTHS_RADIANS, NARROW_SIDES)
        if turned is None or abs(tilt_of(turned.landmarks_xy[0])) <= LEAST_TILT_RADIANS:
            return face
        return self._surest_of_views(image_rgb, turned, NEARBY_RADIANS, WIDE_SIDES) or turned

    def _surest_of_views(
        self, image_rgb: np.ndarray, face: Faces, turns_radians: tuple[float, ...], sides: float
    ) -> Faces | None:
        """Look at a face in views that are turned by so much from its tilt, side by side in one picture."""
        left, top, right, bottom = face.box_xyxy[0].astype(float)
        side = max(right - left, bottom - top)
        pixels = min(VIEW_PIXELS, math.ceil(sides * side))
        small = shrunk(image_rgb, min(1.0, pixels / (sides * side)))
        by = np.array([small.shape[1] / image_rgb.shape[1], small.shape[0] / image_rgb.shape[0]])
        centre = ((left + right) / 2 * by[0], (top + bottom) / 2 * by[1])
        step, tilt_radians = sides * side * by.mean() / pixels, tilt_of(face.landmarks_xy[0])
        views = [View(centre, tilt_radians + turn, step, pixels, pixels) for turn in turns_radians]
        found = self._detect_as_it_is(np.concatenate([view.pixels(small) for view in views], axis=1), CLOSE_THRESHOLD)
        for place in range(len(found)):  # the surest first
            middle = (found.box_xyxy[place, :2] + found.box_xyxy[place, 2:]) / 2
            number = min(int(middle[0] // pixels), len(views) - 1)
            if np.hypot(*(middle - [(number + 0.5) * pixels, pixels / 2])) <= pixels / 4:
                seen = found[np.array([place])]
                moved = np.array([number * pixels, 0], np.float32)
                seen = Faces(seen.box_xyxy - np.tile(moved, 2), seen.landmarks_xy - moved, seen.score)
                return stretched(_in_picture(seen, views[number]), small.shape, image_rgb.shape)
        return None

    def _detect_as_it_is(self, image_rgb: np.ndarray, score_threshold: float) -> Faces:
        height, width = image_rgb.shape[:2]
        largest = max(STRIDES)
        padded = np.zeros((1, 3, -(-height // largest) * largest, -(-width // largest) * largest), dtype=np.uint8)
        # YuNet was trained on blue, green, red in 0-255. A channel at a time takes a quarter of one assignment's time.
        for place, channel in enumerate((2, 1, 0)):
            padded[0, place, :height, :width] = image_rgb[..., channel]
        answers = self._session.run(self._outputs, {"input": padded.astype(np.float32)})
        named = dict(zip(self._outputs, answers, strict=True))
        scales = []
        for stride in STRIDES:
            parts = {part: np.asarray(named[f"{part}_{stride}"])[0] for part in ("cls", "obj", "bbox", "kps")}
            columns = padded.shape[3] // stride
            scales.append(decode(**parts, stride=stride, columns=columns, score_threshold=score_threshold))
        return _surest(scales)


def _surest(found: list[Faces]) -> Faces:
    """Return the faces of several looks at one picture as one, the surest of those that overlap."""
    fields = zip(*((one.box_xyxy, one.landmarks_xy, one.score) for one in found), strict=True)
    faces = Faces(*map(np.concatenate, fields))
    return faces[without_overlaps(faces.box_xyxy, faces.score)]


def stretched(faces: Faces, shape: tuple[int, ...], to_shape: tuple[int, ...]) -> Faces:
    """Return faces of a resized picture, (height, width), in pixels of the other one."""
    # Rounding to whole pixels stretches the two axes a little differently.
    by = np.array([to_shape[1] / shape[1], to_shape[0] / shape[0]], dtype=np.float32)
    return Faces(faces.box_xyxy * np.tile(by, 2), faces.landmarks_xy * by, faces.score)


def _may_be_turned(faces: Faces, face: int) -> bool:
    """Return whether a face looks turned, or is less sure than upright ones are, and large enough to be looked at."""
    side = (faces.box_xyxy[face, 2:] - faces.box_xyxy[face, :2]).max()
    tilt_radians = tilt_of(faces.landmarks_xy[face])
    return side >= LEAST_SIDE and (faces.score[face] < SURELY_UPRIGHT or abs(tilt_radians) > LEAST_TILT_RADIANS)


def _in_picture(faces: Faces, view: View) -> Faces:
    """Return faces of a view in pixels of the picture; boxes stay upright there, and keep their sides."""
    sides = (faces.box_xyxy[:, 2:] - faces.box_xyxy[:, :2]) * view.step
    if math.floor(view.tilt_radians / (math.pi / 2) + 0.5) % 2:  # it rather lies than stands
        sides = sides[:, ::-1]
    centre = view.in_picture((faces.box_xyxy[:, :2] + faces.box_xyxy[:, 2:]) / 2)
    boxes = np.concatenate([centre - sides / 2, centre + sides / 2], axis=1).astype(np.float32)
    return Faces(boxes, view.in_picture(faces.landmarks_xy).astype(np.float32), faces.score)


def decode(
    cls: np.ndarray,
    obj: np.ndarray,
    bbox: np.ndarray,
    kps: np.ndarray,
    *,
    stride: int,
    columns: int,
    score_threshold: float,
) -> Faces:
    """Turn the answers of one of YuNet's scales into faces.

    Anchors stand `stride` pixels apart, row by row; centres and landmarks are offsets from them in strides, widths and
    heights are logarithms in strides, and the score is the geometric mean of class and object scores. `cls` and `obj`
    are (anchors, 1), `bbox` is (anchors, 4), `kps` (anchors, 10) x and y of five landmarks.
    """
    # cls * obj is at most cls, so most anchors are left out before the root is taken; 0.99 leaves room for rounding.
    kept = np.flatnonzero(cls[:, 0] >= 0.99 * score_threshold**2)
    score = np.sqrt(np.clip(cls[kept, 0], 0, 1) * np.clip(obj[kept, 0], 0, 1))
    kept, score = kept[score >= score_threshold], score[score >= score_threshold]
    anchors = np.stack([kept % columns, kept // columns], axis=1).astype(np.float32)
    centre = (anchors + bbox[kept, :2]) * stride
    half = np.exp(bbox[kept, 2:]) * stride / 2
    landmarks = (anchors[:, None] + kps[kept].reshape(-1, 5, 2)) * stride
    return Faces(np.concatenate([centre - half, centre + half], axis=1), landmarks, score)


def without_overlaps(box_xyxy: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return the indices of the (boxes, 4) that stay, the surest first; chosen greedily, as OVERLAP says."""
    waiting = np.argsort(-score, kind="stable")
    area = np.prod(box_xyxy[:, 2:] - box_xyxy[:, :2], axis=1)
    chosen = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        chosen.append(best)
        top_left = np.maximum(box_xyxy[best, :2], box_xyxy[waiting, :2])
        bottom_right = np.minimum(box_xyxy[best, 2:], box_xyxy[waiting, 2:])
        shared = np.prod(np.clip(bottom_right - top_left, 0, None), axis=1)
        waiting = waiting[shared <= OVERLAP * (area[best] + area[waiting] - shared)]
    return np.array(chosen, dtype=np.intp)


class CascadeDetector:
    """Finds upright frontal faces, without landmarks or scores; misses more than YuNet and sees some that are none."""

    name = "cascade"

    def __init__(self) -> None:
        """Load the cascade."""
        with needs_extra("cascade"):
            from skimage.data import lbp_frontal_face_cascade_filename
            from skimage.feature import Cascade
        self._cascade = Cascade(lbp_frontal_face_cascade_filename())

    def detect(self, image_rgb: np.ndarray, *, looks_again: bool = True) -> Faces:
        """Find the faces of a (height, width, 3) uint8 picture, the largest first; landmarks and scores are nan."""
        height, width = image_rgb.shape[:2]
        scale = min(1.0, CASCADE_LONGEST_SIDE / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        grey = np.asarray(Image.fromarray(image_rgb).convert("L").resize(size, Image.Resampling.BILINEAR))
        smallest, largest = (CASCADE_SMALLEST_FACE,) * 2, (min(size),) * 2
        fits = largest >= smallest
        found = self._cascade.detect_multi_scale(grey, 1.2, 1, min_size=smallest, max_size=largest) if fits else []
        found = sorted(found, key=lambda box: -box["width"])
        boxes = [(box["c"], box["r"], box["c"] + box["width"], box["r"] + box["height"]) for box in found]
        back = np.array([width / size[0], height / size[1]] * 2, dtype=np.float32)
        nothing = np.full(len(boxes), np.nan, dtype=np.float32)
        landmarks = np.full((len(boxes), 5, 2), np.nan, dtype=np.float32)
        faces = Faces(np.array(boxes, dtype=np.float32).reshape(-1, 4) * back, landmarks, nothing)
        return faces[without_overlaps(faces.box_xyxy, np.arange(len(faces), 0.0, -1.0))]
