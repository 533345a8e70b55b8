"""The rows of a training: which are learnt from, which choose the epoch, and which are refused."""

import numpy as np
import polars as pl
import pytest
import skimage.data

from affekt.data.manifest import encode_png
from affekt.errors import ConfigError, DataError
from affekt.training.rows import manifest_for, require_votes, training_rows, valence_arousal_origin
from affekt.training.run import read_data


@pytest.mark.parametrize(
    ("origins", "told"),
    [
        (["rated", "rated", "rated", "rated"], "rated"),
        (["rated", "projected", "projected", "projected"], "75 % projected, 25 % rated"),
        ([None, None, None, None], None),
    ],
)
def test_a_card_says_where_valence_and_arousal_come_from(origins, told):
    rows = pl.DataFrame(
        {"valence": [0.1] * 4, "valence_arousal_origin": origins},
        schema_overrides={"valence_arousal_origin": pl.String},
    )
    unrated = rows.head(1).with_columns(valence=None, valence_arousal_origin=pl.lit("synthetic"))
    assert valence_arousal_origin(pl.concat([rows, unrated], how="vertical_relaxed")) == told


def test_votes_alone_are_enough_where_votes_are_the_target(tiny, manifest, run_in):
    unlabelled = manifest.with_columns(emotion=pl.lit(None, dtype=pl.String))
    training, validation = training_rows(tiny(expression_target="votes"), unlabelled, run_in())
    assert (training.height, validation.height) == (64, 16)
    with pytest.raises(DataError, match="at least two expressions in the training rows, got 0"):
        training_rows(tiny(), unlabelled, run_in())


def test_rows_without_any_target_are_left_out(tiny, manifest, run_in):
    unknown = pl.col("source_id") == "picture 3"
    rows = manifest.with_columns(pl.when(~unknown).then(pl.col(name)).alias(name) for name in ("emotion", "votes"))
    assert training_rows(tiny(), rows, run_in())[0].height == 63
    assert training_rows(tiny(heads=("expression", "valence_arousal")), rows, run_in())[0].height == 64


def test_votes_that_were_asked_for_and_are_not_there_are_refused(tiny, manifest, run_in, caplog, tmp_path):
    recipe, without = tiny(expression_target="votes"), manifest.with_columns(votes=None)
    for data in (without, faces_in(tmp_path / "faces")):
        with pytest.raises(
            DataError, match=r"votes to learn from in .*, got none; .* type: --expression-target labels"
        ):
            read_data(recipe, data, run_in(recipe_name="mobilenetv2"))
    assert not run_in().out.exists(), "before the pictures are opened"
    read_data(recipe, manifest, run_in(recipe_name="mobilenetv2"))
    read_data(tiny(), without, run_in(recipe_name="mobilenetv2"))
    require_votes(tiny(heads=("valence_arousal",), expression_target="votes"), run_in(recipe_name="mobilenetv2"))
    assert "votes" not in caplog.text
    read_data(recipe, without, run_in(recipe_name="affekt"))  # whose own target are votes
    assert "frame has no votes: the labels are learnt instead" in caplog.text


def test_a_manifest_of_other_pictures_in_the_runs_folder_stays(tmp_path):
    faces, out = faces_in(tmp_path / "faces"), tmp_path / "run"
    options = {"subject_pattern": None, "seed": 0}
    made = manifest_for(faces, out, **options)[1]
    assert manifest_for(faces, out, **options)[1] == made, "its own is made anew"
    for other in (
        manifest_for(faces_in(tmp_path / "faces2"), tmp_path / "other", **options)[0],
        pl.DataFrame({"a": [1]}),
    ):
        other.write_parquet(made)
        before = made.read_bytes()
        with pytest.raises(
            ConfigError, match=r"without a file manifest\.parquet that is not of .*; choose another out"
        ):
            manifest_for(faces, out, **options)
        assert made.read_bytes() == before


def test_faces_are_cut_out_of_a_folder_of_photographs(detector, tmp_path, caplog):
    caplog.set_level("INFO", "affekt")
    photograph = skimage.data.astronaut()
    for name in ("happiness/a", "sadness/b", "sadness/c"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        picture = np.zeros_like(photograph) if name == "sadness/c" else photograph
        (tmp_path / "photos" / f"{name}.png").write_bytes(encode_png(picture))
    rows, _ = manifest_for(tmp_path / "photos", tmp_path / "run", subject_pattern=None, seed=0, divided=False)
    assert [[round(edge, -1) for edge in box] for box in rows["box_xyxy"].to_list()] == [[180, 60, 270, 180]] * 2
    assert "pictures without one left out" in caplog.text
    assert "left out, no face found: 1 (" in caplog.text


def faces_in(folder):
    """Write a folder of six pictures of two expressions."""
    for number in range(6):
        place = folder / ("happiness", "sadness")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        place.joinpath(f"{number}.png").write_bytes(encode_png(np.full((32, 32, 3), 40 * number, np.uint8)))
    return folder
