"""Any csv with named columns."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from affekt.cli.main import main
from affekt.data.importers.engine import ImportOptions, import_dataset
from affekt.data.importers.own import Csv
from affekt.data.manifest import encode_png, to_manifest
from affekt.errors import ConfigError, DataError


def table(tmp_path, text):
    path = tmp_path / "faces.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("name", "split"), [("dev", "val"), ("Training_Set", "train"), ("held", "held")])
def test_splits_are_known_by_the_names_that_folders_have_too(tmp_path, name, split):
    path = table(tmp_path, f"path,emotion,split\na.png,fear,{name}\n")
    assert Csv(root=path).list_rows().rows["split"].to_list() == [split]


def test_affekts_own_column_names_need_no_option(tmp_path):
    path = table(tmp_path, "path,emotion,valence,arousal,split,subject\na.png,happy,0.5,-1,Validation,p1\nb.png,,,,,\n")
    rows = to_manifest(Csv(root=path).list_rows().rows)
    first, second = rows.rows(named=True)
    assert (first["emotion"], first["valence"], first["arousal"]) == ("happiness", 0.5, -1)
    assert (first["split"], first["subject"], first["source"]) == ("val", "p1", "faces")
    assert first["path"] == str(tmp_path / "a.png")
    assert first["source_id"] == "a.png"
    assert first["valence_arousal_origin"] == "rated"
    assert second["split"] == "train"
    assert [second[name] for name in ("emotion", "valence", "arousal", "subject", "valence_arousal_origin")] == [
        None
    ] * 5


def test_columns_are_named_by_option_and_leading_spaces_are_stripped(tmp_path):
    path = table(tmp_path, 'file, label, v, a, part, who\nx/1.jpg," wut",5,-10,held,7\nx/2.jpg,unsure,1,1,held,8\n')
    importer = Csv(
        root=path,
        pictures=tmp_path / "pictures",
        path_column="file",
        emotion_column="label",
        valence_column="v",
        arousal_column="a",
        split_column="part",
        subject_column="who",
        map=("wut=anger", "unsure=skip"),
        scale=10,
        source="mine",
    )
    listing = importer.list_rows()
    row = to_manifest(listing.rows).row(0, named=True)
    assert (row["emotion"], row["valence"], row["arousal"]) == ("anger", 0.5, -1)
    assert (row["split"], row["subject"], row["source"]) == ("held", "7", "mine")
    assert row["path"] == str(tmp_path / "pictures" / "x" / "1.jpg")
    assert listing.dropped == {"mapped to skip": 1}
    assert "Valence and arousal are ratings from -10 to 10: 0 is 0, and 10 is 1." in listing.notes


def test_absolute_paths_stay(tmp_path):
    path = table(tmp_path, "path,emotion\n/faces/a.png,fear\n")
    assert Csv(root=path).list_rows().rows["path"].to_list() == ["/faces/a.png"]


@pytest.mark.parametrize(("layout", "right"), [("xyxy", 30), ("xywh", 40)])
def test_boxes(tmp_path, layout, right):
    path = table(tmp_path, "path,emotion,l,t,r,b\na.png,fear,10,20,30,40.5\nb.png,fear,,,,\n")
    rows = to_manifest(Csv(root=path, box_columns=("l", "t", "r", "b"), box_layout=layout).list_rows().rows)
    left, top, found_right, _ = rows["box_xyxy"].to_list()[0]
    assert (left, top, found_right) == (10, 20, right)
    assert rows["box_xyxy"].null_count() == 1


@pytest.mark.parametrize("box", ["10,20,5,5", "0,0,0,0", "10,20,inf,40", "-inf,20,30,40", "10,20,30,"])
def test_a_box_without_area_or_an_edge_is_an_error(tmp_path, box):
    path = table(tmp_path, f"path,emotion,l,t,r,b\na.png,fear,{box}\n")
    with pytest.raises(DataError, match=r"row 1 .*--box-layout xywh"):
        Csv(root=path, box_columns=("l", "t", "r", "b")).list_rows()


def test_group_attributes_are_kept(tmp_path):
    path = table(tmp_path, "path,emotion,age,camera\na.png,fear,30,front\n")
    rows = to_manifest(Csv(root=path, groups=("age",)).list_rows().rows)
    assert rows["age"].to_list() == ["30"]
    assert "camera" not in rows.columns
    with pytest.raises(DataError, match="in groups, got shoe, path; choose among age, camera"):
        Csv(root=path, groups=("shoe", "path")).list_rows()


def test_values_out_of_range_are_an_error_that_names_the_row(tmp_path):
    path = table(tmp_path, "path,valence,arousal\na.png,0,0\nb.png,7,0\nc.png,-8,0\n")
    with pytest.raises(DataError, match=r"valence in \[-1, 1\], got 7 in row 2 .*\(2 in all\).*--scale 10"):
        Csv(root=path).list_rows()
    assert Csv(root=path, scale=10).list_rows().rows["valence"].to_list() == pytest.approx([0, 0.7, -0.8])


def test_a_sentinel_becomes_null_when_named(tmp_path):
    path = table(tmp_path, "path,valence,arousal\na.png,-2,0.5\nb.png,nan,\n")
    rows = to_manifest(Csv(root=path, missing=-2).list_rows().rows)
    assert rows["valence"].to_list() == [None, None]
    assert rows["arousal"].to_list() == [0.5, None]
    assert rows["valence_arousal_origin"].to_list() == ["rated", None]


def test_text_among_the_numbers_is_an_error(tmp_path):
    path = table(tmp_path, "path,valence\na.png,high\n")
    with pytest.raises(DataError, match=r"expected numbers in valence .* got 'high' in row 1"):
        Csv(root=path).list_rows()


@pytest.mark.parametrize(
    ("name", "meant"), [("unknown", "skip"), ("none", "skip"), ("3", "LABEL"), ("surprize", "surprise")]
)
def test_an_unclear_emotion_is_an_error_whose_example_makes_no_wrong_label(tmp_path, name, meant):
    path = table(tmp_path, f"path,emotion\na.png,{name}\n")
    with pytest.raises(DataError, match=f"got '{name}'; .*--map {name}={meant}; "):
        Csv(root=path).list_rows()


def test_a_column_in_capitals_is_told_its_name(tmp_path):
    with pytest.raises(DataError, match=r"expected a column path in .*, got Path; rename it to path"):
        Csv(root=table(tmp_path, "Path,Emotion\na.png,fear\n")).list_rows()


def test_pictures_that_are_not_there_are_told_with_the_option_that_says_where(tmp_path):
    path = table(tmp_path, "path,emotion\na.png,fear\n")
    with pytest.raises(DataError, match=r"or name the folder that paths start from: --pictures FOLDER"):
        import_dataset(Csv(root=path), ImportOptions(out=tmp_path / "m.parquet", jobs=1))


def test_repeated_paths_keep_the_first(tmp_path):
    listing = Csv(root=table(tmp_path, "path,emotion\na.png,fear\na.png,anger\n,anger\n")).list_rows()
    assert listing.rows["emotion"].to_list() == ["fear"]
    assert listing.dropped == {"path listed again (the first row is kept)": 1, "no path": 1}


def test_a_missing_column_lists_what_there_is(tmp_path):
    path = table(tmp_path, "file,label\na.png,fear\n")
    with pytest.raises(DataError, match=r"a column of paths .* got file, label; .*--path-column"):
        Csv(root=path).list_rows()
    with pytest.raises(DataError, match=r"expected the column 'emo' .* got file, label; .*--emotion-column"):
        Csv(root=path, path_column="file", emotion_column="emo").list_rows()
    with pytest.raises(DataError, match="expected the box columns x, y"):
        Csv(root=path, path_column="file", emotion_column="label", box_columns=("x", "y", "file", "label")).list_rows()


def test_a_missing_or_empty_file_says_what_to_type(tmp_path):
    with pytest.raises(DataError, match="affekt data import csv"):
        Csv(root=tmp_path / "none.csv").list_rows()
    with pytest.raises(DataError, match="a csv with a header"):
        Csv(root=table(tmp_path, "")).list_rows()


@pytest.mark.parametrize("scale", [0, -3, "9-1", "1-", "one", "1-inf", "nan"])
def test_scale_must_divide(tmp_path, scale):
    with pytest.raises(ConfigError, match=f"expected a scale as lowest-highest, .* got {scale}; type: --scale 1-9"):
        Csv(root=tmp_path, scale=scale)


@pytest.mark.parametrize(
    ("scale", "ratings", "points"),
    [
        ("1-9", (1, 5, 8), (-1, 0, 0.75)),
        ("0-100", (0, 50, 100), (-1, 0, 1)),
        ("-3-5", (-3, 1, 5), (-1, 0, 1)),
        ("9", (-9, 0, 4.5), (-1, 0, 0.5)),
    ],
)
def test_ratings_on_any_scale_become_minus_one_to_one(tmp_path, scale, ratings, points):
    text = "".join(f"{place}.png,{rating}\n" for place, rating in enumerate(ratings))
    listing = Csv(root=table(tmp_path, f"path,valence\n{text}"), scale=scale).list_rows()
    assert listing.rows["valence"].to_list() == pytest.approx(points)
    assert not any("below 0" in note for note in listing.notes)


@pytest.mark.parametrize(
    ("ratings", "scale", "likely"),
    [
        ((1, 5, 9), 9, "1-9"),
        ((0, 5, 9), 9, "0-9"),
        ((1, 3, 7), None, "1-7"),
        ((0, 40), None, "0-100"),
        ((-40, 30), None, "100"),
        ((0.2, 0.9), 1, "0-1"),
    ],
)
def test_the_scale_that_ratings_are_on_is_advised_and_typed(tmp_path, capsys, ratings, scale, likely):
    (tmp_path / "a.png").write_bytes(encode_png(np.zeros((40, 40, 3), np.uint8)))
    text = "".join(f"{tmp_path / 'a.png'},{rating}\n" for rating in ratings)
    path = table(tmp_path, f"path,arousal\n{text}")
    if scale is None:
        with pytest.raises(DataError) as error:
            Csv(root=path).list_rows()
        told = str(error.value)
    else:
        notes = Csv(root=path, scale=scale).list_rows().notes
        told = next(note for note in notes if note.startswith("No rating is below 0. If"))
    advised = re.search(r"--scale \S+?(?=,|$)", told)[0]
    assert advised == f"--scale {likely}"
    main(shlex.split(f"data import csv {path} {advised} --out {tmp_path / 'made.parquet'}"))
    assert "No rating is below 0" not in capsys.readouterr().out


def test_a_table_of_a_video_says_how_its_faces_become_pictures(tmp_path, monkeypatch, capsys, small_model, write_video):
    monkeypatch.chdir(tmp_path)
    write_video([np.full((64, 64, 3), 200, np.uint8)] * 3, "my film.mp4")
    line = ["--model", str(small_model), "--faces", "whole"]
    main(["predict", "my film.mp4", "--out", "faces.csv", *line])
    with pytest.raises(DataError, match=r"faces of pictures in faces\.csv, got those of videos alone; ") as error:
        Csv(root=Path("faces.csv")).list_rows()
    main([*shlex.split(str(error.value).partition("type: affekt ")[2]), *line])
    assert len([*Path("faces").rglob("*.png")]) == 3


def test_a_table_of_results_needs_no_box_and_leaves_frames_out(tmp_path):
    text = "input,face,status,emotion{}\na.png,1,ok,fear{}\nb.png,,no face,{}\n"
    listing = Csv(root=table(tmp_path, text.format("", "", ""))).list_rows()
    assert (listing.rows["source_id"].to_list(), listing.dropped) == (["a.png"], {"no face, or unreadable": 1})
    with_video = f"{text.format(',time_s', ',', ',')}c.mp4,1,ok,fear,0.5\n"
    listing = Csv(root=table(tmp_path, with_video)).list_rows()
    assert listing.rows["source_id"].to_list() == ["a.png"]
    assert listing.dropped == {"no face, or unreadable": 1, "of a video": 1}


def test_ends_of_a_scale_that_no_binary_number_hits_are_ends(tmp_path):
    path = table(tmp_path, "path,valence,arousal\na.png,0.1,1\nb.png,1,0.1\n")
    rows = Csv(root=path, scale="0.1-1").list_rows().rows
    assert rows["valence"].to_list() == [-1, 1]
    assert rows["arousal"].to_list() == [1, -1]
