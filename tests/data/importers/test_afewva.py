"""AFEW-VA, on small generated copies of its layout."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.data.importers.afewva import AfewVa, split_by_person
from affekt.data.manifest import to_manifest
from affekt.errors import ConfigError, DataError

LANDMARKS = [[100.0 + x, 50.0 + 2 * x] for x in range(68)]


def clip(root, name, actor, frames=3, valence=5, arousal=-10, landmarks=LANDMARKS):
    folder = root / name
    folder.mkdir(parents=True)
    keyed = {
        f"{number:05d}": {"valence": valence, "arousal": arousal, "landmarks": landmarks} for number in range(frames)
    }
    (folder / f"{name}.json").write_text(json.dumps({"video_id": name, "actor": actor, "frames": keyed}))
    return root


def clips(root, count=20):
    for number in range(1, count + 1):
        clip(root, f"{number:03d}", f"actor {number % 10}")
    return root


def test_frames_lie_one_level_down_and_ratings_are_divided_by_ten(tmp_path):
    listing = AfewVa(root=clips(tmp_path)).list_rows()
    rows = to_manifest(listing.rows)
    assert len(rows) == 60
    assert rows["source_id"][:2].to_list() == ["001/00000", "001/00001"]
    assert rows["path"][0] == str(tmp_path / "001" / "00000.png")
    assert set(rows["valence"]) == {0.5}
    assert set(rows["arousal"]) == {-1.0}
    assert rows["emotion"].null_count() == 60
    assert rows["subject"][0] == "actor 1"
    assert set(rows["valence_arousal_origin"]) == {"rated"}


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = clip(tmp_path, "001", "Zoë") / "001" / "001.json"
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert set(AfewVa(root=tmp_path).list_rows().rows["subject"]) == {"Zoë"}


def test_box_is_the_landmarks_bounds(tmp_path):
    rows = AfewVa(root=clip(tmp_path, "001", "a")).list_rows().rows
    assert rows["box_xyxy"].to_list()[0] == [100, 50, 167, 184]


def test_a_frame_without_landmarks_is_left_out_and_counted(tmp_path):
    clip(tmp_path, "001", "a")
    clip(tmp_path, "002", "b", landmarks=[])
    clip(tmp_path, "003", "c", frames=0)
    listing = AfewVa(root=tmp_path).list_rows()
    assert listing.dropped == {"no landmarks, and so no face box": 3}
    assert to_manifest(listing.rows)["box_xyxy"].null_count() == 0
    assert set(listing.rows["subject"]) == {"a"}


def test_no_frame_at_all_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"frames with landmarks .* got none in 0 frames"):
        AfewVa(root=clip(tmp_path, "001", "a", frames=0)).list_rows()


def test_no_actor_is_in_two_splits_and_the_seed_decides(tmp_path):
    clips(tmp_path)
    rows = AfewVa(root=tmp_path).list_rows().rows
    assert rows.group_by("subject").agg(pl.col("split").n_unique())["split"].max() == 1
    assert dict(rows["split"].value_counts().iter_rows()) == {"train": 36, "val": 12, "test": 12}
    assert AfewVa(root=tmp_path).list_rows().rows.equals(rows)
    assert any(not AfewVa(root=tmp_path, seed=seed).list_rows().rows.equals(rows) for seed in (1, 2))


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=80), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_every_person_gets_one_split(people, seed):
    splits = split_by_person(people, 0.2, 0.2, seed)
    assert set(splits) == set(people)
    assert set(splits.values()) <= {"train", "val", "test"}


def test_a_clip_without_actor_is_a_person_of_its_own(tmp_path):
    clip(tmp_path, "001", None)
    clip(tmp_path, "002", "")
    listing = AfewVa(root=tmp_path).list_rows()
    rows = to_manifest(listing.rows)
    assert rows["subject"].to_list() == ["unknown actor of clip 001"] * 3 + ["unknown actor of clip 002"] * 3
    assert "with 0 actors" in listing.notes[0]
    assert "2 clips name no actor: each counts as a person of its own." in listing.notes
    assert rows.group_by(pl.col("source_id").str.head(3)).agg(pl.col("split").n_unique())["split"].to_list() == [1, 1]


def test_unpacked_archives_and_cropped_copies(tmp_path):
    clip(tmp_path / "01", "001", "a")
    clip(tmp_path / "01", "001_cropped", "a")
    clip(tmp_path / "afew_cropped", "001", "a")
    assert len(AfewVa(root=tmp_path).list_rows().rows) == 3


def test_ratings_outside_the_scale_become_null(tmp_path):
    listing = AfewVa(root=clip(tmp_path, "001", "a", valence=11)).list_rows()
    assert to_manifest(listing.rows)["valence"].null_count() == 3
    assert any("3 frames" in note for note in listing.notes)


def test_no_clips_says_the_layout(tmp_path):
    with pytest.raises(DataError, match=r"001/001\.json with 001/00000\.png.*affekt data import afewva"):
        AfewVa(root=tmp_path).list_rows()


@pytest.mark.parametrize("text", ["{", '{"video_id": "001"}', "[]", '{"frames": {"00000": 3}}'])
def test_a_damaged_annotation_names_the_file(tmp_path, text):
    clip(tmp_path, "001", "a")
    (tmp_path / "001" / "001.json").write_text(text)
    with pytest.raises(DataError, match=r"001\.json, got .*unpack it again"):
        AfewVa(root=tmp_path).list_rows()


@pytest.mark.parametrize(("val", "test"), [(-0.1, 0.2), (0.5, 0.5)])
def test_fractions_must_leave_something_to_train_on(tmp_path, val, test):
    with pytest.raises(ConfigError, match="expected val and test of 0 or more"):
        AfewVa(root=tmp_path, val=val, test=test)


def test_a_seed_that_is_none_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="expected a seed from 0"):
        AfewVa(root=tmp_path, seed=-1)
