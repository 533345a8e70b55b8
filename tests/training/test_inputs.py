"""Crops and targets of manifest rows: from memory or streamed, and what a bad picture says."""

import numpy as np
import polars as pl
import pytest
import torch

from affekt.data.manifest import read_row_rgb, to_manifest
from affekt.errors import DataError
from affekt.faces.pictures import encode_png
from affekt.faces.preprocessing import Preprocessing, crop_face
from affekt.labels import LABELS
from affekt.training import inputs
from affekt.training.inputs import CropStream, in_batches, targets_of

PREPROCESSING = Preprocessing(input_size=24)


@pytest.fixture
def rows(manifest):
    return manifest.head(20)


@pytest.fixture
def streamed(monkeypatch):
    monkeypatch.setattr(inputs, "MEMORY_LIMIT_BYTES", 0)
    monkeypatch.setattr(inputs, "core_count", lambda: 1)


def test_targets_are_the_rows_own(rows):
    targets = targets_of(rows)
    assert [LABELS[index] for index in targets.label] == rows["emotion"].to_list()
    np.testing.assert_array_equal(targets.votes.numpy(), rows["votes"].to_numpy())
    np.testing.assert_array_equal(targets.valence_arousal.numpy(), rows.select("valence", "arousal").to_numpy())


def test_unknown_targets_are_minus_one_and_nan():
    votes = [None, [0.5, 0.5, 0, 0, 0, 0, 0, 0], None]
    rows = to_manifest(
        pl.DataFrame(
            {
                "path": ["a", "b", "c"],
                "split": "train",
                "source": "s",
                "source_id": ["a", "b", "c"],
                "emotion": ["anger", None, None],
                "votes": votes,
                "valence": [None, 0.5, None],
            },
            schema_overrides={"votes": pl.Array(pl.Float32, 8)},
        )
    )
    targets = targets_of(rows)
    assert targets.label.tolist() == [6, -1, -1]
    assert targets.votes[0].tolist() == np.eye(8)[6].tolist()
    assert targets.votes[1].tolist() == votes[1]
    assert targets.votes[2].isnan().all()
    assert targets.valence_arousal.isnan().tolist() == [[True, True], [False, True], [True, True]]
    assert len(targets[torch.tensor([2, 0])]) == 2


def test_crops_are_those_of_the_one_preprocessing(rows):
    [batch] = CropStream(rows, PREPROCESSING, name="x").batches([torch.tensor([5, 0])])
    expected = [crop_face(read_row_rgb(rows.row(index, named=True)), PREPROCESSING) for index in (5, 0)]
    np.testing.assert_array_equal(batch.numpy(), np.stack(expected))


def test_the_box_is_cut_out(rows):
    boxed = rows.with_columns(box_xyxy=pl.lit([4.0, 4.0, 20.0, 20.0], dtype=pl.Array(pl.Float32, 4)))
    [batch] = CropStream(boxed, PREPROCESSING, name="x").batches([torch.tensor([3])])
    image = read_row_rgb(rows.row(3, named=True))
    expected = crop_face(image, PREPROCESSING, np.array([4, 4, 20, 20]))
    np.testing.assert_array_equal(batch[0].numpy(), expected)


def test_streaming_gives_the_same_batches_as_memory(rows, streamed):
    stream = CropStream(rows, PREPROCESSING, name="x")
    assert stream.memory is None
    batches = [torch.tensor([3, 1, 4]), torch.tensor([19]), torch.tensor([], dtype=torch.int64), torch.tensor([7, 7])]
    found = list(stream.batches(batches))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs, "MEMORY_LIMIT_BYTES", 10**9)
        expected = list(CropStream(rows, PREPROCESSING, name="x").batches(batches))
    assert len(stream) == 20
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))


def broken(rows, tmp_path, kind):
    if kind == "missing":
        return rows.with_columns(image=pl.lit(None, dtype=pl.Binary), path=pl.lit(str(tmp_path / "gone.png")))
    whole = encode_png(np.zeros((40, 40, 3), dtype=np.uint8))
    return rows.with_columns(image=pl.lit({"truncated": whole[:50], "not a picture": b"text"}[kind]))


@pytest.mark.parametrize("kind", ["missing", "truncated", "not a picture"])
def test_a_bad_picture_is_named(rows, tmp_path, kind):
    with pytest.raises(DataError, match=r"picture of picture 0: .*; list all such pictures with: affekt data check"):
        CropStream(broken(rows, tmp_path, kind), PREPROCESSING, name="x")


def test_a_bad_picture_in_a_worker_process_is_one_sentence_too(rows, tmp_path, streamed):
    stream = CropStream(broken(rows, tmp_path, "missing"), PREPROCESSING, name="x")
    with pytest.raises(DataError) as caught:
        list(stream.batches([torch.tensor([2])]))
    assert str(caught.value).startswith("picture of picture 2: ")
    assert "\n" not in str(caught.value)


def test_an_empty_box_is_named(rows):
    boxed = rows.with_columns(box_xyxy=pl.lit([4.0, 4.0, 4.0, 20.0], dtype=pl.Array(pl.Float32, 4)))
    with pytest.raises(DataError, match="picture of picture 0: expected a box with right > left"):
        CropStream(boxed, PREPROCESSING, name="x")


def test_batches_in_order():
    assert [batch.tolist() for batch in in_batches(5, 2)] == [[0, 1], [2, 3], [4]]
