"""Folder trees named after expressions."""

import os
import sys

import polars as pl
import pytest

from affekt.data.importers.names import parse_map
from affekt.data.importers.own import Folder
from affekt.data.manifest import to_manifest
from affekt.errors import ConfigError, DataError
from affekt.faces.kinds import PICTURE_ENDINGS


def tree(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def emotions(listing):
    rows = to_manifest(listing.rows)
    return dict(zip(rows["source_id"], rows["emotion"], strict=True))


def test_names_count_and_not_their_alphabetical_order(tmp_path):
    listing = Folder(root=tree(tmp_path, "sad/1.jpg", "Angry/2.png", "neutral/3.JPEG", "happiness/a/4.bmp")).list_rows()
    assert emotions(listing) == {
        "Angry/2.png": "anger",
        "happiness/a/4.bmp": "happiness",
        "neutral/3.JPEG": "neutral",
        "sad/1.jpg": "sadness",
    }
    assert set(listing.rows["split"]) == {"train"}
    assert listing.rows["source"][0] == tmp_path.name
    assert any("Angry = anger" in note for note in listing.notes)


def test_split_folders_become_splits(tmp_path):
    tree(tmp_path, "train/sad/1.jpg", "Validation/sad/1.jpg", "testing/fear/1.jpg")
    rows = to_manifest(Folder(root=tmp_path).list_rows().rows)
    assert dict(zip(rows["source_id"], rows["split"], strict=True)) == {
        "train/sad/1.jpg": "train",
        "Validation/sad/1.jpg": "val",
        "testing/fear/1.jpg": "test",
    }


@pytest.mark.parametrize(
    ("name", "split"),
    [("training_set", "train"), ("Test-Set", "test"), ("trainset", "train"), ("validation_set", "val"), ("dev", "val")],
)
@pytest.mark.parametrize("form", ["{0}/sad/1.jpg", "sad/{0}/1.jpg"])
def test_other_names_of_splits_around_or_inside_the_expressions(tmp_path, name, split, form):
    rows = Folder(root=tree(tmp_path, form.format(name), form.format("test"))).list_rows().rows
    assert dict(rows.select("source_id", "split").iter_rows())[form.format(name)] == split
    assert set(rows["emotion"]) == {"sadness"}


def test_splits_inside_some_expressions_alone_are_refused(tmp_path):
    tree(tmp_path, "sad/train/1.jpg", "sad/test/2.jpg", "fear/3.jpg")
    with pytest.raises(
        DataError, match=r"got 2 in such folders \(sad/t.*\) and 1 elsewhere \(fear/3.jpg\) in .*; move"
    ):
        Folder(root=tmp_path).list_rows()
    tree(tmp_path / "deep", "sad/a/train/1.jpg", "fear/3.jpg")
    assert set(Folder(root=tmp_path / "deep").list_rows().rows["split"]) == {"train"}


def test_one_split_by_option(tmp_path):
    rows = Folder(root=tree(tmp_path, "sad/1.jpg"), split="test", source="mine").list_rows().rows
    assert rows.row(0, named=True)["split"] == "test"
    assert rows["source"][0] == "mine"


def test_other_names_are_labels_of_the_folders_own_unless_a_map_says_what_they_mean(tmp_path):
    tree(tmp_path, "Wut/1.jpg", "trauer/1.jpg", "fear/1.jpg")
    listing = Folder(root=tmp_path).list_rows()
    assert set(emotions(listing).values()) == {"wut", "trauer", "fear"}
    assert any("beside affekt's eight: wut, trauer." in note for note in listing.notes)
    mapped = Folder(root=tmp_path, map=("Wut=anger", "trauer=sad")).list_rows()
    assert set(emotions(mapped).values()) == {"anger", "sadness", "fear"}


def test_unclear_folder_names_are_all_listed(tmp_path):
    tree(tmp_path, "hapiness/1.jpg", "unknown/1.jpg", "pain/1.jpg")
    with pytest.raises(DataError, match=r"got 'hapiness', 'unknown'; .*--map hapiness=happiness"):
        Folder(root=tmp_path).list_rows()


def test_numbers_need_a_map(tmp_path):
    tree(tmp_path, "train/0/1.jpg", "train/1/1.jpg")
    with pytest.raises(DataError, match="got '0', '1'"):
        Folder(root=tmp_path).list_rows()
    assert emotions(Folder(root=tmp_path, map=("0=neutral", "1=happy")).list_rows()) == {
        "train/0/1.jpg": "neutral",
        "train/1/1.jpg": "happiness",
    }


def test_a_map_overrules_known_names_and_may_skip(tmp_path):
    tree(tmp_path, "joy/1.jpg", "none/1.jpg", "none/2.jpg")
    listing = Folder(root=tmp_path, map=("joy=surprise", "none=skip")).list_rows()
    assert emotions(listing) == {"joy/1.jpg": "surprise"}
    assert listing.dropped == {"mapped to skip": 2}


@pytest.mark.parametrize("pair", ["angry", "=anger", "angry=7"])
def test_a_wrong_pair_is_an_error(pair):
    with pytest.raises(ConfigError, match=f"'{pair}'"):
        parse_map([pair])


def test_a_name_mapped_twice_is_an_error():
    with pytest.raises(ConfigError, match="'A' twice"):
        parse_map(["a=anger", "A=fear"])


def test_what_is_left_out_is_counted(tmp_path):
    tree(tmp_path, "loose.jpg", "sad/1.jpg", "sad/notes.txt", "__MACOSX/sad/1.jpg", "sad/.hidden.jpg", ".git/x.jpg")
    tree(tmp_path, "sad/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", "sad/.ipynb_checkpoints/1-checkpoint.jpg", "sad/._1.jpg")
    listing = Folder(root=tmp_path).list_rows()
    assert list(emotions(listing)) == ["sad/1.jpg"]
    assert listing.dropped == {
        "in no expression's folder": 1,
        "not a picture by its ending": 1,
        "hidden, thumbnail or checkpoint files": 6,
    }


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("odd", [b"sad/\xe9.jpg", b"s\xe9d/1.jpg"])
def test_a_path_that_is_no_utf8_is_left_out_and_counted(tmp_path, odd):
    tree(tmp_path, "sad/1.jpg", os.fsdecode(odd))
    listing = Folder(root=tmp_path).list_rows()
    assert emotions(listing) == {"sad/1.jpg": "sadness"}
    assert listing.dropped == {"path not in UTF-8: no manifest can hold it": 1}


def test_folders_beside_the_splits_are_counted(tmp_path):
    tree(tmp_path, "train/sad/1.jpg", "extra/sad/1.jpg")
    assert Folder(root=tmp_path).list_rows().dropped == {"in extra, beside train": 1}


def test_kaggle_table_that_disagrees_with_the_folders_is_counted_and_one_is_chosen(tmp_path):
    tree(tmp_path, "anger/1.jpg", "anger/2.jpg", "surprise/3.jpg", "fear/4.jpg")
    (tmp_path / "labels.csv").write_text(
        ",pth,label,relFCs\n0,anger/1.jpg,anger,0.8\n1,anger/2.jpg,surprise,0.7\n2,surprise/3.jpg,surprise,0.9\n"
    )
    by_folder = Folder(root=tmp_path).list_rows()
    note = "Folder and labels.csv disagree for 1 pictures, 1 are not listed: folder was used."
    assert note in by_folder.notes
    assert emotions(by_folder)["anger/2.jpg"] == "anger"
    assert len(by_folder.rows) == 4
    by_csv = Folder(root=tmp_path, labels="csv").list_rows()
    assert emotions(by_csv) == {"anger/1.jpg": "anger", "anger/2.jpg": "surprise", "surprise/3.jpg": "surprise"}
    assert by_csv.dropped == {"not in labels.csv": 1}


def test_asking_for_a_table_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match="--labels folder"):
        Folder(root=tree(tmp_path, "sad/1.jpg"), labels="csv").list_rows()


