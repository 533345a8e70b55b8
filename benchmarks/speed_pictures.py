"""What the speed benchmark looks at: crops, pictures with many faces, and a video, all around one photographed face."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image
from skimage.data import astronaut

FACE_XYXY = (110, 0, 350, 240)
"""Head and shoulders in scikit-image's portrait of Eileen Collins (NASA, public domain)."""
FRAMES_A_SECOND = 25


def face_rgb(side: int) -> np.ndarray:
    """Return the portrait, (side, side, 3) uint8."""
    return np.asarray(Image.fromarray(astronaut()).crop(FACE_XYXY).resize((side, side)))


def crops(count: int, side: int, channels: int) -> np.ndarray:
    """Return (count, side, side, channels) uint8: the face under changing light, so that no two are the same."""
    light = np.linspace(0.5, 1, count)[:, None, None, None]
    pixels = (face_rgb(side)[None] * light).astype(np.uint8)
    return pixels if channels == 3 else pixels[..., 1:2]


def crowd_rgb(faces: int, width: int = 640, height: int = 480) -> np.ndarray:
    """Return a picture of one size whatever the number of faces, which stand in a grid."""
    columns = int(np.ceil(np.sqrt(faces * width / height)))
    rows = int(np.ceil(faces / columns))
    side = min(width // columns, height // rows, 200)
    picture = np.full((height, width, 3), 90, np.uint8)
    for number in range(faces):
        top, left = number // columns * (height // rows), number % columns * (width // columns)
        picture[top : top + side, left : left + side] = face_rgb(side)
    return picture


def write_crowd(path: Path, faces: int) -> Path:
    """Write a crowd as JPEG."""
    Image.fromarray(crowd_rgb(faces)).save(path, quality=92)
    return path


def write_video(path: Path, frames: int) -> Path:
    """Write a video (MPEG-4) in which one face walks from left to right."""
    face = face_rgb(160)
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=FRAMES_A_SECOND)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 640, 480, "yuv420p", 2_000_000
        stream.codec_context.time_base = Fraction(1, FRAMES_A_SECOND)
        for number in range(frames):
            picture = np.full((480, 640, 3), 90, np.uint8)
            left = number * (640 - 160) // max(1, frames - 1)
            picture[160:320, left : left + 160] = face
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path
