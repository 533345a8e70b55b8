"""The manifest: its contract, its file, its errors; csv files as text, and damaged ones in the importers."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.data.importers.own import Csv, Folder
from affekt.data.importers.rafdb import RafDb
from affekt.data.manifest import (
    ORIGINS,
    SCHEMA,
    encode_png,
    manifest_labels,
    pixel_sha256,
    read_manifest,
    read_row_rgb,
    select_split,
    to_manifest,
    with_attributes,
    write_manifest,
)
from affekt.errors import ConfigError, DataError, PictureError
from affekt.faces.pictures import read_rgb
from affekt.labels import LABELS

unit = st.none() | st.floats(-1, 1, width=32)
sides = st.lists(st.integers(-(10**4), 10**4), min_size=2, max_size=2, unique=True).map(sorted)
box = st.tuples(sides, sides).map(lambda edges: [edges[0][0], edges[1][0], edges[0][1], edges[1][1]])
row = st.fixed_dictionaries(
    {
        "split": st.sampled_from(["train", "val", "test"]),
        "emotion": st.none() | st.sampled_from(LABELS),
        "valence": unit,
        "arousal": unit,
        "valence_arousal_origin": st.none() | st.sampled_from(ORIGINS),
        "votes": st.none() | st.integers(0, 7).map(lambda hot: [float(place == hot) for place in range(8)]),
        "box_xyxy": st.none() | box,
        "subject": st.none() | st.text(max_size=5),
        "pixel_sha256": st.none() | st.text(max_size=5),
        "in_place": st.booleans(),
        "age": st.integers(0, 100),
    }
)


def frame_of(rows):
    types = {name: dtype for name, dtype in SCHEMA.items() if name not in ("path", "image", "source", "source_id")}
    frame = pl.DataFrame(rows, schema={**types, "in_place": pl.Boolean, "age": pl.Int64})
    name = pl.int_range(pl.len()).cast(pl.String)
    return frame.select(
        pl.exclude("in_place"),
        pl.when("in_place").then(pl.format("/faces/{}.png", name)).alias("path"),
        pl.when(~pl.col("in_place")).then(name.cast(pl.Binary)).alias("image"),
        pl.lit("set").alias("source"),
        name.alias("source_id"),
    )


def one(**values):
    return pl.DataFrame({"path": ["a.png"], "split": ["train"], "source": ["s"], "source_id": ["1"], **values})


@given(st.lists(row, min_size=1, max_size=12))
@settings(max_examples=15, deadline=None)
def test_a_manifest_survives_its_file(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("manifest") / "faces.parquet"
    frame = to_manifest(frame_of(rows))
    write_manifest(frame, path)
    assert read_manifest(path).equals(frame)
    assert frame.columns == [*SCHEMA, "age"]
    assert [file.name for file in path.parent.iterdir()] == ["faces.parquet"]


@given(st.lists(row, min_size=1, max_size=5), st.data())
@settings(max_examples=40, deadline=None)
def test_one_broken_value_anywhere_is_named(rows, data):
    frame = frame_of(rows)
    place = data.draw(st.integers(0, len(rows) - 1))
    column, value = data.draw(
        st.sampled_from(
            [
                ("emotion", "Happy"),
                ("valence", 1.01),
                ("arousal", -2.0),
                ("arousal", float("nan")),
                ("split", None),
                ("source", None),
                ("source_id", None),
                ("valence_arousal_origin", "guessed"),
                ("votes", [0.5] * 8),
                ("votes", [2.0, -1.0, 0, 0, 0, 0, 0, 0]),
                ("box_xyxy", [50, 50, 10, 10]),
                ("box_xyxy", [0, 0, 0, 0]),
                ("box_xyxy", [10, 50, 50, 50]),
                ("box_xyxy", [10, 10, float("inf"), 50]),
                ("box_xyxy", [float("nan"), 10, 50, 50]),
                ("box_xyxy", [10, 10, None, 50]),
            ]
        )
    )
    values = frame[column].to_list()
    values[place] = value
    broken = frame.with_columns(pl.Series(column, values, dtype=frame.schema[column]))
    with pytest.raises(DataError, match=f"got row {place}: .*mend this row"):
        to_manifest(broken)


def test_absent_columns_become_null_and_further_ones_stay_last():
    frame = to_manifest(one(camera=["front"]))
    assert frame.columns == [*SCHEMA, "camera"]
    assert frame["votes"].null_count() == 1
    assert frame.schema["votes"] == pl.Array(pl.Float32, 8)


@pytest.mark.parametrize(
    "rows",
    [one(image=[b"x"]), one().drop("path"), one().with_columns(path=pl.lit(None, pl.String))],
    ids=["both", "no column", "neither"],
)
def test_a_row_has_a_path_or_an_image(rows):
    with pytest.raises(DataError, match="exactly one of path and image"):
        to_manifest(rows)


@pytest.mark.parametrize("given", [None, [[1.0, 2.0]] * 5], ids=["none of all", "one of two"])
def test_lists_of_python_may_leave_landmarks_and_boxes_unknown(given):
    boxes, landmarks = [None, given and [0.0, 0.0, 9.0, 9.0]], [None, given]
    rows = pl.DataFrame({"split": "train", "source": "mine", "source_id": ["a", "b"], "path": "a.png"})
    frame = to_manifest(rows.with_columns(box_xyxy=pl.Series(boxes), landmarks_xy=pl.Series(landmarks)))
    assert frame["landmarks_xy"].to_list() == landmarks
    assert frame["box_xyxy"].to_list() == boxes


def test_the_pair_of_source_and_id_is_unique():
    twice = pl.concat([one(), one()])
    with pytest.raises(DataError, match=r"each \(source, source_id\) once"):
        to_manifest(twice)
    assert to_manifest(twice.with_columns(source=pl.Series(["a", "b"]))).height == 2


@pytest.mark.parametrize("values", [{"valence": ["high"]}, {"votes": ["1"]}, {"box_xyxy": [[1.0, 2.0]]}])
def test_other_types_are_an_error(values):
    with pytest.raises(DataError, match="the manifest's column types"):
        to_manifest(one(**values))


def labelled(*emotions, **values):
    names = [str(number) for number in range(len(emotions))]
    return pl.DataFrame(
        {"path": names, "split": "train", "source": "s", "source_id": names, "emotion": emotions, **values}
    )


def test_the_labels_are_the_emotions_in_the_documented_order():
    assert manifest_labels(to_manifest(labelled("pain", None, "fear", "bored", "neutral"))) == (
        *("neutral", "fear"),
        *("bored", "pain"),
    )
    assert manifest_labels(to_manifest(labelled(None, None))) == ()


def test_votes_for_the_eight_say_that_the_labels_are_the_eight():
    assert manifest_labels(to_manifest(labelled("fear", "anger", votes=[[0.125] * 8, None]))) == LABELS


def test_votes_are_one_number_for_each_label(tmp_path):
    own = labelled("pain", "bored", "smile", votes=[[0.5, 0.25, 0.25], None, [0.0, 0.0, 1.0]])
    write_manifest(own, tmp_path / "own.parquet")
    read = read_manifest(tmp_path / "own.parquet")
    assert manifest_labels(read) == ("bored", "pain", "smile")
    assert read["votes"].to_list() == own["votes"].to_list()
    expected = r"expected votes for each of the 3 labels bored, pain, smile, got 2 numbers; write votes in this order"
    with pytest.raises(DataError, match=expected):
        to_manifest(own.with_columns(votes=pl.lit([0.5, 0.5])))
    with pytest.raises(DataError, match=r"expected votes for each of the 8 labels neutral, .*, got 1 numbers"):
        to_manifest(one(votes=[[1.0]]))


def test_a_box_without_area_is_refused_before_anything_trains_on_it(tmp_path):
    write_manifest(one(box_xyxy=[[1.0, 1.0, 501.0, 501.0]]), tmp_path / "beyond the picture.parquet")
    with pytest.raises(DataError, match=r"expected a box_xyxy with right > left .*got row 0: .*'source_id': '1'"):
        write_manifest(one(box_xyxy=[[50.0, 50.0, 10.0, 10.0]]), tmp_path / "faces.parquet")
    bad = to_manifest(one()).with_columns(box_xyxy=pl.lit([0.0] * 4, dtype=SCHEMA["box_xyxy"]))
    bad.write_parquet(tmp_path / "bad.parquet")
    with pytest.raises(DataError, match="expected a box_xyxy"):
        read_manifest(tmp_path / "bad.parquet", with_wrong_labels=True)


def test_a_wrong_manifest_is_never_written(tmp_path):
    with pytest.raises(DataError):
        write_manifest(one(emotion=["Rage"]), tmp_path / "faces.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"expected to write .*faces\.parquet.*choose another folder"):
        write_manifest(one(), tmp_path / "file" / "faces.parquet")


def test_a_failed_write_leaves_the_old_manifest(tmp_path, monkeypatch):
    path = tmp_path / "faces.parquet"
    write_manifest(one(), path)

    def full_disk(frame, file, metadata):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full_disk)
    with pytest.raises(DataError, match="No space left on device; free some space"):
        write_manifest(one(), path)
    assert read_manifest(path).height == 1
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_manifest_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such file; make one with"):
        read_manifest(tmp_path / "none.parquet")
    with pytest.raises(DataError, match="got a folder; make one with"):
        read_manifest(tmp_path)
    (tmp_path / "text.parquet").write_text("not parquet")
    with pytest.raises(DataError, match="got a file of another kind; make one with: affekt data import --help"):
        read_manifest(tmp_path / "text.parquet")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"got a damaged one \(.*\); make it anew with: affekt data import --help"):
        read_manifest(tmp_path / "cut.parquet")
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(DataError, match=r"expected the manifest columns split, source_id, .* got a"):
        read_manifest(tmp_path / "other.parquet")
    pl.DataFrame({f"c{number}": [1] for number in range(30)}).write_parquet(tmp_path / "wide.parquet")
    with pytest.raises(DataError, match=r"got c0, c1, c2, c3, c4, c5, c6, c7, \.\.\.; make a manifest"):
        read_manifest(tmp_path / "wide.parquet")
    to_manifest(one()).clear().write_parquet(tmp_path / "empty.parquet")
    with pytest.raises(DataError, match="expected rows"):
        read_manifest(tmp_path / "empty.parquet")
    one(emotion=["Rage"], valence=[0.0], arousal=[0.0]).write_parquet(tmp_path / "label.parquet")
    with pytest.raises(DataError, match="an emotion in lower case"):
        read_manifest(tmp_path / "label.parquet")


def test_an_empty_split_lists_the_splits_there_are():
    frame = to_manifest(one())
    assert select_split(frame, "train").height == 1
    with pytest.raises(DataError, match=re.escape("the split 'dev', got none among train (1)")):
        select_split(frame, "dev")


def test_pictures_are_read_from_a_path_or_from_the_table(tmp_path):
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    (tmp_path / "a.png").write_bytes(encode_png(picture))
    inside = to_manifest(one().drop("path").with_columns(image=pl.lit(encode_png(picture))))
    outside = to_manifest(one().with_columns(path=pl.lit(str(tmp_path / "a.png"))))
    for frame in (inside, outside):
        assert np.array_equal(read_row_rgb(frame.row(0, named=True)), picture)


def test_a_missing_picture_names_its_row():
    with pytest.raises(PictureError, match=r"picture of 1: a\.png: no such file"):
        read_row_rgb(to_manifest(one()).row(0, named=True))


@pytest.fixture
def manifest():
    return to_manifest(
        pl.DataFrame({"path": ["a", "b", "c"], "split": "test", "source": "made", "source_id": ["1", "2", "3"]})
    )


def joined(manifest, folder, text):
    (folder / "people.csv").write_text(text)
    return with_attributes(manifest, folder / "people.csv")


def test_columns_are_joined_by_name_in_the_manifests_order(manifest, tmp_path):
    found = joined(manifest, tmp_path, "age,source_id\n20-39,3\n40-59,1\n0-19,99\n")
    assert found["source_id"].to_list() == ["1", "2", "3"]
    assert found["age"].to_list() == ["40-59", None, "20-39"]
    assert to_manifest(found)["age"].dtype == pl.String


def test_the_data_set_counts_where_it_is_named(manifest, tmp_path):
    found = joined(manifest, tmp_path, "source,source_id,age\nmade,1,old\nother,2,young\n")
    assert found["age"].to_list() == ["old", None, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,age\n1,old\n", "expected source_id"),
        ("source_id\n1\n", "columns of other names"),
        ("source_id,emotion\n1,anger\n", "rename emotion"),
        ("source_id,age\n1,old\n1,young\n", "'1' twice"),
        ("source_id,age\n7,old\n", "such as '1'.*got '7'"),
        ("source_id,age\n", "got its header alone; write source_id,age"),
        ("", "expected a csv of attributes"),
    ],
)
def test_what_does_not_fit_is_refused(manifest, tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        joined(manifest, tmp_path, text)


def test_a_missing_file_is_named(manifest, tmp_path):
    with pytest.raises(DataError, match=r"people\.csv"):
        with_attributes(manifest, tmp_path / "people.csv")


DAMAGED_TABLES = {
    "empty": b"",
    "open quote": b'path,label\n"anger/1.jpg,anger\n',
    "latin-1": "path,label\nÄrger/1.jpg,ärger\n".encode("latin-1"),
    "one name twice": b"path,label,label\nanger/1.jpg,anger,fear\n",
    "one name twice but for a space": b"path,label,label \nanger/1.jpg,anger,fear\n",
}


def read_table_of(name, folder):
    """Read the table in the folder as one of the importers does."""
    for place in ("anger", "train/1", "test/1"):
        (folder / place).mkdir(parents=True)
        (folder / place / "1.jpg").touch()
    table = folder / {"csv": "t.csv", "folder": "labels.csv", "rafdb": "train_labels.csv"}[name]
    importers = {"csv": lambda: Csv(root=table), "folder": lambda: Folder(root=folder, map=("1=anger",))}
    return table, importers.get(name, lambda: RafDb(root=folder))()


@pytest.mark.parametrize("content", DAMAGED_TABLES.values(), ids=DAMAGED_TABLES.keys())
@pytest.mark.parametrize("name", ["csv", "folder", "rafdb"])
def test_damaged_tables_are_one_sentence(tmp_path, name, content):
    table, importer = read_table_of(name, tmp_path)
    table.write_bytes(content)
    with pytest.raises(DataError, match=r"^expected a csv") as error:
        importer.list_rows()
    assert str(table) in str(error.value)
    assert "\n" not in str(error.value)


def test_rafdb_needs_two_columns(tmp_path):
    table, importer = read_table_of("rafdb", tmp_path)
    table.write_text("image\ntrain_00001_aligned.jpg\n")
    with pytest.raises(DataError, match="columns of pictures and labels"):
        importer.list_rows()


def test_the_hash_is_of_pixels_and_shape():
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    assert pixel_sha256(noise) == pixel_sha256(read_rgb(encode_png(noise)))
    assert pixel_sha256(noise) == pixel_sha256(np.asfortranarray(noise))
    assert pixel_sha256(noise) != pixel_sha256(noise.reshape(30, 40, 3))
    changed = noise.copy()
    changed[0, 0, 0] ^= 1
    assert pixel_sha256(noise) != pixel_sha256(changed)


ROWS = pl.DataFrame({"path": ["a.png"], "split": ["test"], "source": ["mine"], "source_id": ["1"], "emotion": ["fear"]})


def test_a_file_a_frame_and_a_lazy_frame_are_the_same_manifest(tmp_path):
    write_manifest(ROWS, tmp_path / "faces.parquet")
    wanted = to_manifest(ROWS)
    for data in (tmp_path / "faces.parquet", str(tmp_path / "faces.parquet"), ROWS, ROWS.lazy()):
        assert read_manifest(data).equals(wanted)


def test_a_frame_is_held_to_the_rules_of_a_file():
    with pytest.raises(DataError, match="expected"):
        read_manifest(ROWS.with_columns(emotion=pl.lit("Bliss")))


@pytest.mark.parametrize("given", [None, {"path": ["a.png"]}, 3])
def test_anything_else_is_refused_in_one_sentence(given):
    with pytest.raises(
        ConfigError, match=r"expected data as str or Path or polars\.DataFrame or .*, got .*; type: help\(affekt"
    ):
        read_manifest(given)


def test_the_page_lists_the_columns_of_a_manifest():
    page = Path(__file__).parents[2].joinpath("docs", "data.md").read_text(encoding="utf-8")
    table = page.partition("## Columns of a manifest")[2].partition("## ")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert re.findall(r"`(\w+)`", " ".join(first_cells)) == list(SCHEMA)
