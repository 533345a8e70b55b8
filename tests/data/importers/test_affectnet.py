"""Both releases of AffectNet, on small generated copies of their layouts."""

import random
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from affekt.data.importers import affectnet
from affekt.data.importers.affectnet import COLUMNS, PUBLISHED_2021, AffectNet
from affekt.data.manifest import to_manifest
from affekt.errors import DataError
from affekt.labels import LABELS

LANDMARKS = ";".join(["1.5"] * 136)
HEADER = ",".join(COLUMNS)


def line(name, expression, valence="0.5", arousal="-0.25", box="10,20,100,120"):
    return f"{name},{box},{LANDMARKS},{expression},{valence},{arousal}"


TRAINING = [
    *(line(f"1/{number}.jpg", number) for number in range(8)),
    line("2/none.jpg", 8, 0.1, 0.2),
    line("2/uncertain.jpg", 9, -2, -2),
    line("2/noface.jpg", 10, -2, -2),
    line("2/noface2.JPG", 10, -2, -2),
    line("3/sentinel.png", 1, -2, 0.3),
    line("3/nobox.jpg", 1, box="-1,-1,-1,-1"),
    line("3/outside.bmp", 2, box="-5,3,40,50"),
    line("1/0.jpg", 6),
    line("3/bad.jpg", "oops"),
]


def csv_release(root, lists="Manually_Annotated", header=True, training=TRAINING):
    folder = root / lists
    folder.mkdir(parents=True, exist_ok=True)
    (root / "Manually_Annotated" / "Manually_Annotated_Images").mkdir(parents=True)
    for name, rows in {"training.csv": training, "validation.csv": [line("9/val.jpg", 7)]}.items():
        (folder / name).write_text("\n".join([HEADER] * header + rows) + "\n")
    return root


def npy_release(root, faces=((5, "1"), (9, "6"), (70001, "7")), sets=("train_set", "val_set")):
    for name in sets:
        (root / name / "images").mkdir(parents=True)
        (root / name / "annotations").mkdir()
        for number, expression in faces:
            (root / name / "images" / f"{number}.jpg").touch()
            annotate(root / name, number, expression)
    return root


def annotate(folder, number, expression, valence="0.25", arousal="-0.5"):
    for part, value in {"exp": expression, "val": valence, "aro": arousal}.items():
        np.save(folder / "annotations" / f"{number}_{part}.npy", np.array(value))


def test_csv_labels_follow_affectnets_order_and_rows_are_a_manifest(tmp_path):
    rows = to_manifest(AffectNet(root=csv_release(tmp_path)).list_rows().rows)
    plain = rows.filter(pl.col("source_id").str.starts_with("1/"))
    assert plain["emotion"].to_list() == list(LABELS)
    assert set(plain["valence"]) == {0.5}
    assert set(plain["arousal"]) == {-0.25}
    assert set(rows["valence_arousal_origin"]) == {"rated"}
    assert plain["path"][3] == str(tmp_path / "Manually_Annotated" / "Manually_Annotated_Images" / "1" / "3.jpg")


def test_csv_drops_are_counted_by_name(tmp_path):
    dropped = AffectNet(root=csv_release(tmp_path)).list_rows().dropped
    assert dropped == {
        "expression 8 (none)": 1,
        "expression 9 (uncertain)": 1,
        "expression 10 (no face)": 2,
        "expression unreadable": 1,
        "no face box (a width or height below 1)": 1,
        "picture listed again (the first row is kept)": 1,
    }


def test_csv_an_expression_that_is_no_number_is_counted(tmp_path):
    rows = [line("1/0.jpg", 0), line("1/1.jpg", "nan"), line("1/2.jpg", "inf"), line("1/3.jpg", "")]
    assert AffectNet(root=csv_release(tmp_path, training=rows)).list_rows().dropped == {"expression unreadable": 3}


def test_csv_keeps_the_first_of_repeated_rows(tmp_path):
    rows = AffectNet(root=csv_release(tmp_path)).list_rows().rows
    assert rows.filter(pl.col("source_id") == "1/0.jpg")["emotion"].to_list() == ["neutral"]


