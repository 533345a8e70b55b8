"""Pixels: of a large picture only what is near faces becomes an array, and arrays of any kind become RGB once."""

import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from affekt.errors import ConfigError
from affekt.faces.pictures import LARGE_PIXELS, read_picture, read_rgb, rgb_of_image
from affekt.faces.pixels import HALVED_FROM_STEP, Decoded, blocks_of, rgb_of_array
from affekt.faces.preprocessing import Preprocessing, crop_faces, grey_patches, sides_near
from affekt.faces.trust import MEAN_FACE, trust_of

NOISE = np.random.default_rng(0).integers(0, 256, (400, 600, 3), dtype=np.uint8)


@given(
    st.floats(-80, 640),
    st.floats(-80, 440),
    st.floats(4, 300),
    st.floats(0.5, 2),
    st.floats(-np.pi, np.pi),
    st.sampled_from([-0.1, 0, 0.4]),
    st.sampled_from([16, 32, 64]),
)
@settings(max_examples=100)
def test_what_is_near_a_face_is_all_that_its_answer_takes(x, y, width, aspect, turn, margin, size):
    box = np.array([[x, y, x + width, y + aspect * width]])
    across, down = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    landmarks = box[:, None, :2] + width * (0.5 + 0.3 * (MEAN_FACE[:, :1] * across + MEAN_FACE[:, 1:2] * down))[None]
    large = Decoded(Image.fromarray(NOISE), animated=False)
    near = large.near(box, sides_near(landmarks, margin))
    assert near.shape == NOISE.shape
    patches = grey_patches(near, box, landmarks, margin)
    grey = {"channels": 1, "mean": (0.5,), "std": (0.5,)}
    for alignment in ("level", "none"):
        wanted = Preprocessing(input_size=size, crop_margin=margin, alignment=alignment)
        crops = [crop_faces(image_rgb, box, landmarks, wanted) for image_rgb in (near, NOISE)]
        assert np.array_equal(*crops)
        wanted = Preprocessing(input_size=size, crop_margin=margin, alignment=alignment, **grey)
        crops = [crop_faces(NOISE, box, landmarks, wanted, grey).astype(int) for grey in (patches, None)]
        assert np.abs(crops[0] - crops[1]).max() <= 1  # places in a patch are rounded in another bit
        assert (crops[0] == crops[1]).mean() > 0.999
    seen = [trust_of(image_rgb, box, landmarks, np.ones(1)) for image_rgb in (near, NOISE)]
    for name in ("sharpness", "outside", "mouth_detail", "reliable"):
        assert np.array_equal(*(getattr(trust, name) for trust in seen)), name


def test_a_large_jpeg_is_no_array_before_it_must_be_and_then_the_same():
    side = int(LARGE_PIXELS**0.5)
    for height in (side - 40, side + 40):
        file, exif = io.BytesIO(), Image.Exif()
        exif[0x0112] = 6  # turned by a quarter
        Image.fromarray(NOISE).resize((side, height)).save(file, "JPEG", exif=exif)
        decoded = read_picture(file.getvalue())
        assert isinstance(decoded.pixels, np.ndarray) == (height < side)
        assert decoded.shape[:2] == (side, height)
        with Image.open(file) as image:
            expected = np.asarray(image.rotate(-90, expand=True))
        assert np.array_equal(decoded.image_rgb, expected)
        assert np.array_equal(decoded.shrunk(640), Decoded(expected, animated=False).shrunk(640))
        assert decoded.shrunk(640).shape[0] in (639, 640) or decoded.shrunk(640).shape[1] == 640
        assert np.array_equal(decoded.shrunk(2 * side), expected)


RANDOM = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
RGB = RANDOM[..., :3]


@pytest.mark.parametrize(
    ("array", "mode"), [(RANDOM[..., 0], "L"), (RANDOM[..., :1], "L"), (RGB, "RGB"), (RANDOM, "RGBA")]
)
def test_an_array_is_the_picture_that_pillow_would_make_of_it(array, mode):
    picture = Image.fromarray(np.squeeze(array))
    assert picture.mode == mode
    expected = rgb_of_image(picture)
    assert np.array_equal(rgb_of_array(array), expected)


