"""The check of a manifest, and the removal of leaks."""

import tarfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from affekt.data.check import check_manifest, drop_leaks
from affekt.data.manifest import encode_png, to_manifest

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"


def manifest(rows):
    """Rows of (split, emotion, hash, subject), each with a path that points nowhere."""
    frame = pl.DataFrame(rows, schema=["split", "emotion", "pixel_sha256", "subject"], orient="row")
    numbered = frame.with_columns(source=pl.lit("test"), source_id=pl.int_range(pl.len()).cast(pl.String))
    return to_manifest(numbered.with_columns(path=pl.format("/nowhere/{}.png", "source_id")))


LEAKY = [
    ("train", "fear", "a", None),
    ("train", "fear", "a", None),
    ("test", "fear", "a", None),
    ("val", "anger", "a", None),
    ("val", "anger", "b", None),
    ("test", "anger", "b", None),
    ("other", None, "c", None),
    ("test", None, "c", None),
    ("train", "sadness", None, None),
    ("val", "sadness", None, None),
]


def test_counts_by_class_and_split_in_their_order():
    counts = check_manifest(manifest(LEAKY), pictures=False).counts
    assert counts.columns == ["emotion", "train", "val", "test", "other"]
    by_emotion = {emotion: numbers for emotion, *numbers in counts.rows()}
    assert by_emotion["fear"] == [2, 0, 1, 0]
    assert by_emotion[None] == [0, 0, 1, 1]
    assert by_emotion["contempt"] == [0, 0, 0, 0]
    assert sum(map(sum, by_emotion.values())) == len(LEAKY)


def test_copies_within_and_across_splits():
    report = check_manifest(manifest(LEAKY), pictures=False)
    assert report.copies_within == {"train": 1}
    assert report.copies_across.rows() == [
        ("train", "val", 1),
        ("train", "test", 1),
        ("val", "test", 1),
        ("test", "other", 1),
    ]
    assert report.conflicting == 1
    assert report.unhashed == 2
    assert report.has_leak


def test_copies_stay_in_the_earliest_split():
    clean = drop_leaks(manifest(LEAKY))
    assert clean["source_id"].to_list() == ["0", "1", "4", "7", "8", "9"]
    report = check_manifest(clean, pictures=False)
    assert not report.has_leak
    assert report.copies_within == {"train": 1}


def test_copies_within_one_split_are_no_leak():
    report = check_manifest(manifest(LEAKY[:2]), pictures=False)
    assert report.copies_within == {"train": 1}
    assert not report.has_leak
    assert "No leak found." in report.text()


def test_copies_within_are_counted_by_split_in_their_order():
    rows = [(split, "fear", f"{split} {name}", None) for split in ("other", "val", "train") for name in "aab"]
    rows.append(("train", "fear", "train a", None))
    report = check_manifest(manifest(rows), pictures=False)
    assert list(report.copies_within.items()) == [("train", 2), ("val", 1), ("other", 1)]
    assert "exact copies      within a split 2 in train, 1 in val, 1 in other (kept)" in report.text()
    assert "exact copies      none within a split" in check_manifest(manifest(rows[1:3]), pictures=False).text()


def test_a_person_in_two_splits_is_a_leak_that_goes():
    rows = [
        ("test", None, "a", "ann"),
        ("train", None, "b", "ann"),
        ("val", None, "c", "bob"),
        ("test", None, "d", None),
    ]
    frame = manifest(rows)
    report = check_manifest(frame, pictures=False)
    assert report.subjects == 2
    assert report.shared_subjects.rows() == [("test", "ann", ["train", "test"])]
    assert report.has_leak
    assert "ann: train, test" in report.text()
    assert drop_leaks(frame)["source_id"].to_list() == ["1", "2", "3"]


def test_people_of_two_data_sets_with_one_name_are_two_people():
    frame = manifest([("train", None, "a", "1"), ("test", None, "b", "1")])
    frame = frame.with_columns(source=pl.Series(["here", "there"]))
    assert not check_manifest(frame, pictures=False).has_leak
    assert drop_leaks(frame).height == 2


splits = st.sampled_from(["train", "val", "test", "a", "b"])
names = st.none() | st.sampled_from("pqrs")