def test_csv_sentinels_become_null_and_are_noted(tmp_path):
    listing = AffectNet(root=csv_release(tmp_path)).list_rows()
    row = listing.rows.row(by_predicate=pl.col("source_id") == "3/sentinel.png", named=True)
    assert row["valence"] is None
    assert row["arousal"] == pytest.approx(0.3)
    assert any("-2" in note and "1 kept rows" in note for note in listing.notes)


def test_csv_boxes_become_left_top_right_bottom(tmp_path):
    rows = AffectNet(root=csv_release(tmp_path)).list_rows().rows
    boxes = dict(zip(rows["source_id"], rows["box_xyxy"].to_list(), strict=True))
    assert boxes["1/1.jpg"] == [10, 20, 110, 140]
    assert boxes["3/outside.bmp"] == [-5, 3, 35, 53]


def test_csv_validation_is_the_split_val(tmp_path):
    listing = AffectNet(root=csv_release(tmp_path)).list_rows()
    assert listing.rows.filter(pl.col("split") == "val")["source_id"].to_list() == ["9/val.jpg"]
    assert listing.published == {"train": 287_651, "val": 4_000}


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize(
    "lists",
    ["Manually_Annotated", "Manually_Annotated_file_lists", "Manually_Annotated/Manually_Annotated_file_lists"],
)
def test_csv_is_found_in_every_placement_with_or_without_header(tmp_path, lists, header):
    rows = AffectNet(root=csv_release(tmp_path, lists, header)).list_rows().rows
    assert len(rows) == 11
    assert rows["emotion"][1] == "happiness"


def test_csv_columns_are_selected_by_name(tmp_path):
    csv_release(tmp_path)
    names = ["arousal", " expression", *COLUMNS[:6], "valence"]
    row = ["0.5", "4", "a/b.jpg", "1", "2", "3", "4", LANDMARKS, "-0.5"]
    (tmp_path / "Manually_Annotated" / "training.csv").write_text(",".join(names) + "\n" + ",".join(row) + "\n")
    rows = AffectNet(root=tmp_path).list_rows().rows
    assert rows.row(0, named=True)["emotion"] == "fear"
    assert rows["valence"][0] == -0.5
    assert rows["box_xyxy"].to_list()[0] == [1, 2, 4, 6]


def test_csv_windows_line_endings(tmp_path):
    csv_release(tmp_path)
    path = tmp_path / "Manually_Annotated" / "training.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert AffectNet(root=tmp_path).list_rows().rows["arousal"][0] == -0.25


def test_csv_automatic_lists_are_an_option_and_marked_predicted(tmp_path):
    folder = tmp_path / "Automatically_Annotated"
    (folder / "Automatically_Annotated_Images").mkdir(parents=True)
    (folder / "Automatically_annotated_file_list").mkdir()
    path = folder / "Automatically_annotated_file_list" / "automatically_annotated.csv"
    path.write_text(f"{HEADER}\n{line('1/a.jpg', 3)}\n")
    listing = AffectNet(root=csv_release(tmp_path), lists="automatic").list_rows()
    rows = to_manifest(listing.rows)
    assert rows["source_id"].to_list() == ["1/a.jpg"]
    assert rows["valence_arousal_origin"].to_list() == ["predicted"]
    assert any("predicted by a network" in note for note in listing.notes)


def test_csv_without_pictures_or_validation_says_the_layout(tmp_path):
    csv_release(tmp_path)
    (tmp_path / "Manually_Annotated" / "validation.csv").unlink()
    with pytest.raises(DataError, match=r"training\.csv and validation\.csv.*got training\.csv.*affekt data import"):
        AffectNet(root=tmp_path).list_rows()


def test_csv_of_another_table_names_its_columns(tmp_path):
    csv_release(tmp_path)
    (tmp_path / "Manually_Annotated" / "training.csv").write_text("number,exp,val,aro\n1,2,0,0\n")
    with pytest.raises(DataError, match=r"expected the columns subDirectory_filePath.*got number, exp, val, aro"):
        AffectNet(root=tmp_path).list_rows()


def test_csv_of_realistic_length_is_vectorised(tmp_path):
    draw = random.Random(0)
    lines = [line(f"{n % 1000}/{n}.jpg", draw.randrange(11)) for n in range(20_000)]
    listing = AffectNet(root=csv_release(tmp_path, training=lines)).list_rows()
    assert len(listing.rows) + sum(listing.dropped.values()) == 20_001


