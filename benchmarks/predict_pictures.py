"""Pictures and videos for the benchmark of `affekt predict`: NASA's portrait of Eileen Collins, many times over."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import skimage
from PIL import Image

FRAMES_A_SECOND = 30
HEAD = (130, 0, 330, 200)
"""Left, top, right, bottom of her head in scikit-image's astronaut (public domain)."""


def head() -> Image.Image:
    """Return the head, 200 pixels square; the face in it is 90 pixels wide."""
    with Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png") as portrait:
        return portrait.convert("RGB").crop(HEAD)


def background(width: int, height: int, generator: np.random.Generator) -> Image.Image:
    """Draw clutter of soft and hard edges, so that decoding costs what photographs cost."""
    coarse = Image.fromarray(generator.integers(30, 200, (height // 40, width // 40, 3), np.uint8))
    soft = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    grain = generator.normal(0, 4, (height, width, 1)).astype(np.int16)
    return Image.fromarray(np.clip(soft + grain, 0, 255).astype(np.uint8))


def write_folder(folder: Path, pictures: int) -> int:
    """Write 640x360 JPEG files with one to six faces each; return the number of faces."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    portrait = head()
    faces = 0
    for number in range(pictures):
        picture = background(640, 360, generator)
        count = number % 6 + 1
        # Cells of three columns and two rows keep the faces apart.
        for cell in generator.permutation(6)[:count]:
            side = int(generator.integers(120, 176))
            left = int(cell % 3 * 213 + generator.integers(0, 213 - side))
            top = int(cell // 3 * 180 + generator.integers(0, 180 - side))
            picture.paste(portrait.resize((side, side)), (left, top))
        picture.save(folder / f"{number:05d}.jpg", quality=88)
        faces += count
    return faces


def write_large(folder: Path, pictures: int, faces: int, side: int) -> list[str]:
    """Write JPEG files of 12 megapixels with so many heads of a side in pixels; return their paths.

    They have the grain of a sensor and 0.3 bytes per pixel, as a telephone's photographs have.
    """
    folder.mkdir(parents=True)
    generator = np.random.default_rng(2)
    width, height = 4032, 3024
    portrait, names = head().resize((side, side), Image.Resampling.BICUBIC), list[str]()
    grain = np.asarray(Image.effect_noise((width, height), 9), np.int16)[..., None] - 128
    for number in range(pictures):
        picture = background(width, height, generator)
        for cell in generator.permutation(4)[:faces] if faces > 1 else [None]:
            left, top = (1100, 600) if cell is None else (cell % 2 * 2000 + 600, cell // 2 * 1500 + 400)
            picture.paste(portrait, (int(left), int(top)))
        grainy = np.clip(np.asarray(picture, np.int16) + grain, 0, 255).astype(np.uint8)
        names.append(str(folder / f"{number:03d}.jpg"))
        Image.fromarray(grainy).save(names[-1], quality=85)
    return names


def write_video(path: Path, seconds: int, size: tuple[int, int] = (1280, 720)) -> None:
    """Write an H.264 video at 30 frames per second in which three faces move about."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=FRAMES_A_SECOND, options={"crf": "23", "preset": "veryfast"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for picture in _moving_frames(seconds * FRAMES_A_SECOND, size):
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())


def _moving_frames(frames: int, size: tuple[int, int]) -> Iterator[Image.Image]:
    scene = background(*size, np.random.default_rng(1))
    by = size[0] / 1280
    portrait = head().resize((round(300 * by), round(300 * by)))
    for frame in range(frames):
        picture = scene.copy()
        for person in range(3):
            angle = frame / 40 + 2 * person
            left, top = 420 * person + 50 + 45 * np.cos(angle), 200 + 120 * np.sin(angle)
            picture.paste(portrait, (int(by * left), int(by * top)))
        yield picture
