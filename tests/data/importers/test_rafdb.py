"""RAF-DB, on small generated copies of its layouts."""

import polars as pl
import pytest

from affekt.data.importers.rafdb import RafDb
from affekt.data.manifest import to_manifest
from affekt.errors import DataError

NAMES = [f"train_{number:05d}" for number in range(1, 8)]
EMOTIONS = ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"]


def download(base, extra=""):
    for folder in ("EmoLabel", "Image/aligned", "Image/original", "Annotation/boundingbox"):
        (base / folder).mkdir(parents=True)
    lines = [f"{name}.jpg {number}" for number, name in enumerate(NAMES, start=1)]
    (base / "EmoLabel" / "list_patition_label.txt").write_text("\n".join([*lines, "test_0001.jpg 5"]) + "\n" + extra)
    for name in NAMES:
        (base / "Annotation" / "boundingbox" / f"{name}_boundingbox.txt").write_text("10.5 20 60 80.25\n")
    return base


def kaggle(base):
    for split in ("train", "test"):
        for number in range(1, 8):
            folder = base / split / str(number)
            folder.mkdir(parents=True)
            (folder / f"{split}_0000{number}_aligned.jpg").touch()
        rows = [f"{split}_0000{number}_aligned.jpg,{number}" for number in range(1, 8)]
        (base.parent / f"{split}_labels.csv").write_text("\n".join(["image,label", *rows]))
    return base


@pytest.mark.parametrize("inner", ["", "basic"])
def test_labels_count_from_one_and_splits_come_from_the_prefix(tmp_path, inner):
    download(tmp_path / inner)
    listing = RafDb(root=tmp_path).list_rows()
    rows = to_manifest(listing.rows)
    assert rows["source_id"].to_list() == [*NAMES, "test_0001"]
    assert rows["emotion"].to_list() == [*EMOTIONS, "sadness"]
    assert rows["split"].to_list() == ["train"] * 7 + ["test"]
    assert rows["path"][0] == str(tmp_path / inner / "Image" / "aligned" / "train_00001_aligned.jpg")
    assert rows["box_xyxy"].null_count() == 8
    assert listing.published == {"train": 12_271, "test": 3_068}
    assert any("no validation split" in note for note in listing.notes)


def test_original_pictures_come_with_their_face_box(tmp_path):
    listing = RafDb(root=download(tmp_path), pictures="original").list_rows()
    rows = to_manifest(listing.rows)
    assert rows["path"][0] == str(tmp_path / "Image" / "original" / "train_00001.jpg")
    assert rows["box_xyxy"].to_list()[0] == [10.5, 20, 60, 80.25]
    assert listing.dropped == {"no face box": 1}


def test_a_byte_order_mark_costs_no_picture(tmp_path):
    download(tmp_path)
    for path in (tmp_path / "EmoLabel" / "list_patition_label.txt", *tmp_path.glob("Annotation/boundingbox/*")):
        path.write_text(path.read_text(), encoding="utf-8-sig")
    listing = RafDb(root=tmp_path, pictures="original").list_rows()
    assert listing.rows["source_id"].to_list() == NAMES
    assert listing.dropped == {"no face box": 1}, "test_0001 has none"


def test_original_pictures_without_boxes_are_an_error(tmp_path):
    download(tmp_path)
    (tmp_path / "Annotation" / "boundingbox").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="--pictures aligned"):
        RafDb(root=tmp_path, pictures="original").list_rows()


@pytest.mark.parametrize("label", ["0", "8", "happy"])
def test_a_label_outside_one_to_seven_is_an_error(tmp_path, label):
    with pytest.raises(DataError, match=f"from 1 .surprise. to 7 .neutral., got '{label}'"):
        RafDb(root=download(tmp_path, f"train_00009.jpg {label}\n")).list_rows()


def test_other_lines_are_counted(tmp_path):
    listing = RafDb(root=download(tmp_path, "\nnote\nvalid_1.jpg 3\n")).list_rows()
    assert listing.dropped == {"line is not a picture's name and its label": 2}
    assert len(listing.rows) == 8


@pytest.mark.parametrize("given", [".", "DATASET"])
def test_kaggle_folders_are_the_labels(tmp_path, given):
    kaggle(tmp_path / "DATASET")
    listing = RafDb(root=tmp_path / given).list_rows()
    rows = to_manifest(listing.rows)
    train = rows.filter(pl.col("split") == "train")
    assert train["emotion"].to_list() == EMOTIONS
    assert train["source_id"].to_list() == [f"train_0000{number}" for number in range(1, 8)]
    assert len(rows) == 14
    assert not any("differ" in note for note in listing.notes)


def test_a_split_that_a_copy_calls_validation_may_be_the_test_split(tmp_path):
    kaggle(tmp_path)
    (tmp_path / "test").rename(tmp_path / "valid")
    listing = RafDb(root=tmp_path).list_rows()
    assert set(listing.rows["split"]) == {"train", "val"}
    assert any("may be its test split" in note for note in listing.notes)


def test_kaggle_folder_and_csv_that_differ_are_counted(tmp_path):
    kaggle(tmp_path / "DATASET")
    (tmp_path / "train_labels.csv").write_text("image,label\ntrain_00001_aligned.jpg,7\n")
    listing = RafDb(root=tmp_path).list_rows()
    assert "Folder and csv label differ for 1 pictures: the folder was used." in listing.notes
    assert listing.rows.filter(pl.col("source_id") == "train_00001")["emotion"].to_list() == ["surprise"]


def test_another_folder_says_the_layout(tmp_path):
    with pytest.raises(
        DataError, match=r"EmoLabel/list_patition_label\.txt or train/1 \.\.\. test/7.*affekt data import"
    ):
        RafDb(root=tmp_path).list_rows()


def test_missing_pictures_folder_says_what_to_unpack(tmp_path):
    download(tmp_path)
    (tmp_path / "Image" / "aligned").rmdir()
    with pytest.raises(DataError, match=r"unpack Image/aligned\.zip"):
        RafDb(root=tmp_path).list_rows()
