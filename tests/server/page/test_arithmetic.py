"""The page's arithmetic against Python's, pixel for pixel, on crops of a photograph."""

import base64
import io
from dataclasses import asdict, astuple

import numpy as np
import pytest
from PIL import Image

from affekt.faces.detection import View, whole_view, without_overlaps
from affekt.faces.pictures import read_rgb
from affekt.faces.pixels import shrunk
from affekt.faces.preprocessing import Preprocessing, crop_face, normalise

PICTURE = """
  const pictureOf = (encoded, width, height) => ({
    pixels: Uint8ClampedArray.from(atob(encoded), (letter) => letter.charCodeAt(0)), width, height, channels: 4,
  });
  const list = (array) => Array.from(array);
"""


@pytest.fixture(scope="module")
def tab(chromium, address):
    """Open an empty page of the service's origin, from which the page's modules can be had."""
    context = chromium.new_context()
    tab = context.new_page()
    tab.goto(f"{address}icon.svg")
    yield tab
    context.close()


def run(tab, body, image_rgb, *further):
    """Run the body of a function of a picture and what else it is given."""
    height, width = image_rgb.shape[:2]
    rgba = np.dstack([image_rgb, np.full((height, width), 255, np.uint8)])
    given = [base64.b64encode(rgba.tobytes()).decode(), width, height, *further]
    script = f"async ([encoded, width, height, ...given]) => {{ {PICTURE} {body} }}"
    return tab.evaluate(script, given)


@pytest.mark.parametrize(
    ("width", "height", "longest_side"),
    [
        (512, 512, 256),
        (640, 480, 256),
        (500, 301, 120),
        (512, 300, 64),
        (97, 512, 40),
        (300, 200, 640),
        (512, 401, 100),
    ],
)
def test_shrinking_is_pillows_to_one_grey_level(tab, astronaut_rgb, width, height, longest_side):
    image_rgb = np.asarray(Image.fromarray(astronaut_rgb).resize((width, height)))
    body = """
      const { shrunk } = await import("/compute/shrinking.js");
      const small = shrunk(pictureOf(encoded, width, height), given[0]);
      return [list(small.pixels), small.height, small.width, small.channels];
    """
    pixels, *shape = run(tab, body, image_rgb, longest_side)
    found = np.array(pixels, np.uint8).reshape(shape)[..., :3]
    expected = shrunk(image_rgb, min(1.0, longest_side / max(width, height)))
    # Pillow filters some tall pictures along columns first, and rounds between the two.
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= (1 if height > width else 0)


BOXES = [
    [180.3, 70.8, 262.1, 190.2],
    [100, 100, 148, 148],
    [-40.5, -30.25, 90, 60],
    [400, 380, 700.5, 640],
    [250, 120, 262, 130],
    [10, 5, 500, 510],
]


UPRIGHT_XY = np.array([[-0.2, -0.18], [0.2, -0.18], [0, 0.03], [-0.15, 0.22], [0.15, 0.22]])
"""Landmarks about the middle of a face, in sides of it."""
TILTS = [0.3, -0.8, 1.6, 3.0, 0.02, -2.2]


def landmarks_of(box, tilt_radians):
    cosine, sine = np.cos(tilt_radians), np.sin(tilt_radians)
    return UPRIGHT_XY @ np.array([[cosine, sine], [-sine, cosine]]) * (box[2] - box[0]) + np.array(box[:2])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("margin", [0.0, 0.35])
