import numpy as np
import polars as pl
import pytest

from affekt.data.manifest import pixel_sha256, read_manifest, read_row_rgb, to_manifest, write_manifest
from affekt.errors import ConfigError
from affekt.labels import LABELS
from drawn_faces.dataset import drawn_manifest, identity_splits


@pytest.fixture(scope="module")
def manifest() -> pl.DataFrame:
    return drawn_manifest(identities=20, pictures_per_identity=8, size=32, seed=4)


def test_it_is_a_manifest(manifest, tmp_path):
    assert to_manifest(manifest).equals(manifest)
    write_manifest(manifest, tmp_path / "drawn.parquet")
    assert read_manifest(tmp_path / "drawn.parquet").equals(manifest)


def test_it_says_that_it_is_synthetic(manifest):
    assert manifest["source"].unique().to_list() == ["drawn"]
    assert manifest["valence_arousal_origin"].unique().to_list() == ["synthetic"]


def test_the_expressions_are_balanced(manifest):
    counts = manifest.group_by("split", "emotion").len()
    assert counts.filter(pl.col("split") == "train")["len"].to_list() == [14] * 8
    assert counts.filter(pl.col("split") != "train")["len"].to_list() == [3] * 16
    uneven = drawn_manifest(identities=3, pictures_per_identity=7, size=16, seed=0)
    counts = uneven["emotion"].value_counts()["count"]
    assert len(counts) == 8
    assert counts.max() - counts.min() <= 1


def test_nobody_is_in_two_splits(manifest):
    assert manifest.group_by("subject").agg(pl.col("split").n_unique())["split"].to_list() == [1] * 20
    people = manifest.group_by("split").agg(pl.col("subject").n_unique())
    assert dict(people.iter_rows()) == {"train": 14, "val": 3, "test": 3}


def test_the_people_of_two_seeds_have_different_names(manifest):
    others = drawn_manifest(identities=20, pictures_per_identity=1, size=16, seed=5)
    for name in ("subject", "source_id"):
        assert not set(manifest[name]) & set(others[name])


@pytest.mark.parametrize("identities", [3, 4, 10, 101])
def test_splits_are_70_15_15_and_never_empty(identities):
    splits = identity_splits(identities, seed=1)
    assert len(splits) == identities
    assert set(splits) == {"train", "val", "test"}
    assert splits.count("test") == max(1, round(0.15 * identities))


def test_values_lie_in_range(manifest):
    neutral = manifest.filter(pl.col("emotion") == "neutral")
    others = manifest.filter(pl.col("emotion") != "neutral")
    assert neutral["intensity"].unique().to_list() == [0.0]
    assert others["intensity"].is_between(0.55, 1.0).all()
    assert neutral.select(pl.col("valence", "arousal").abs().max()).row(0) < (0.1, 0.1)
    assert manifest.select(pl.col("valence", "arousal").is_between(-1, 1).all()).row(0) == (True, True)
    assert set(manifest["skin_tone"]) == {"light", "medium", "dark"}


def test_the_signs_of_valence_and_arousal_are_those_of_the_expressions(manifest):
    means = {row[0]: row[1:] for row in manifest.group_by("emotion").agg(pl.mean("valence", "arousal")).iter_rows()}
    assert set(means) == set(LABELS)
    assert all(means[emotion][0] > 0.1 for emotion in ("happiness", "surprise"))
    assert all(means[emotion][0] < -0.2 for emotion in ("sadness", "fear", "disgust", "anger", "contempt"))
    assert means["sadness"][1] < -0.2
    assert all(means[emotion][1] > 0.3 for emotion in ("surprise", "fear", "anger"))


def test_pictures_decode_and_match_their_hashes(manifest):
    for row in manifest.head(5).iter_rows(named=True):
        picture = read_row_rgb(row)
        assert picture.shape == (32, 32, 3)
        assert pixel_sha256(picture) == row["pixel_sha256"]
    assert manifest["pixel_sha256"].is_unique().all()


def test_the_seed_decides_every_byte():
    first, again, other = (
        drawn_manifest(identities=3, pictures_per_identity=8, size=24, seed=seed) for seed in (9, 9, 10)
    )
    assert first.equals(again)
    assert not np.isin(first["pixel_sha256"].to_numpy(), other["pixel_sha256"].to_numpy()).any()


def test_processes_change_nothing():
    one, two = (
        drawn_manifest(identities=3, pictures_per_identity=4, size=16, seed=2, processes=count) for count in (1, 2)
    )
    assert one.equals(two)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"identities": 2}, "at least 3 identities"),
        ({"pictures_per_identity": 0}, "at least 1 picture"),
        ({"size": 8}, "16 to 1024 pixels"),
        ({"seed": -1}, "a seed from 0 to"),
        ({"intensity": (0.9, 0.5)}, "lowest <= highest"),
        ({"intensity": (0.5, 1.5)}, "lowest <= highest"),
        ({"processes": 0}, "at least 1 process"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    arguments = {"identities": 3, "pictures_per_identity": 1, "size": 16, "seed": 0}
    with pytest.raises(ConfigError, match=message):
        drawn_manifest(**{**arguments, **change})
