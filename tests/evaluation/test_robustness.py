from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.data.manifest import encode_png, read_row_rgb
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
    corrupting,
    covered,
    covered_somewhere,
    few_pixels,
    lit,
    measure_robustness,
    misplaced,
)
from affekt.evaluation.score import Resampling, compare, score
from affekt.evaluation.tables import robustness_tables
from affekt.faces.preprocessing import Preprocessing
from affekt.networks.predictions import Crops, open_model


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
    unchanged, changed = (Crops(rows, preprocessing, how) for how in (None, corrupting(partial(lit, gamma=1.0))))
    for number in range(3):
        np.testing.assert_array_equal(unchanged[number], changed[number])


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_corruption_changes_the_picture_or_the_box_and_the_same_again_by_its_seed(manifest, name):
    originals = [read_row_rgb(row) for row in manifest.head(6).iter_rows(named=True)]
    first, again = (
        [corrupting(CORRUPTIONS[name], seed=3)(*numbered, None, None) for numbered in enumerate(originals)]
        for _ in range(2)
    )
    for before, (image_rgb, box_xyxy, landmarks_xy), (same_rgb, same_xyxy, _) in zip(
        originals, first, again, strict=True
    ):
        np.testing.assert_array_equal(image_rgb, same_rgb)
        np.testing.assert_array_equal(box_xyxy, same_xyxy)
        assert landmarks_xy is None
        assert (box_xyxy is None) != name.startswith("box")
        # 20 x 16 pictures hold fewer pixels than the corruptions leave.
        is_changed = box_xyxy is not None or not np.array_equal(image_rgb, before)
        assert is_changed or name.startswith("face of")


def test_a_model_is_asked_about_faces_as_the_corrupted_picture_shows_them(small_model, manifest, caplog):
    caplog.set_level("INFO", "affekt")
    rows = manifest.filter(split="test")
    model = open_model(small_model, runtime="onnxruntime")
    clean = score(match(model.predict_rows(rows), manifest, "test", "m"), "m", how=Resampling(5))
    found = measure_robustness(clean, manifest, rows, model.predict_rows)
    worse = corrupting(CORRUPTIONS["dark, gamma 2.5"])
    pictures = [
        worse(number, read_row_rgb(row), None, None)[0] for number, row in enumerate(rows.iter_rows(named=True))
    ]
    dark = rows.with_columns(
        image=pl.Series([encode_png(picture) for picture in pictures]), path=pl.lit(None, pl.String)
    )
    expected = score(match(model.predict_rows(dark), manifest, "test", "m"), "m", how=Resampling(5))
    for key, figure in expected.figures.items():
        assert vars(found.scores["dark, gamma 2.5"].figures[key]) == pytest.approx(vars(figure), nan_ok=True, abs=0)
    assert f"m, corruption 1 of {len(CORRUPTIONS)}: face of 32 pixels" in caplog.text


def test_robustness_pairs_each_condition_with_the_clean_split(manifest, predictions):
    clean = score(match(predictions, manifest, "test", "m"), "m", how=Resampling(30))
    seen = []

    def predict(rows, change):
        seen.append(change)
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