@given(st.lists(st.tuples(splits, st.none(), names, names), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_no_leak_is_left_and_the_first_split_loses_nothing(rows):
    frame = manifest(rows)
    clean = drop_leaks(frame)
    assert not check_manifest(clean, pictures=False).has_leak
    assert drop_leaks(clean).equals(clean)
    assert set(clean["pixel_sha256"].drop_nulls()) <= set(frame["pixel_sha256"].drop_nulls())
    train = pl.col("split") == "train"
    assert clean.filter(train).equals(frame.filter(train))


def test_missing_damaged_and_tiny_pictures_are_named(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (64, 48, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "good.jpg", quality=95)
    data = (tmp_path / "good.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.png").write_text("not a picture")
    Image.fromarray(picture[:31]).save(tmp_path / "tiny.png")
    names = ["good.jpg", "cut.jpg", "text.png", "tiny.png", "gone.png"]
    files = pl.DataFrame({"path": [str(tmp_path / name) for name in names], "source_id": names})
    inside = pl.DataFrame({"image": [encode_png(picture), encode_png(picture[:, :8])], "source_id": ["in", "in tiny"]})
    frame = pl.concat([files, inside], how="diagonal").with_columns(source=pl.lit("s"), split=pl.lit("train"))
    report = check_manifest(to_manifest(frame))
    faults = dict(report.unreadable.select("source_id", "why").rows())
    assert set(faults) == {"cut.jpg", "text.png", "gone.png"}
    assert "truncated" in faults["cut.jpg"]
    assert "no such file" in faults["gone.png"]
    assert report.tiny.rows() == [("train", "tiny.png", 48, 31), ("train", "in tiny", 8, 64)]
    assert report.opened == 7
    assert "7 opened, 3 unreadable" in report.text()
    assert "gone.png: no such file" in report.text()


def test_a_damaged_picture_in_the_table_is_named_by_its_id():
    frame = pl.DataFrame({"image": [b"no"], "source_id": ["row00012"], "source": ["s"], "split": ["val"]})
    assert "val: row00012: not a picture" in check_manifest(to_manifest(frame)).text()


def test_unopened_pictures_are_said_to_be_so():
    report = check_manifest(manifest(LEAKY), pictures=False)
    assert report.opened == 0
    assert "not opened" in report.text()


def test_labels_out_of_range_and_unknown_are_counted():
    frame = manifest([("train", "fear", None, None)] * 4).with_columns(
        emotion=pl.Series(["fear", "Rage", None, "fear"]),
        valence=pl.Series([0.5, 1.5, None, float("nan")], dtype=pl.Float32),
        arousal=pl.Series([0.5, 0.5, -2.0, 0.5], dtype=pl.Float32),
    )
    report = check_manifest(frame, pictures=False)
    assert report.wrong_labels["source_id"].to_list() == ["1", "2", "3"]
    assert report.without_valence_arousal == 1
    assert "3 unknown or out of range" in report.text()
    assert "train: 1, Rage, valence 1.5, arousal 0.5" in report.text()


def test_labels_of_the_data_sets_own_are_named_and_counted():
    own = [("train", "pain", None, None), ("train", "fear", None, None), ("test", "bored", None, None)]
    text = check_manifest(manifest(own), pictures=False).text()
    assert "of the data set's own, beside affekt's eight: bored, pain" in text
    table = [line.split()[0] for line in text.split("\n\n")[1].splitlines()]
    assert table == ["expression", "fear", "bored", "pain", "total"]


def test_an_empty_manifest_has_nothing_to_report():
    report = check_manifest(manifest(LEAKY).clear())
    assert report.rows == 0
    assert not report.has_leak
    assert drop_leaks(manifest(LEAKY).clear()).is_empty()


def test_text_lists_few_examples_and_counts_the_rest():
    frame = manifest([("train", "fear", None, None)] * 8)
    text = check_manifest(frame).text()
    assert text.count("no such file") == 5
    assert "and 3 more" in text
    assert max(map(len, text.splitlines())) <= 100


def test_text_lines_up_the_counts():
    lines = check_manifest(manifest(LEAKY * 300), pictures=False).text().splitlines()
    table = lines[lines.index("") + 1 :]
    table = table[: table.index("")]
    assert len({len(line) for line in table}) == 1
    assert table[-1].split() == ["total", "900", "900", "900", "300", "3,000", "100.0%"]


@pytest.mark.skipif(
    not (SHARED / "fer2013.tar.gz").is_file(), reason="the shared FER2013 files are not beside the checkout"
)
def test_the_shared_files_hold_279_leaks():
    """Over all rows with a face, before any counting rule: 279 rows of PublicTest show 269 Training pictures."""
    with tarfile.open(SHARED / "fer2013.tar.gz") as archive:
        table = pl.read_csv(archive.extractfile(archive.next()).read(), columns=["pixels", "Usage"])
    table = table.with_columns(pl.col("pixels").hash().cast(pl.String))
    frame = manifest([(usage, None, pixels, None) for pixels, usage in table.rows()])
    frame = frame.with_columns(pl.col("split").replace({"Training": "train", "PublicTest": "val"}))
    report = check_manifest(frame, pictures=False)
    assert report.copies_across.rows() == [("train", "val", 279)]
    assert frame.height - drop_leaks(frame).height == 279