def test_a_table_with_other_columns_is_an_error(tmp_path):
    tree(tmp_path, "sad/1.jpg")
    (tmp_path / "labels.csv").write_text("image,label\n")
    with pytest.raises(DataError, match=r"columns pth and label .* got no pth among image, label"):
        Folder(root=tmp_path).list_rows()


def test_an_empty_or_missing_folder_says_what_to_type(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for name, got in {"empty": "got none", "missing": "got no such folder", "file": "got a file"}.items():
        with pytest.raises(DataError, match=f"{tmp_path / name}, {got}; .*affekt data import folder"):
            Folder(root=tmp_path / name).list_rows()


def test_paths_are_absolute_and_read_in_place(tmp_path, monkeypatch):
    tree(tmp_path / "faces", "sad/1.jpg")
    monkeypatch.chdir(tmp_path)
    rows = Folder(root=tmp_path.__class__("faces")).list_rows().rows
    assert rows.select(pl.col("path")).item() == str(tmp_path / "faces" / "sad" / "1.jpg")


def test_every_picture_that_is_analyzed_can_be_imported(tmp_path):
    names = {f"sad/{number}{ending}" for number, ending in enumerate(PICTURE_ENDINGS)}
    assert set(emotions(Folder(root=tree(tmp_path, *names)).list_rows())) == names
