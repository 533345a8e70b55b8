from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.data.manifest import read_row_rgb
from affekt.evaluation.evaluate import evaluate_tables
from affekt.evaluation.predictions import match
from affekt.evaluation.report import robustness_to_json
from affekt.evaluation.robustness import (
    CLEAN,
    CORRUPTIONS,
    Face,
    Robustness,
    blurred,
    compressed,
    corrupted,
    covered,
    covered_somewhere,
    few_pixels,
    lit,
    measure_robustness,
    misplaced,
)
from affekt.evaluation.score import Resampling, compare, score
from affekt.evaluation.tables import robustness_tables
from affekt.faces.preprocessing import Preprocessing, crop_face


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def noise(height=96, width=120, box_xyxy=(20, 10, 68, 58)):
    image_rgb = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Face(image_rgb, np.array(box_xyxy, np.float64))


def test_few_pixels_shrink_the_picture_with_its_box(rng):
    found = few_pixels(noise(), rng, side=24)
    assert found.image_rgb.shape == (48, 60, 3)
    np.testing.assert_allclose(found.box_xyxy, [10, 5, 34, 29])
    landmarks = np.arange(10.0).reshape(5, 2)
    found = few_pixels(replace(noise(), landmarks_xy=landmarks), rng, side=24)
    np.testing.assert_allclose(found.landmarks_xy, landmarks / 2)


def test_a_face_that_is_small_already_stays(rng):
    assert few_pixels(noise(), rng, side=64).image_rgb.shape == (96, 120, 3)


def test_worse_jpeg_is_further_from_the_picture(rng):
    face = noise()
    far = [np.abs(compressed(face, rng, quality=q).image_rgb.astype(int) - face.image_rgb).mean() for q in (90, 30, 10)]
    assert 0 < far[0] < far[1] < far[2]


def test_blur_follows_the_face_not_the_picture(rng):
    large, small = noise(), noise(box_xyxy=(20, 10, 32, 22))
    spread = [blurred(face, rng, sigma=2 / 48).image_rgb.std() for face in (small, large)]
    assert spread[1] < spread[0] < large.image_rgb.std()


def test_light_keeps_black_and_white_under_gamma(rng):
    image_rgb = np.array([0, 128, 255], np.uint8).reshape(1, 3, 1).repeat(3, 2)
    face = Face(image_rgb, np.array([0, 0, 3, 1.0]))
    assert lit(face, rng, gamma=2.5).image_rgb[0, :, 0].tolist() == [0, 46, 255]
    assert lit(face, rng, contrast=0.5).image_rgb[0, :, 0].tolist() == [64, 128, 191]


@given(st.floats(0, 0.5), st.floats(0.5, 2), st.integers(0, 100))
def test_a_misplaced_box_has_the_distance_and_size_asked_for(shift, scale, seed):
    face = noise()
    found = misplaced(face, np.random.default_rng(seed), shift=shift, scale=scale)
    centre = (found.box_xyxy[:2] + found.box_xyxy[2:]) / 2
    np.testing.assert_allclose(np.linalg.norm(centre - [44, 34]), shift * face.side, atol=1e-9)
    np.testing.assert_allclose(found.side, scale * face.side)
    assert found.image_rgb is face.image_rgb


def test_covering_paints_the_face_alone(rng):
    face = noise()
    found = covered(face, rng, top=0.5, bottom=1.0)
    changed = (found.image_rgb != face.image_rgb).any(2)
    assert (found.image_rgb[34:58, 20:68] == 128).all()
    assert not changed[:34].any()
    assert not changed[58:].any()
    assert not changed[:, :20].any()


def test_a_covered_square_has_its_area_and_leaves_the_original(rng):
    face = noise()
    before = face.image_rgb.copy()
    found = covered_somewhere(face, rng, side=0.5)
    assert abs((found.image_rgb == 128).all(2).sum() - 24 * 24) <= 49
    np.testing.assert_array_equal(face.image_rgb, before)


def test_what_changes_nothing_leaves_a_picture_without_box_its_crop(manifest):
    rows = manifest.head(3)
    assert rows["box_xyxy"].null_count() == 3
    preprocessing = Preprocessing(input_size=16, channels=1, mean=(0.5,), std=(0.5,), crop_margin=0.2)
    pairs = zip(rows.iter_rows(named=True), corrupted(rows, partial(lit, gamma=1.0)).iter_rows(named=True), strict=True)
    for before, after in pairs:
        crops = [crop_face(read_row_rgb(row), preprocessing, row["box_xyxy"]) for row in (before, after)]
        np.testing.assert_array_equal(*crops)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_worsened_split_keeps_all_but_pictures_and_boxes(manifest, name):
    rows = manifest.head(6)
    found = corrupted(rows, CORRUPTIONS[name], seed=3)
    assert found.drop("image", "box_xyxy", "path").equals(rows.drop("image", "box_xyxy", "path"))
    assert found["box_xyxy"].null_count() == (0 if name.startswith("box") else 6)
    assert found.equals(corrupted(rows, CORRUPTIONS[name], seed=3))
    pictures = [read_row_rgb(row) for row in found.iter_rows(named=True)]
    originals = [read_row_rgb(row) for row in rows.iter_rows(named=True)]
    boxes = found["box_xyxy"].fill_null([0.0, 0.0, 16.0, 20.0]).to_list()
    # 20 x 16 pictures hold fewer pixels than the corruptions leave.
    if not name.startswith("face of"):
        moved = [box != [0, 0, 16, 20] for box in boxes]
        assert all(
            was_moved or not np.array_equal(*pair)
            for was_moved, pair in zip(moved, zip(pictures, originals, strict=True), strict=True)
        )


def test_robustness_pairs_each_condition_with_the_clean_split(manifest, predictions):
    clean = score(match(predictions, manifest, "test", "m"), "m", how=Resampling(30))
    seen = []

    def predict(rows):
        seen.append(rows)
        return predictions

    found = measure_robustness(clean, manifest, manifest.filter(split="test"), predict)
    assert list(found.scores) == [CLEAN, *CORRUPTIONS]
    assert len(seen) == len(CORRUPTIONS)
    change = found.changes["mouth covered"]["accuracy"]
    assert (change.value, change.low, change.high) == (0, 0, 0)
    assert robustness_to_json(found)["corruptions"][CLEAN]["accuracy"]["value"] == clean.figures["accuracy"].value


@pytest.mark.parametrize(("origin", "tag"), [("projected", "projected, not rated"), ("synthetic", "synthetic")])
def test_every_table_of_corruptions_says_where_its_values_come_from(manifest_of, predictions_of, origin, tag):
    manifest = manifest_of(origin=origin)
    evaluation = evaluate_tables({"m": predictions_of(manifest)}, manifest, "test", Resampling(5))
    [clean] = evaluation.scores
    found = Robustness("m", {CLEAN: clean, "dark": clean}, {"dark": compare(clean, clean)})
    titles = [table.title for table in robustness_tables(evaluation, found)]
    assert len(titles) == 2
    assert all(title.endswith(f"({tag})") for title in titles)
