"""Find faces in pictures of any size: YuNet on onnxruntime, and scikit-image's cascade, which can stand in for it.

Wu, Peng and Yu (2023), "YuNet: A Tiny
Millisecond-level Face Detector", Machine Intelligence Research 20, 656-665.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from affekt.errors import ConfigError, needs_extra
from affekt.faces.detector_file import yunet_path
from affekt.faces.pictures import reduction

STRIDES = (8, 16, 32)
"""Pixels between the anchors of YuNet's three scales."""
LANDMARKS = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
"""Order of the landmarks; right and left are the person's own."""
OVERLAP = 0.3
"""Of two boxes that overlap by more than this (intersection over union) the surer stays, of the cascade the larger."""
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
        self.longest_side, self.score_threshold = longest_side, score_threshold

    def detect(self, image_rgb: np.ndarray) -> Faces:
        """Find the faces of a (height, width, 3) uint8 picture."""
        height, width = image_rgb.shape[:2]
        shrunk = _shrunk(image_rgb, min(1.0, self.longest_side / max(height, width)))
        faces = self._detect_as_it_is(shrunk)
        # Rounding to whole pixels stretches the two axes a little differently.
        back = np.array([width / shrunk.shape[1], height / shrunk.shape[0]], dtype=np.float32)
        return Faces(faces.box_xyxy * np.tile(back, 2), faces.landmarks_xy * back, faces.score)

    def _detect_as_it_is(self, image_rgb: np.ndarray) -> Faces:
        height, width = image_rgb.shape[:2]
        largest = max(STRIDES)
        padded = np.zeros((1, 3, -(-height // largest) * largest, -(-width // largest) * largest), dtype=np.uint8)
        # YuNet was trained on blue, green, red in 0-255. A channel at a time takes a quarter of one assignment's time.
        for place, channel in enumerate((2, 1, 0)):
            padded[0, place, :height, :width] = image_rgb[..., channel]
        answers = self._session.run(None, {"input": padded.astype(np.float32)})
        named = dict(zip((output.name for output in self._session.get_outputs()), answers, strict=True))
        scales = []
        for stride in STRIDES:
            parts = {part: np.asarray(named[f"{part}_{stride}"])[0] for part in ("cls", "obj", "bbox", "kps")}
            columns = padded.shape[3] // stride
            scales.append(decode(**parts, stride=stride, columns=columns, score_threshold=self.score_threshold))
        fields = zip(*((one.box_xyxy, one.landmarks_xy, one.score) for one in scales), strict=True)
        faces = Faces(*map(np.concatenate, fields))
        return faces[without_overlaps(faces.box_xyxy, faces.score)]


def _shrunk(image_rgb: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1:
        return image_rgb
    size = (max(1, round(image_rgb.shape[1] * scale)), max(1, round(image_rgb.shape[0] * scale)))
    # Means of whole blocks first, as a JPEG that is decoded smaller has them: the faces are the same to a pixel.
    image, factor = Image.fromarray(image_rgb), reduction(1, scale)
    box = (0, 0, image_rgb.shape[1] / factor, image_rgb.shape[0] / factor)
    return np.asarray(image.reduce(factor).resize(size, Image.Resampling.BILINEAR, box))


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
    score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
    kept = np.flatnonzero(score >= score_threshold)
    anchors = np.stack([kept % columns, kept // columns], axis=1).astype(np.float32)
    centre = (anchors + bbox[kept, :2]) * stride
    half = np.exp(bbox[kept, 2:]) * stride / 2
    landmarks = (anchors[:, None] + kps[kept].reshape(-1, 5, 2)) * stride
    return Faces(np.concatenate([centre - half, centre + half], axis=1), landmarks, score[kept])


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

    name, longest_side = "cascade", CASCADE_LONGEST_SIDE

    def __init__(self) -> None:
        """Load the cascade."""
        with needs_extra("cascade"):
            from skimage.data import lbp_frontal_face_cascade_filename
            from skimage.feature import Cascade
        self._cascade = Cascade(lbp_frontal_face_cascade_filename())

    def detect(self, image_rgb: np.ndarray) -> Faces:
        """Find the faces of a (height, width, 3) uint8 picture, the largest first; landmarks and scores are nan."""
        height, width = image_rgb.shape[:2]
        scale = min(1.0, self.longest_side / max(height, width))
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