def test_npy_strings_become_labels_and_ids_need_not_be_contiguous(tmp_path):
    listing = AffectNet(root=npy_release(tmp_path / "data"), cache=tmp_path / "cache").list_rows()
    rows = to_manifest(listing.rows)
    train = rows.filter(pl.col("split") == "train").sort("source_id")
    assert train["source_id"].to_list() == ["train_set/5", "train_set/70001", "train_set/9"]
    assert train["emotion"].to_list() == ["happiness", "contempt", "anger"]
    assert train["valence"].to_list() == [0.25] * 3
    assert train["box_xyxy"].null_count() == 3
    assert set(rows["split"]) == {"train", "val"}
    assert listing.published == PUBLISHED_2021 == {"train": 287_651, "val": 3_999}
    assert rows["path"][0] == str(tmp_path / "data" / "train_set" / "images" / "5.jpg")


def test_npy_sentinels_numbers_and_other_classes_are_guarded_against(tmp_path):
    root = npy_release(tmp_path / "data", sets=("val_set",))
    for number, expression, valence in ((1, "8", "0"), (2, "0", "-2"), (3, 0, 0.5)):
        (root / "val_set" / "images" / f"{number}.jpg").touch()
        annotate(root / "val_set", number, expression, valence)
    listing = AffectNet(root=root, cache=tmp_path / "cache").list_rows()
    rows = listing.rows.sort("source_id")
    assert rows["valence"].to_list() == [None, 0.5, 0.25, 0.25, 0.25]
    assert listing.dropped == {"expression 8 (none)": 1}
    assert "train_set is not there." in listing.notes


def test_npy_pictures_and_annotations_without_each_other_are_counted(tmp_path):
    root = npy_release(tmp_path / "data", sets=("train_set",))
    (root / "train_set" / "images" / "5.jpg").unlink()
    (root / "train_set" / "images" / "6.jpg").touch()
    listing = AffectNet(root=root, cache=tmp_path / "cache").list_rows()
    assert listing.dropped == {"annotation without a picture": 1, "picture without an annotation": 1}
    assert len(listing.rows) == 2


def test_npy_damaged_pickled_or_missing_annotations_are_counted_and_not_cached(tmp_path):
    root = npy_release(tmp_path / "data", sets=("train_set",))
    annotations = root / "train_set" / "annotations"
    (annotations / "5_val.npy").write_bytes(b"")
    (annotations / "9_aro.npy").unlink()
    np.save(annotations / "70001_exp.npy", np.array(["7", None], dtype=object), allow_pickle=True)
    importer = AffectNet(root=root, cache=tmp_path / "cache")
    assert importer.list_rows().dropped == {"annotation unreadable": 3}
    annotate(root / "train_set", 5, "1")
    mended = importer.list_rows()
    assert mended.rows["source_id"].to_list() == ["train_set/5"]
    assert mended.dropped == {"annotation unreadable": 2}


def test_npy_a_stopped_import_goes_on_where_it_was(tmp_path, monkeypatch):
    root = npy_release(tmp_path / "data", faces=[(n, "3") for n in range(10)], sets=("train_set",))
    importer = AffectNet(root=root, cache=tmp_path / "cache")
    monkeypatch.setattr(affectnet, "FACES_PER_CHUNK", 4)
    read, read_chunk = [], affectnet.read_chunk

    def stopping(folder, ids):
        if len(read) == 8:
            raise KeyboardInterrupt
        return counting(folder, ids)

    def counting(folder, ids):
        read.extend(ids)
        return read_chunk(folder, ids)

    monkeypatch.setattr(affectnet, "core_count", lambda: 1)
    monkeypatch.setattr(affectnet, "read_chunk", stopping)
    with pytest.raises(KeyboardInterrupt):
        importer.list_rows()
    assert len(read) == 8
    monkeypatch.setattr(affectnet, "read_chunk", counting)
    assert len(importer.list_rows().rows) == 10
    assert sorted(map(int, read)) == list(range(10))