def test_deeper_arrays_are_scaled_once():
    assert np.array_equal(rgb_of_array(RGB.astype(np.uint16) * 257), RGB)
    assert np.array_equal(rgb_of_array((RGB.astype(np.uint16) * 257).astype(">u2")), RGB)
    for kind in (np.float16, np.float32, np.float64):
        assert np.array_equal(rgb_of_array((RGB / 255).astype(kind)), RGB)
    depth = np.arange(0, 65536, 37, dtype=np.uint16).reshape(-1, 1).repeat(5, axis=1)
    file = io.BytesIO()
    Image.fromarray(depth).save(file, "PNG")
    assert np.array_equal(rgb_of_array(depth), read_rgb(file.getvalue()))


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (RGB.astype(np.int64), r"uint8, uint16 or floats from 0 to 1, got int64; .*astype\('uint8'\)"),
        (RGB > 0, "uint8, uint16 or floats from 0 to 1, got bool"),
        (RGB.astype(float), r"floats from 0 to 1, got values from 0 to 2\d\d"),
        (RGB / -255, "floats from 0 to 1, got values from -0.97"),
        (np.where(RGB[0, 0, 0] == RGB, np.nan, 0.5), r"got NaN among them; .* numpy\.nan_to_num\(array\)$"),
        (np.where(RGB[0, 0, 0] == RGB, np.inf, 0.5), "floats from 0 to 1, got values from 0.5 to inf"),
        (RGB[:0], r"got the shape \(0, 5, 3\), which holds no pixel; see where it was cut out, and leave it out$"),
        (RGB[:, :, :0], r"got the shape \(6, 5, 0\), which holds no pixel"),
        (RGB[0, 0], r"got the shape \(3,\); give one picture, a list of pictures, or a batch"),
        (RGB.transpose(2, 0, 1), r"got the shape \(3, 6, 5\); move the channels .* numpy\.moveaxis\(array, -3, -1\)"),
        (RANDOM[..., :2], r"got the shape \(6, 5, 2\); of grey with alpha take the grey: array\[..., 0\]"),
        (RANDOM.repeat(2, axis=2), r"got the shape \(6, 5, 8\); give several grey pictures as a list: list\(array\)"),
        (RGB[:3], r"got the shape \(3, 5, 3\), whose channels could come first too; give a picture of more than 4"),
        (RGB[None, None], r"got the shape \(1, 1, 6, 5, 3\)"),
    ],
)
def test_arrays_that_cannot_be_meant_are_refused_with_what_to_type(array, told):
    with pytest.raises(ConfigError, match=told):
        rgb_of_array(array)


def test_deep_pictures_take_a_few_bytes_a_pixel():
    deep = np.arange(1 << 22, dtype=np.uint32).reshape(2048, 2048).astype(np.uint16)
    np.testing.assert_array_equal(rgb_of_array(deep)[..., 0], (deep / 257 + 0.5).astype(np.uint8))
    tracemalloc.start()
    rgb_of_array(deep)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 6 * deep.size


@pytest.mark.parametrize(("width", "height"), [(2560, 1707), (3264, 2448), (2999, 4001), (6000, 3377)])
def test_a_jpeg_at_half_its_size_has_the_small_copy_of_the_whole(width, height):
    smooth = Image.fromarray(NOISE).resize((60, 40), Image.Resampling.BOX)
    file = io.BytesIO()
    smooth.resize((width, height), Image.Resampling.BICUBIC).save(file, "JPEG", quality=95)
    whole, half = (read_picture(file.getvalue(), halved_from=halved_from) for halved_from in (None, 2560))
    assert half.shape[:2] == whole.shape[:2] == (height, width)
    assert half.pixels_shape[:2] == (-(-height // 2), -(-width // 2))
    small, of_half = whole.shrunk(640).astype(int), half.shrunk(640)
    assert small.shape == of_half.shape
    assert np.abs(small - of_half).max() <= 3
    assert half.whole().shape == half.whole().pixels_shape == whole.shape


@given(st.floats(1, 40))
def test_blocks_divide_by_two_where_a_jpeg_may_be_halved(step):
    blocks = blocks_of(step)
    assert step / 2 < blocks <= step
    assert step < HALVED_FROM_STEP or blocks % 2 == 0


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(32, 700))
@settings(max_examples=30, deadline=None)
def test_any_picture_is_shrunk_to_its_longest_side(width, height, longest_side):
    small = Decoded(Image.new("RGB", (width, height), (9, 80, 200)), animated=False).shrunk(longest_side)
    scale = min(1, longest_side / max(width, height))
    assert small.shape == (max(1, round(height * scale)), max(1, round(width * scale)), 3)
    assert (small == (9, 80, 200)).all()