@pytest.mark.parametrize("alignment", ["none", "level"])
def test_crops_are_pythons_to_the_grey_level(tab, astronaut_rgb, channels, margin, alignment):
    preprocessing = Preprocessing(
        input_size=48,
        channels=channels,
        mean=(0.4, 0.5, 0.6)[:channels],
        std=(0.2, 0.25, 0.3)[:channels],
        crop_margin=margin,
        alignment=alignment,
    )
    landmarks = [landmarks_of(box, tilt) for box, tilt in zip(BOXES, TILTS, strict=True)]
    body = """
      const { cropFace, normalise } = await import("/compute/preprocessing.js");
      const [preprocessing, boxes, landmarks] = given;
      const faces = boxes.map((boxXyxy, i) => ({ boxXyxy, landmarksXy: landmarks[i] }));
      const crops = faces.map((face) => cropFace(pictureOf(encoded, width, height), preprocessing, face));
      return [crops.map(list), list(normalise(crops, preprocessing))];
    """
    points = [face.tolist() for face in landmarks]
    crops, normalised = run(tab, body, astronaut_rgb, asdict(preprocessing), BOXES, points)
    faces = zip(BOXES, landmarks, strict=True)
    expected = np.stack([crop_face(astronaut_rgb, preprocessing, np.array(box), face) for box, face in faces])
    found = np.array(crops, np.uint8).reshape(expected.shape)
    away = np.abs(found.astype(int) - expected.astype(int))
    # Single and double precision may round a tie to either side.
    assert away.max() <= 1
    assert (away > 0).mean() < 1e-3
    planes = np.array(normalised, np.float32).reshape(normalise(found, preprocessing).shape)
    np.testing.assert_allclose(planes, normalise(found, preprocessing), atol=1e-5)


def test_views_are_pythons_to_the_pixel(tab, astronaut_rgb):
    views = [whole_view((60, 90), eighths) for eighths in range(8)]
    views += [View((200.3, 100.7), tilt, 1.37, 80, 80) for tilt in TILTS]
    body = """
      const { inPicture, seen, wholeView } = await import("/compute/views.js");
      const plain = given[0].map(([centreXy, tilt, step, width, height]) => ({ centreXy, tilt, step, width, height }));
      const whole = plain.slice(0, 8).map((_, eighths) => wholeView({ width: 90, height: 60 }, eighths));
      const picture = pictureOf(encoded, width, height);
      const shown = [...whole, ...plain.slice(8)].map((view) => list(seen(picture, [view]).pixels));
      const both = seen(picture, plain.slice(8, 10));
      return [shown, list(both.pixels), both.width, plain.map((view) => inPicture(view, [12.5, 70]))];
    """
    shown, both, wide, points = run(tab, body, astronaut_rgb, [list(astuple(view)) for view in views])
    for view, pixels in zip(views, shown, strict=True):
        found = np.array(pixels, np.uint8).reshape(view.height, view.width, 3)
        # A place at the edge of a pixel may round to either side.
        assert (found != view.pixels(astronaut_rgb)).any(axis=2).mean() < 1e-3
    side_by_side = np.concatenate([view.pixels(astronaut_rgb) for view in views[8:10]], axis=1)
    assert (np.array(both, np.uint8).reshape(-1, wide, 3) != side_by_side).mean() < 1e-3
    np.testing.assert_allclose(points, [view.in_picture(np.array([12.5, 70])) for view in views], atol=1e-9)


def test_overlaps_are_left_out_as_python_leaves_them_out(tab):
    random = np.random.default_rng(2)
    corner, side = random.uniform(0, 60, (40, 2)), random.uniform(5, 40, (40, 2))
    boxes, score = np.hstack([corner, corner + side]), random.permutation(40) / 40
    body = """
      const { withoutOverlaps } = await import("/compute/detection.js");
      return withoutOverlaps(given[0].map((boxXyxy, i) => ({ boxXyxy, score: given[1][i], i }))).map(({ i }) => i);
    """
    found = run(tab, body, np.zeros((1, 1, 3), np.uint8), boxes.tolist(), score.tolist())
    assert found == without_overlaps(boxes, score).tolist()
    assert 1 < len(found) < 40


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_webp_is_turned_as_pillow_turns_it(tab, astronaut_rgb, orientation):
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    # Wider than high, so that sides that are not swapped show.
    Image.fromarray(astronaut_rgb[:400]).save(buffer, "WEBP", lossless=True, exif=exif)
    expected = read_rgb(buffer.getvalue())
    script = """async (encoded) => {
      const { uprightBitmap } = await import("/upright.js");
      const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
      const bitmap = await uprightBitmap(new File([bytes], "phone.webp", { type: "image/webp" }));
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
      context.drawImage(bitmap, 0, 0);
      const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
      let text = "";
      for (let i = 0; i < data.length; i += 8192) text += String.fromCharCode(...data.subarray(i, i + 8192));
      return [btoa(text), bitmap.height, bitmap.width];
    }"""
    pixels, height, width = tab.evaluate(script, base64.b64encode(buffer.getvalue()).decode())
    found = np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(height, width, 4)[..., :3]
    np.testing.assert_array_equal(found, expected)