def test_npy_another_download_in_the_same_place_is_read_afresh(tmp_path):
    root, cache = tmp_path / "data", tmp_path / "cache"
    AffectNet(root=npy_release(root), cache=cache).list_rows()
    shutil.rmtree(root)
    npy_release(root, faces=((5, "2"), (9, "6"), (70001, "7")))
    assert AffectNet(root=root, cache=cache).list_rows().rows["emotion"][0] == "sadness"


def test_npy_a_damaged_cache_is_read_again(tmp_path):
    root, cache = npy_release(tmp_path / "data"), tmp_path / "cache"
    expected = AffectNet(root=root, cache=cache).list_rows().rows
    for ledger in cache.iterdir():
        ledger.write_bytes(ledger.read_bytes()[:-20])
    assert AffectNet(root=root, cache=cache).list_rows().rows.equals(expected)
    assert AffectNet(root=root, cache=cache).list_rows().rows.equals(expected)


def test_npy_processes_read_the_same_as_one(tmp_path, monkeypatch):
    root = npy_release(tmp_path / "data", faces=[(n, str(n % 8)) for n in range(12)], sets=("train_set",))
    alone = AffectNet(root=root, cache=tmp_path / "one").list_rows().rows
    monkeypatch.setattr(affectnet, "FACES_PER_CHUNK", 5)
    together = AffectNet(root=root, cache=tmp_path / "many").list_rows().rows
    assert together.equals(alone)
    [ledger] = (tmp_path / "many").iterdir()
    assert len(ledger.read_text().splitlines()) == 1 + 3, "a header and three chunks"


def test_npy_never_writes_into_the_data_set(tmp_path, monkeypatch):
    root = npy_release(tmp_path / "data")
    before = sorted(root.rglob("*"))
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    AffectNet(root=root).list_rows()
    assert sorted(root.rglob("*")) == before
    assert list((tmp_path / "home" / "annotations").glob(".*.ledger"))


def test_npy_cache_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="choose another cache"):
        AffectNet(root=npy_release(tmp_path / "data"), cache=tmp_path / "file").list_rows()


def test_npy_without_images_says_so(tmp_path):
    root = npy_release(tmp_path / "data", faces=(), sets=("train_set",))
    (root / "train_set" / "images").rmdir()
    with pytest.raises(DataError, match="unpack them beside the annotations"):
        AffectNet(root=root, cache=tmp_path / "cache").list_rows()


def test_another_folder_says_both_layouts(tmp_path):
    with pytest.raises(DataError, match=r"training\.csv \(2017\), train_set/annotations \(2021\) or train/0"):
        AffectNet(root=tmp_path).list_rows()
    with pytest.raises(DataError, match="train_set/annotations and val_set/annotations"):
        AffectNet(root=Path(tmp_path), release="2021", cache=tmp_path).list_rows()


def test_both_releases_in_one_folder_need_a_choice(tmp_path):
    npy_release(csv_release(tmp_path / "data"))
    with pytest.raises(DataError, match="--release 2017 or 2021"):
        AffectNet(root=tmp_path / "data").list_rows()
    assert len(AffectNet(root=tmp_path / "data", release="2017").list_rows().rows) == 11
    assert len(AffectNet(root=tmp_path / "data", release="2021", cache=tmp_path / "c").list_rows().rows) == 6


@pytest.mark.parametrize("inner", ["", "AffectNet"])
def test_numbered_folders_are_read_in_affectnets_order(tmp_path, inner):
    for split in ("train", "val", "test"):
        for number in range(8):
            folder = tmp_path / inner / split / str(number)
            folder.mkdir(parents=True)
            (folder / f"{split}{number}.jpg").touch()
    listing = AffectNet(root=tmp_path).list_rows()
    rows = to_manifest(listing.rows)
    assert rows.filter(split="val")["emotion"].to_list() == list(LABELS)
    assert any("need not keep it" in note for note in listing.notes)


def test_folders_of_names_in_any_order(tmp_path):
    for name in ("happy", "contempt", "anger"):
        (tmp_path / "train" / name).mkdir(parents=True)
        (tmp_path / "train" / name / "1.png").touch()
    listing = AffectNet(root=tmp_path).list_rows()
    assert listing.rows["emotion"].to_list() == ["anger", "contempt", "happiness"]
    assert not any("order" in note for note in listing.notes)
